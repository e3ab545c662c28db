"""Email addresses: the one function that decides which spellings are the same account."""

import re
from email.errors import MessageError
from email.headerregistry import Address
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

MAX_LENGTH = 254
"""Characters of a whole address (RFC 5321 4.5.3.1.3, less the angle brackets)."""

LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""Never part of an address, nor ignored beside it: after a line end a header of a letter begins (ASVS 1.3.11)."""

BLANK = "".join(
    char
    for char in map(chr, range(0x10000))
    if (char.isspace() and char not in LINE_ENDS)
    or char in "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
"""White space, zero-width spaces, and the marks of a writing direction."""

_PLAIN = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
"""Local parts that are valid at any domain: most of them."""

_ENCODED_WORD = re.compile(r"=\?[^@]*\?=")
"""Text that a mail program may decode before it looks for the address (RFC 2047 section 2)."""


class NotAnAddress(ValueError):
    """The text has no canonical form; `code` is `not_ascii`, `too_long` or `bad_format`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def canonical(text: str) -> str:
    """Return the address in lower case, with its domain as an A-label (IDNA), at most 254 ASCII characters.

    Only ASCII local parts have a canonical form, so no two letters can be mistaken for one (ASVS 1.1.1).
    Blanks around it, invisible ones included, come from typing and pasting and are not part of it.
    Raises NotAnAddress.
    """
    text = text.strip(BLANK)
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
    """Return the canonical form of a domain, cached: many addresses share few domains."""
    return _canonical(f"a@{domain}").removeprefix("a@")


def _canonical(text: str) -> str:
    try:
        parsed = validate_email(text, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError as error:
        raise NotAnAddress("bad_format") from error
    if parsed.ascii_email is None or len(parsed.ascii_email) > MAX_LENGTH:
        raise NotAnAddress("too_long")
    address = parsed.ascii_email.lower()
    if means_another(address):
        raise NotAnAddress("bad_format")
    return address


def means_another(address: str) -> bool:
    """Tell whether a mail program may read this address as another one: by decoding it, or by another grammar."""
    return _ENCODED_WORD.search(address) is not None or not is_read_as_written(address)


def is_read_as_written(address: str) -> bool:
    """Tell whether the mail library reads this text as one address, and as exactly this one.

    The validator and the mail library are two parsers: an address on which they differ would be verified by a letter
    that went to somebody else.
    """
    try:
        return address.isascii() and Address(addr_spec=address).addr_spec == address
    except (ValueError, IndexError, MessageError):  # the library's parser reads past the end of some texts
        return False
