"""HTTP as bytes, against real gunicorn: framing, chunked bodies, kept connections. D5, D6, D18, R46, R91, R94, R100."""

import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.conftest import PASSWORD, Person
from tests.support.framing import AMBIGUOUS, NO_BODY, SMUGGLED, head, post
from tests.support.service import Service
from tests.support.wire import ASK_WHO, BODY_ROUTES, exchange, statuses

LIMIT = 65_536


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service."""
    with Service(**{**settings, "WEB_CONCURRENCY": 1}) as running:
        yield running


def answer(received: bytes) -> tuple[int, dict[str, Any]]:
    """Return the status and the problem document of the first answer on a connection."""
    top, _, rest = received.partition(b"\r\n\r\n")
    assert b"application/problem+json" in top, received[:300]
    length = int(re.findall(rb"Content-Length: (\d+)", top)[0])
    return statuses(top)[0], json.loads(rest[:length])


def chunked(*parts: bytes) -> bytes:
    """Return a body in chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + NO_BODY


BAD_CHUNKS = {
    "zz": b"zz\r\n{}\r\n" + NO_BODY,
    "no size": b"\r\n{}\r\n" + NO_BODY,
    "below zero": b"-2\r\n{}\r\n" + NO_BODY,
    "a plus": b"+2\r\n{}\r\n" + NO_BODY,
    "0x": b"0x2\r\n{}\r\n" + NO_BODY,
    "an underscore": b"0_2\r\n{}\r\n" + NO_BODY,
    "a space": b"2 2\r\n{}\r\n" + NO_BODY,
    "more than it says": b"2\r\n{}{}\r\n" + NO_BODY,
    "no line end behind": b"2\r\n{}" + NO_BODY,
    "a bad extension": b"2;\n=x\r\n{}\r\n" + NO_BODY,
    "a bare line feed": b"2\n{}\n0\n\n",
    "a bad trailer": b"2\r\n{}\r\n0\r\nAuthor ization: x\r\n\r\n",
    "cut in a chunk": b"ff\r\n{}",
    "cut in a size": b"2",
    "cut before the end": b"2\r\n{}\r\n",
    "larger than the machine": b"ffffffffffffffffffff\r\n{}",
}


class TestAmbiguous:
    """R100: what two parsers could read in two ways is refused, and nothing after it on that connection is read."""

    @pytest.mark.parametrize("request_", AMBIGUOUS.values(), ids=AMBIGUOUS)
    def test_it_is_refused_and_the_connection_closed(self, service: Service, request_: bytes):
        received = exchange(service.port, request_ + SMUGGLED)
        assert len(statuses(received)) == 1, received
        assert statuses(received)[0] in range(400, 502), received
        assert statuses(received)[0] != 500
        assert answer(received)[1]["title"]
        assert b"onnection: close" in received
        assert b"Traceback" not in received

    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            (head("GET / HTTP/1.1", "X-A: " + "a" * 33_000), 431),
            (head("GET / HTTP/1.1", "Authorization: Bearer " + "a" * 100_000), 431),
            (head("GET / HTTP/1.1", *(f"X-{n}: a" for n in range(101))), 431),
            (head("GET /" + "a" * 9000 + " HTTP/1.1"), 414),
            (head("POST /auth/login HTTP/1.1", "Content-Length: 2", "Expect: 200-maybe"), 417),
        ],
        ids=["header", "token", "headers", "target", "expect"],
    )
    def test_too_much_is_refused(self, service: Service, request_: bytes, status: int):
        """R46, D18"""
        received = exchange(service.port, request_)
        assert statuses(received) == [status]
        self.check_refusal(received, status)

    def check_refusal(self, received: bytes, status: int):
        """R94: gunicorn's own answers are problems with the headers of all others, and quote nothing."""
        told, document = answer(received)
        assert (told, document["status"], document["code"]) == (status, status, "request_malformed")
        assert document["type"] == "/problems/request_malformed"
        assert document["title"]
        assert document["detail"]
        assert re.fullmatch("[0-9a-f]{32}", document["requestId"])
        top = received.partition(b"\r\n\r\n")[0].decode()
        for header in (
            f"X-Request-ID: {document['requestId']}",
            "Cache-Control: no-store",
            "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
            "X-Content-Type-Options: nosniff",
            "Referrer-Policy: no-referrer",
            "Connection: close",
        ):
            assert header in top.split("\r\n")
        assert b"aaaa" not in received

    def test_the_service_is_still_there(self, service: Service):
        assert statuses(exchange(service.port, head("GET /healthz HTTP/1.1", "Connection: close"))) == [200]
        assert len(service.workers()) == 1


