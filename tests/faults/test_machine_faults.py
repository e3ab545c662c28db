"""Faults of the machine: clocks that differ, a full disk, a reader of logs that ends, too few files, an
open connection before the fork. F11, F17, F18, F23, F26."""

import os
import resource
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
import time_machine
from flask import Flask
from pymongo.database import Database as MongoDatabase
from pymongo.errors import WriteError

from tests.api.forging import now
from tests.conftest import Person, problem
from tests.support.accounts import login, throttled
from tests.support.invariants import faults_in
from tests.support.races import eventually
from tests.support.service import Service, Visitor

Mongo = MongoDatabase[dict[str, Any]]

HOUR = 3600


class TestClock:
    """F11: a clock that steps, or two that differ."""

    @pytest.mark.parametrize("step", [-HOUR, -86_400, 120])
    def test_no_step_brings_back_what_was_ended(self, alice: Person, step: int):
        """C3: whether a session ended is stored, and not worked out from times."""
        used = alice.tokens["refreshToken"]
        child = alice.refresh(used).get_json()
        alice.client.delete("/auth/logout", headers=alice.headers)
        with time_machine.travel(now() + step, tick=True):
            assert alice.home().status_code == 401
            for token in (used, child["refreshToken"]):
                assert alice.refresh(token).status_code == 401
            answer = alice.client.get("/", headers={"Authorization": f"Bearer {child['accessToken']}"})
            assert answer.status_code == 401

    @pytest.mark.parametrize("ahead", [0, 8, 60, 3600])
    def test_another_machine_s_clock_may_be_ahead(self, app: Flask, alice: Person, ahead: int):
        """U21: the session's record bears out when its token was written."""
        with time_machine.travel(now() + ahead, tick=True):
            answer = login(alice.client).get_json()
        got = alice.client.get("/", headers={"Authorization": f"Bearer {answer['accessToken']}"})
        assert got.status_code == 200

    def test_a_throttle_ends_whatever_the_clock_does(self, app: Flask, alice: Person):
        """Its window is one of the clock: a step back opens another, and none is longer than it was set to."""
        with throttled(app, login_device=1):
            login(alice.client, password="wrong")
            refused = login(alice.client, password="wrong")
            assert 0 < int(refused.headers["Retry-After"]) <= 86_400
            with time_machine.travel(now() - 2 * 86_400, tick=True):
                assert login(alice.client, password="wrong").status_code == 401
                assert int(login(alice.client, password="wrong").headers["Retry-After"]) <= 86_400

    def test_two_machines_some_seconds_apart_serve_one_session(self, app: Flask, alice: Person):
        """A refresh on the one, then on the other; nothing is taken for theft."""
        token = alice.tokens["refreshToken"]
        for turn in range(6):
            with time_machine.travel(now() + (8 if turn % 2 else 0), tick=True):
                answer = alice.refresh(token)
                assert answer.status_code == 200, answer.text
                token = answer.get_json()["refreshToken"]


class TestFullDatabase:
    """F17: a database that can be read and not written, as MongoDB is when its disk is full."""

    @pytest.fixture
    def full(self, app: Flask, mongo: Mongo, monkeypatch: pytest.MonkeyPatch) -> None:
        """Refuse what changes a session or an account, in the driver."""

        def refuse(*_: Any, **__: Any) -> None:
            raise WriteError("No space left on device", 14031)

        for change in ("insert_one", "insert_many", "update_one", "update_many", "find_one_and_update", "delete_many"):
            monkeypatch.setattr(f"pymongo.synchronous.collection.Collection.{change}", refuse)

    def test_what_only_reads_goes_on(self, alice: Person, full: None):
        assert alice.home().status_code == 200
        assert alice.client.get("/auth/me", headers=alice.headers).status_code == 200
        assert alice.client.get("/auth/verify", headers=alice.headers).status_code == 204

    def test_nothing_is_acknowledged_that_was_not_stored(self, alice: Person, full: None):
        """A sign-out above all."""
        for answer in (
            alice.client.delete("/auth/logout", headers=alice.headers),
            alice.client.delete("/auth/sessions?scope=all", headers=alice.headers),
            alice.refresh(),
            login(alice.client),
            alice.client.patch("/auth/me", json={"name": "Al"}, headers=alice.headers),
        ):
            problem(answer, 503, "database_unavailable")
        assert alice.home().status_code == 200


class TestLogs:
    """F18"""

    def test_a_full_disk_for_logs_stops_no_request(self, settings: dict[str, str], clean: None, app: Flask):
        with Service(**settings, LOG_LEVEL="DEBUG", log_to="/dev/full") as service:
            visitor = Visitor(service.url)
            tokens = visitor.register("alice@example.com").json()
            assert visitor.home(tokens["accessToken"]).status_code == 200
            assert visitor.login("alice@example.com", "wrong").status_code == 401

    def test_nor_does_a_reader_of_logs_that_ends(
        self, settings: dict[str, str], clean: None, app: Flask, tmp_path: Path
    ):
        """The pipe is closed under a service that runs; a worker that starts later finds it closed."""
        pipe = tmp_path / "log"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        with Service(**settings, log_to=str(pipe)) as service:
            visitor = Visitor(service.url)
            tokens = visitor.register("alice@example.com").json()
            assert b"/auth/register" in os.read(reader, 2**20)
            os.close(reader)
            for _ in range(2):
                assert visitor.home(tokens["accessToken"]).status_code == 200
                assert visitor.login("alice@example.com", "wrong").status_code == 401
            (worker,) = service.workers()
            worker.kill()
            service.wait_ready()
            assert visitor.home(tokens["accessToken"]).status_code == 200
            assert visitor.login("alice@example.com").status_code == 200


class TestFiles:
    """F23"""

    def test_too_few_files_make_it_wait_and_not_end(
        self, settings: dict[str, str], clean: None, app: Flask, mongo: Mongo
    ):
        """More clients than it may have files for: those it can't serve wait, and when some leave it serves again."""
        with Service(**{**settings, "WEB_CONCURRENCY": 1}) as service:
            (worker,) = service.workers()
            enough = worker.num_fds() + 15
            psutil.Process(worker.pid).rlimit(resource.RLIMIT_NOFILE, (enough, enough))
            with ExitStack() as stack:
                for _ in range(60):
                    held = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=5))
                    held.sendall(b"GET /healthz HTTP/1.1\r\n")
            visitor = Visitor(service.url)
            eventually(lambda: visitor.request("GET", "/healthz").status_code == 200)
            eventually(lambda: visitor.register("alice@example.com").status_code in (201, 409))
            assert [each.pid for each in service.workers()] == [worker.pid]
        assert faults_in(mongo) == []


class TestFork:
    """F26: the database is connected to by the workers, after the fork."""

    def test_the_master_has_no_connection(self, settings: dict[str, str], app: Flask):
        with Service(**settings) as service:
            assert Visitor(service.url).request("GET", "/readyz").status_code == 200
            to_database = int(settings["MONGODB_URI"].rpartition(":")[2].partition("/")[0])
            ports = {one.raddr.port for one in service.master().net_connections("tcp") if one.raddr}
            assert to_database not in ports
            assert "opened before fork" not in service.log()
