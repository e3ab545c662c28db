"""What goes wrong while workers keep sessions (SESSION_CACHE): workers, databases, networks, clocks and lists.

Whatever happens, a session whose end was answered is accepted nowhere. Real gunicorn, two workers, warm connections.
A primary that was replaced and does not know it needs a replica set of MongoDB: `tests/replica_set`.
"""

import secrets
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psutil
import pytest
from bson import ObjectId
from flask import Flask
from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase
from requests import RequestException

from authsvc.devdb import Database
from authsvc.models.notices import LEASE_SECONDS, WAIT_SECONDS, Notices
from authsvc.services.standings import KEPT_SECONDS
from tests.faults.conftest import through
from tests.support.fault_proxy import FaultProxy
from tests.support.load import load
from tests.support.races import ROUNDS, eventually, race, rounds
from tests.support.service import Service, Visitor, free_port
from tests.support.warm import Connection, Warm, warm_connections

pytestmark = pytest.mark.race

Mongo = MongoDatabase[dict[str, Any]]
STEP_LIMIT = 5.0
"""Seconds within which a database that does not answer is a 503."""
CACHED = {"WEB_CONCURRENCY": 2, "SESSION_CACHE": "on"}
MORE_THAN_REMEMBERED = 150
"""Notices that the document does not hold all of."""
CROWD = 200
AT_MOST = 20
"""Sessions of one person: fewer than anybody may have."""


def sign_in(service: Service, count: int = 1) -> list[str]:
    """Return the access tokens of so many sessions: of somebody new, or of several if one may not have so many."""
    visitor, tokens = Visitor(service.url), []
    for number in range(count):
        if number % AT_MOST == 0:
            email = f"{secrets.token_hex(6)}@example.com"
            answer = visitor.register(email)
        else:
            answer = visitor.login(email)
        assert answer.status_code in (200, 201), answer.text
        tokens.append(str(answer.json()["accessToken"]))
    return tokens


def newest_mark(mongo: Mongo) -> Any:
    """Return the mark of the latest notice."""
    return (mongo.notices.find_one({}) or {}).get("mark")