class TestChunked:
    """D5, D6, R91"""

    @pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
    def test_a_bad_chunk_is_a_400(self, service: Service, body: bytes):
        """Whether it is cut or wrong, on every route that reads a body."""
        for path in [path for method, path in BODY_ROUTES if method == "POST" and path not in ASK_WHO]:
            received = exchange(service.port, post("Transfer-Encoding: chunked", body=body, path=path), half_close=True)
            status, document = answer(received)
            assert (status, document["code"]) == (400, "malformed_json")
            assert len(statuses(received)) == 1

    @pytest.mark.parametrize("name", [name for name in BAD_CHUNKS if not name.startswith(("cut", "larger"))])
    def test_nothing_after_a_bad_chunk_is_read_as_a_request(self, service: Service, name: str):
        """R100"""
        received = exchange(service.port, post("Transfer-Encoding: chunked", body=BAD_CHUNKS[name]) + SMUGGLED)
        assert b"smuggled" not in received
        assert len([status for status in statuses(received) if status == 404]) == 0

    @pytest.mark.parametrize("filler", [b" ", b"x"])
    def test_one_byte_too_many_is_refused(self, service: Service, filler: bytes):
        """D6: as shipped a JSON text of exactly the limit, and garbage behind it, was a 200."""
        text = b'{"email": "a@example.com", "password": "x"}'
        for parts in (
            [text.ljust(LIMIT) + filler],
            [text.ljust(LIMIT), filler],
            [b" "] * 10 + [text.ljust(LIMIT), filler],
        ):
            received = exchange(
                service.port, post("Transfer-Encoding: chunked", "Connection: close", body=chunked(*parts))
            )
            assert answer(received)[0] == 413
            assert answer(received)[1]["code"] == "body_too_large"

    def test_an_endless_body_is_refused_before_its_end(self, service: Service):
        part = b"%x\r\n%s\r\n" % (LIMIT, b" " * LIMIT)
        received = exchange(service.port, post("Transfer-Encoding: chunked", body=part * 2), half_close=True)
        assert answer(received)[0] == 413

    def test_a_good_one_is_read(self, service: Service, alice: Person):
        text = json.dumps({"email": alice.email, "password": PASSWORD}).encode()
        for parts in ([text], [text[:1], text[1:20], text[20:]], [text.ljust(LIMIT)]):
            received = exchange(
                service.port, post("Transfer-Encoding: chunked", "Connection: close", body=chunked(*parts))
            )
            assert statuses(received) == [200]
            assert b"accessToken" in received

    def test_a_compressed_one_is_not(self, service: Service):
        headers = ("Transfer-Encoding: gzip, chunked", "Connection: close")
        received = exchange(service.port, post(*headers, body=chunked(b"{}")))
        assert statuses(received)[0] in (400, 415, 501)


class TestKept:
    """R100: on a kept connection each request is answered once, and a body is never taken for a request."""

    def test_a_body_that_nobody_reads_is_not_a_request(self, service: Service):
        inner = head("GET /inner HTTP/1.1")
        for line in (
            "GET / HTTP/1.1",
            "GET /nope HTTP/1.1",
            "DELETE /auth/sessions/x HTTP/1.1",
            "PUT /auth/login HTTP/1.1",
        ):
            received = exchange(service.port, head(line, f"Content-Length: {len(inner)}") + inner + SMUGGLED)
            assert len(statuses(received)) == 2
            assert statuses(received)[1] == 404

    def test_a_refused_body_is_not_a_request(self, service: Service):
        """A 413 or 415 that left the body on the connection would let it in."""
        inner = head("GET /healthz HTTP/1.1")
        for request_ in (
            head("POST /auth/login HTTP/1.1", "Content-Type: text/plain", f"Content-Length: {len(inner)}") + inner,
            post(f"Content-Length: {LIMIT + len(inner)}", body=b" " * LIMIT + inner),
            head("POST /auth/login HTTP/1.1", "Origin: https://evil.example", f"Content-Length: {len(inner)}") + inner,
        ):
            received = exchange(service.port, request_ + SMUGGLED)
            assert 200 not in statuses(received)
            assert statuses(received)[0] in (403, 413, 415)

    def test_pipelined_requests_are_answered_in_turn(self, service: Service):
        received = exchange(service.port, head("GET /healthz HTTP/1.1") * 3 + SMUGGLED)
        assert statuses(received) == [200, 200, 200, 404]


