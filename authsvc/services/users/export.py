"""The export of an account: everything that is stored about its owner, except secrets."""

from datetime import datetime
from typing import Any

from authsvc import clock
from authsvc.events import happened
from authsvc.events.catalogue import AccountExported
from authsvc.models.access_tokens import AccessToken
from authsvc.models.audit import KEPT_FOR, AuditEvent
from authsvc.models.devices import Device
from authsvc.models.letters import Letter, LetterKind
from authsvc.models.links import Link
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.secret_words import is_secret
from authsvc.security import secret_names
from authsvc.services import factors, grants, identities, mail, sessions, throttles
from authsvc.services.callers import Caller
from authsvc.services.users import profile

_OWN = {"name", "email", "role", "createdAt", "passwordChangedAt", "emailVerifiedAt", "disabledAt"}
_MOST = 10_000
"""Entries of each kind that an export holds."""
_OF_ANOTHER = {LetterKind.CHANGE}
"""Letters to an address that is not the account's yet: whether one was sent tells whether another account has it."""


def export(who: Caller) -> dict[str, Any]:
    """Return everything that is stored about the caller, without secrets, newest first.

    Raises SessionEnded, TooManyAttempts.
    """
    throttles.count_change(who)
    user = profile.own(who)
    stored = User.stored(who.user_id) or {}
    happened(AccountExported(actor=who.user_id, target=who.user_id))
    return {
        "account": user,
        "stored": {name: _plain(value) for name, value in stored.items() if _is_exported(name, value)},
        "sessions": [sessions.exported(one) for one in Session.all_of(who.user_id, _MOST)],
        "access_tokens": AccessToken.live(who.user_id, clock.now(), limit=_MOST),
        "grants": grants.exported(who.user_id, _MOST),
        "mfa": factors.status(who),
        "identities": identities.exported(user),
        "devices": Device.all_of(who.user_id, _MOST),
        "links": Link.all_of(who.user_id, _MOST),
        "letters": [mail.summary_of(one) for one in Letter.latest(_MOST, who.user_id) if one.kind not in _OF_ANOTHER],
        "activity": AuditEvent.about(who.user_id, clock.now() - KEPT_FOR, limit=_MOST),
    }


def _is_exported(name: str, value: Any) -> bool:
    """Tell whether an export has a stored member: ours, and plain values of other programs."""
    if name in _OWN:
        return True
    # Whatever sounds like a secret is left out: one member too few is better than one too many.
    if not isinstance(value, str | int | float | bool | datetime | None) or is_secret(name):
        return False
    return not any(secret_names.plain_passwords({name: value}))  # in a text that holds JSON


def _plain(value: Any) -> Any:
    """Return a stored value as JSON can hold it: times in RFC 3339, what else has no form there as its text."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value if isinstance(value, str | int | float | bool | None) else str(value)
