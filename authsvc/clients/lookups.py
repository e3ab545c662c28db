"""Names of hosts are looked up a few at a time: gevent has ten threads for it, and mail and the database need them."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from authsvc.clients.connector import look_up


class Lookups:
    """Looks up at most so many names at once, and one host one at a time: a name that nobody resolves keeps one.

    A call waits for its turn at most `seconds`.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._seconds = seconds
        self._slots = threading.BoundedSemaphore(most)
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host. Raises OSError, also if too many others are looked up."""
        with self._held(self._turns[host]), self._held(self._slots):
            return look_up(host, port)

    @contextmanager
    def _held(self, lock: "threading.Lock | threading.Semaphore") -> Iterator[None]:
        if not lock.acquire(timeout=self._seconds):
            raise OSError("too many are looked up at once")
        try:
            yield
        finally:
            lock.release()
