"""Quoting what a stranger wrote, such as a user agent, in a letter to the owner of an account."""

import re

LENGTH = 60
"""Characters that are quoted at most."""

_READ = 4
"""How many times that is looked at: the time to find links grows with the square of their number."""

_LINK = re.compile(r"\S*(?://|www\.|@)\S*|(?:[\w-]+\.)+[a-z]{2,}\b\S*", re.IGNORECASE)


def sanitize(text: str, *, length: int = LENGTH) -> str:
    """Return the beginning of a text, without what mail programs make a link of."""
    plain = "".join(char if char.isprintable() and char not in "“”" else " " for char in text[: _READ * length])
    return " ".join(_LINK.sub(" ", plain).split())[:length].strip()
