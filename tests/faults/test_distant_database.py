"""What only a large, a distant or a guarded database shows (M1, M5, M6, F6)."""

import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase

from authsvc.models import readiness
from tests.faults.conftest import through
from tests.support import growth
from tests.support.commands import flask
from tests.support.fault_proxy import FaultProxy
from tests.support.faults import reasons
from tests.support.guarded import Guarded
from tests.support.races import eventually
from tests.support.service import ROOT, Service, Visitor, uri_of

NOTICED_WITHIN = 45.0


@pytest.fixture
def fresh(settings: dict[str, str]) -> Iterator[MongoDatabase[dict[str, Any]]]:
    """Return a database of its own, without any index."""
    with MongoClient[dict[str, Any]](settings["MONGODB_URI"]) as client:
        database = client[f"authsvc_fresh_{secrets.token_hex(4)}"]
        yield database
        client.drop_database(database.name)


@contextmanager
def on(settings: dict[str, str], uri: str, **more: object) -> Iterator[Service]:
    """Serve on another database, started but not waited for."""
    service = Service(**{**settings, "MONGODB_URI": uri, "WEB_CONCURRENCY": 2, **more})
    try:
        yield service.start(ready=False)
    finally:
        service.stop()


def told(service: Service) -> str:
    """Return why a service is not ready, as one text."""
    return " ".join(f"{one['component']}: {one['detail']}" for one in reasons(Visitor(service.url)))


