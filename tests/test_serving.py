"""How gunicorn reads requests and writes answers here, over real sockets; whole servers are in `tests/proxies`."""

import socket
from collections.abc import Iterator

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import LimitRequestHeaders, NoMoreData

from authsvc.serving import connections

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Return both ends of a connection, the server's first."""
    server, client = socket.socketpair()
    with server, client:
        client.settimeout(5)
        yield server, client


def reader(server: socket.socket) -> connections.Parser:
    """Return what reads the requests of a connection."""
    return connections.Parser(Config(), server, ("127.0.0.1", 1))


class TestRequest:
    def test_requests_are_read_one_after_the_other(self, ends: Ends) -> None:
        server, client = ends
        client.sendall(GET + GET.replace(b"/ ", b"/second "))
        parser = reader(server)
        assert [next(parser).path, next(parser).path] == ["/", "/second"]

    def test_an_end_between_two_is_none(self, ends: Ends) -> None:
        server, client = ends
        client.shutdown(socket.SHUT_WR)
        with pytest.raises(StopIteration):
            next(reader(server))

    def test_an_end_in_the_middle_is_one(self, ends: Ends) -> None:
        server, client = ends
        client.sendall(GET[:20])
        client.shutdown(socket.SHUT_WR)
        with pytest.raises(NoMoreData):
            next(reader(server))

    def test_u23_a_head_has_64_kb_at_most(self, ends: Ends) -> None:
        server, client = ends
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        client.sendall(GET[:-2] + b"X: " + b"x" * 70_000)
        with pytest.raises(LimitRequestHeaders):
            next(reader(server))


class TestResponse:
    @pytest.mark.parametrize("pieces", [[], [b"It works!"], [b"It ", b"works!"]])
    def test_head_and_body_arrive_once_and_in_order(self, ends: Ends, pieces: list[bytes]) -> None:
        server, client = ends
        client.sendall(GET)
        response = connections.Response(next(reader(server)), server, Config())
        body = b"".join(pieces)
        response.start_response("200 OK", [("Content-Length", str(len(body)))])
        for piece in pieces:
            response.write(piece)
        response.close()
        head, _, rest = client.recv(65_536).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert head.lower().count(b"content-length:") == 1
        assert rest == body

    def test_a_body_of_unknown_length_is_chunked(self, ends: Ends) -> None:
        server, client = ends
        client.sendall(GET)
        response = connections.Response(next(reader(server)), server, Config())
        response.start_response("200 OK", [("Content-Type", "text/plain")])
        response.write(b"abc")
        response.close()
        assert client.recv(65_536).partition(b"\r\n\r\n")[2] == b"3\r\nabc\r\n0\r\n\r\n"