@contextmanager
def stopped(*processes: psutil.Process) -> Iterator[None]:
    """Let processes take no step for a while."""
    try:
        for process in processes:
            process.suspend()
        eventually(lambda: all(process.status() == psutil.STATUS_STOPPED for process in processes))
        yield
    finally:
        for process in processes:
            process.resume()


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service whose workers keep sessions."""
    with Service(**{**settings, **CACHED}) as running:
        yield running


@pytest.fixture
def warm(service: Service, served: Mongo) -> Iterator[Warm]:
    """Return connections to its workers."""
    with warm_connections(service) as connections:
        yield connections


class TestStoppedWorker:
    @rounds
    def test_when_it_goes_on_it_refuses(self, service: Service, warm: Warm, turn: int):
        """Also what it was sent before the sign-out, and could not decide."""
        (token,) = sign_in(service)
        warm.warm_up(token)
        one, other = service.workers()
        with stopped(one):
            early, *late = warm.held_by(one)
            early.send(token)
            assert warm.held_by(other)[0].sign_out(token) == 204
            for connection in late:
                connection.send(token)
        assert [connection.read().status for connection in (early, *late)] == [401] * (1 + len(late))
        assert warm.statuses(token) == {401}

    @rounds
    def test_the_list_is_overrun_while_it_stands_still(self, app: Flask, service: Service, warm: Warm, turn: int):
        """More notices than the document holds: it forgets everything, and keeps again what it is asked for."""
        stays, leaves = sign_in(service, 2)
        warm.warm_up(stays, leaves)
        one, other = service.workers()
        with stopped(one), app.app_context():
            assert warm.held_by(other)[0].sign_out(leaves) == 204
            for _ in range(MORE_THAN_REMEMBERED):
                Notices.post([ObjectId()])
        assert {connection.ask(leaves) for connection in warm.held_by(one)} == {401}
        assert warm.statuses(stays) == {204}


class TestStoppedDatabase:
    @pytest.fixture(scope="class")
    @classmethod
    def database(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
        """Return a database that may be stopped, and killed: it is on a disk."""
        with Database(tmp_path_factory.mktemp("database") / "data") as running:
            yield running

    @pytest.fixture(scope="class")
    @classmethod
    def service(cls, database: Database, settings: dict[str, str]) -> Iterator[Service]:
        """Return a service of that database."""
        with Service(**{**settings, **CACHED, "MONGODB_URI": database.uri}) as running:
            yield running

    @pytest.fixture
    def own(self, database: Database) -> Iterator[Mongo]:
        """Return what is stored there."""
        with MongoClient[dict[str, Any]](database.uri) as client:
            yield client.get_default_database()

    @pytest.mark.parametrize("seconds", [2.0] * ROUNDS + [6.0])
    def test_nothing_is_accepted_meanwhile(self, database: Database, service: Service, warm: Warm, seconds: float):
        """What workers keep is of no use once their leases are over; afterwards all is well by itself."""
        stays, leaves = sign_in(service, 2)
        with load(service, stays) as asked, ThreadPoolExecutor(1) as pool:
            warm.warm_up(stays, leaves)
            with stopped(psutil.Process(database.pid)):
                began = time.monotonic()
                leaving = pool.submit(warm.all[0].sign_out, leaves)
                time.sleep(seconds)
                ended = time.monotonic()
            answer = leaving.result()
            assert answer in (204, 503)
            if answer == 204:
                assert warm.statuses(leaves) == {401}
            eventually(lambda: {connection.ask(stays) for connection in warm.all} == {204})
            if answer == 503:
                eventually(lambda: warm.all[0].sign_out(leaves) == 204)
            assert warm.statuses(leaves) == {401}
        meanwhile = [one for one in asked.samples if began + LEASE_SECONDS < one.sent and one.answered < ended]
        assert {one.status for one in meanwhile} <= {503}
        assert max(one.answered - one.sent for one in asked.samples) < STEP_LIMIT
        assert 204 in asked.statuses() <= {204, 503}
        assert 503 in asked.statuses() or seconds < STEP_LIMIT

    @rounds
    def test_it_dies_between_notice_and_answer(
        self, database: Database, service: Service, warm: Warm, own: Mongo, turn: int
    ):
        """The notice was stored, so nobody is accepted: not while there is no database, and not when it is back."""
        (token,) = sign_in(service)
        warm.warm_up(token)
        before = newest_mark(own)
        with ThreadPoolExecutor(1) as pool:
            leaving = pool.submit(warm.all[0].sign_out, token)
            while newest_mark(own) == before:
                time.sleep(0.001)
            database.kill()
            answer = leaving.result()
        try:
            assert answer in (204, 503)
            if answer == 503:  # nothing was promised: what was to be put on record could not be
                time.sleep(WAIT_SECONDS)
            assert warm.statuses(token) <= {401, 503}
        finally:
            database.start(database.port)
        eventually(lambda: warm.statuses(token) == {401})
        assert Visitor(service.url).logout(token).status_code == 204


class TestNoticeThatIsLost:
    @rounds
    def test_nothing_is_promised_and_trying_again_is_enough(
        self, behind: Service, proxy: FaultProxy, served: Mongo, turn: int
    ):
        (token,) = sign_in(behind)
        with warm_connections(behind) as warm:
            warm.warm_up(token)
            proxy.swallow_reply_to("update", of="notices")
            assert warm.all[0].sign_out(token) == 503
            assert proxy.swallowed
            before = newest_mark(served)
            assert warm.all[0].sign_out(token) == 204
            assert warm.statuses(token) == {401}
            assert newest_mark(served) != before

    @pytest.fixture
    def behind(self, proxy: FaultProxy, settings: dict[str, str]) -> Iterator[Service]:
        """Return a service whose database is behind a network that fails."""
        uri = f"{through(proxy, settings)}&retryWrites=false"
        with Service(**{**settings, **CACHED, "MONGODB_URI": uri}) as running:
            yield running


class TestWorkerThatDies:
    """By `kill -9`, after it ended a session and before it told anybody."""

    @pytest.fixture(scope="class")
    @classmethod
    def last_words(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Return the file that makes a worker die."""
        return tmp_path_factory.mktemp("orders") / "die"

    @pytest.fixture(scope="class")
    @classmethod
    def service(cls, app: Flask, settings: dict[str, str], last_words: Path) -> Iterator[Service]:
        """Return a service whose workers die when they are to."""
        program = ("tests.support.dies_before_notice:app",)
        with Service(program=program, **{**settings, **CACHED, "DIES_IF": last_words}) as running:
            yield running

    def die(self, service: Service, token: str, last_words: Path, mongo: Mongo) -> None:
        """Sign out by a worker that dies; the session has ended, and nobody knows."""
        before, last = newest_mark(mongo), mongo.sessions.find_one({"endedAt": None})
        last_words.touch()
        with pytest.raises(RequestException):
            Visitor(service.url).logout(token)
        assert (newest_mark(mongo), last_words.exists()) == (before, False)
        assert last is not None
        assert mongo.sessions.count_documents({"endedAt": None}) == 0

    @rounds
    def test_a_retry_ends_it_at_once(self, service: Service, served: Mongo, last_words: Path, turn: int):
        (token,) = sign_in(service)
        with warm_connections(service) as warm:
            warm.warm_up(token)
            self.die(service, token, last_words, served)
            assert Visitor(service.url).logout(token).status_code == 204
            assert of_those_left(warm, token) == {401}
        service.wait_ready()

    def test_without_one_it_is_over_in_ten_seconds(self, service: Service, served: Mongo, last_words: Path):
        (token,) = sign_in(service)
        with warm_connections(service) as warm:
            warm.warm_up(token)
            kept = time.monotonic()
            self.die(service, token, last_words, served)
            time.sleep(kept + KEPT_SECONDS - time.monotonic())
            assert of_those_left(warm, token) == {401}
        service.wait_ready()


