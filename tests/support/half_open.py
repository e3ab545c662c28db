"""Clients that begin a request and never end it."""

import contextlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager

_START = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\n"
_START_OF_BODY = _START + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"


def half_open_headers(port: int, count: int) -> contextlib.AbstractContextManager[list[socket.socket]]:
    """Hold `count` connections whose headers never end."""
    return _held(port, count, _START)


def half_open_bodies(port: int, count: int) -> contextlib.AbstractContextManager[list[socket.socket]]:
    """Hold `count` connections whose body never ends."""
    return _held(port, count, _START_OF_BODY)


@contextmanager
def _held(port: int, count: int, begun: bytes) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(count)]
        for connection in held:
            connection.sendall(begun)
        yield held
