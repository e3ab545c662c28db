"""The trial itself, on the embedded server: it calls itself the one member of a replica set, and can step down."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from authsvc.devdb import Database
from tests.replica_set.__main__ import main


@pytest.fixture
def uri() -> Iterator[str]:
    """Return the URI of an empty database."""
    with Database(None) as database:
        yield f"mongodb://127.0.0.1:{database.port}/trial?directConnection=true"


class TestTrial:
    def test_it_finds_nothing_lost_when_the_primary_steps_down(
        self, uri: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        done = main([uri, "--members", "1", "--step-downs", "1", "--seconds", "4"])
        said = capsys.readouterr().out
        assert done == 0, said
        assert "without an answer" in said
        assert "503" in said, "nobody noticed that there was no primary"

    def test_what_is_lost_or_forgotten_is_told(
        self, uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A command loses what was acknowledged, as a replica set would that forgets it."""
        loss = tmp_path / "loss.py"
        loss.write_text(
            f"from pymongo import MongoClient\ndatabase = MongoClient({uri!r}).get_default_database()\n"
            "database.users.delete_many({})\n"
            "database.sessions.update_many({}, {'$unset': {'endedAt': 1}})\n"
        )
        fail = ["--failures", "1", "--fail", f"{sys.executable} {loss}"]
        done = main([uri, "--members", "1", "--step-downs", "0", *fail])
        said = capsys.readouterr().out
        assert done == 1, said
        assert "is lost" in said
        assert "is forgotten" in said

    @pytest.mark.parametrize("members", ["3", "2"])
    def test_a_server_alone_is_refused(self, uri: str, members: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([uri, "--members", members]) == 2
        assert "has 1 members" in capsys.readouterr().err

    def test_a_database_with_accounts_is_refused(self, uri: str, capsys: pytest.CaptureFixture[str]) -> None:
        with MongoClient[dict[str, Any]](uri) as client:
            client.get_default_database().users.insert_one({"email": "a@example.com"})
            assert main([uri, "--members", "1"]) == 2
            assert client.get_default_database().users.count_documents({}) == 1
        assert "not empty: users" in capsys.readouterr().err