def of_those_left(warm: Warm, token: str) -> set[int]:
    """Return how the workers answer that have not died."""
    statuses = set()
    for connection in warm.all:
        with suppress(OSError, HTTPException):
            statuses.add(connection.ask(token))
    return statuses


class TestWorkerThatStarts:
    @rounds
    def test_meanwhile_nobody_is_accepted_late(self, service: Service, warm: Warm, turn: int):
        """It has heard no notices, and takes its first connections while others leave."""
        tokens = sign_in(service, 12)
        service.workers()[turn % 2].kill()
        while tokens:
            token = tokens.pop()
            assert ask_anew(service, token) == {204}
            assert Visitor(service.url).logout(token).status_code == 204
            assert ask_anew(service, token) == {401}
        service.wait_ready()
        (token,) = sign_in(service)
        with warm_connections(service) as again:
            again.warm_up(token)
            assert again.all[0].sign_out(token) == 204
            assert again.statuses(token) == {401}


def ask_anew(service: Service, token: str) -> set[int]:
    """Return how a session is answered over new connections; one that a dying worker took says nothing."""
    statuses = set()
    for _ in range(6):
        with suppress(OSError, HTTPException), closing(Connection(service)) as connection:
            statuses.add(connection.ask(token))
    return statuses


class TestCrowd:
    @pytest.mark.alone
    def test_two_hundred_sign_out_at_once(self, service: Service, served: Mongo, settings: dict[str, str]):
        """None late, and all together hardly later than without what is kept: they wait at the same time."""
        with Service(**{**settings, **CACHED, "SESSION_CACHE": "off"}) as plain:
            without = self.leave(plain)
        with_cache = self.leave(service)
        assert with_cache < max(2.0, 1.5 * without + 2 * WAIT_SECONDS)

    @staticmethod
    def leave(service: Service) -> float:
        """Return the seconds until all are signed out, and nobody was accepted afterwards."""
        tokens = sign_in(service, CROWD)
        with ExitStack() as stack:
            lines, answered = [], []
            for token in tokens:
                lines.append(stack.enter_context(closing(Connection(service))))
                assert lines[-1].ask(token) == 204

            def leave(line: Connection, token: str) -> tuple[int, int]:
                status = line.sign_out(token)
                answered.append(time.monotonic())
                return status, line.ask(token)

            calls = [partial(leave, line, token) for line, token in zip(lines, tokens, strict=True)]
            began = time.monotonic()
            assert set(race(*calls)) == {(204, 401)}
        with warm_connections(service) as warm:
            for token in tokens[::10]:
                assert warm.statuses(token) == {401}
        return max(answered) - began


class TestRollingRestart:
    """Two machines, of which one after the other is restarted with the cache, and then without."""

    def test_nobody_is_accepted_late_while_it_is_switched(self, app: Flask, served: Mongo, settings: dict[str, str]):
        machines = [Machine(settings), Machine(settings)]
        try:
            (stays,) = sign_in(machines[0].service)
            with load(machines[0].service, stays, 2) as one, load(machines[1].service, stays, 2) as other:
                for cache in ("on", "off"):
                    for machine in machines:
                        self.leave_at_each(machines)
                        self.restart_while_others_leave(machine, cache, machines)
                self.leave_at_each(machines)
            for asked in (one, other):
                assert asked.statuses() == {204}
        finally:
            for machine in machines:
                machine.service.stop()

    def restart_while_others_leave(self, machine: "Machine", cache: str, machines: list["Machine"]) -> None:
        (rest,) = (each for each in machines if each is not machine)
        with ThreadPoolExecutor(1) as pool:
            restart = pool.submit(machine.restart, cache)
            while not restart.done():
                leave_at(rest, [rest])
            restart.result()

    def leave_at_each(self, machines: list["Machine"]) -> None:
        for machine in machines:
            leave_at(machine, machines)


