"""Starting, stopping, and whole-tree crashes, as an operator meets them (F4, F12, F13, F14, F19, D3)."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

from tests.api.forging import header_of
from tests.conftest import PASSWORD
from tests.support.half_open import half_open_bodies, half_open_headers
from tests.support.measured import measured
from tests.support.races import ROUNDS, eventually
from tests.support.service import ROOT, Service, Visitor

pytestmark = pytest.mark.race

SLOW_START = 6
"""How many seconds a worker takes to load, in tests of what happens meanwhile."""
SHIPPED = ("authsvc", "config.py", "wsgi.py", "gunicorn.conf.py")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a copy of what is deployed, with an `instance/` of its own."""
    for name in SHIPPED:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    return tmp_path


@pytest.fixture
def development(clone: Path) -> Iterator[Service]:
    """Return a service as `make run` starts it: embedded database, settings of development; but it throttles nobody."""
    environ = {name: os.environ.pop(name) for name in ("MONGODB_URI", "SECRET_KEY") if name in os.environ}
    service = Service(cwd=clone, APP_ENV="development", RATE_LIMITS="off")
    yield service
    service.stop()
    os.environ.update(environ)


def databases_of(service: Service) -> list[psutil.Process]:
    """Return the servers of the embedded database that a service has started."""
    return [child for child in service.master().children() if "/devdb/server.py" in " ".join(child.cmdline())]


class TestMakeRun:
    def test_accounts_and_sessions_outlive_a_restart(self, development: Service) -> None:
        """R64: and so does a logout."""
        visitor = Visitor(development.start().url)
        kept = visitor.register("kept@example.com").json()
        ended = visitor.register("ended@example.com").json()
        visitor.logout(ended["accessToken"])
        development.signal(signal.SIGINT)
        assert development.wait() == 0
        assert children_of(development) == []
        development.start()
        assert visitor.home(kept["accessToken"]).status_code == 200
        assert visitor.refresh(kept["refreshToken"]).status_code == 200
        assert visitor.home(ended["accessToken"]).json()["reason"] == "logout"

    def test_after_kill_9_of_the_whole_tree_it_starts_at_once_and_has_everything(self, development: Service) -> None:
        """F4, F19: and says nothing alarming."""
        visitor = Visitor(development.start().url)
        for turn in range(3):
            tokens = visitor.register(f"crash-{turn}@example.com").json()
            development.kill_tree()
            development.start()
            assert visitor.home(tokens["accessToken"]).status_code == 200
            assert visitor.login(f"crash-{turn}@example.com").status_code == 200
        for alarm in ("Traceback", "ERROR", "WARNING", "CRITICAL"):
            assert alarm not in development.log()

    def test_after_kill_9_of_the_master_alone_it_starts_again(self, development: Service) -> None:
        visitor = Visitor(development.start().url)
        tokens = visitor.register("orphan@example.com").json()
        development.signal(signal.SIGKILL)
        development.wait()
        eventually_starts(development)
        assert visitor.home(tokens["accessToken"]).status_code == 200

    def test_a_second_one_beside_it_says_so_plainly(self, development: Service, clone: Path) -> None:
        development.start()
        environ = {**os.environ, "APP_ENV": "development", "PORT": "1"}
        second = subprocess.run(
            [sys.executable, "-m", "gunicorn"], cwd=clone, env=environ, capture_output=True, text=True, timeout=30
        )
        assert second.returncode != 0
        assert "already running" in second.stderr
        assert f"pid {development.master().pid}" in second.stderr
        assert second.stderr.count("\n") == 1
        assert requests.get(f"{development.url}/readyz", timeout=5).status_code == 200

    def test_a_database_that_dies_is_started_again(self, development: Service) -> None:
        visitor = Visitor(development.start().url)
        tokens = visitor.register("again@example.com").json()
        (database,) = databases_of(development)
        database.kill()
        eventually(lambda: visitor.home(tokens["accessToken"]).status_code == 200)

    @pytest.mark.alone
    def test_a_reload_keeps_the_database_and_refuses_nobody(self, development: Service) -> None:
        """F13: SIGHUP under load."""
        visitor = Visitor(development.start().url)
        tokens = visitor.register("reload@example.com").json()
        (database,) = databases_of(development)
        before = {worker.pid for worker in development.workers()}
        development.signal(signal.SIGHUP)
        end, refused, answers = time.monotonic() + 20, [], []
        while before & {worker.pid for worker in development.workers()} and time.monotonic() < end:
            try:
                answers.append(visitor.home(tokens["accessToken"]))
                answers.append(visitor.refresh(tokens["refreshToken"]))
            except requests.ConnectionError as error:
                refused.append(error)
            else:
                tokens = answers[-1].json() if answers[-1].status_code == 200 else tokens
        assert refused == [], development.log()
        assert len(answers) > 2
        assert [answer.text for answer in answers if answer.status_code != 200] == []
        development.wait_ready()
        assert not before & {worker.pid for worker in development.workers()}
        assert visitor.refresh(tokens["refreshToken"]).status_code == 200
        assert databases_of(development) == [database]

    @pytest.mark.alone
    def test_a_reload_serves_on_while_the_next_workers_start(self, settings: dict[str, str], clean: None) -> None:
        """F13: however long that takes."""
        with Service(program=("tests.support.slow_start:app",), START_SECONDS=SLOW_START, **settings) as service:
            before = {worker.pid for worker in service.workers()}
            service.signal(signal.SIGHUP)
            slowest, answers = 0.0, 0
            while before & {worker.pid for worker in service.workers()}:
                begin = time.monotonic()
                assert Visitor(service.url).request("GET", "/healthz").status_code == 200
                slowest, answers = max(slowest, time.monotonic() - begin), answers + 1
            assert len(service.workers()) == len(before)
            assert slowest < SLOW_START / 2, answers

    def test_told_to_end_while_it_reloads_it_does(self, settings: dict[str, str], clean: None) -> None:
        """After the reload, which gunicorn finishes first."""
        with Service(program=("tests.support.slow_start:app",), START_SECONDS=SLOW_START, **settings) as service:
            before = len(service.workers())
            service.signal(signal.SIGHUP)
            eventually(lambda: len(service.workers()) == 2 * before)
            workers = service.workers()
            service.signal(signal.SIGTERM)
            assert service.wait() == 0
            assert not any(worker.is_running() for worker in workers)
            assert "Traceback" not in service.log()


