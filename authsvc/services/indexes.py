"""Indexes: one process makes those that are missing, on whichever machine, and the others wait for it."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from authsvc import clock
from authsvc.models import readiness
from authsvc.models.driver_errors import DATABASE_ERRORS
from authsvc.models.locks import Lock

_LOCK = "indexes"
_HELD_FOR = timedelta(seconds=15)
"""How long the others wait for a process that has died while it was at it."""

_EXTENDED_EVERY = 5.0


def build() -> bool:
    """Make the indexes that are missing, which takes minutes if the collections are large; return whether it did.

    False means that another process is at it. Raises IndexBlocked, IndexConflict, or a database error.
    """
    holder = secrets.token_hex(16)
    if not Lock.take(_LOCK, holder, clock.now(), clock.now() + _HELD_FOR):
        return False
    try:
        with _extending(holder):
            readiness.ensure_indexes()
    finally:
        with suppress(*DATABASE_ERRORS):  # it ends by itself
            Lock.release(_LOCK, holder)
    return True


@contextmanager
def _extending(holder: str) -> Iterator[None]:
    """Hold the lock for as long as this lasts. Two who build at once would do no harm: they wait for the same index."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(_EXTENDED_EVERY):
            with suppress(*DATABASE_ERRORS):
                Lock.extend(_LOCK, holder, clock.now() + _HELD_FOR)

    extender = threading.Thread(target=work, name="authsvc-indexes", daemon=True)
    extender.start()
    try:
        yield
    finally:
        done.set()
