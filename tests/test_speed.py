"""What makes a request cheap, and what must not change by it: log lines, headers, whose turn it is."""

import io
import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, redirect_stderr
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import time_machine
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from authsvc import logs, origin, security_headers
from bench import before
from tests.conftest import Person
from tests.support.programs import require
from tests.support.service import Service

NOON = datetime(2026, 11, 25, 12, 0, 0, 123456, tzinfo=UTC)
NAMES = ("module", "method", "route", "status", "milliseconds", "ip", "user", "problem", "event", "request_id", "level")
PIPELINED = 3000
WORDS = st.one_of(
    st.none(),
    st.from_regex(r"[A-Za-z0-9._:-]{1,40}", fullmatch=True),
    st.text(max_size=40),
    st.sampled_from(['a"b', "a\\b", "a\nb", "\x1b[31m", "asv_0123456789", "eyJhbGci.eyJzdWIi.c2ln", "a@example.com"]),
)


def written(write: Callable[[], None]) -> str:
    """Return what a call writes to standard error, at noon."""
    output = io.StringIO()
    with time_machine.travel(NOON, tick=False), redirect_stderr(output):
        write()
    return output.getvalue()


class TestLogLine:
    """The line of a request is written without the search that others go through: R95, R96."""

    @given(ip=WORDS, user=WORDS, problem=WORDS, request_id=WORDS.filter(lambda word: word is not None))
    def test_both_ways_write_the_same_bytes(self, app: Flask, ip: Any, user: Any, problem: Any, request_id: Any):
        fixed = {"method": "GET", "route": "/auth/sessions/<session_id>", "status": 401, "milliseconds": 1.25}
        values = {**fixed, "ip": ip, "user": user, "problem": problem}
        origin.set_origin(origin.Origin(request_id=request_id))
        try:
            direct = written(lambda: logs.log_request(**values))
            as_any_event = written(lambda: logs.get("authsvc.api.requests").info("request", **values))
        finally:
            origin.set_origin(origin.Origin())
        assert direct == as_any_event
        assert len(direct.splitlines()) == 1
        assert json.loads(direct)["event"] == "request"

    def test_it_has_the_members_it_always_had(self, alice: Person):
        output = io.StringIO()
        with redirect_stderr(output):
            alice.client.get("/auth/me", headers=alice.headers)
        event = json.loads(output.getvalue())
        assert tuple(event) == (*(name for name in NAMES if name != "problem"), "time")
        assert (event["route"], event["status"], event["user"]) == ("/auth/me", 200, alice.id)
        refused = json.loads(written(lambda: alice.client.get("/auth/me", headers={"X-Request-ID": "mine-0123"})))
        assert refused["time"] == "2026-11-25T12:00:00.123456Z"
        assert tuple(refused) == (*(name for name in NAMES if name != "user"), "time")
        assert (refused["problem"], refused["request_id"]) == ("token_missing", "mine-0123")

    @pytest.mark.parametrize("given", ["asv_0123456789abcdef", "asl_0123456789abcdef", "eyJhbGciOi.eyJzdWIi.c2ln"])
    def test_a_request_id_that_looks_like_a_secret_is_left_out(self, alice: Person, given: str):
        line = written(lambda: alice.client.get("/healthz", headers={"X-Request-ID": given}))
        assert given not in line
        assert json.loads(line)["request_id"] == "[redacted]"

    @pytest.mark.parametrize("forwarded", ['1", "user": "root', "a\\", "ada@example.com", "asv_0123456789", "\u2028x"])
    def test_what_a_proxy_passes_on_as_an_address_forges_nothing(
        self, make_app: Callable[..., Flask], clean: None, forwarded: str
    ):
        client = make_app(TRUSTED_PROXIES=1).test_client()
        raw = {"HTTP_X_FORWARDED_FOR": forwarded.encode().decode("latin-1")}
        line = written(lambda: client.get("/healthz", environ_overrides=raw))
        event = json.loads(line)
        assert len(line.splitlines()) == 1
        assert "user" not in event
        assert not {"ada@example.com", "asv_0123456789"} & {event.get("ip")}

    @pytest.mark.parametrize(
        ("level", "as_json", "lines"), [("WARNING", True, 0), ("INFO", False, 1), ("DEBUG", True, 1)]
    )
    def test_level_and_form_are_those_that_were_set(self, alice: Person, level: str, as_json: bool, lines: int):
        logs.configure(level, as_json=as_json)
        try:
            told = written(lambda: alice.client.get("/healthz"))
        finally:
            logs.configure("INFO", as_json=True)
        assert len(told.splitlines()) == lines
        assert told.startswith("{") == (as_json and lines == 1)