class TestM1Builds:
    def test_one_process_builds_and_all_say_so(
        self, fresh: MongoDatabase[dict[str, Any]], proxy: FaultProxy, settings: dict[str, str]
    ) -> None:
        proxy.delay(0.2)
        with on(settings, through(proxy, {**settings, "MONGODB_URI": uri_of(settings, fresh.name)})) as service:
            heard: set[str] = set()

            def ready() -> bool:
                heard.update(one["detail"].partition(":")[0] for one in reasons(Visitor(service.url)))
                return Visitor(service.url).request("GET", "/readyz").status_code == 200

            eventually(ready, 60)
            assert "Building missing indexes" in heard
            proxy.heal()
            service.wait_ready(60)
            assert proxy.commands["createIndexes"] == len(readiness.declarations())

    def test_a_builder_that_died_holds_nobody_up_for_long(
        self, fresh: MongoDatabase[dict[str, Any]], settings: dict[str, str]
    ) -> None:
        dead = {"_id": "indexes", "holder": "dead", "until": datetime.now(UTC) + timedelta(seconds=25)}
        fresh.locks.insert_one(dead)
        with on(settings, uri_of(settings, fresh.name)) as service:
            eventually(lambda: "indexes: Another process is building" in told(service), 20)
            service.wait_ready(60)

    def test_a_builder_that_is_killed_is_followed_by_another(
        self, fresh: MongoDatabase[dict[str, Any]], proxy: FaultProxy, settings: dict[str, str]
    ) -> None:
        proxy.delay(0.3)
        uri = through(proxy, {**settings, "MONGODB_URI": uri_of(settings, fresh.name)})
        with on(settings, uri) as service:
            eventually(lambda: proxy.commands["createIndexes"] > 2, 40)
            for worker in service.workers():
                worker.send_signal(signal.SIGKILL)
            proxy.heal()
            service.wait_ready(60)

    def test_a_build_may_take_longer_than_a_step(self, fresh: MongoDatabase[dict[str, Any]]) -> None:
        """With a limit that is as much too short for these accounts as four seconds are for more."""
        fresh.users.insert_many(growth.users(10_000))
        program = (
            "import sys; from authsvc.models import connection, readiness\n"
            "connection.FIXED['timeoutMS'] = 250\n"
            "connection.connect(sys.argv[1])\n"
            "readiness.ensure_indexes()\n"
            "assert readiness.missing_indexes() == []\n"
        )
        uri = f"mongodb://127.0.0.1:{fresh.client.address[1]}/{fresh.name}?retryWrites=false"
        begin = time.monotonic()
        done = subprocess.run([sys.executable, "-c", program, uri], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert time.monotonic() - begin > 1, "so fast that nothing would show"


class TestM5Adopted:
    def test_an_index_of_another_name_with_the_same_keys_will_do(
        self, fresh: MongoDatabase[dict[str, Any]], settings: dict[str, str]
    ) -> None:
        """As the Express service, or an operator, made them."""
        for index in readiness.declarations():
            fresh[index.collection].create_index(index.keys, name=f"{index.name}_of_others", **index.options)
        with on(settings, uri_of(settings, fresh.name)) as service:
            service.wait_ready()
            assert Visitor(service.url).register("a@example.com").status_code == 201
            names = fresh.users.index_information()
            assert "email_key_of_others" in names
            assert "email_key" not in names

    @pytest.mark.parametrize(
        ("collection", "keys", "options"),
        [
            ("sessions", [("expiresAt", 1)], {"name": "expiry", "expireAfterSeconds": 5}),
        ],
    )
    def test_one_that_does_not_do_the_same_is_named(
        self,
        fresh: MongoDatabase[dict[str, Any]],
        settings: dict[str, str],
        collection: str,
        keys: list[tuple[str, int]],
        options: dict[str, Any],
    ) -> None:
        fresh[collection].create_index(keys, **options)
        with on(settings, uri_of(settings, fresh.name), WEB_CONCURRENCY=1) as service:
            eventually(lambda: f"can't be made beside {options['name']}" in told(service))
            assert f"indexes: The index {collection}." in told(service)
            fresh[collection].drop_index(options["name"])
            service.wait_ready()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Return a server that asks who is there."""
    with Guarded(tmp_path_factory.mktemp("guarded"), service=["readWrite"], reader=["read"]) as running:
        yield running


class TestM5Words:
    """What is wrong is told by /readyz and `flask doctor`, each in the same words."""

    @pytest.mark.parametrize("workers", [1, 2])
    def test_the_role_that_is_advised_is_enough(self, guarded: Guarded, settings: dict[str, str], workers: int) -> None:
        with on(settings, guarded.uri("service:pw"), WEB_CONCURRENCY=workers) as service:
            service.wait_ready(60)
            assert Visitor(service.url).register(f"{secrets.token_hex(4)}@example.com").status_code == 201

    @pytest.mark.parametrize(
        ("who", "said"),
        [
            ("service:wrong", "refuses the name or the password"),
            ("nobody:pw", "refuses the name or the password"),
            ("reader:pw", "give them the role readWrite"),
        ],
    )
    def test_who_may_not_come_in(self, guarded: Guarded, settings: dict[str, str], who: str, said: str) -> None:
        with MongoClient[dict[str, Any]](guarded.uri()) as client:
            client.drop_database("authsvc")
        self.check(settings, guarded.uri(who), said)

    @pytest.mark.parametrize(
        ("uri", "said"),
        [
            ("mongodb://127.0.0.1:1/authsvc", "does not answer"),
            ("mongodb://nowhere.invalid/authsvc", "has no address"),
            ("mongodb+srv://nowhere.invalid/authsvc", "has no address"),
        ],
    )
    def test_what_is_not_there(self, settings: dict[str, str], uri: str, said: str) -> None:
        """And DNS that is down keeps nothing from starting."""
        self.check(settings, uri, said)

    def check(self, settings: dict[str, str], uri: str, said: str) -> None:
        with on(settings, uri, WEB_CONCURRENCY=1) as service:
            eventually(lambda: said in told(service), 30)
            assert Visitor(service.url).request("GET", "/healthz").status_code == 200
        doctor = flask(settings, "doctor", MONGODB_URI=uri)
        assert (doctor.returncode, "Traceback" in doctor.stderr) == (1, False), doctor.stderr
        assert said in doctor.stdout
        assert "pw" not in doctor.stdout


class TestM6Distance:
    def test_a_tenth_of_a_second_away_it_is_ready(self, proxy: FaultProxy, behind_proxy: Service) -> None:
        """And each probe asks the database two things at most."""
        proxy.delay(0.1)
        visitor = Visitor(behind_proxy.url, keep_alive=True)
        before = proxy.commands.copy()
        for _ in range(10):
            answer = visitor.request("GET", "/readyz")
            assert answer.status_code == 200, answer.text
        asked = proxy.commands - before
        assert asked.pop("hello") <= 25, "one for each probe, and those of the drivers that watch over the connection"
        # Of each of two workers: two outboxes every two seconds, two key rings and the audit trail every five.
        assert asked.pop("find", 0) <= 2 * (2 * 2 + 2 + 1), "of the background"
        assert asked.pop("listIndexes", 0) <= 2 * len(readiness.INDEXED), "of the background, every 15 seconds"
        assert not +asked

    def test_f6_an_index_that_is_dropped_while_it_runs_is_noticed(
        self, fresh: MongoDatabase[dict[str, Any]], settings: dict[str, str]
    ) -> None:
        with on(settings, uri_of(settings, fresh.name), WEB_CONCURRENCY=1) as service:
            service.wait_ready()
            fresh.sessions.drop_index("expiry")
            eventually(lambda: "sessions.expiry" in told(service), NOTICED_WITHIN)
            made = flask(settings, "db", "ensure-indexes", MONGODB_URI=uri_of(settings, fresh.name))
            assert "built sessions.expiry" in made.stdout, made.stderr
            service.wait_ready(NOTICED_WITHIN)
