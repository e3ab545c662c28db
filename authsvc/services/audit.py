"""The audit trail: every security event, written in one place (ASVS 16.3)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from authsvc import clock, logs, metrics, origin
from authsvc.models.audit import KEPT_FOR, Action, AuditEvent, Span
from authsvc.models.unavailable import DATABASE_ERRORS
from authsvc.services.callers import Caller
from authsvc.services.paging import Page

_MUST = {
    Action.LOGIN_SUCCEEDED,
    Action.ACCOUNT_INVITED,
    Action.ACCOUNT_CREATED,
    Action.ROLE_CHANGED,
    Action.PASSWORD_CHANGED,
    Action.PASSWORD_RESET,
    Action.EMAIL_CHANGED,
    Action.EMAIL_CHANGE_REVERTED,
    Action.ACCESS_TOKEN_ISSUED,
    Action.TOTP_ENABLED,
    Action.TOTP_DISABLED,
    Action.RECOVERY_CODES_REPLACED,
    Action.PASSKEY_ADDED,
    Action.PASSKEY_REMOVED,
    Action.SECOND_FACTORS_RESET,
    Action.SIGNING_KEY_ROTATED,
    Action.SIGNING_KEY_RETIRED,
    Action.SIGNING_KEYS_RESEALED,
    Action.USERS_IMPORTED,
    Action.USERS_EXPORTED,
}
"""What may not happen unrecorded: where the record can't be written, neither is the rest. Others log and go on."""

_AHEAD = timedelta(minutes=5)
"""How far the clock of another machine may be ahead."""

_log = logs.get(__name__)


def record(
    action: Action, *, actor: str | ObjectId | None = None, target: str | ObjectId | None = None, **details: Any
) -> None:
    """Put an event on record: who did it, to whose account, from where (see `origin`).

    Raises a database error for what may not happen unrecorded.
    """
    event = _event(action, actor, target, details)
    _tell(action, event)
    _store(action, event)


@contextmanager
def recording(
    action: Action, *, actor: str | ObjectId | None = None, target: str | ObjectId | None = None, **details: Any
) -> Iterator[None]:
    """Put on record what is done inside, before it is done; where that is refused the record is withdrawn.

    Where the process dies in between, or the database does not say what became of it, the record stays. Raises a
    database error, and nothing is done, for what may not happen unrecorded.
    """
    event = _event(action, actor, target, details)
    _store(action, event)
    try:
        yield
    except DATABASE_ERRORS:
        _tell(action, event)
        raise
    except Exception:
        AuditEvent.withdraw(event.id)
        raise
    _tell(action, event)


def list_own(who: Caller, limit: int, cursor: str | None) -> Page:
    """Return a page of what happened to the caller's account, newest first, from the `next` of the one before on."""
    since = clock.now() - KEPT_FOR
    return Page.of(AuditEvent.about(who.user_id, since, limit=limit + 1, before=cursor), limit, lambda event: event)


def search(
    limit: int,
    cursor: str | None,
    *,
    user: str | None,
    action: str | None,
    since: datetime | None,
    until: datetime | None,
) -> Page:
    """Return a page of events, newest first: those about a user or by them, of one kind, from a moment on or up to one.

    What was recorded at `until` or later is left out.
    """
    now = clock.now()
    oldest, newest = now - KEPT_FOR, now + _AHEAD
    span = Span(min(max(since or oldest, oldest), newest), max(min(until or newest, newest), oldest))
    found = AuditEvent.search(user=user, action=action, span=span, limit=limit + 1, before=cursor)
    return Page.of(found, limit, lambda event: event)


def _event(
    action: Action, actor: str | ObjectId | None, target: str | ObjectId | None, details: dict[str, Any]
) -> AuditEvent:
    asked = origin.current()
    return AuditEvent(
        action=action.value,
        at=clock.now(),
        actor=_id(actor),
        target=_id(target),
        ip=asked.ip,
        user_agent=asked.user_agent,
        request_id=asked.request_id,
        outcome=action.outcome,
        details=details,
    )


def _tell(action: Action, event: AuditEvent) -> None:
    metrics.SECURITY_EVENTS.labels(action.value).inc()
    tell = _log.info if action.outcome == "success" else _log.warning
    tell(action.value, actor=_text(event.actor), target=_text(event.target), ip=event.ip, **event.details)


def _store(action: Action, event: AuditEvent) -> None:
    try:
        event.insert()
    except DATABASE_ERRORS as error:
        if action in _MUST:
            raise
        metrics.DATABASE_ERRORS.inc()
        _log.error("audit.not_written", action=action.value, cause=logs.where(error))


def _text(given: ObjectId | None) -> str | None:
    return str(given) if given is not None else None


def _id(given: str | ObjectId | None) -> ObjectId | None:
    return ObjectId(given) if given is not None else None
