"""User codes: what a device shows, and a person types elsewhere (RFC 8628 section 6.1).

Eight consonants, so that no word comes about by chance and no letter looks like a digit: 2.56e10 codes. That is few
enough to be guessed, so guesses are limited wherever one is looked up. Input is read in any case, in full width too,
with or without dashes and blanks of any kind.
"""

import hashlib
import secrets
import unicodedata

from authsvc.security.typed import strip_separators

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"

_LENGTH = 8
_GROUP = 4


def generate() -> str:
    """Return a new code, as people see it: `WDJB-MJHT`."""
    return _grouped("".join(secrets.choice(ALPHABET) for _ in range(_LENGTH)))


def read(text: str) -> str | None:
    """Return the code that somebody has typed, as people see it; None if the text can't be one."""
    code = strip_separators(unicodedata.normalize("NFKC", text)).upper()
    return _grouped(code) if len(code) == _LENGTH and set(code) <= set(ALPHABET) else None


def digest(code: str) -> str:
    """Return the SHA-256 of a code as people see it, in hexadecimal, for storage."""
    return hashlib.sha256(f"authsvc user code {code}".encode()).hexdigest()


def _grouped(code: str) -> str:
    return f"{code[:_GROUP]}-{code[_GROUP:]}"
