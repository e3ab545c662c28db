"""Sessions: opening one, refreshing it, ending it, and telling whether it still stands."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from flask import current_app

from authsvc import clock, metrics, origin
from authsvc.errors import InvalidCredentials, NotFound, SessionEnded, TokenInvalid
from authsvc.models.audit import Action
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.services import audit, mail
from authsvc.services.callers import Caller
from authsvc.services.paging import Page

MAX_LIVE = 100
_TELLING = timedelta(seconds=10)
"""How long it may take to put a theft on record before another tries."""
_BY_THEMSELVES = ("logout", "logout_others", "replaced")


def open_session(user: User, methods: list[str], *, passkey: ObjectId | None = None) -> Session:
    """Sign a user in by `methods` (RFC 8176 values): at most 100 live sessions, the oldest ends.

    The user is read again once the session stands: whoever changes an account writes the user first and ends the
    sessions second, so a sign-in in flight can't outlive the change, nor keep a role or an address of before, nor the
    passkey that it was by; and one by password alone not the moment from which that is not enough. Raises
    InvalidCredentials.
    """
    now = clock.now()
    asked = origin.current()
    session = Session(
        id=ObjectId(),
        user=user.id,
        role=user.role,
        email=user.email,
        methods=methods,
        auth_time=now,
        created_at=now,
        last_used_at=now,
        expires_at=now + _max_life(),
        ip=asked.ip,
        user_agent=asked.user_agent,
    )
    audit.record(Action.LOGIN_SUCCEEDED, actor=user.id, target=user.id, session=str(session.id), methods=methods)
    session.insert()
    current = User.find(str(user.id))
    reason = _changed(user, current) or _not_enough(methods, passkey, current)
    if current is None or reason is not None:
        end(str(session.id), reason or "account_deleted")
        raise InvalidCredentials
    bring_up_to_date(session, current)
    metrics.LOGINS.labels("succeeded").inc()
    for surplus in Session.beyond(str(user.id), now, _idle(), MAX_LIVE):
        end(str(surplus), "replaced")
    return session


def bring_up_to_date(session: Session, user: User) -> None:
    """Copy role and address of a user who was just read into their session, where they have changed."""
    current: User | None = user
    while current is not None and (session.role, session.email) != (current.role, current.email):
        session.copy_account(current.role, current.email)
        current = User.find(str(user.id))  # or it was changed there and back meanwhile, and the copy is the old one


def rotate(session_id: str, generation: int) -> Session:
    """Advance a session by one generation and return it.

    Of several who show the same refresh token one advances it; the others, within the grace time, get the session as
    it stands. An older token, or a later hour, is taken for theft and ends the session (RFC 9700 4.14.2).
    Raises TokenInvalid, SessionEnded.
    """
    now = clock.now()
    rotated = Session.rotate(session_id, generation, now, _idle())
    if rotated is not None:
        return rotated
    session = Session.find(session_id)
    if session is None:
        raise TokenInvalid
    if session.ended_at is not None:
        raise SessionEnded(session.end_reason or "admin")
    if _is_over(session.expires_at, session.last_used_at, now):
        raise SessionEnded("expired")
    if session.generation == generation + 1 and _within_grace(session.rotated_at, now):
        return session
    _end_stolen(session)
    raise SessionEnded("token_reuse")


def caller(_header: Any, claims: Mapping[str, Any]) -> Caller:
    """Return whom a verified access token speaks for, by its session as it stands (a `user_lookup_loader`).

    Raises TokenInvalid, SessionEnded.
    """
    standing = _standing(claims)
    return Caller(claims["sub"], standing["email"], standing["role"], claims["sid"], standing["authTime"])


def refreshable(claims: Mapping[str, Any]) -> Caller:
    """Return whom a verified refresh token speaks for, if it could be exchanged now; looking at it exchanges nothing.

    Raises TokenInvalid, SessionEnded.
    """
    standing = _standing(claims)
    age = standing["generation"] - claims["generation"]
    if age != 0 and not (age == 1 and _within_grace(standing.get("rotatedAt"), clock.now())):
        raise TokenInvalid
    return Caller(claims["sub"], standing["email"], standing["role"], claims["sid"], standing["authTime"])


def end(session_id: str, reason: str = "logout") -> None:
    """End a session; one that has ended already stays as it is."""
    owner = Session.end(session_id, reason, clock.now())
    if owner is not None:
        _note_end(owner, reason, session=session_id)


def end_own(who: Caller, session_id: str) -> bool:
    """End one of the caller's live sessions; tell whether it is the one that asks. Raises NotFound for any other."""
    if Session.end(session_id, "logout", clock.now(), owner=who.user_id) is None:
        raise NotFound
    _note_end(who.user_id, "logout", session=session_id.lower())
    return session_id.lower() == who.session_id


