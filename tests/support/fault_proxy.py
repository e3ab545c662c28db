"""A network between service and database that can be told to fail.

The URI that goes through it needs `directConnection=true`: a server that calls itself a member of a replica set names
its own address in its first answer, and the driver goes there from then on, past every fault.
"""

import contextlib
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Self

import bson

_OP_MSG = 2013


class FaultProxy:
    """Forwards TCP to 127.0.0.1:`target`, on a port of its own that stays the same whatever it is told to do.

    `commands` counts what was passed on to the server, by the name of the command; `connections` what was accepted.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.commands: Counter[str] = Counter()
        self.connections = 0
        self._flowing = threading.Event()
        self._flowing.set()
        self._delay = self._jitter = 0.0
        self._disguise = (b"", b"")
        self._swallow: str | None = None
        self._swallow_of: str | None = None
        self._passing_over = 0
        self._reply_bytes_left: int | None = None
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.port = 0

    def start(self) -> Self:
        """Listen."""
        self._listen()
        return self

    def heal(self) -> None:
        """Forward everything again; frozen connections are reset, what they held is never forwarded."""
        self._delay = self._jitter = 0.0
        with self._lock:
            self._swallow = self._reply_bytes_left = None
        if not self._flowing.is_set():
            self.cut()
            self._flowing.set()
        if self._listener is None:
            self._listen()

    def refuse(self) -> None:
        """Refuse new connections and reset those there are, as a server that has died."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def blackhole(self) -> None:
        """Take connections and bytes, and forward nothing."""
        self._flowing.clear()

    def delay(self, seconds: float, jitter: float = 0.0) -> None:
        """Hold back each reply, by up to `jitter` seconds more or less."""
        self._delay, self._jitter = seconds, jitter

    def disguise(self, word: bytes, other: bytes) -> None:
        """Put another word of the same length in the place of one in every reply."""
        assert len(word) == len(other)
        self._disguise = (word, other)

    def cut(self) -> None:
        """Reset every connection that was accepted; one that is still being made may live on."""
        with self._lock:
            doomed, self._open = self._open, []
        for connection in doomed:
            _reset(connection)

    def cut_after_bytes(self, count: int) -> None:
        """Let `count` more bytes of replies through, in all, and reset the connection where they end; once."""
        with self._lock:
            self._reply_bytes_left = count

    def swallow_reply_to(self, command: str, nth: int = 1, *, of: str | None = None) -> None:
        """Let the next such command (the `nth` from now) be done, then reset the connection in place of its reply.

        `of` is the collection that it must be for, where that matters.
        """
        with self._lock:
            self._swallow, self._swallow_of, self._passing_over = command, of, nth - 1

    @property
    def swallowed(self) -> bool:
        """Tell whether the reply was swallowed."""
        return self._swallow is None

    def stop(self) -> None:
        """Close everything."""
        self.refuse()
        self._flowing.set()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _listen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self.port, self._listener = listener.getsockname()[1], listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                _reset(client)
                continue
            server.settimeout(None)
            with self._lock:
                refused = self._listener is not listener
                self.connections += not refused
                self._open += [client, server]
            if refused:
                self.cut()
                return
            link = _Link(self, client, server)
            for work in (link.carry_requests, link.carry_replies):
                threading.Thread(target=work, daemon=True).start()


class _Link:
    def __init__(self, proxy: FaultProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._cut_at_reply_to: int | None = None

    def carry_requests(self) -> None:
        self._carry(self._client, self._server, self._request)

    def carry_replies(self) -> None:
        self._carry(self._server, self._client, self._reply)

    def _carry(self, source: socket.socket, sink: socket.socket, passed: Callable[[bytes], bytes]) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                message = _read_message(source)
                self._proxy._flowing.wait()
                if sink.fileno() < 0:  # reset while it was frozen
                    break
                part = passed(message)
                sink.sendall(part)
                if len(part) < len(message):
                    break
        _reset(source)
        _reset(sink)

    def _request(self, message: bytes) -> bytes:
        """Return a request as it is, having noted what it is."""
        _, request_id, _, opcode = struct.unpack_from("<iiii", message)
        if opcode != _OP_MSG:
            return message
        body = message[21 : 21 + struct.unpack_from("<i", message, 21)[0]]  # other sections may follow the body
        command, collection = next(iter(bson.decode(body).items()))
        proxy = self._proxy
        with proxy._lock:
            proxy.commands[command] += 1
            if command == proxy._swallow and proxy._swallow_of in (None, collection):
                if proxy._passing_over == 0:
                    self._cut_at_reply_to = request_id
                proxy._passing_over -= 1
        return message

    def _reply(self, message: bytes) -> bytes:
        """Return what may pass of a reply; it has been done whether or not anybody hears of it."""
        proxy = self._proxy
        if proxy._delay or proxy._jitter:
            time.sleep(max(0.0, proxy._delay + random.uniform(-proxy._jitter, proxy._jitter)))
        if struct.unpack_from("<iii", message)[2] == self._cut_at_reply_to:
            with proxy._lock:
                proxy._swallow = None
            return b""
        message = message.replace(*proxy._disguise) if proxy._disguise[0] else message
        with proxy._lock:
            left = proxy._reply_bytes_left
            if left is None:
                return message
            proxy._reply_bytes_left = left - len(message) if left >= len(message) else None
        return message[:left]


def _read_message(source: socket.socket) -> bytes:
    head = _read(source, 4)
    return head + _read(source, struct.unpack("<i", head)[0] - 4)


def _read(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = source.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _reset(connection: socket.socket) -> None:
    """Close with RST, not FIN: shutting down reading alone wakes the thread that reads, and tells the peer nothing."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
    connection.close()
