"""Accounts: the caller's own profile, its export and its end."""

import re
from contextlib import nullcontext, suppress
from datetime import datetime
from typing import Any

from authsvc import clock
from authsvc.errors import SessionEnded
from authsvc.models.access_tokens import AccessToken
from authsvc.models.audit import KEPT_FOR, Action, AuditEvent
from authsvc.models.devices import Device
from authsvc.models.letters import Letter
from authsvc.models.links import Link
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.services import administrators, audit, links, mail, mfa, ownership, sessions
from authsvc.services.callers import Caller

_OWN = {"name", "email", "role", "createdAt", "passwordChangedAt", "emailVerifiedAt", "disabledAt"}
_SECRET = re.compile(
    r"passw|passphrase|passcode|passkey|secret|token|hash|recovery|refresh|reset|credential|apikey|api_key|private",
    re.IGNORECASE,
)
_SECRET_WORDS = {"otp", "totp", "pin", "pwd", "key", "code", "codes", "salt", "seed", "mfa"}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_MOST = 10_000
"""Entries of a kind that an export holds."""


def profile(who: Caller) -> User:
    """Return the caller's account. Raises SessionEnded where it is gone."""
    return _there(User.find(who.user_id))


def rename(who: Caller, name: str) -> User:
    """Set the caller's name. Raises SessionEnded where the account is gone."""
    user = _there(User.rename(who.user_id, name))
    audit.record(Action.PROFILE_CHANGED, actor=who.user_id, target=who.user_id, changed=["name"])
    return user


class ChangedMeanwhile(Exception):
    """The account was not as it was found any more: nothing was done."""


def remove(who: Caller) -> None:
    """Delete the caller's account. Where it is gone already, what was left of it goes.

    Raises SessionEnded then, LastAdmin.
    """
    while (user := User.find(who.user_id)) is not None:
        with suppress(ChangedMeanwhile):
            return delete(user, actor=who.user_id)
    _end_what_is_left(who.user_id)
    raise SessionEnded("account_deleted")


def delete(user: User, *, actor: str | None) -> None:
    """Delete an account, and with it everything that was open, links, passkeys, and letters still to go.

    Who deleted it and when stays on record, and its ended sessions tell why they ended and no more. Raises LastAdmin,
    ChangedMeanwhile.
    """
    user_id = str(user.id)
    with (
        administrators.keeping_one(user),
        audit.recording(Action.ACCOUNT_DELETED, actor=actor, target=user.id),
        mail.announcing("account_deleted", user.id, to=user.email, **mail.place())
        if isinstance(user.email, str)  # another program may have left one without
        else nullcontext(),
        ownership.changing(user_id, "account_deleted"),
    ):
        if not User.remove(user):
            raise ChangedMeanwhile
    _end_what_is_left(user_id)
    mail.drop_others(user.id, "account_deleted")


def _end_what_is_left(user_id: str) -> None:
    """End whatever a deleted account may have left open, where a process died in the middle of it."""
    with ownership.changing(user_id, "account_deleted"):
        links.cancel(user_id, "revert")
    Session.blank(user_id)


def export(who: Caller) -> dict[str, Any]:
    """Return everything that is stored about the caller, without secrets, newest first. Raises SessionEnded."""
    user = profile(who)
    stored = User.stored(who.user_id) or {}
    audit.record(Action.ACCOUNT_EXPORTED, actor=who.user_id, target=who.user_id)
    return {
        "account": user,
        "stored": {name: _plain(value) for name, value in stored.items() if _is_told(name, value)},
        "sessions": [sessions.exported(one) for one in Session.all_of(who.user_id, _MOST)],
        "access_tokens": AccessToken.live(who.user_id, clock.now(), limit=_MOST),
        "mfa": mfa.status(who),
        "devices": Device.all_of(who.user_id, _MOST),
        "links": Link.all_of(who.user_id, _MOST),
        "letters": [mail.shown(letter) for letter in Letter.latest(_MOST, who.user_id)],
        "activity": AuditEvent.about(who.user_id, clock.now() - KEPT_FOR, limit=_MOST),
    }


def _is_told(name: str, value: Any) -> bool:
    """Tell whether a stored member belongs into an export: ours, but secrets, and plain values of other programs.

    What sounds like a secret is left out: better one too few.
    """
    if name in _OWN:
        return True
    words = {word.lower() for word in _WORD.findall(name)}
    plain = isinstance(value, str | int | float | bool | datetime | None)
    return plain and not _SECRET.search(name) and not words & _SECRET_WORDS


def _plain(value: Any) -> Any:
    """Return a stored value as JSON can hold it: times in RFC 3339, what else has no form there as its text."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _there(user: User | None) -> User:
    if user is None:
        raise SessionEnded("account_deleted")
    return user
