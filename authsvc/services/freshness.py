"""Freshness: when, and by what, the user of a session last proved who they are."""

from authsvc import clock
from authsvc.errors import FreshLoginRequired, SessionEnded
from authsvc.models.sessions import Session
from authsvc.services.callers import FRESH, Caller


def prove_again(who: Caller, methods: list[str]) -> Session:
    """Make the caller's session fresh: its user has just proved who they are, by `methods`. Raises SessionEnded."""
    session = Session.refresh_proof(who.session_id or "", methods, clock.now(), add="mfa" in methods)
    if session is None:
        raise SessionEnded("logout")
    return session


def require_now(who: Caller) -> None:
    """Refuse a caller whose session has ended since it was looked at, or is not fresh at this moment.

    Raises SessionEnded, FreshLoginRequired.
    """
    session = require_live(who)
    if clock.now() - session.auth_time >= FRESH:
        raise FreshLoginRequired


def require_live(who: Caller) -> Session:
    """Return the caller's session, unless it has ended since it was looked at. Raises SessionEnded."""
    session = Session.find(who.session_id or "")
    if session is None or session.ended_at is not None:
        raise SessionEnded((session.end_reason if session is not None else None) or "logout")
    return session


def strengthen(who: Caller, methods: list[str]) -> None:
    """Note that the caller's session was proved by `methods` too; that makes it no fresher."""
    Session.add_methods(who.session_id or "", methods)


def outdate(user_id: str, *, but: str | None = None) -> None:
    """Let no session of a user be fresh any more, but one where that is named."""
    Session.outdate_proof(user_id, clock.now() - FRESH, but=but)