class TestHeaders:
    """R94, further tests of which are in `tests/api/test_headers.py`."""

    def test_a_header_of_the_answer_in_any_case_is_not_repeated(self):
        own = [("cache-control", "max-age=600"), ("CONTENT-SECURITY-POLICY", "default-src 'self'")]
        fixed = security_headers.for_service_at("https://auth.example.com")
        completed = security_headers.complete(own, fixed)
        names = [name.lower() for name, _ in completed]
        assert completed[:2] == own
        assert sorted(names) == sorted({name.lower() for name in fixed})


class TestTurns:
    """A worker serves many connections: none that is always busy keeps it from the others."""

    @pytest.fixture
    def service(self, app: Flask, settings: dict[str, str], clean: None) -> Iterator[Service]:
        """Return a service of one worker."""
        with Service(**{**settings, "WEB_CONCURRENCY": 1}) as running:
            yield running

    @pytest.mark.slow
    def test_a_busy_connection_does_not_starve_another(self, service: Service):
        """It has 3,000 requests under way that touch no database; somebody else asks once and does not wait for all."""
        request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with socket.create_connection(("127.0.0.1", service.port)) as busy, ThreadPoolExecutor(2) as pool:
            sending = pool.submit(busy.sendall, request * PIPELINED)
            received = busy.recv(100_000)
            other = pool.submit(requests.get, f"{service.url}/healthz", timeout=30)
            waited_for = None
            while (seen := received.count(b"HTTP/1.1 200 OK")) < PIPELINED:
                received += busy.recv(100_000)
                waited_for = seen if other.done() and waited_for is None else waited_for
            sending.result(10)
        assert other.result(10).status_code == 200
        assert waited_for is not None
        assert waited_for < PIPELINED // 2


class TestCrowds:
    """Many clients that connect at once."""

    @pytest.mark.slow
    def test_each_worker_takes_half_of_them(self, settings: dict[str, str], app: Flask, clean: None):
        with Service(**{**settings, "WEB_CONCURRENCY": 2}) as service, ExitStack() as held:
            where = ("127.0.0.1", service.port)
            crowd = [held.enter_context(socket.create_connection(where, timeout=30)) for _ in range(64)]
            for client in crowd:
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert [client.recv(65_536)[:15] for client in crowd] == [b"HTTP/1.1 200 OK"] * 64
            own = {client.getsockname() for client in crowd}
            shares = [
                sum(tuple(one.raddr or ()) in own for one in worker.net_connections("tcp"))
                for worker in service.workers()
            ]
        assert sum(shares) == 64
        assert max(shares) - min(shares) <= 8, "as shipped, one of two had 31 of 32"


class TestBeside:
    """`make bench` serves an earlier commit beside this one, where there is one."""

    def test_a_commit_that_is_not_there_is_left_out(self):
        with before.checked_out("0" * 40) as tree:
            assert tree is None

    def test_without_git_there_is_no_comparison(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        monkeypatch.setenv("PATH", str(tmp_path))
        with before.checked_out("HEAD") as tree:
            assert tree is None

    @pytest.mark.external
    def test_it_is_checked_out_for_a_while(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        (git,) = require("git")
        own = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        (tmp_path / "wsgi.py").write_text("")
        for command in (["init", "-q"], ["add", "."], [*own, "commit", "-qm", "First"]):
            subprocess.run([git, "-C", tmp_path, *command], check=True)
        monkeypatch.setattr(before, "ROOT", tmp_path)
        with before.checked_out("HEAD") as tree:
            assert tree is not None
            assert (tree / "wsgi.py").exists()
        listed = subprocess.run([git, "-C", tmp_path, "worktree", "list"], capture_output=True, text=True, check=True)
        assert len(listed.stdout.splitlines()) == 1
        assert not tree.exists()