def end_others(who: Caller) -> None:
    """End all the caller's sessions but the one that asks."""
    end_all(who.user_id, "logout_others", but=who.session_id)


def end_all(user_id: str, reason: str, *, but: str | None = None, actor: str | None = None) -> None:
    """End all sessions of a user, but one where that is named; `actor` is who did it to them."""
    count = Session.end_all(user_id, reason, clock.now(), but=but)
    if count:
        _note_end(user_id, reason, actor, count=count)


def is_of(session_id: str, user_id: ObjectId) -> bool:
    """Tell whether a session is a live one of this user."""
    session = Session.find(session_id)
    if session is None or session.user != user_id or session.ended_at is not None:
        return False
    return not _is_over(session.expires_at, session.last_used_at, clock.now())


def list_of(user_id: str, limit: int, cursor: str | None, *, current: str | None) -> Page:
    """Return a page of a user's live sessions, newest first, from a `next` on; `current` is the one that asks."""
    now, idle = clock.now(), _idle()
    found = Session.live(user_id, now, idle, limit=limit + 1, before=cursor)
    return Page.of(found, limit, lambda session: _described(session, current, idle))


def exported(session: Session) -> dict[str, Any]:
    """Return everything that is stored of a session and means something to its user."""
    names = ("created_at", "last_used_at", "expires_at", "ip", "user_agent", "methods", "ended_at", "end_reason")
    return {"id": str(session.id), **{name: getattr(session, name) for name in names}}


def _note_end(owner: str | ObjectId, reason: str, by: str | None = None, *, count: int = 1, **details: str) -> None:
    metrics.SESSIONS_ENDED.labels(reason).inc(count)
    actor = owner if reason in _BY_THEMSELVES else by
    audit.record(Action.SESSION_ENDED, actor=actor, target=owner, reason=reason, count=count, **details)


def _standing(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the session that verified claims name, as it stands. Raises TokenInvalid, SessionEnded."""
    standing = Session.standing(claims["sid"])
    if standing is None or str(standing["user"]) != claims["sub"]:
        raise TokenInvalid
    if standing.get("endedAt") is not None:
        raise SessionEnded(standing["endReason"])
    if _is_over(standing["expiresAt"], standing["lastUsedAt"], clock.now()):
        raise SessionEnded("expired")
    return standing


def _described(session: Session, current: str | None, idle: timedelta) -> dict[str, Any]:
    return {
        "id": str(session.id),
        "current": str(session.id) == current,
        "created_at": session.created_at,
        "last_used_at": session.last_used_at,
        "expires_at": min(session.expires_at, session.last_used_at + idle),
        "ip": session.ip,
        "user_agent": session.user_agent,
        "methods": session.methods,
    }


def _end_stolen(session: Session) -> None:
    """End a session whose refresh token was copied, on record and with a letter to its user.

    Of many who show it at once one tells, before it ends; where that one dies, whoever shows it next does. The others
    just see to it that it ends.
    """
    now = clock.now()
    if not Session.claim_theft(session.id, now, now - _TELLING):
        Session.end(session.id, "token_reuse", now)
        return
    theft = {"session": str(session.id), "reason": "token_reuse"}
    try:
        with (
            audit.recording(Action.REFRESH_TOKEN_REUSED, target=session.user, **theft),
            mail.announcing("session_stolen", session.user, to=session.email, **mail.place()),
        ):
            Session.end(session.id, "token_reuse", now)
    except Exception:
        Session.release_theft(session.id)
        raise
    metrics.SESSIONS_ENDED.labels("token_reuse").inc()


def _changed(verified: User, now: User | None) -> str | None:
    if now is None:
        return "account_deleted"
    if now.disabled_at is not None:
        return "account_disabled"
    if now.password != verified.password:
        return "password_changed"
    return "replaced" if now.is_proved and not verified.is_proved else None


def _not_enough(methods: list[str], passkey: ObjectId | None, now: User | None) -> str | None:
    if now is None or (passkey is not None and passkey not in (now.passkeys or [])):
        return "replaced"
    return "replaced" if now.mfa_enabled and "mfa" not in methods else None


def _is_over(expires_at: datetime, last_used_at: datetime, now: datetime) -> bool:
    return now >= expires_at or now >= last_used_at + _idle()


def _idle() -> timedelta:
    return timedelta(seconds=current_app.config["SESSION_IDLE_TTL"])


def _max_life() -> timedelta:
    return timedelta(seconds=current_app.config["SESSION_MAX_TTL"])


def _within_grace(rotated_at: datetime | None, now: datetime) -> bool:
    """Tell whether a session was just rotated; another machine's clock, or a faster request, may be ahead of ours."""
    grace = timedelta(seconds=current_app.config["REFRESH_REUSE_GRACE"])
    return bool(grace) and rotated_at is not None and now - rotated_at < grace
