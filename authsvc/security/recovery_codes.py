"""Recovery codes: ten secrets to keep on paper, each valid once in place of a second factor.

Each has 120 random bits, so a plain hash is enough to store it (ASVS 6.5.2 requires 112), in Crockford's base32, whose
letters don't look like digits. Input is read in any case, with or without dashes and blanks of any kind, `o` as `0`,
`i` and `l` as `1`.
"""

import base64
import hashlib
import secrets

from authsvc.security.typed import strip_separators

COUNT = 10

_BYTES = 15
_GROUP = 6
_LENGTH = 24
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_FROM_RFC_4648 = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _ALPHABET)
_AS_TYPED = str.maketrans({"o": "0", "i": "1", "l": "1"})


def generate() -> list[str]:
    """Return ten new codes, as users see them: `k3m9qx-7rt2vw-bh4c8z-0pnds1`."""
    random = (base64.b32encode(secrets.token_bytes(_BYTES)).decode() for _ in range(COUNT))
    return [_grouped(text.translate(_FROM_RFC_4648)) for text in random]


def digest(code: str) -> str | None:
    """Return the SHA-256 of a code's canonical form, in hexadecimal, for storage; None if the text can't be a code."""
    canonical = strip_separators(code).casefold().translate(_AS_TYPED)
    if len(canonical) != _LENGTH or not set(canonical) <= set(_ALPHABET):
        return None
    return hashlib.sha256(f"authsvc recovery code {canonical}".encode()).hexdigest()


def digests(codes: list[str]) -> list[str]:
    """Return the digests of codes that `generate` made."""
    return [stored for stored in map(digest, codes) if stored is not None]


def _grouped(text: str) -> str:
    return "-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))
