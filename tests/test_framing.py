"""HTTP as bytes, against real gunicorn: framing, chunked bodies, kept connections. D5, D6, D18, R46, R91, R94, R100."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.conftest import PASSWORD, Person
from tests.support.service import Service
from tests.wire import ASK_WHO, BODY_ROUTES, exchange, statuses

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
LIMIT = 65_536
NO_BODY = b"0\r\n\r\n"


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service."""
    with Service(**{**settings, "WEB_CONCURRENCY": 1}) as running:
        yield running


def head(line: str, *headers: str) -> bytes:
    """Return a request's head."""
    return "\r\n".join([line, "Host: localhost", *headers, "", ""]).encode("latin-1")


def post(*headers: str, body: bytes = b"", path: str = "/auth/login") -> bytes:
    """Return a POST of a JSON body, with its framing left to the headers."""
    return head(f"POST {path} HTTP/1.1", "Content-Type: application/json", *headers) + body


def answer(received: bytes) -> tuple[int, dict[str, Any]]:
    """Return the status and the problem document of the first answer on a connection."""
    top, _, rest = received.partition(b"\r\n\r\n")
    assert b"application/problem+json" in top, received[:300]
    length = int(re.findall(rb"Content-Length: (\d+)", top)[0])
    return statuses(top)[0], json.loads(rest[:length])


def chunked(*parts: bytes) -> bytes:
    """Return a body in chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + NO_BODY


AMBIGUOUS = {
    "Content-Length and Transfer-Encoding": post("Content-Length: 5", "Transfer-Encoding: chunked", body=NO_BODY),
    "Transfer-Encoding and Content-Length": post("Transfer-Encoding: chunked", "Content-Length: 5", body=NO_BODY),
    "two Transfer-Encodings": post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=NO_BODY),
    "chunked twice": post("Transfer-Encoding: chunked, chunked", body=NO_BODY),
    "chunked and identity": post("Transfer-Encoding: chunked, identity", body=NO_BODY),
    "identity": post("Transfer-Encoding: identity", body=NO_BODY),
    "an unknown coding": post("Transfer-Encoding: xchunked", body=NO_BODY),
    "a space before the colon": post("Transfer-Encoding : chunked", body=NO_BODY),
    "a vertical tab": post("Transfer-Encoding: \x0bchunked", body=NO_BODY),
    "a tab in the name": post("Transfer-Encoding\t: chunked", body=NO_BODY),
    "two Content-Lengths": post("Content-Length: 0", "Content-Length: 2", body=b"{}"),
    "one Content-Length twice": post("Content-Length: 2", "Content-Length: 2", body=b"{}"),
    "a list of lengths": post("Content-Length: 2, 2", body=b"{}"),
    "a length with a plus": post("Content-Length: +2", body=b"{}"),
    "a length below zero": post("Content-Length: -2", body=b"{}"),
    "a hexadecimal length": post("Content-Length: 0x2", body=b"{}"),
    "a length with an underscore": post("Content-Length: 0_2", body=b"{}"),
    "a length that is empty": post("Content-Length:", body=b"{}"),
    "a folded header": head("GET / HTTP/1.1", "X-A: b\r\n c"),
    "a bare line feed": b"GET / HTTP/1.1\nHost: localhost\n\n",
    "a bare line feed in a header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b\nX-B: c\r\n\r\n",
    "a bare carriage return": head("GET / HTTP/1.1", "X-A: b\rc"),
    "a NUL": head("GET / HTTP/1.1", "X-A: b\0c"),
    "two Hosts": head("GET / HTTP/1.1", "Host: evil.example"),
    "a header without a colon": head("GET / HTTP/1.1", "Authorization"),
    "a header with a space in its name": head("GET / HTTP/1.1", "X A: b"),
    "a header without a name": head("GET / HTTP/1.1", ": b"),
    "a space in the target": head("GET /a b HTTP/1.1"),
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/9.9": head("GET / HTTP/9.9"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method in lower case": head("get / HTTP/1.1"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a PROXY line": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + head("GET / HTTP/1.1"),
}
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
            (head("GET / HTTP/1.1", "X-A: " + "a" * 9000), 431),
            (head("GET / HTTP/1.1", "Authorization: Bearer " + "a" * 100_000), 431),
            (head("GET / HTTP/1.1", *(f"X-{n}: a" for n in range(101))), 431),
            (head("GET /" + "a" * 5000 + " HTTP/1.1"), 414),
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
        assert (told, document["status"], document["type"]) == (status, status, "about:blank")
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
            ("GET //auth/me HTTP/1.1", 401),
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
