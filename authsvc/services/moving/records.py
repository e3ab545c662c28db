"""Accounts as other programs write them down, and as they are stored here."""

import re
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from authsvc import clock
from authsvc.models.users.moving import NewAccount, NotStorable
from authsvc.security import addresses, passwords
from authsvc.security.foreign_hashes import NotKnown

_OTHER_NAMES = {
    "passwordHash": "password",
    "password_hash": "password",
    "created_at": "createdAt",
    "date_joined": "createdAt",
    "email_verified_at": "emailVerifiedAt",
    "email_verified": "emailVerified",
}
_RENAMED = {*_OTHER_NAMES, "id"}
_TIMES = ("createdAt", "emailVerifiedAt", "passwordChangedAt", "disabledAt")
_TRUTH = {"true": True, "t": True, "1": True, "yes": True, "false": False, "f": False, "0": False, "no": False}
_LONGEST_NAME = 1_000
_UNUSABLE = re.compile(r"![A-Za-z0-9]{40}")
"""What Django writes in the place of a hash for who has no password."""


_SOUNDS_PLAIN = re.compile(r"(plain|user)?_?(password|passwd|pwd|passphrase|pass)(_?confirm\w*)?", re.IGNORECASE)


class Invalid(ValueError):
    """A record that is no account; the message says why, and quotes no value of it."""


def account(members: dict[str, Any], roles: frozenset[str]) -> NewAccount:
    """Return the account that a record tells of; what it says beyond that is kept. Raises Invalid."""
    document = members if _RENAMED.isdisjoint(members) else _under_own_names(members)
    document = _with_id(document)
    document["email"] = _address(document.get("email"))
    _read_password(document)
    for name, value in document.items():
        if name != "password" and isinstance(value, str) and _SOUNDS_PLAIN.fullmatch(name):
            raise Invalid(f"{name}: sounds like a password, leave it out")
    _read_role(document, roles)
    for name in _TIMES:
        if isinstance(document.get(name), str):
            document[name] = _time(name, document[name])
    _read_proof(document)
    called = document.get("name")
    if isinstance(called, str) and len(called) > _LONGEST_NAME:
        raise Invalid(f"name: longer than {_LONGEST_NAME} characters")
    try:
        return NewAccount(document)
    except NotStorable as error:
        raise Invalid(str(error)) from error


def _under_own_names(members: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in members.items():
        own = _OTHER_NAMES.get(name, name)
        if own in document:
            raise Invalid(f"{own}: said twice")
        document[own] = value
    if "id" in document:
        _read_other_id(document)
    return document


def _read_other_id(document: dict[str, Any]) -> None:
    """Take `id` for the id where it can be one; another program's is kept as `formerId`."""
    other = document.pop("id")
    if "_id" not in document and ObjectId.is_valid(other):
        document["_id"] = ObjectId(other)
    elif str(other) != str(document.get("_id")):
        document.setdefault("formerId", other)


def _with_id(document: dict[str, Any]) -> dict[str, Any]:
    given = document.get("_id")
    if isinstance(given, ObjectId):
        return document
    if given is None:
        document = {"_id": ObjectId(), **{name: value for name, value in document.items() if name != "_id"}}
        document.setdefault("createdAt", clock.now())
        document.setdefault("role", "user")
    elif isinstance(given, str) and ObjectId.is_valid(given):
        document["_id"] = ObjectId(given)
    else:
        raise Invalid("_id: no ObjectId")
    return document


def _address(given: Any) -> str:
    """Return the address, in the case that it is written in: the index finds it in any."""
    if not isinstance(given, str):
        raise Invalid("email: missing")
    try:
        canonical = addresses.canonical(given.strip())
    except addresses.NotAnAddress as error:
        raise Invalid(f"email: {error.code}") from error
    return given if given.lower() == canonical else canonical


def _read_password(document: dict[str, Any]) -> None:
    given = document.get("password")
    if given is None:
        return
    if not isinstance(given, str):
        raise Invalid("password: no text")
    if not given or _UNUSABLE.fullmatch(given):
        del document["password"]
        return
    try:
        document["password"] = passwords.imported(given)
    except NotKnown as error:
        raise Invalid(f"password: {error}") from error


def _read_role(document: dict[str, Any], roles: frozenset[str]) -> None:
    role = document.get("role")
    if role == "":
        document["role"] = "user"
    elif role is not None and (not isinstance(role, str) or role not in roles):
        raise Invalid("role: none of the known ones")


def _time(name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"{name}: no time, as 2026-01-31T12:00:00Z is one") from error


def _read_proof(document: dict[str, Any]) -> None:
    """Take the word of another program that an address is proved."""
    said = document.get("emailVerified")
    if isinstance(said, str):
        said = _TRUTH.get(document.pop("emailVerified").strip().lower())
        if said is None:
            raise Invalid("emailVerified: neither true nor false")
    if said is True and document.get("emailVerifiedAt") is None:
        document["emailVerifiedAt"] = clock.now()
