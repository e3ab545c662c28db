"""Opaque tokens: random text of which only the SHA-256 hash is stored.

`<prefix><43 characters: 256 random bits><6 characters: checksum>`, only in digits and letters: a scanner for leaked
secrets finds it by its shape, and a mistyped one is refused without a query.
"""

import hashlib
import re
import secrets
import string
import zlib

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_BITS = 256
_RANDOM_LENGTH = 43
_CHECKSUM_LENGTH = 6
_BODY = re.compile(rf"[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECKSUM_LENGTH}}}", re.ASCII)


def generate(prefix: str) -> str:
    """Return a new token."""
    random = prefix + _base62(secrets.randbits(_RANDOM_BITS), _RANDOM_LENGTH)
    return random + _checksum(random)


def is_well_formed(text: str, prefix: str) -> bool:
    """Tell whether the text has the shape and the checksum of a token with this prefix."""
    if not text.startswith(prefix) or not _BODY.fullmatch(text, len(prefix)):
        return False
    return text[-_CHECKSUM_LENGTH:] == _checksum(text[:-_CHECKSUM_LENGTH])


def digest(token: str) -> str:
    """Return the SHA-256 of a token's text, in hexadecimal, for storage (256 random bits need no salt)."""
    return hashlib.sha256(token.encode()).hexdigest()


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, rest = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[rest] + digits
    return digits
