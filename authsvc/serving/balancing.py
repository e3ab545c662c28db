"""How the workers share the work: new connections among each other, and time among their connections."""

import mmap
import socket
import struct
import time
from typing import Any

from gevent import get_hub
from gevent.server import StreamServer
from gevent.socket import wait_write
from gunicorn.workers import ggevent

from authsvc.settings import MOST_WORKERS

_SLOTS = 2 * MOST_WORKERS  # a reload starts the new ones first
_TURN_SECONDS = 0.002
_LEFT_SECONDS = 0.005
_TCP_INFO = struct.Struct("24xI")  # of a listening socket: how many connections wait

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
    """Takes this worker's share of all connections, those that wait included, and leaves the others the rest.

    All workers wait at one socket, and the kernel wakes them in a fixed order: as shipped, one worker took 31 of 32
    connections, and with them all the work. What a worker leaves it takes after five milliseconds: the others are busy.
    """

    place: int

    def _do_read(self) -> None:
        room, _ = self._shares()
        if room > 0:
            self._take(room)
            return
        self.stop_accepting()
        self._timer = self.loop.timer(_LEFT_SECONDS)
        self._timer.start(self._take_what_was_left)

    def _take_what_was_left(self) -> None:
        self._take(max(self._shares()))
        self._start_accepting_if_started()

    def _take(self, most: int) -> None:
        # Not one at each look of the event loop, as gunicorn has it: the more a worker has to do the longer a look
        # takes, and the last of 64 connections waited for a second.
        self.max_accept = most
        super()._do_read()

    def _shares(self) -> tuple[int, int]:
        """Return what this worker lacks of an even share of all connections, and an even share of those that wait."""
        held = [count - _SERVING for count in _counts.tolist() if count >= _SERVING]
        waiting = connections_waiting(self.socket)
        return -(-(sum(held) + waiting) // len(held)) - (_counts[self.place] - _SERVING), -(-waiting // len(held))

    def do_handle(self, *args: Any) -> None:
        _counts[self.place] += 1
        super().do_handle(*args)

    def do_close(self, *args: Any) -> None:
        _counts[self.place] -= 1
        super().do_close(*args)


def connections_waiting(listener: Any) -> int:
    """Return how many connections wait to be taken; 1 where the system does not say."""
    try:
        information = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        return max(1, int(_TCP_INFO.unpack(information)[0]))
    except (AttributeError, OSError, struct.error):  # another system than Linux, or a Unix socket
        return 1


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
