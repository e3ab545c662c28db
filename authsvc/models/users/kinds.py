"""The types of an account's fields, and reading an account that another program stored with other types."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from authsvc.models.users.account import DEFAULT

_LONG_AGO = datetime(1970, 1, 2, tzinfo=UTC)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_anything(_: Any) -> bool:
    """Let other programs keep what they like: it is read only if it is a language that is known."""
    return True


def _is_time(value: Any) -> bool:
    return isinstance(value, datetime | DatetimeMS)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    """Tell whether a value is a whole number; MongoDB's shell stores each as a float."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_ids(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, ObjectId) for one in value)


def _is_app(value: Any) -> bool:
    if not isinstance(value, Mapping) or not _is_text(value.get("sealed")) or not _is_time(value.get("createdAt")):
        return False
    confirmed, step = value.get("confirmedAt"), value.get("step")
    return (confirmed is None or _is_time(confirmed)) and (step is None or _is_number(step))


def _are_identities(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_identity, value))


def _is_identity(value: Any) -> bool:
    if not isinstance(value, Mapping) or not isinstance(value.get("id"), ObjectId):
        return False
    texts = all(_is_text(value.get(name)) for name in ("key", "issuer", "subject", "provider"))
    email, used = value.get("email"), value.get("lastUsedAt")
    is_dated = _is_time(value.get("createdAt")) and (used is None or _is_time(used))
    return texts and is_dated and (email is None or _is_text(email))


KINDS: Mapping[str, Callable[[Any], bool]] = {
    "name": _is_text,
    "email": _is_text,
    "emailKey": _is_text,
    "nameKey": _is_text,
    "password": _is_text,
    "role": _is_text,
    "locale": _is_anything,
    "createdAt": _is_time,
    "passwordChangedAt": _is_time,
    "disabledAt": _is_time,
    "emailVerifiedAt": _is_time,
    "recoveryCodesAt": _is_time,
    "linkEpoch": _is_number,
    "factorEpoch": _is_number,
    "undoLinks": _are_texts,
    "recoveryCodeHashes": _are_texts,
    "passkeys": _are_ids,
    "copiedPasskeys": _are_ids,
    "passkeysOptional": _is_truth,
    "totp": _is_app,
    "linkedIdentities": _are_identities,
}
"""A check of each field that is there and not null, by its name in the database."""


def odd_fields(stored: Mapping[str, Any]) -> list[str]:
    """Return which fields of a stored account have the wrong type."""
    return [name for name, fits in KINDS.items() if (value := stored.get(name)) is not None and not fits(value)]


def readable(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a stored account with null for each field of the wrong type; `flask db check` reports those.

    A disabled account stays disabled, whatever the type of `disabledAt`.
    """
    odd = odd_fields(stored)  # one bad document must not break the list that it is in
    if not odd:
        return stored
    readable_fields = {**stored, **dict.fromkeys(odd)}
    if "role" in odd:
        readable_fields["role"] = DEFAULT
    if "disabledAt" in odd and stored["disabledAt"]:
        readable_fields["disabledAt"] = _LONG_AGO
    return readable_fields
