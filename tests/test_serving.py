"""How gunicorn reads requests and writes answers here, over real sockets; whole servers are in `tests/proxies`."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.pool import Pool
from gunicorn.config import Config
from gunicorn.http.errors import LimitRequestHeaders, NoMoreData

from authsvc.serving import balancing, connections

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


@dataclass
class Colleague:
    """A worker as the balancer knows it, by its place, and what it took."""

    place: int = -1
    took: int = 0
    servers: list[balancing.BalancedServer] = field(default_factory=list)

    def listen(self, at: socket.socket) -> None:
        """Begin to take connections, and hold them."""
        kind = type("Server", (balancing.BalancedServer,), {"place": self.place})
        own = at.dup()
        own.setblocking(False)  # as gunicorn's are
        self.servers.append(kind(own, handle=self._hold, spawn=Pool(100)))
        self.servers[-1].max_accept = 1  # as gunicorn sets it
        self.servers[-1].start()

    def end(self) -> None:
        """Close everything."""
        for server in self.servers:
            server.stop(timeout=0)

    def take(self, number: int) -> None:
        """Let the event loop look until so many are taken, for five seconds at most."""
        for _ in range(1000):
            if self.took >= number:
                return
            gevent.sleep(0.005)

    def _hold(self, _connection: socket.socket, _address: object) -> None:
        self.took += 1
        gevent.sleep(60)


class TestShares:
    """Connections that come at once are taken at one look of the event loop, by each worker its share."""

    @pytest.fixture
    def workers(self) -> Iterator[list[Colleague]]:
        """Return two workers that serve."""
        both = [Colleague(), Colleague()]
        for one in both:
            balancing.give_place(one)
            balancing.end_start(one)
        yield both
        for one in both:
            one.end()
            balancing.free_place(one)

    @pytest.fixture(params=[socket.AF_INET, socket.AF_UNIX], ids=["tcp", "unix"])
    def listener(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
        """Return a socket that 16 clients wait at."""
        where: Any = ("127.0.0.1", 0) if request.param == socket.AF_INET else str(tmp_path / "socket")
        with socket.socket(request.param) as server, ExitStack() as clients:
            server.bind(where)
            server.listen(64)
            for _ in range(16):
                clients.enter_context(socket.socket(request.param)).connect(server.getsockname())
            yield server

    @pytest.fixture
    def four_more(self) -> Iterator[socket.socket]:
        """Return another socket, that four clients wait at."""
        with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as clients:
            for _ in range(4):
                clients.enter_context(socket.create_connection(server.getsockname()))
            yield server

    @pytest.mark.parametrize("listener", [socket.AF_INET], indirect=True)
    def test_the_only_worker_takes_all_at_one_look(self, workers: list[Colleague], listener: socket.socket) -> None:
        balancing.free_place(workers[1])
        workers[0].listen(listener)
        workers[0].take(1)
        assert workers[0].took == 16

    @pytest.mark.parametrize("listener", [socket.AF_INET], indirect=True)
    def test_one_of_two_takes_half_and_in_the_end_what_the_other_leaves(
        self, workers: list[Colleague], listener: socket.socket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(balancing, "_LEFT_SECONDS", 0.3)
        workers[0].listen(listener)
        workers[0].take(1)
        assert workers[0].took == 8
        workers[0].take(9)
        assert workers[0].took == 12
        workers[0].take(16)
        assert workers[0].took == 16

    def test_two_share_them(self, workers: list[Colleague], listener: socket.socket) -> None:
        for worker in workers:
            worker.listen(listener)
        for worker in workers:
            worker.take(8)
        assert [worker.took for worker in workers] == [8, 8]

    def test_who_holds_fewer_makes_up_for_it(
        self, workers: list[Colleague], listener: socket.socket, four_more: socket.socket
    ) -> None:
        workers[0].listen(four_more)
        workers[0].take(4)
        for worker in workers:
            worker.listen(listener)
        for worker in workers:
            worker.take(10)
        assert [worker.took for worker in workers] == [10, 10]
