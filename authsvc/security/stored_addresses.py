"""Addresses that are already stored: other programs accepted some that the rule for new ones (`addresses`) refuses.

Their owners can still sign in, however they type them.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from email.errors import MessageError
from email.headerregistry import HeaderRegistry
from typing import Any

from email_validator import EmailNotValidError, validate_email

from authsvc.security import addresses
from authsvc.security.addresses import NotAnAddress

LONGEST = 1_000
"""Characters of an address that is looked up; MongoDB's index accepts about as many."""

_POSSIBLE = re.compile(r"[^\s@,]+@[^\s@,]+")
_HEADERS: Any = HeaderRegistry()
_A_LABEL = re.compile(r"[@.]xn--[^@]*\Z")
_ELSEWHERE = ".example.com"
"""What makes of a local network's name one that the library takes: it refuses `local` and `localhost` by name."""


def spellings(text: str) -> tuple[str, ...]:
    """Return the forms in which an address that somebody typed may be stored, the canonical one first.

    Their number depends only on the text, so looking all of them up reveals nothing (ASVS 6.3.8).
    """
    typed = folded(trimmed(text))
    if len(typed) > LONGEST:
        return ("",)
    canonical = form(typed)
    forms = [canonical or typed, typed, *(_with_unicode_domain(canonical) if canonical is not None else ())]
    return tuple(dict.fromkeys(forms))


def has_forms(stored: str) -> bool:
    """Tell whether a stored address may also be stored in another form, which no index treats as equal."""
    return not stored.isascii() or "xn--" in stored.lower()


def trimmed(text: str) -> str:
    """Return a text without the blanks and line ends around it, invisible ones from a paste included."""
    return text.strip(addresses.BLANK + addresses.LINE_ENDS)


def form(text: str) -> str | None:
    """Return the canonical form of an address, also at a name that only a local network knows; None if it has none.

    `ops@corp.local` and `root@localhost` can't be registered, since no letter reaches them from elsewhere.
    """
    try:
        return addresses.canonical(text)
    except NotAnAddress as refusal:
        if refusal.code != "bad_format" or not text.isascii():
            return None
    with suppress(NotAnAddress):
        return addresses.canonical(f"{text}{_ELSEWHERE}").removesuffix(_ELSEWHERE)
    return None


def mailbox(stored: str) -> str:
    """Return a stored address for a letter's header and envelope, with its domain as an A-label."""
    local, _, domain = stored.rpartition("@")
    ascii_form = None if domain.isascii() else form(f"a@{domain}")
    return stored if ascii_form is None else f"{local}{ascii_form.removeprefix('a')}"


def gets_letters(stored: str) -> bool:
    """Tell whether a letter can be requested for this stored address, and be sent to it."""
    to = mailbox(stored)
    try:
        require_possible(stored)
        read = [one.addr_spec for one in _HEADERS("To", to).addresses]
    except (
        ValueError,
        IndexError,
        AttributeError,
        MessageError,
    ):  # raised by the library for a text that is no address
        return False
    return read == [to] and to.rpartition("@")[2].isascii()


def folded(text: str) -> str:
    """Return a text in lower case; a letter that is not ASCII never becomes one that is, as the Kelvin sign would."""
    return "".join(map(_lower, text))


def is_same(stored: str, spelling: str) -> bool:
    """Tell whether a stored address equals a spelling, in any case."""
    return folded(stored) == spelling


def is_reachable(stored: str) -> bool:
    """Tell whether somebody can sign in by typing this address."""
    return any(is_same(stored, spelling) for spelling in spellings(stored))


def require_possible(text: str) -> None:
    """Refuse a text that no account can have as its address. Raises NotAnAddress."""
    if len(text) > LONGEST:
        raise NotAnAddress("too_long")
    if not _POSSIBLE.fullmatch(trimmed(text)) or not trimmed(text).isprintable():
        raise NotAnAddress("bad_format")


def _lower(char: str) -> str:
    low = char.lower()
    return low if char.isascii() or not any(one.isascii() for one in low) else char


def _with_unicode_domain(canonical: str) -> Iterator[str]:
    """Yield a canonical address as people write it, `idn@münchen.de`, if its domain is an A-label."""
    if not _A_LABEL.search(canonical):
        return
    with suppress(EmailNotValidError):
        parsed = validate_email(f"{canonical}{_ELSEWHERE}", check_deliverability=False)
        yield parsed.normalized.lower().removesuffix(_ELSEWHERE)
