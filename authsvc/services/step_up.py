"""Step-up: how fresh an authentication has to be, and which sessions are.

A caller is fresh for ten minutes after signing in or re-authenticating. No caller with scopes ever is:
a personal access token, or an app.
"""

from datetime import timedelta

from bson import ObjectId

from authsvc import clock
from authsvc.errors import FreshLoginRequired, SessionEnded
from authsvc.models.sessions import EndReason, Session
from authsvc.models.users import DEFAULT
from authsvc.services.callers import Caller

FRESH = timedelta(minutes=10)


def require_fresh(who: Caller) -> None:
    """Raise FreshLoginRequired for a caller who has not authenticated within `FRESH`, and for any with scopes."""
    if who.scopes is not None or who.auth_time is None or clock.now() - who.auth_time >= FRESH:
        raise FreshLoginRequired


def require_fresh_of(by: Caller | None) -> None:
    """Raise FreshLoginRequired as `require_fresh` does, but not for a command (None)."""
    if by is not None:
        require_fresh(by)


def require_fresh_for_own(by: Caller | None, *, user_id: str) -> None:
    """Ask of an administrator what everybody is asked for on their own account. Raises FreshLoginRequired."""
    if by is not None and by.user_id == user_id:
        require_fresh(by)


def require_fresh_for_power(by: Caller | None, role: str) -> None:
    """Ask for a fresh sign-in if an account gets, or gets back, any role except the default. Raises FreshLoginRequired.

    Not of a command (None).
    """
    if role != DEFAULT:
        require_fresh_of(by)


def live_session(who: Caller) -> Session:
    """Return the caller's session, read again. Raises SessionEnded if it has ended since the request came in."""
    session = Session.find(who.session_id or "")
    if session is None or session.ended_at is not None:
        raise SessionEnded((session.end_reason if session is not None else None) or EndReason.LOGOUT)
    return session


def require_fresh_session(session: Session) -> None:
    """Raise FreshLoginRequired for a session whose user has not authenticated within `FRESH`."""
    if clock.now() - session.auth_time >= FRESH:
        raise FreshLoginRequired


def renew(who: Caller, amr: list[str], passkey: ObjectId | None = None, identity: ObjectId | None = None) -> Session:
    """Make the caller's session fresh: its user has just authenticated by `amr` (RFC 8176), and by which passkey.

    Or by which identity at another provider.

    Raises SessionEnded.
    """
    session = Session.refresh_proof(
        who.session_id or "", amr, clock.now(), add="mfa" in amr, passkey=passkey, identity=identity
    )
    if session is None:
        raise SessionEnded(EndReason.LOGOUT)
    return session


def foresee(who: Caller, amr: list[str]) -> Session:
    """Return the caller's session as `renew` will leave it; nothing is stored. Raises SessionEnded."""
    session = live_session(who)
    session.methods = list(dict.fromkeys([*session.methods, *amr])) if "mfa" in amr else amr
    session.auth_time = clock.now()
    return session


def strengthen(who: Caller, amr: list[str]) -> None:
    """Note that the caller's session was authenticated by `amr` too; that makes it no fresher."""
    Session.add_methods(who.session_id or "", amr)


def outdate(user_id: str, *, but: str | None = None) -> None:
    """Let no session of a user be fresh any longer, except one."""
    Session.outdate_proof(user_id, clock.now() - FRESH, but=but)
