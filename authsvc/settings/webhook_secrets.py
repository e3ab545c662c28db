"""Secrets that sign messages to other programs: how they are written (Standard Webhooks 1.0, signature scheme)."""

# The standard library only: gunicorn reads this before it forks.

import base64

PREFIX = "whsec_"
_SHORTEST = 24
_LONGEST = 64
"""Bytes of a secret."""


def read(text: str) -> bytes:
    """Return the key that a secret stands for. Raises ValueError, which says what is wrong and not what was read."""
    if not text.startswith(PREFIX):
        raise ValueError(f"must begin with {PREFIX}")
    encoded = text.removeprefix(PREFIX)
    try:  # some write it without the padding
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise ValueError(f"must be {PREFIX} and base64") from None
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(f"must be base64 of {_SHORTEST} to {_LONGEST} bytes")
    return key


def fault(text: str) -> str | None:
    """Return what is wrong with a secret, without quoting it; None if nothing is."""
    try:
        read(text)
    except ValueError as error:
        return str(error)
    return None
