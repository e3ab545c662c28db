"""Indexes, and the keys that they hold: one process makes what is missing, wherever it is; the others wait for it."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from authsvc import clock
from authsvc.models import readiness
from authsvc.models.driver_errors import DATABASE_ERRORS
from authsvc.models.locks import Lock
from authsvc.models.users import keys, unkeyed

_LOCK = "indexes"
_HELD_FOR = timedelta(seconds=15)
"""How long the others wait for a process that has died while it was at it."""

_EXTENDED_EVERY = 5.0
_KEYS = "users.email_key"


def missing() -> list[str]:
    """Return the indexes that are missing, as `collection.index`, that of accounts without keys included.

    An account whose key is another's lacks nothing that could be made: see `integrity`.
    """
    names = readiness.missing_indexes()
    return names or ([_KEYS] if unkeyed.are_there() else [])


def build() -> bool:
    """Make the indexes and keys that are missing, which takes minutes in large collections; return whether it did.

    False means that another process is at it. Raises IndexBlocked, IndexConflict, or a database error.
    """
    holder = secrets.token_hex(16)
    if not Lock.take(_LOCK, holder, clock.now(), clock.now() + _HELD_FOR):
        return False
    try:
        with _extending(holder):
            make()
    finally:
        with suppress(*DATABASE_ERRORS):  # it ends by itself
            Lock.release(_LOCK, holder)
    return True


def make() -> None:
    """Make the indexes that are missing, and write the keys that accounts lack; one process at a time should.

    Raises IndexBlocked, IndexConflict, or a database error.
    """
    if readiness.is_missing(_KEYS):
        unkeyed.correct()  # before there is the index, so that addresses that are shared keep it from being built
    readiness.ensure_indexes()
    unkeyed.complete()


def watch() -> list[str]:
    """Return which indexes are missing; give keys to accounts that others have stored, and notice whether there may be.

    Raises a database error.
    """
    keys.expect_accounts_without(expected=bool(readiness.former_indexes()))
    unkeyed.complete()
    return readiness.missing_indexes()


def finish_upgrade() -> list[str]:
    """Drop the indexes of earlier releases, none of which may be running, and correct what those left behind.

    Return the indexes. Raises IndexBlocked if accounts share an address, or a database error.
    """
    if unkeyed.correct():
        raise readiness.IndexBlocked("users")
    return readiness.drop_former_indexes()


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
