"""Administrators: there is always one left who can sign in, whatever is done at once (ASVS 2.3.2, 15.4.2)."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from authsvc import clock
from authsvc.errors import DatabaseUnavailable, LastAdmin
from authsvc.models.base import deadline
from authsvc.models.locks import Lock
from authsvc.models.users import User
from authsvc.services import ways_in

_LOCK = "administrators"
_HELD_FOR = timedelta(seconds=40)
_WORK_SECONDS = 20.0
"""What may be done under the lock: no write is sent later than that, and nobody else has the lock before twice that."""
_PATIENCE_SECONDS = 3.0
_TURN_SECONDS = 0.02


@contextmanager
def keeping_one(user: User, *, unless: bool = False) -> Iterator[None]:
    """Refuse to remove the last administrator; serialises such changes.

    The write inside has to expect the account as it was read (`User.disable`, `set_role`, `remove`): it may have become
    an administrator since. Raises LastAdmin, DatabaseUnavailable if others hold the lock for too long.
    """
    if unless or not user.is_active_admin:
        yield
        return
    holder = secrets.token_hex(16)
    try:
        _take(holder)
        with deadline(_WORK_SECONDS):
            if not is_one_left(but=user):
                raise LastAdmin
            yield
    finally:
        Lock.release(_LOCK, holder)


def is_one_left(*, but: User | None = None) -> bool:
    """Tell whether there is an administrator who can sign in, except this one."""
    return any(map(ways_in.can_sign_in, User.other_admins(but.id if but is not None else None)))


def _take(holder: str) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not Lock.take(_LOCK, holder, clock.now(), clock.now() + _HELD_FOR):
        if time.monotonic() > end:
            raise DatabaseUnavailable
        time.sleep(_TURN_SECONDS * (1 + secrets.randbelow(3)))
