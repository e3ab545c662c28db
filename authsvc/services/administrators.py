"""Administrators: there is always one left who can sign in, whatever is done at once (ASVS 2.3.2, 15.4.2)."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask import current_app

from authsvc import clock
from authsvc.errors import DatabaseUnavailable, LastAdmin
from authsvc.models.base import deadline
from authsvc.models.locks import Lock
from authsvc.models.passkeys import Passkey
from authsvc.models.users import User

_LOCK = "administrators"
_HELD_FOR = timedelta(seconds=40)
_WORK_SECONDS = 20.0
"""What may be done under the lock: no write is sent later than that, and nobody else has the lock before twice that."""
_PATIENCE_SECONDS = 3.0
_TURN_SECONDS = 0.02


@contextmanager
def keeping_one(user: User) -> Iterator[None]:
    """Let an account cease to be an active administrator inside, while another is one: one such change at a time.

    The write inside has to expect the account as it was found (`User.disable`, `set_role`, `remove`): one that was made
    an administrator meanwhile is not let go unseen. Raises LastAdmin, DatabaseUnavailable where others are at it.
    """
    if not user.is_active_admin:
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
    """Tell whether somebody administers who can sign in, other than this one."""
    return any(map(_can_sign_in, User.other_admins(but.id if but is not None else None)))


def _can_sign_in(user: User) -> bool:
    """Tell whether there is a way in: one who was invited and never came has none, nor whose only passkey is gone."""
    if current_app.config["EMAIL_VERIFICATION"] == "required" and not user.is_proved:
        return False
    if user.passkeys and Passkey.among(user.passkeys, limit=1):
        return True
    by_password_alone = not user.mfa_enabled
    return user.password is not None and (by_password_alone or user.totp_enabled or bool(user.recovery_code_hashes))


def _take(holder: str) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not Lock.take(_LOCK, holder, clock.now(), clock.now() + _HELD_FOR):
        if time.monotonic() > end:
            raise DatabaseUnavailable
        time.sleep(_TURN_SECONDS * (1 + secrets.randbelow(3)))
