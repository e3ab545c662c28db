"""Connections as proxies keep them and strangers hold them open; what gunicorn itself answers. U18, U19, U23, U24."""

import contextlib
import json
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from flask import Flask

from authsvc.security_headers import EXPOSED
from tests.conftest import problem
from tests.support.races import eventually
from tests.support.service import Service, Visitor, free_port
from tests.support.wire import EVIL, LISTED, exchange, statuses

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
WHOLE = HEAD + b"\r\n"


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service of one worker."""
    with Service(**{**settings, "WEB_CONCURRENCY": 1, "APP_ENV": "testing"}) as running:
        yield running


def connect(port: int, host: str = "127.0.0.1", seconds: float = 20) -> socket.socket:
    """Return a connection to the service."""
    return socket.create_connection((host, port), timeout=seconds)


def answered(connection: socket.socket, request: bytes = WHOLE) -> bytes:
    """Return the answer to a request on a connection that stays open, empty if it was closed."""
    connection.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        if not part:
            return b""
        received += part
    top, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in top.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    return top + b"\r\n\r\n" + body


def is_open(connection: socket.socket) -> bool:
    """Tell whether the other side has not closed a connection on which nothing is to be read."""
    connection.settimeout(0.05)
    try:
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False
    finally:
        connection.settimeout(20)


class TestU18Keepalive:
    def test_an_idle_connection_is_kept_and_a_slow_head_is_cut(self, service: Service):
        """Two times: as long as proxies keep theirs between requests, a few seconds for a head."""
        with contextlib.ExitStack() as stack:
            idle, begun_late, new, half = (stack.enter_context(connect(service.port)) for _ in range(4))
            assert statuses(answered(idle)) == statuses(answered(begun_late)) == [200]
            half.sendall(HEAD)
            begun_late.sendall(HEAD)
            begin = time.monotonic()
            eventually(lambda: not any(map(is_open, (half, begun_late, new))), seconds=40)
            while time.monotonic() - begin < 7:
                time.sleep(0.2)
            lines = ["POST /auth/login HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
            post = "\r\n".join([*lines, "Content-Length: 2", "", "{}"]).encode()
            assert statuses(answered(idle, post)) == [422]
            assert statuses(answered(idle)) == [200]

    def test_a_head_byte_by_byte_is_cut_too(self, service: Service):
        """Each byte is in time, the head is not."""
        with connect(service.port) as dripping:
            assert statuses(answered(dripping)) == [200]
            begin = time.monotonic()
            with contextlib.suppress(OSError):
                for byte in HEAD * 3:
                    dripping.sendall(bytes([byte]))
                    time.sleep(0.3)
                    if not is_open(dripping):
                        break
            assert time.monotonic() - begin < 40

    def test_it_is_a_setting(self, settings: dict[str, str]):
        with Service(**{**settings, "WEB_CONCURRENCY": 1, "KEEPALIVE": 1}) as service, connect(service.port) as idle:
            assert statuses(answered(idle)) == [200]
            eventually(lambda: not is_open(idle), seconds=10)

    def test_kept_connections_leave_room_for_new_ones(self, settings: dict[str, str]):
        """Of sixteen connections, those idle the longest make room."""
        program = ("--worker-connections=16",)
        with Service(program=program, **{**settings, "WEB_CONCURRENCY": 1}) as service, contextlib.ExitStack() as stack:
            idle = []
            for _ in range(40):
                idle.append(stack.enter_context(connect(service.port)))
                assert statuses(answered(idle[-1])) == [200]
            eventually(lambda: sum(map(is_open, idle)) <= 8)
            assert all(map(is_open, idle[-6:]))
            assert statuses(answered(idle[-1])) == [200]
            assert requests.get(f"{service.url}/healthz", timeout=10).status_code == 200

    def test_a_stop_closes_what_is_idle_and_waits_for_nobody(self, settings: dict[str, str]):
        service = Service(**{**settings, "WEB_CONCURRENCY": 2}).start()
        try:
            with contextlib.ExitStack() as stack:
                idle = [stack.enter_context(connect(service.port)) for _ in range(10)]
                assert [statuses(answered(one)) for one in idle] == [[200]] * 10
                begin = time.monotonic()
                service.signal(signal.SIGTERM)
                assert service.wait() == 0
                assert time.monotonic() - begin < 14
                assert not any(map(is_open, idle))
            assert "graceful timeout" not in service.log()
            assert "Traceback" not in service.log()
        finally:
            service.stop()

    def test_a_reload_closes_what_is_idle(self, settings: dict[str, str]):
        with Service(**{**settings, "WEB_CONCURRENCY": 1}) as service, connect(service.port) as idle:
            assert statuses(answered(idle)) == [200]
            before = {worker.pid for worker in service.workers()}
            service.signal(signal.SIGHUP)
            eventually(lambda: not before & {worker.pid for worker in service.workers()}, seconds=30)
            assert not is_open(idle)
            service.wait_ready()

    def test_a_body_that_nobody_reads_is_not_waited_for_long(self, service: Service):
        with connect(service.port) as slow:
            top = answered(slow, HEAD + b"Content-Length: 1000\r\n\r\nx")
            assert statuses(top) == [200]
            eventually(lambda: not is_open(slow), seconds=15)


def has_ipv6() -> bool:
    """Tell whether this machine has IPv6."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


