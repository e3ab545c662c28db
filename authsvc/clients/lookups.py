"""Looking up hosts, few at a time: it knows no deadline, and nothing else may wait for a name that nobody resolves."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from authsvc.clients.connector import look_up

SECONDS = 6.0
"""How long one waits for its turn."""
_MOST = 4
"""How many names are looked up at once: gevent has ten threads for that, and mail and the database need them too."""

_room = threading.BoundedSemaphore(_MOST)
_turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
"""One look-up of a host at a time: a name that nobody resolves keeps one of those, and no more."""


def look_up_in_turn(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host that an operator chose. Raises OSError, also if too many others are looked up."""
    with _held(_turns[host]), _held(_room):
        return look_up(host, port)


@contextmanager
def _held(lock: "threading.Lock | threading.Semaphore") -> Iterator[None]:
    if not lock.acquire(timeout=SECONDS):
        raise OSError("too many are looked up at once")
    try:
        yield
    finally:
        lock.release()
