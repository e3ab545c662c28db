"""Freshness: when, and by what, the user of a session last proved who they are."""

from authsvc import clock
from authsvc.errors import SessionEnded
from authsvc.models.sessions import Session
from authsvc.services.callers import FRESH, Caller


def prove_again(who: Caller, methods: list[str]) -> Session:
    """Make the caller's session fresh: its user has just proved who they are, by `methods`. Raises SessionEnded."""
    session = Session.refresh_proof(who.session_id or "", methods, clock.now())
    if session is None:
        raise SessionEnded("logout")
    return session


def strengthen(who: Caller, methods: list[str]) -> None:
    """Note that the caller's session was proved by `methods` too; that makes it no fresher."""
    Session.add_methods(who.session_id or "", methods)


def outdate(user_id: str, *, but: str | None = None) -> None:
    """Let no session of a user be fresh any more, but one where that is named."""
    Session.outdate_proof(user_id, clock.now() - FRESH, but=but)
