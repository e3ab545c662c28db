"""How the workers share the work: new connections among each other, and time among their connections."""

import mmap
import socket
import time
from typing import Any

from gevent import get_hub
from gevent.server import StreamServer
from gevent.socket import wait_write
from gunicorn.workers import ggevent

from authsvc.settings import MOST_WORKERS

_SLOTS = 2 * MOST_WORKERS  # a reload starts the new ones first
_TURN_SECONDS = 0.002

_FREE, _STARTING, _SERVING = 0, 1, 2
_counts = memoryview(mmap.mmap(-1, 2 * _SLOTS)).cast("H")
"""For each worker, in memory that all share: `_STARTING`, or `_SERVING` plus the connections it holds."""


def give_place(worker: Any) -> None:
    """Give a worker that is to be forked a place in the shared counts."""
    worker.place = _counts.tolist().index(_FREE)
    _counts[worker.place] = _STARTING


def end_start(worker: Any) -> None:
    """Note that a worker serves from now on."""
    _counts[worker.place] = _SERVING


def free_place(worker: Any) -> None:
    """Free the place of a worker that has ended, however it did."""
    _counts[worker.place] = _FREE


def is_starting(worker: Any) -> bool:
    """Tell whether a worker can't serve yet."""
    return bool(_counts[worker.place] == _STARTING)


def is_any_starting() -> bool:
    """Tell whether there is a worker that can't serve yet."""
    return _STARTING in _counts.tolist()


def take_connections(worker: Any) -> None:
    """Let this process take connections as the worker that it is."""
    BalancedServer.place = worker.place
    ggevent.StreamServer = BalancedServer


class BalancedServer(StreamServer):  # type: ignore[misc]
    """Leaves a new connection to a worker that holds fewer, for five milliseconds.

    All workers wait at one socket, and the kernel wakes them in a fixed order: as shipped, one worker took 31 of 32
    connections, and with them all the work.
    """

    place: int

    def _do_read(self) -> None:
        if _counts[self.place] <= min(count for count in _counts if count >= _SERVING):
            super()._do_read()
            return
        self.stop_accepting()
        self._timer = self.loop.timer(0.005)
        self._timer.start(self._take)

    def _take(self) -> None:
        super()._do_read()
        self._start_accepting_if_started()

    def do_handle(self, *args: Any) -> None:
        _counts[self.place] += 1
        super().do_handle(*args)

    def do_close(self, *args: Any) -> None:
        _counts[self.place] -= 1
        super().do_close(*args)


class Turn:
    """The time for which a worker has served without looking at its other connections."""

    # A request that waits for nothing gives way nowhere: a client that keeps its connection busy would starve the
    # others.

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._writable, self._other_end = socket.socketpair()
        self._watcher = get_hub().loop.check(ref=False)  # called whenever the event loop has looked
        self._watcher.start(self._begin)

    def end_if_long(self) -> None:
        """Let the event loop serve other connections, if it has not looked at them for two milliseconds."""
        if time.monotonic() - self._began > _TURN_SECONDS:
            # Not `sleep(0)`: the loop runs up to a thousand of those in a row before it looks.
            wait_write(self._writable.fileno())

    def _begin(self) -> None:
        self._began = time.monotonic()