PRODUCTION = {
    "APP_ENV": "production",
    "PUBLIC_URL": "https://auth.corp.internal",
    "MAIL_URL": "file:/tmp",
    "BCRYPT_ROUNDS": 10,
    "CORS_ORIGINS": LISTED,
}


class TestU19Families:
    LOOPBACK = ("127.0.0.1", "::1") if has_ipv6() else ("127.0.0.1",)

    def check(self, service: Service) -> None:
        for host in self.LOOPBACK:
            with connect(service.port, host) as connection:
                assert statuses(answered(connection)) == [200], host

    @pytest.mark.parametrize("environment", ["production", "testing"])
    def test_it_listens_in_both(self, settings: dict[str, str], environment: str):
        own = PRODUCTION if environment == "production" else {}
        metrics = f"127.0.0.1:{free_port()}"
        with Service(**{**settings, "WEB_CONCURRENCY": 1, **own, "METRICS": metrics}) as service:
            self.check(service)
            assert requests.get(f"http://{metrics}/metrics", timeout=5).status_code == 200
            assert f"serves on http://localhost:{service.port} with" in service.log()

    def test_all_interfaces_are_those_of_production_only(self, settings: dict[str, str]):
        addresses = {entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), None)} - {
            "127.0.0.1",
            "127.0.1.1",
            "::1",
        }
        for own, reached in ((PRODUCTION, True), ({}, False)):
            with Service(**{**settings, "WEB_CONCURRENCY": 1, **own}) as service:
                for address in addresses:
                    with contextlib.ExitStack() as stack:
                        if not reached:
                            stack.enter_context(pytest.raises(ConnectionRefusedError))
                        stack.enter_context(connect(service.port, address))

    @pytest.mark.parametrize("bound", ["[::]", "0.0.0.0", "127.0.0.1", "[::1]", "localhost"])
    def test_another_address_keeps_the_metrics(self, settings: dict[str, str], bound: str):
        """Also after a reload."""
        if not has_ipv6() and "[" in bound:
            return
        port, metrics = free_port(), f"127.0.0.1:{free_port()}"
        own = {"WEB_CONCURRENCY": 1, "METRICS": metrics, "PORT": port}
        with Service(program=(f"--bind={bound}:{port}",), **{**settings, **own}) as service:
            where = f"http://{'[::1]' if bound == '[::1]' else '127.0.0.1'}:{port}"

            def both() -> bool:
                with contextlib.suppress(requests.ConnectionError):
                    ready = requests.get(f"{where}/readyz", timeout=5).status_code == 200
                    shown = requests.get(f"http://{metrics}/metrics", timeout=5).status_code == 200
                    hidden = requests.get(f"{where}/metrics", timeout=5).status_code == 404
                    return ready and shown and hidden
                return False

            eventually(both, seconds=30)
            assert f"serves on http://localhost:{port} with" in service.log()
            before = {worker.pid for worker in service.workers()}
            service.signal(signal.SIGHUP)
            eventually(lambda: not before & {worker.pid for worker in service.workers()}, seconds=30)
            eventually(both, seconds=30)

    def test_a_client_of_either_family_is_who_it_is(self, settings: dict[str, str], clean: None, mongo: Any):
        """The socket for both writes `::ffff:127.0.0.1`."""
        with Service(**{**settings, "WEB_CONCURRENCY": 1, **PRODUCTION}) as service:
            Visitor(service.url).register("four@example.com")
        assert {entry["ip"] for entry in mongo.audit.find({"action": "account.registered"})} <= {"127.0.0.1"}
        assert {session["ip"] for session in mongo.sessions.find()} == {"127.0.0.1"}

    def test_a_unix_socket_is_served_and_believed_nothing(self, settings: dict[str, str], tmp_path: Any):
        path = str(tmp_path / "s")
        service = Service(program=(f"--bind=unix:{path}",), **{**settings, "WEB_CONCURRENCY": 1}).start(ready=False)
        try:

            def ask(*headers: str) -> bytes:
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.settimeout(5)
                    connection.connect(path)
                    lines = ["GET /auth/me HTTP/1.1", "Host: localhost", *headers, "", ""]
                    return answered(connection, "\r\n".join(lines).encode())

            eventually(lambda: (tmp_path / "s").exists() and statuses(ask()) == [401], seconds=20)
            assert f"unix:{path}" in service.log()
            for header in (
                "SCRIPT_NAME: /auth",
                "X-Forwarded-Proto: https",
                "X-Forwarded-Ssl: on",
                "PATH_INFO: /healthz",
            ):
                assert statuses(ask(header)) == [401], header
        finally:
            service.stop()


