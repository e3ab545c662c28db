"""Servers of other people, which can be told to misbehave: plain or TLS, on 127.0.0.1."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import trustme

Behaviour = Callable[[Any, bytes], None]


def saying(status: str = "204 No Content", body: bytes = b"", **headers: str) -> Behaviour:
    """Return a server's behaviour: it answers each request so."""

    def answer(connection: Any, _: bytes) -> None:
        fields = {
            "Content-Length": str(len(body)),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        connection.sendall(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)

    return answer


def dripping(first: bytes, drop: bytes, pause: float = 0.05) -> Behaviour:
    """Return a server's behaviour: it begins its answer so, and then sends a drop at a time without an end."""

    def answer(connection: Any, _: bytes) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(drop)
            time.sleep(pause)

    return answer


def silent(connection: Any, _: bytes) -> None:
    """Answer nothing until the other side goes."""
    connection.recv(1)


class Server:
    """Listens between `__enter__` and `__exit__`; keeps the requests that it got, and counts connections."""

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        authority: trustme.CA | None = None,
        name: str = "localhost",
        port: int = 0,
    ) -> None:
        self.behaviour = behaviour or saying()
        self.requests: list[bytes] = []
        self.connections = 0
        self._tls: ssl.SSLContext | None = None
        if authority is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(name).configure_cert(self._tls)
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]

    def url(self, path: str = "/", *, scheme: str | None = None, host: str = "localhost") -> str:
        """Return an address at this server."""
        return f"{scheme or ('http' if self._tls is None else 'https')}://{host}:{self.port}{path}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # or who waits for a connection keeps the port
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Any) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            request = _whole(connection)
            self.requests.append(request)
            self.behaviour(connection, request)
        except OSError:
            pass
        finally:
            connection.close()


def _whole(connection: Any) -> bytes:
    """Return a request with its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65_536)
        if not piece:
            raise ConnectionResetError
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    while lengths and len(body) < int(lengths[0]):
        piece = connection.recv(65_536)
        if not piece:  # whoever sent it has died
            raise ConnectionResetError
        body += piece
    return head + b"\r\n\r\n" + body
