"""Recovery codes: ten secrets to keep on paper, each good once in place of a second factor.

120 random bits each, so that a plain hash keeps them (ASVS 6.5.2 asks for 112), in Crockford's base32: no letter is
easily taken for a digit. What people type is read in any case, with or without dashes and spaces, `o` as `0`, `i` and
`l` as `1`.
"""

import base64
import hashlib
import secrets

COUNT = 10

_BYTES = 15
_GROUP = 6
_LENGTH = 24
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_FROM_RFC_4648 = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _ALPHABET)
_AS_TYPED = str.maketrans({"o": "0", "i": "1", "l": "1", "-": None, " ": None})


def generate() -> list[str]:
    """Return ten new codes, as they are shown: `k3m9qx-7rt2vw-bh4c8z-0pnds1`."""
    random = (base64.b32encode(secrets.token_bytes(_BYTES)).decode() for _ in range(COUNT))
    return [_grouped(text.translate(_FROM_RFC_4648)) for text in random]


def digest(code: str) -> str | None:
    """Return what is stored of a code, the SHA-256 of its canonical form in hexadecimal; None for what can't be one."""
    canonical = code.casefold().translate(_AS_TYPED)
    if len(canonical) != _LENGTH or not set(canonical) <= set(_ALPHABET):
        return None
    return hashlib.sha256(f"authsvc recovery code {canonical}".encode()).hexdigest()


def digests(codes: list[str]) -> list[str]:
    """Return what is stored of codes that `generate` made."""
    return [stored for stored in map(digest, codes) if stored is not None]


def _grouped(text: str) -> str:
    return "-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))
