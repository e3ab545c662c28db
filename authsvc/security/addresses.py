"""E-mail addresses: the one function that says which spellings are the same account."""

import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

MAX_LENGTH = 254
"""Characters an address may have in all (RFC 5321 4.5.3.1.3, less the angle brackets)."""

_PLAIN = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
"""Local parts that are good whatever the domain is: most of them."""


class NotAnAddress(ValueError):
    """The text has no canonical form; `code` is `not_ascii`, `too_long` or `bad_format`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def canonical(text: str) -> str:
    """Return the address in lower case, with its domain as an A-label (IDNA), at most 254 ASCII characters.

    Only ASCII local parts have a canonical form, so no two letters can be mistaken for one (ASVS 1.1.1).
    Raises NotAnAddress.
    """
    if len(text) > MAX_LENGTH:
        raise NotAnAddress("too_long")
    local, _, domain = text.rpartition("@")
    if not local.isascii():
        raise NotAnAddress("not_ascii")
    if _PLAIN.fullmatch(local) and len(quick := f"{local}@{_canonical_domain(domain)}".lower()) <= MAX_LENGTH:
        return quick
    return _canonical(text)


@lru_cache(maxsize=4096)
def _canonical_domain(domain: str) -> str:
    """Return the canonical form of a domain, remembered: among many addresses there are few of them."""
    return _canonical(f"a@{domain}").removeprefix("a@")


def _canonical(text: str) -> str:
    try:
        parsed = validate_email(text, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError as error:
        raise NotAnAddress("bad_format") from error
    if parsed.ascii_email is None or len(parsed.ascii_email) > MAX_LENGTH:
        raise NotAnAddress("too_long")
    return parsed.ascii_email.lower()