class TestClosed:
    """F13: an answer that is the last on its connection arrives, though nobody has read the whole request."""

    @pytest.mark.parametrize("size", [100, LIMIT, 900_000])
    @pytest.mark.parametrize("line", ["POST /nowhere", "POST /auth/login", "POST /oauth2/token", "DELETE /auth/me"])
    def test_a_body_that_is_still_on_its_way_loses_no_answer(self, service: Service, line: str, size: int):
        """A proxy that keeps no connections writes so, and told its client 502."""
        heads = head(f"{line} HTTP/1.1", "Content-Type: text/plain", f"Content-Length: {size}", "Connection: close")
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
                connection.sendall(heads)
                time.sleep(0.02)  # the answer is there before the body is
                connection.sendall(b" " * size)
                received = b"".join(iter(lambda: connection.recv(65_536), b""))
            assert statuses(received)[0] in (400, 401, 404, 413, 415)
            assert received.rstrip().endswith(b"}")

    def test_a_client_that_never_sends_its_body_has_its_answer_and_goes(self, service: Service):
        began = time.monotonic()
        received = exchange(service.port, post("Content-Length: 9", "Connection: close", path="/nowhere"), seconds=20)
        assert statuses(received) == [404]
        assert time.monotonic() - began < 10


class TestTarget:
    """R80, R91, D18"""

    @pytest.mark.parametrize(
        ("line", "status"),
        [
            ("CONNECT evil.example:443 HTTP/1.1", 404),
            ("TRACE / HTTP/1.1", 405),
            ("FOO / HTTP/1.1", 405),
            ("OPTIONS * HTTP/1.1", 404),
            ("GET http://evil.example/healthz HTTP/1.1", 200),
            ("GET //auth/me HTTP/1.1", 404),
            ("GET /%2e%2e/healthz HTTP/1.1", 404),
            ("GET /healthz%00 HTTP/1.1", 404),
            ("GET /healthz#x HTTP/1.1", None),
            ("GET \x80 HTTP/1.1", None),
        ],
    )
    def test_a_strange_one_is_no_fault_of_ours(self, service: Service, line: str, status: int | None):
        received = exchange(service.port, head(line, "Connection: close", "X-Canary: echoed"))
        assert len(statuses(received)) == 1
        assert statuses(received)[0] == status if status else statuses(received)[0] < 500
        assert b"echoed" not in received
        assert b"evil.example" not in received

    def test_the_server_tells_no_version(self, service: Service):
        """R94"""
        for request_ in (
            head("GET /healthz HTTP/1.1", "Connection: close"),
            head("GET /nope HTTP/1.1", "Connection: close"),
        ):
            top = exchange(service.port, request_).partition(b"\r\n\r\n")[0]
            assert not re.search(rb"\d+\.\d+\.\d+", top)
            assert b"X-Powered-By" not in top
            assert re.search(rb"\r\nServer: gunicorn(?:\r\n|$)", top) or b"\r\nServer:" not in top

    def test_a_header_with_an_underscore_is_not_the_one_with_a_dash(self, service: Service):
        """D18"""
        for name in ("X_Request_ID", "Authorization_", "X_Forwarded_For"):
            received = exchange(service.port, head("GET / HTTP/1.1", f"{name}: 1234567890", "Connection: close"))
            assert b"1234567890" not in received

    def test_two_authorization_headers_are_refused(self, service: Service, alice: Person):
        """R47"""
        good = f"Authorization: {alice.headers['Authorization']}"
        for headers in ([good, good], [good, "Authorization: Bearer x"], ["Authorization: Basic x", good]):
            status, document = answer(exchange(service.port, head("GET / HTTP/1.1", *headers, "Connection: close")))
            assert (status, document["code"]) == (401, "token_invalid")
        assert statuses(exchange(service.port, head("GET / HTTP/1.1", good, "Connection: close"))) == [200]

    def test_100_continue(self, service: Service):
        headers = ("Content-Length: 2", "Expect: 100-continue", "Connection: close")
        assert statuses(exchange(service.port, post(*headers, body=b"{}"))) == [100, 422]
