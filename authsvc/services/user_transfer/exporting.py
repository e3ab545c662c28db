"""Export of users: every account as it is stored, with its hash, in JSON Lines."""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TextIO

from bson.json_util import CANONICAL_JSON_OPTIONS, dumps

from authsvc.events import happened
from authsvc.events.catalogue import UsersExported
from authsvc.models.users import transfer
from authsvc.security import secret_names
from authsvc.security.passwords import scheme_of

_FACTORS = ("totp", "recoveryCodeHashes", "recoveryCodesAt", "passkeys", "copiedPasskeys", "passkeysOptional")
_OFTEN = 1_000


@dataclass(slots=True)
class ExportSummary:
    """The contents of an export, counted; `omissions` are the fields that held a plain password."""

    users: int = 0
    with_app: int = 0
    with_passkeys: int = 0
    with_identities: int = 0
    schemes: Counter[str] = field(default_factory=Counter)
    omissions: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """Return this as JSON."""
        return {
            "users": self.users,
            "hashSchemes": dict(self.schemes.most_common()),
            "withApp": self.with_app,
            "withPasskeys": self.with_passkeys,
            "withIdentities": self.with_identities,
            "leftOut": dict(self.omissions.most_common()),
        }


def about_how_many() -> int:
    """Return roughly how many users an export will have."""
    return transfer.about_how_many()


def export_users(out: TextIO, *, factors: bool) -> Generator[ExportSummary, None, None]:
    """Write every account to `out`, with or without second factors; yield a summary now and then.

    Raises a database error.
    """
    happened(UsersExported(state="begun"))  # recorded before the first hash is read
    summary, state = ExportSummary(), "interrupted"
    try:
        for stored in transfer.every():
            document = _without_plain_passwords(stored if factors else _without_factors(stored), summary.omissions)
            out.write(dumps(document, json_options=CANONICAL_JSON_OPTIONS) + "\n")
            _count(summary, document)
            if summary.users % _OFTEN == 0:
                yield summary
        yield summary
        state = "done"
    finally:
        happened(UsersExported(state=state, users=summary.users))


def _without_factors(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in _FACTORS}


def _without_plain_passwords(document: dict[str, Any], omissions: Counter[str]) -> dict[str, Any]:
    """Omit what other programs stored in clear: an import would refuse it, and nobody should have it."""
    copy: dict[str, Any] = {}
    for name, value in document.items():
        paths = () if name == "password" else {*secret_names.plain_passwords({name: value})}
        omissions.update(paths)
        if not paths:
            copy[name] = value
    return copy


def _count(summary: ExportSummary, document: dict[str, Any]) -> None:
    password = document.get("password")
    summary.users += 1
    summary.with_app += bool(document.get("totp"))
    summary.with_passkeys += bool(document.get("passkeys"))
    summary.with_identities += bool(document.get("linkedIdentities"))
    summary.schemes[(scheme_of(password) if isinstance(password, str) else None) or "none"] += 1
