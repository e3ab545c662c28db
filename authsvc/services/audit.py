"""Reading the audit trail (one's own activity, an administrator's search), and settling what a crash left in it."""

from datetime import datetime, timedelta

from bson import ObjectId

from authsvc import clock, logs, metrics
from authsvc.events import catalogue
from authsvc.models.audit import KEPT_FOR, AuditEvent, Network, Span
from authsvc.models.driver_errors import DATABASE_ERRORS
from authsvc.models.evidence import HELD_FOR, Evidence
from authsvc.models.sessions import Session
from authsvc.services.callers import Caller
from authsvc.services.paging import Page

_AHEAD = timedelta(minutes=5)
"""How far the clock of another machine may be ahead."""
_SETTLED_AT_ONCE = 100
_NOUNS = {
    "sign_in": ("login", "session", "attempts", "refresh_token", "email_code", "signed_out"),
    "security": (
        *("password", "passkey", "totp", "recovery_code", "recovery_codes", "second_factor", "second_factors"),
        *("email", "identity"),
    ),
    "apps": ("app", "grant", "access_token", "access_tokens"),
}
_ABOUT = {
    about: [name for name in catalogue.names() if name.partition(".")[0] in nouns] for about, nouns in _NOUNS.items()
}
"""The names of the events that are about signing in, about how one signs in, or about apps and tokens."""
_log = logs.get(__name__)


def list_own(who: Caller, limit: int, cursor: str | None, about: str | None = None) -> Page:
    """Return a page of what happened to the caller's account, newest first, after the page whose `next` is `cursor`."""
    since, actions = clock.now() - KEPT_FOR, _ABOUT[about] if about is not None else None
    events = AuditEvent.about(who.user_id, since, limit=limit + 1, before=cursor, actions=actions)
    return Page.of(events, limit, lambda event: event)


def search(
    limit: int,
    cursor: str | None,
    *,
    user: str | None,
    action: str | None,
    since: datetime | None,
    until: datetime | None,
    network: Network | None = None,
) -> Page:
    """Return a page of events, newest first: those about a user or by them, of one kind, from a moment on or up to one.

    Or those that were asked for from a network. What was recorded at `until` or later is left out.
    """
    now = clock.now()
    oldest, newest = now - KEPT_FOR, now + _AHEAD
    span = Span(min(max(since or oldest, oldest), newest), max(min(until or newest, newest), oldest))
    events = AuditEvent.search(user=user, action=action, span=span, limit=limit + 1, before=cursor, network=network)
    return Page.of(events, limit, lambda event: event)


def settle() -> None:
    """Keep the records of changes that were made, and delete those of changes that a dead process only announced.

    Every process does it now and then: each step may be done twice. A record that says too much is better than none, so
    what can't be told stays as it is until it can.
    """
    for event in AuditEvent.unsettled(clock.now() - HELD_FOR, _SETTLED_AT_ONCE):
        if event.evidence is None or event.evidence.shows_a_change():
            AuditEvent.confirm(event.id)
        elif AuditEvent.withdraw_unconfirmed(event.id):
            _discard_session(event, event.evidence)
            _log.warning("audit.withdrawn", action=event.action)


def _discard_session(event: AuditEvent, evidence: Evidence) -> None:
    """Delete the session that a registration stored before its account, which never came: nobody has its tokens."""
    if event.action == catalogue.LoginSucceeded.name and evidence.collection == "users":
        Session.discard(ObjectId(event.details["session"]))


def settle_safely() -> None:
    """Do the same, and log what goes wrong: it is done in a loop that nobody starts again."""
    try:
        settle()
    except Exception as error:  # noqa: BLE001 - see above
        metrics.DATABASE_ERRORS.inc(isinstance(error, DATABASE_ERRORS))
        _log.warning("audit.not_settled", cause=logs.where(error))