class TestU23Headers:
    """Visitors bring the cookies of every application of the domain."""

    @pytest.mark.parametrize("size", [8_300, 16_000, 32_000])
    def test_the_cookies_of_other_applications_are_taken(self, service: Service, clean: None, size: int):
        token = Visitor(service.url).register("ada@example.com").json()["accessToken"]
        headers = {"Authorization": f"Bearer {token}", "Cookie": "app=" + "x" * size}
        assert requests.get(f"{service.url}/auth/verify", headers=headers, timeout=10).status_code == 204
        many = "; ".join(f"app{number}={'x' * 200}" for number in range(size // 210))
        headers["Cookie"] = many
        assert requests.get(f"{service.url}/auth/verify", headers=headers, timeout=10).status_code == 204

    @pytest.mark.parametrize(
        "lines",
        [
            ["X-A: " + "a" * 33_000],
            [f"X-{number}: {'a' * 800}" for number in range(90)],
            ["X: a"] * 101,
            ["A" * 66_000],
        ],
        ids=["one", "all", "many", "endless"],
    )
    def test_they_are_bounded_one_by_one_and_in_all(self, service: Service, lines: list[str]):
        received = exchange(service.port, HEAD + "\r\n".join([*lines, "", ""]).encode())
        assert statuses(received) == [431]

    def test_a_head_costs_what_its_length_does(self, service: Service):
        """In single bytes as in one piece: 64 kB cost at most some times what 8 kB do."""

        def seconds(size: int) -> float:
            (worker,) = service.workers()
            rest = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 700) for number in range(size // 710)) + b"\r\n"
            before = sum(worker.cpu_times()[:2])
            for _ in range(4):
                with connect(service.port) as connection:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connection.sendall(HEAD)
                    for start in range(0, len(rest), 16):
                        connection.send(rest[start : start + 16])
                    assert statuses(answered(connection, b"")) == [200]
            return sum(worker.cpu_times()[:2]) - before

        assert seconds(60_000) < 40 * max(seconds(7_500), 0.05)


BROKEN = {
    400: [b"X A: b", b"Content-Length: 2, 2", b"Transfer-Encoding: chunked\r\nContent-Length: 2", b"Host: other"],
    417: [b"Expect: 200-maybe"],
    431: [b"X-A: " + b"a" * 33_000],
    501: [b"Transfer-Encoding: xchunked"],
}


class TestU24OwnAnswers:
    """What gunicorn answers itself is of the contract: a problem with a code, that listed pages may read."""

    @pytest.mark.parametrize(("status", "line"), [(status, line) for status, lines in BROKEN.items() for line in lines])
    def test_a_listed_page_may_read_it(self, service: Service, status: int, line: bytes):
        for origin, header in (
            (LISTED, "Origin"),
            (LISTED, "ORIGIN"),
            (EVIL, "Origin"),
            ("null", "origin"),
            (None, ""),
        ):
            named = b"" if origin is None else f"{header}: {origin}\r\n".encode()
            received = exchange(service.port, HEAD + named + line + b"\r\n\r\n")
            top, _, body = received.partition(b"\r\n\r\n")
            found = [tuple(shown.split(": ", 1)) for shown in top.decode().split("\r\n")[1:]]
            document = json.loads(body)
            assert statuses(received) == [document["status"]] == [status]
            assert (document["code"], document["type"]) == ("request_malformed", "/problems/request_malformed")
            assert document["title"]
            assert document["detail"]
            assert ("X-Request-ID", document["requestId"]) in found
            assert ("Vary", "Origin") in found
            permissions = {name: value for name, value in found if name.startswith("Access-Control-")}
            allowed = {
                "Access-Control-Allow-Origin": LISTED,
                "Access-Control-Allow-Credentials": "true",
                "Access-Control-Expose-Headers": ", ".join(EXPOSED),
            }
            assert permissions == (allowed if origin == LISTED else {})

    def test_so_is_a_target_that_is_too_long(self, service: Service):
        received = exchange(
            service.port, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\nOrigin: %s\r\n\r\n" % LISTED.encode()
        )
        assert statuses(received) == [414]
        assert b"Access-Control-Allow-Origin: " + LISTED.encode() in received

    def test_two_origins_are_none(self, service: Service):
        for first, second in ((LISTED, EVIL), (EVIL, LISTED), (LISTED, LISTED)):
            received = exchange(service.port, HEAD + f"Origin: {first}\r\nOrigin: {second}\r\nX A: b\r\n\r\n".encode())
            assert statuses(received) == [400]
            assert b"Access-Control" not in received

    def test_the_request_before_it_lends_it_no_origin(self, service: Service):
        with connect(service.port) as connection:
            assert statuses(answered(connection, HEAD + f"Origin: {LISTED}\r\n\r\n".encode())) == [200]
            refused = answered(connection, HEAD + b"X A: b\r\n\r\n")
        assert statuses(refused) == [400]
        assert b"Access-Control" not in refused

    def test_the_code_is_explained(self, service: Service):
        assert requests.get(f"{service.url}/problems/request_malformed", timeout=5).json()["status"] == 400


class TestU24Client:
    """`/authsvc.js` for a page that loads it with credentials, `crossorigin="use-credentials"`."""

    @pytest.mark.parametrize("path", ["/authsvc.js", "/authsvc.d.ts"])
    def test_a_listed_origin_is_named_and_others_are_any(self, app: Flask, path: str):
        client = app.test_client(use_cookies=False)
        listed = client.get(path, headers={"Origin": LISTED, "Cookie": "a=b"})
        assert listed.headers.getlist("Access-Control-Allow-Origin") == [LISTED]
        assert listed.headers["Access-Control-Allow-Credentials"] == "true"
        for headers in ({}, {"Origin": EVIL}, {"Origin": "null"}):
            answer = client.get(path, headers=headers)
            assert answer.headers.getlist("Access-Control-Allow-Origin") == ["*"]
            assert "Access-Control-Allow-Credentials" not in answer.headers
        for answer in (listed, client.get(path), client.head(path)):
            assert "Origin" in answer.headers["Vary"]
        again = client.get(path, headers={"Origin": LISTED, "If-None-Match": listed.headers["ETag"]})
        assert (again.status_code, again.headers["Access-Control-Allow-Origin"]) == (304, LISTED)

    def test_what_goes_wrong_there_is_for_listed_origins(self, app: Flask):
        client = app.test_client(use_cookies=False)
        for origin, permitted in ((LISTED, LISTED), (EVIL, None)):
            answer = client.get("/authsvc.js/", headers={"Origin": origin})
            problem(answer, 404, "not_found")
            assert answer.headers.get("Access-Control-Allow-Origin") == permitted
