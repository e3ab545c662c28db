"""Production goes without everything that the embedded database needs, and changes accounts by one command."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest

from authsvc.devdb import Database
from tests.support.fault_proxy import FaultProxy
from tests.support.races import race
from tests.support.service import ROOT, Service, Visitor

PASSWORD, OTHER = "correct horse battery", "another horse battery"


def production(uri: str) -> dict[str, str]:
    """Return the settings of a production service on this database."""
    return {
        "APP_ENV": "production",
        "MONGODB_URI": uri,
        "SECRET_KEY": secrets.token_urlsafe(48),
        "PUBLIC_URL": "http://localhost:8000",
        "MAIL_URL": "file:/tmp/authsvc-tests-mail",
        "BCRYPT_ROUNDS": "10",
        "RATE_LIMITS": "off",
    }


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """Return a database server that stands for any MongoDB."""
    with Database(None) as server:
        yield server


@pytest.fixture(scope="module")
def wire(database: Database) -> Iterator[FaultProxy]:
    """Return what the service is connected through; it counts commands."""
    with FaultProxy(database.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def service(wire: FaultProxy) -> Iterator[Service]:
    """Return a service in production, whose workers tell what they have loaded."""
    uri = f"mongodb://127.0.0.1:{wire.port}/authsvc?retryWrites=false&directConnection=true"
    with Service(program=("tests.support.loaded:app",), fresh=True, **production(uri)) as running:
        yield running


def of_devdb(modules: list[str]) -> list[str]:
    """Return which of these modules belong to the embedded database."""
    return [name for name in modules if name.startswith(("authsvc.devdb", "secantus"))]


class TestLoaded:
    def test_a_worker_has_nothing_of_the_embedded_database(self, service: Service) -> None:
        """Nor has the master that it was forked from."""
        loaded = Visitor(service.url).request("GET", "/loaded").json()["modules"]
        assert {"authsvc.models.users.document", "authsvc.serving.lifecycle", "gevent"} <= set(loaded)
        assert of_devdb(loaded) == []

    def test_the_garbage_collector_leaves_out_what_was_loaded_at_the_start(self, service: Service) -> None:
        loaded = Visitor(service.url).request("GET", "/loaded").json()
        assert loaded["collects"]
        assert loaded["frozen"] > 100_000

    @pytest.mark.parametrize(("environment", "expected"), [("production", False), ("", False), ("testing", True)])
    def test_nor_has_a_command(self, database: Database, environment: str, expected: bool) -> None:
        code = "import json, os, sys, wsgi; print(json.dumps(sorted(sys.modules)), flush=True); os._exit(0)"
        environ = {**os.environ, **production(database.uri), "APP_ENV": environment}
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert bool(of_devdb(json.loads(done.stdout))) is expected


class TestGunicornSettings:
    @pytest.mark.parametrize("environment", ["production", "development"])
    def test_they_load_only_what_may_be_there_before_the_workers_patch_it(self, environment: str) -> None:
        code = (
            "import json, runpy, sys; import gunicorn.app.wsgiapp, gunicorn.workers.ggevent; before = set(sys.modules);"
            "runpy.run_path('gunicorn.conf.py'); print(json.dumps(sorted(set(sys.modules) - before)))"
        )
        kept = {name: value for name, value in os.environ.items() if name not in ("APP_ENV", "MONGODB_URI")}
        environ = {**kept, "APP_ENV": environment}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
        )
        loaded = json.loads(done.stdout)
        own = {name for name in loaded if name.partition(".")[0] == "authsvc"}
        assert "authsvc.serving.balancing" in own
        assert bool(of_devdb(loaded)) is (environment == "development")
        foreign = {name.partition(".")[0] for name in set(loaded) - own}
        assert foreign - sys.stdlib_module_names - {"gunicorn", "gevent", "greenlet", "zope"} == set()
        assert "ssl" not in loaded


class TestPlainMongoEngine:
    """What a real MongoDB gets: one atomic `findAndModify` for each change of an account."""

    def test_an_account_is_changed_by_one_command(self, service: Service, wire: FaultProxy) -> None:
        visitor = Visitor(service.url)
        token = visitor.register("one@example.com", PASSWORD).json()["accessToken"]
        before = wire.commands["findAndModify"]
        answer = visitor.request(
            "PATCH", "/auth/me", json={"name": "Other"}, headers={"Authorization": f"Bearer {token}"}
        )
        assert (answer.status_code, answer.json()["name"]) == (200, "Other")
        assert wire.commands["findAndModify"] == before + 1, wire.commands

    def test_of_many_changes_of_a_password_at_once_one_wins(self, service: Service) -> None:
        visitor = Visitor(service.url)
        token = visitor.register("two@example.com", PASSWORD).json()["accessToken"]

        def change(number: int) -> int:
            passwords = {"currentPassword": PASSWORD, "newPassword": f"{OTHER} {number}"}
            headers = {"Authorization": f"Bearer {token}"}
            return visitor.request("POST", "/auth/me/password", json=passwords, headers=headers).status_code

        statuses = race(*[lambda number=number: change(number) for number in range(6)])
        signed_in = [visitor.login("two@example.com", f"{OTHER} {number}").status_code for number in range(6)]
        assert signed_in.count(200) == 1
        assert statuses[signed_in.index(200)] // 100 == 2
        assert sum(status // 100 == 2 for status in statuses) == 1

    def test_a_session_goes_on_by_one_command(self, service: Service, wire: FaultProxy) -> None:
        visitor = Visitor(service.url)
        token = visitor.register("three@example.com", PASSWORD).json()["refreshToken"]
        before = wire.commands["findAndModify"]
        assert visitor.refresh(token).status_code == 200
        assert wire.commands["findAndModify"] == before + 1, wire.commands
