"""What no log and no document may hold, whatever the tests did meanwhile (R60, R95)."""

import re
from collections.abc import Iterable
from typing import Any

from pymongo.database import Database

_LINK = "the secret of a link"
_PASSWORD = "the password of the tests"
_SECRETS = {
    "a JWT": re.compile(r"eyJ[\w-]{10,}\.[\w-]+"),
    "a personal access token": re.compile(r"\basv_\w{20,}"),
    _LINK: re.compile(r"\basl_\w{20,}"),
    "an app's request, code or secret": re.compile(r"\b(as[rc]|aps)_\w{20,}"),
    "a ticket": re.compile(r"\basm_\w{20,}"),
    "the secret of an app": re.compile(r"otpauth://"),
    "a recovery code": re.compile(r"\b([0-9a-hjkmnp-tv-z]{6}-){3}[0-9a-hjkmnp-tv-z]{6}\b"),
    "a hash": re.compile(r"\$2b\$\d\d\$|\b(argon2|pbkdf2|scrypt|bcrypt)[\w:]*\$\S+\$"),
    _PASSWORD: re.compile("correct horse battery"),
}
_SEALED = ("letters", "signing_keys", "id_signing_keys")
"""Their documents hold ciphertext, in which three letters and a dot can come by chance."""


def leaks_in(text: str, *, but: Iterable[str] = ()) -> list[str]:
    """Return what leaked, as sentences that name the line; nothing is as it should be."""
    found = []
    for kind, shape in _SECRETS.items():
        for match in () if kind in but else shape.finditer(text):
            line = text[text.rfind("\n", 0, match.start()) + 1 :].partition("\n")[0]
            found.append(f"{kind} in: {line[:300]}")
    return found


def log_leaks(text: str, *, links_are_printed: bool) -> list[str]:
    """Return what leaked into a log; in development letters are printed there on purpose, with their links."""
    return leaks_in(text, but=[_LINK] if links_are_printed else [])


def stored_leaks(database: Database[dict[str, Any]], *collections: str) -> list[str]:
    """Return what leaked into these collections, or any: a hash is kept on an account alone.

    The accounts that tests planted (authsvc did not write their passwords) hold what they like.
    """
    found = []
    for name in collections or database.list_collection_names():
        wanted = {"passwordChangedAt": {"$exists": True}} if name == "users" else {}
        but = ["a hash"] if name == "users" else ["a JWT"] if name in _SEALED else []
        found += [
            f"{name}: {leak}" for document in database[name].find(wanted) for leak in leaks_in(repr(document), but=but)
        ]
    return found
