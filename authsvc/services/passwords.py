"""Passwords: which new ones are allowed, hashing one in turn, and replacing one."""

import time
from contextlib import AbstractContextManager

from flask import current_app

from authsvc import origin
from authsvc.errors import FieldError, HashingBusy, ValidationFailed
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happening
from authsvc.events.catalogue import PasswordChanged
from authsvc.models.users import User
from authsvc.security import password_policy
from authsvc.security.networks import network_of
from authsvc.security.passwords import MAX_LENGTH, PasswordHash, hasher

_PAUSE_SECONDS = 0.1


def check(password: str, *words: str, pointer: str = "/password") -> None:
    """Refuse a new password that is too short, common, or made of the account's own `words`.

    Length is counted in code points. Raises ValidationFailed with `too_short`, `password_too_common` or
    `password_like_account` at `pointer`.
    """
    shortest = current_app.config["PASSWORD_MIN_LENGTH"]
    if len(password) < shortest:
        _refuse("too_short", f"A password needs at least {shortest} characters.", pointer)
    if len(password) > MAX_LENGTH:
        _refuse("too_long", f"A password can have at most {MAX_LENGTH} characters.", pointer)
    if password_policy.is_common(password):
        _refuse("password_too_common", "This password is too common, so it is easy to guess.", pointer)
    if password_policy.is_like_account(password, *words):
        _refuse(
            "password_like_account", "A password must not be made up of the account's name or email address.", pointer
        )


def require_room() -> None:
    """Reject a request early if the hashing queue is full. Raises HashingBusy."""
    try:
        hasher().require_room()
    except HashingBusy:
        time.sleep(_PAUSE_SECONDS)  # clients that retry at once would starve the others
        raise


def in_turn(user: User | None, address: str = "") -> AbstractContextManager[None]:
    """Hash inside, one at a time for each account, so that none keeps the others waiting. Turns don't nest.

    An unknown account waits by its `address`. Raises HashingBusy.
    """
    return hasher().in_turn(f"address {address}" if user is None else f"account {user.id}")


def hashed(password: str) -> PasswordHash:
    """Return the hash of a new password. Raises HashingBusy."""
    return hasher().hash(password)


def hashed_in_turn(password: str) -> PasswordHash:
    """Return the hash of a new account's password, hashed one at a time for each network. Raises HashingBusy."""
    # By network, since nobody's address is known to be theirs.
    with hasher().in_turn(f"network {network_of(origin.current().ip)}"):
        return hasher().hash(password)


def replace(user: User, password: str, *, own_session: str | None = None) -> bool:
    """Give an account a new password and end its sessions except `own_session`.

    Return False if the password was changed in the meantime. Raises HashingBusy.
    """
    with in_turn(user):
        # Of many who try at once few hash in vain: the others find the password changed by now.
        now = User.find(str(user.id))
        if now is None or now.password != user.password:
            return False
        new = hasher().hash(password)
        try:
            with happening(PasswordChanged.by_owner(user, own_session=own_session)):
                if User.replace_password(user.id, user.password, new) is None:
                    raise Overtaken
        except Overtaken:  # by another change of the password: the one that was verified is no longer right
            return False
    return True


def _refuse(code: str, detail: str, pointer: str) -> None:
    raise ValidationFailed([FieldError(code, detail, pointer)])
