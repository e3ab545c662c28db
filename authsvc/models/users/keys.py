"""The keys by which accounts are found in any case: address and name, folded here and compared byte by byte.

No collation is needed for that, which half of the servers that speak MongoDB's protocol ignore. What is stored in
`email` and `name` decides; a key only says where to look.
"""

from collections.abc import Mapping
from typing import Any

from authsvc.security import names, stored_addresses

_STORED = {"email": "emailKey", "name": "nameKey"}
"""What the documents call the fields, and the key of each."""

_also_by_address = True


def of_email(email: str) -> str:
    """Return the key of an address."""
    return stored_addresses.folded(email)


def of_name(name: str) -> str:
    """Return the key of a name."""
    return names.folded(name)


def of_account(stored: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys of a stored account, by their stored names. Every account has `nameKey`, if only an empty one."""
    email, name = stored.get("email"), stored.get("name")
    keys = {"nameKey": of_name(name) if isinstance(name, str) else ""}
    return {"emailKey": of_email(email), **keys} if isinstance(email, str) else keys


def without_keys(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored account as it came in: its keys are nobody's data."""
    return {name: value for name, value in stored.items() if name not in _STORED.values()}


def with_keys(changes: dict[str, Any]) -> dict[str, Any]:
    """Return changes of an account with those of the keys that follow from them."""
    keys: dict[str, Any] = {}
    if isinstance(email := changes.get("set__email"), str):
        keys["set__email_key"] = of_email(email)
    if isinstance(name := changes.get("set__name"), str):
        keys["set__name_key"] = of_name(name)
    return {**changes, **keys}


def are_of_all() -> bool:
    """Tell whether no program is at work that stores accounts without keys, so that a look by the key is enough."""
    return not _also_by_address


def expect_accounts_without(*, expected: bool) -> None:
    """Say whether an earlier release may be at work beside this one, which stores accounts without keys."""
    global _also_by_address  # noqa: PLW0603 - one database has one answer
    _also_by_address = expected
