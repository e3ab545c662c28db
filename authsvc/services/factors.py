"""What every change of second factors has in common: who may, who is told, and what becomes of open sessions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import current_app

from authsvc.errors import EmailUnverified, SessionEnded
from authsvc.models.audit import Action
from authsvc.models.users import User
from authsvc.services import audit, freshness, mail
from authsvc.services.callers import Caller

_TURNS = 8


def owner(who: Caller) -> User:
    """Return the caller's account. Raises SessionEnded where it is gone."""
    user = User.find(who.user_id)
    if user is None:
        raise SessionEnded("account_deleted")
    return user


def to_add_to(who: Caller) -> User:
    """Return the caller's account, to which a factor is to be added.

    Where verification is on it takes a proved address: else whoever registers somebody else's could lock its owner out.
    The session is read after the account, and again after the request came in: a request that takes its time does not
    outlive what ended its session. Who has a factor already has to be fresh at this moment. Raises EmailUnverified,
    SessionEnded, FreshLoginRequired.
    """
    user = owner(who)
    if current_app.config["EMAIL_VERIFICATION"] != "off" and not user.is_proved:
        raise EmailUnverified
    if user.mfa_enabled:
        freshness.require_now(who)
    else:
        freshness.require_live(who)
    return user


@contextmanager
def changing(user: User, letter: str, action: Action, *, actor: str | None = None, **facts: str) -> Iterator[None]:
    """Put a change of factors on record and announce it to the account's owner; what is inside makes it."""
    with (
        mail.announcing(letter, user.id, to=user.email, **facts, **mail.place()),
        audit.recording(action, actor=actor or user.id, target=user.id, **facts),
    ):
        yield


@contextmanager
def adding(who: Caller, user: User, factor: str, action: Action, methods: list[str]) -> Iterator[None]:
    """Add a factor inside, and make the caller's session one of two factors: its user has just proved both.

    Where it is the account's first, sessions that were opened by password alone are fresh no more: before, so that no
    crash leaves one, and after, for what was proved meanwhile.
    """
    with changing(user, "factor_added", action, factor=factor):
        if not user.mfa_enabled:
            freshness.outdate(who.user_id, but=who.session_id)
        yield
        if not user.mfa_enabled:
            freshness.outdate(who.user_id, but=who.session_id)
    freshness.strengthen(who, methods)


def settle(who: Caller, change: Callable[[User], User | None]) -> User:
    """Make a change that expects the account as it was read, reading it again where that was overtaken.

    Raises SessionEnded where there is no end to it.
    """
    for _ in range(_TURNS):
        changed = change(owner(who))
        if changed is not None:
            return changed
    raise SessionEnded("account_disabled")