class TestCommand:
    def test_it_uses_the_database_of_the_service_beside_it_or_starts_its_own(
        self, development: Service, clone: Path
    ) -> None:
        def listed() -> str:
            environ = {**os.environ, "APP_ENV": "development"}
            command = [sys.executable, "-m", "flask", "keys", "list", "--json"]
            done = subprocess.run(command, cwd=clone, env=environ, capture_output=True, text=True, timeout=30)
            assert done.returncode == 0, done.stderr
            return str(json.loads(done.stdout)[0]["kid"])

        alone = listed()
        tokens = Visitor(development.start().url).register("beside@example.com").json()
        assert header_of(tokens["accessToken"])["kid"] == alone == listed()
        development.signal(signal.SIGTERM)
        assert development.wait() == 0
        assert listed() == alone
        assert children_of(development) == []


@pytest.mark.alone
class TestStop:
    def test_while_it_starts_it_ends_at_once(self, settings: dict[str, str]) -> None:
        """A worker that has no handlers of its own yet still hears that it is to end."""
        for turn in range(max(4, ROUNDS // 2)):
            service = Service(fresh=True, **{**settings, **measured(), "WEB_CONCURRENCY": 2}).start(ready=False)
            try:
                eventually(lambda service=service: len(service.workers()) == 2)
                time.sleep(0.04 * turn)
                service.signal(signal.SIGTERM)
                begin = time.monotonic()
                assert service.wait() == 0
                assert time.monotonic() - begin < 8
                assert "Traceback" not in service.log()
            finally:
                service.stop()

    def test_during_logins_what_was_taken_is_finished(self, settings: dict[str, str], clean: None) -> None:
        """F12: new connections are refused within a second, answers say close, exit 0, nothing acknowledged is lost."""
        service = Service(**{**settings, **measured(), "WEB_CONCURRENCY": 2, "BCRYPT_ROUNDS": 11}).start()
        try:
            visitors = [Visitor(service.url, keep_alive=True) for _ in range(13)]
            for visitor in visitors:
                assert visitor.request("GET", "/healthz").headers["Connection"] == "keep-alive"
            idle = visitors.pop()
            with ThreadPoolExecutor(len(visitors)) as pool:
                emails = [f"{secrets.token_hex(6)}@example.com" for _ in visitors]
                flying = [pool.submit(one.register, email) for one, email in zip(visitors, emails, strict=True)]
                time.sleep(0.3)
                service.signal(signal.SIGTERM)
                time.sleep(0.1)
                assert idle.request("GET", "/healthz").headers["Connection"] == "close"
                time.sleep(1)
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", service.port), timeout=1)
                assert [one.result().status_code for one in flying] == [201] * len(flying)
            assert service.wait() == 0
        finally:
            service.stop()
        with Service(**{**settings, "WEB_CONCURRENCY": 2}) as again:
            assert {Visitor(again.url).login(email).status_code for email in emails} == {200}


@pytest.fixture(scope="module")
def tight_service(settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service of one worker, with dear hashes that nobody may wait for."""
    tight = {**settings, "WEB_CONCURRENCY": 1, "BCRYPT_ROUNDS": 11, "HASHING_MAX_WAIT": 0}
    with Service(**tight) as running:
        yield running


@pytest.mark.alone
class TestFlood:
    def test_who_would_wait_too_long_is_told_at_once(self, tight_service: Service, clean: None) -> None:
        """R93: hashing_busy with Retry-After; the rest goes on, and it recovers."""
        visitor = Visitor(tight_service.url)
        tokens = visitor.register("flood@example.com").json()
        with ThreadPoolExecutor(24) as pool:
            flying = [pool.submit(visitor.login, "flood@example.com", PASSWORD) for _ in range(24)]
            assert visitor.home(tokens["accessToken"]).status_code == 200
            answers = [one.result() for one in flying]
        busy = [answer for answer in answers if answer.status_code == 503]
        assert {answer.status_code for answer in answers} == {200, 503}
        assert {answer.json()["code"] for answer in busy} == {"hashing_busy"}
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in busy)
        assert visitor.login("flood@example.com").status_code == 200

    def test_five_hundred_slow_clients_beside_it_stop_nobody(self, tight_service: Service, clean: None) -> None:
        """R92, D3, F14: headers and bodies that never end, and more logins than can be hashed."""
        visitor = Visitor(tight_service.url)
        tokens = visitor.register("flood@example.com").json()
        (worker,) = tight_service.workers()
        at_rest, over = worker.memory_info().rss, threading.Event()

        def sign_in_again_and_again() -> set[int]:
            told = set()
            while not over.is_set():
                told.add(visitor.login("flood@example.com").status_code)
            return told

        cheap = (lambda: visitor.request("GET", "/healthz"), lambda: visitor.me(tokens["accessToken"]))
        with half_open_headers(tight_service.port, 250), half_open_bodies(tight_service.port, 250):
            with ThreadPoolExecutor(6) as pool:
                flood = [pool.submit(sign_in_again_and_again) for _ in range(6)]
                try:
                    took = [seconds_of(call) for _ in range(8) for call in cheap]
                finally:
                    over.set()
                assert set.union(*[one.result() for one in flood]) == {200, 503}
            assert max(took) < 1
            eventually(lambda: visitor.login("flood@example.com").status_code == 200, seconds=5)
            assert max(seconds_of(call) for call in cheap) < 1
        assert worker.memory_info().rss - at_rest < 100 * 2**20


def seconds_of(call: Callable[[], requests.Response]) -> float:
    """Return the seconds that a call took, which went well."""
    begin = time.monotonic()
    assert call().status_code == 200
    return time.monotonic() - begin


class TestProduction:
    def test_it_refuses_to_start_in_one_line_and_quotes_nothing(self, clone: Path) -> None:
        """R97."""
        environ = {name: value for name, value in os.environ.items() if name not in ("APP_ENV", "MONGODB_URI")}
        weak = {"SECRET_KEY": "hunter2hunter2", "PUBLIC_URL": "http://auth.example.com", "FLASK_DEBUG": "1"}
        begin = time.monotonic()
        refused = subprocess.run(
            [sys.executable, "-m", "gunicorn"],
            cwd=clone,
            env={**environ, **weak},
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert refused.returncode != 0
        assert time.monotonic() - begin < 10
        assert refused.stderr.strip().count("\n") == 0
        for name in ("SECRET_KEY", "MONGODB_URI", "PUBLIC_URL", "FLASK_DEBUG"):
            assert name in refused.stderr
        assert "hunter2" not in refused.stderr
        assert "auth.example.com" not in refused.stderr


def children_of(service: Service) -> list[str]:
    """Return the command lines of what still runs on a service's data."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(service._cwd) in line]


def eventually_starts(service: Service) -> None:
    """Start the service, whose killed master's workers may take a moment to leave."""
    for _ in range(5):
        try:
            service.start()
        except AssertionError:
            time.sleep(1)
        else:
            return
    pytest.fail(service.log())
