"""What has expired in the embedded database goes by its indexes, and not by reading everything."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase

from authsvc.devdb import Database, expiry
from tests.support.races import eventually
from tests.support.service import ROOT

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def stored() -> Iterator[MongoDatabase[dict[str, Any]]]:
    """Return a database with two kinds of things that expire, and one that doesn't."""
    with Database(None) as server, MongoClient[dict[str, Any]](server.uri, tz_aware=True) as client:
        database = client.get_default_database()
        database.links.create_index("expiresAt", expireAfterSeconds=0)
        database.audit.create_index("at", expireAfterSeconds=7200)
        database.others.create_index("at")
        yield database


@pytest.fixture
def database(stored: MongoDatabase[dict[str, Any]]) -> MongoDatabase[dict[str, Any]]:
    """Return it empty."""
    for name in ("links", "audit", "others"):
        stored[name].delete_many({})
    return stored


def left(database: MongoDatabase[dict[str, Any]], name: str) -> list[int]:
    """Return the keys that are left in a collection."""
    return sorted(document["_id"] for document in database[name].find())


class TestRemoval:
    def test_what_has_expired_goes_and_the_rest_stays(self, database: MongoDatabase[dict[str, Any]]) -> None:
        database.links.insert_many(
            [
                {"_id": 1, "expiresAt": NOW - HOUR},
                {"_id": 2, "expiresAt": NOW + HOUR},
                {"_id": 3},
                {"_id": 4, "expiresAt": None},
            ]
        )
        database.audit.insert_many([{"_id": 1, "at": NOW - HOUR}, {"_id": 2, "at": NOW - 3 * HOUR}])
        database.others.insert_one({"_id": 1, "at": NOW - 1000 * HOUR})
        assert expiry.remove_expired(database, NOW) == 2
        assert (left(database, "links"), left(database, "audit"), left(database, "others")) == ([2, 3, 4], [1], [1])
        assert expiry.remove_expired(database, NOW) == 0

    @pytest.mark.slow
    def test_many_go_in_parts(self, database: MongoDatabase[dict[str, Any]]) -> None:
        database.links.insert_many({"_id": number, "expiresAt": NOW - HOUR} for number in range(601))
        assert expiry.remove_expired(database, NOW) == 601
        assert left(database, "links") == []


class TestProcess:
    @pytest.mark.slow
    def test_it_is_there_as_long_as_the_database(self, tmp_path: Path) -> None:
        database = Database(tmp_path / "mongodb")
        database.start()
        try:
            (beside,) = [child for child in psutil.Process().children() if "expiry.py" in " ".join(child.cmdline())]
            database.kill()
            database.start(database.port)
            assert beside.is_running()
            beside.kill()
            beside.wait(5)
            database.kill()
            database.start(database.port)
            (another,) = [child for child in psutil.Process().children() if "expiry.py" in " ".join(child.cmdline())]
        finally:
            database.stop()
        eventually(lambda: not another.is_running())

    @pytest.mark.slow
    def test_the_server_does_not_look_for_it_too(self) -> None:
        """Its own way is a thread that reads everything, while nobody is answered."""
        assert "secantus-ttl-sweeper" in threads_of("secantus.cli.SecantusDBServer")
        assert "secantus-accept" in threads_of("server.cli.SecantusDBServer")
        assert "secantus-ttl-sweeper" not in threads_of("server.cli.SecantusDBServer")


def threads_of(kind: str) -> str:
    """Start a server of a kind in a process of its own; return the names of its threads."""
    program = (
        "import threading, secantus.cli\n"
        f"{'from authsvc.devdb import server' if 'server.' in kind[:7] else ''}\n"
        f"running = {kind}(port=0, storage_path=':memory:')\nrunning.start()\n"
        "print([thread.name for thread in threading.enumerate()])\nrunning.stop()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=100, check=True
    )
    return done.stdout