class Machine:
    """A service that can be restarted with another setting, at the same port."""

    def __init__(self, settings: dict[str, str]) -> None:
        self._settings = {**settings, "WEB_CONCURRENCY": 2, "PORT": free_port()}
        self.cache = "off"
        self.service = self._started()

    def restart(self, cache: str) -> None:
        """Stop it as operators do, and start it with or without the cache."""
        self.service.signal(signal.SIGTERM)
        self.service.wait()
        self.service.stop()
        self.cache = cache
        self.service = self._started()

    def _started(self) -> Service:
        return Service(**{**self._settings, "SESSION_CACHE": self.cache}).start()


def leave_at(machine: Machine, machines: list[Machine]) -> None:
    """Sign out at one of some machines; one without the cache does not wait for those with it."""
    (token,) = sign_in(machine.service)
    with ExitStack() as stack:
        warm = [stack.enter_context(warm_connections(each.service, 4)) for each in machines]
        for connections in warm:
            connections.warm_up(token)
        assert Visitor(machine.service.url).logout(token).status_code == 204
        if machine.cache == "off":
            time.sleep(WAIT_SECONDS)
        for connections in warm:
            assert connections.statuses(token) == {401}


class TestClock:
    """The clock by which leases count, moved in one worker or in all: `authsvc.clock.elapsed`."""

    @pytest.fixture(scope="class")
    @classmethod
    def clocks(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Return the folder in which the clocks are set."""
        return tmp_path_factory.mktemp("clocks")

    @pytest.fixture(scope="class")
    @classmethod
    def service(cls, app: Flask, settings: dict[str, str], clocks: Path) -> Iterator[Service]:
        """Return a service whose clocks can be moved."""
        program = ("tests.support.moved_clock:app",)
        with Service(program=program, **{**settings, **CACHED, "CLOCK_AHEAD": clocks}) as running:
            yield running

    @pytest.fixture
    def move(self, clocks: Path) -> Callable[[psutil.Process, float], None]:
        """Return what moves the clock of a worker."""

        def moves(worker: psutil.Process, seconds: float) -> None:
            draft = clocks / "draft"
            draft.write_text(str(seconds))
            draft.replace(clocks / str(worker.pid))

        return moves

    @rounds
    def test_a_machine_that_slept_uses_nothing_it_kept(
        self, service: Service, warm: Warm, move: Callable[[psutil.Process, float], None], turn: int
    ):
        """Its clock has gone on: all leases are over, and what was kept is old."""
        stays, leaves = sign_in(service, 2)
        warm.warm_up(stays, leaves)
        one, other = service.workers()
        with stopped(one):
            assert warm.held_by(other)[0].sign_out(leaves) == 204
            move(one, 3600.0 * (turn + 1))
        assert {connection.ask(leaves) for connection in warm.held_by(one)} == {401}
        assert warm.statuses(stays) == {204}

    @rounds
    def test_clocks_need_not_agree(
        self, service: Service, warm: Warm, move: Callable[[psutil.Process, float], None], turn: int
    ):
        one, other = service.workers()
        move(one, 86_400.0 * (turn + 2))
        for worker in (one, other):
            (token,) = sign_in(service)
            warm.warm_up(token)
            assert warm.held_by(worker)[0].sign_out(token) == 204
            assert warm.statuses(token) == {401}

    @rounds
    def test_a_frozen_clock_is_late_by_a_lease_of_its_own_and_no_more(
        self, service: Service, warm: Warm, move: Callable[[psutil.Process, float], None], turn: int
    ):
        """The limit of any lease, which the documentation names: a machine that was frozen together with its clock."""
        (token,) = sign_in(service)
        one, other = service.workers()
        move(one, ahead := 10.0**9 + 1_000 * turn)
        warm.warm_up(token)
        with stopped(one):
            frozen = time.monotonic()
            assert warm.held_by(other)[0].sign_out(token) == 204
            move(one, ahead - (time.monotonic() - frozen))
        time.sleep(LEASE_SECONDS)
        assert {connection.ask(token) for connection in warm.held_by(one)} == {401}
