"""Giving users out: every account as it is stored, with its hash, in JSON Lines."""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TextIO

from bson.json_util import CANONICAL_JSON_OPTIONS, dumps

from authsvc.models.audit import Action
from authsvc.models.users import moving
from authsvc.security.passwords import scheme_of
from authsvc.services import audit

_FACTORS = ("totp", "recoveryCodeHashes", "recoveryCodesAt", "passkeys", "copiedPasskeys")
_OFTEN = 1_000


@dataclass(slots=True)
class Given:
    """What an export holds."""

    users: int = 0
    with_app: int = 0
    with_passkeys: int = 0
    schemes: Counter[str] = field(default_factory=Counter)

    def shown(self) -> dict[str, Any]:
        """Return this as JSON has it."""
        return {
            "users": self.users,
            "hashSchemes": dict(self.schemes.most_common()),
            "withApp": self.with_app,
            "withPasskeys": self.with_passkeys,
        }


def about_how_many() -> int:
    """Return how many users an export is going to have, roughly."""
    return moving.about_how_many()


def give(out: TextIO, *, factors: bool) -> Generator[Given, None, None]:
    """Write every account to `out`, its second factors included or not; yield now and then what is written so far.

    It goes on record before the first hash is read. Raises a database error.
    """
    audit.record(Action.USERS_EXPORTED, state="begun")
    given, state = Given(), "interrupted"
    try:
        for stored in moving.every():
            document = stored if factors else _without_factors(stored)
            out.write(dumps(document, json_options=CANONICAL_JSON_OPTIONS) + "\n")
            _count(given, document)
            if given.users % _OFTEN == 0:
                yield given
        yield given
        state = "done"
    finally:
        audit.record(Action.USERS_EXPORTED, state=state, users=given.users)


def _without_factors(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in _FACTORS}


def _count(given: Given, document: dict[str, Any]) -> None:
    password = document.get("password")
    given.users += 1
    given.with_app += bool(document.get("totp"))
    given.with_passkeys += bool(document.get("passkeys"))
    given.schemes[(scheme_of(password) if isinstance(password, str) else None) or "none"] += 1
