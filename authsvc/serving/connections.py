"""Keeping connections, reading requests and writing answers, within bounds that gunicorn lacks as shipped."""

import contextlib
import os
import re
import socket
import sys
import time
from contextvars import ContextVar
from typing import Any

from gunicorn import util
from gunicorn.http import message, parser, wsgi
from gunicorn.http.errors import LimitRequestHeaders, NoMoreData
from gunicorn.workers.ggevent import GeventWorker

from authsvc.serving import balancing

HEAD_SECONDS = 5.0
"""How long a client may take to send the first byte on a new connection, and from the first to the last of a head."""
MAX_FIELD_BYTES = 32_768
MAX_HEAD_BYTES = 65_536
LAST_CALL_SECONDS = 0.5
"""How long, at least, a worker that is told to stop still answers on connections that are idle."""

_LINGER_SECONDS = 1.0
_LINGER_BYTES = 1_048_576
_END = b"\r\n\r\n"
_BARE_LF = re.compile(rb"(?<!\r)\n")
_idle: dict[Any, None] = {}
"""The connections of this process that wait for another request, the longest idle first."""
reading: ContextVar["Request | None"] = ContextVar("reading", default=None)
"""The request whose head this connection is reading, or has read."""


class Request(message.Request):  # type: ignore[misc]
    """A request whose head is read as a whole, within bounds of bytes and of time, before it is looked at."""

    head = bytearray()

    def read_into(self, unreader: Any, buf: bytearray, stop: bool = False) -> None:
        """Read until the head has ended, or is one to refuse: it is looked at once, however small its pieces are.

        Raises StopIteration if nothing comes, NoMoreData if the rest does not, LimitRequestHeaders.
        """
        reading.set(self)
        self.head = buf
        if not buf:
            self._await(unreader, buf)
        deadline, start = time.monotonic() + HEAD_SECONDS, 0
        while (end := buf.find(_END, start)) < 0 and len(buf) <= MAX_HEAD_BYTES:
            if _BARE_LF.search(buf, start) or (len(buf) > self.limit_request_line + 2 and b"\r\n" not in buf):
                return  # gunicorn refuses it
            start = max(0, len(buf) - len(_END) + 1)
            if not self._receive(unreader, buf, deadline - time.monotonic()):
                raise NoMoreData(bytes(buf))
        if end < 0 or end > MAX_HEAD_BYTES:
            raise LimitRequestHeaders("too much in all")

    def _await(self, unreader: Any, buf: bytearray) -> None:
        """Wait for the first byte: on a kept connection for as long as KEEPALIVE says, on a new one not for long."""
        kept = self.req_number > 1
        if kept:
            _make_room(self.cfg.worker_connections // 2)
            _idle[unreader.sock] = None
        try:
            if not self._receive(unreader, buf, self.cfg.keepalive if kept else HEAD_SECONDS):
                raise StopIteration
        finally:
            _idle.pop(unreader.sock, None)

    @staticmethod
    def _receive(unreader: Any, buf: bytearray, seconds: float) -> bool:
        unreader.sock.settimeout(max(seconds, 0.001))
        try:
            data = unreader.read()
        except TimeoutError:
            return False
        buf.extend(data)
        return bool(data)


class Response(wsgi.Response):  # type: ignore[misc]
    """Sends the head of an answer together with the beginning of its body."""

    # Each call to the kernel costs more than both.

    headers_sent: bool
    _head = b""

    def send_headers(self) -> None:
        """Make the head, to be sent with what comes next."""
        if not self.headers_sent:
            lines = [*self.default_headers(), *(f"{name}: {value}\r\n" for name, value in self.headers), "\r\n"]
            self._head = "".join(lines).encode("latin-1")
            self.headers_sent = True

    def sendfile(self, respiter: Any) -> bool:
        """Leave files to `write`, which knows of the head."""
        return False

    def close(self) -> None:
        """Send the head if there was no body, and the end of a chunked body."""
        self.send_headers()
        self._flush(b"")
        super().close()

    def _emit_body(self, data: bytes) -> None:
        if self.chunked:
            self._flush(b"")
            super()._emit_body(data)
        else:
            self._flush(data)

    def _flush(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if head or data:
            util.write(self.sock, head + data)


class Parser(parser.RequestParser):  # type: ignore[misc]
    """Reads the requests of one connection."""

    mesg_class = Request

    def finish_body(self, deadline: float | None = None, max_bytes: int | None = None) -> bool:
        """Discard the rest of a body, and return whether it ended within a few seconds."""
        soon = time.monotonic() + HEAD_SECONDS
        return bool(super().finish_body(deadline or soon, max_bytes or sys.maxsize))


class Worker(GeventWorker):  # type: ignore[misc]
    """gunicorn's gevent worker, with one time limit for a head and another between two requests."""

    # As shipped, one number is both: if it is short enough for slow clients, it closes connections that a proxy is
    # about to use.

    _told_to_end = False
    _ends_since: float | None = None

    def handle_exit(self, *_: Any) -> None:
        """End on SIGTERM; at a reload not before the next workers can serve, for nobody else does until then."""
        if balancing.is_starting(self):
            os._exit(0)  # it has nothing to finish
        self._told_to_end = True
        self._end_if_replaced()

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """Answer a request; if the connection is to be closed then, not before the client has the answer.

        Raises StopIteration if it is to be closed.
        """
        try:
            super().handle_request(listener_name, req, sock, addr)
        except StopIteration:
            if getattr(req.body.reader, "length", 1):  # not 0: nobody has read the whole body
                linger(sock)
            raise

    def timeout_ctx(self) -> contextlib.AbstractContextManager[None]:
        """Bound nothing: `Request` and `Parser` bound each of their waits."""
        return contextlib.nullcontext()

    def notify(self) -> None:
        """Tell the master that the worker lives; once it ends, close the connections that are idle.

        gunicorn calls this every second.
        """
        super().notify()
        self._end_if_replaced()
        if self.alive:
            return
        # Not at once: what a proxy has just sent on one of them would be lost.
        self._ends_since = self._ends_since or time.monotonic()
        if time.monotonic() - self._ends_since >= LAST_CALL_SECONDS:
            _make_room(1)

    def _end_if_replaced(self) -> None:
        if self._told_to_end and not balancing.is_any_starting():
            self.alive = False


def linger(sock: Any) -> None:
    """Say that nothing more will come, and read on for a moment."""
    # A client that still writes when the connection is closed gets a reset, and not the answer.
    deadline, allowance = time.monotonic() + _LINGER_SECONDS, _LINGER_BYTES
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        while allowance > 0 and (seconds := deadline - time.monotonic()) > 0:
            sock.settimeout(seconds)
            part = sock.recv(65_536)
            if not part:
                return
            allowance -= len(part)


def _make_room(most: int) -> None:
    """End the connections that have been idle for longest, until there is room for one more under `most`."""
    while len(_idle) >= most > 0:
        connection = next(iter(_idle))
        del _idle[connection]
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RD)  # the greenlet that waits on it reads the end, and closes it
