"""Signing keys: ES256 pairs (RFC 7518 3.4) and their JWK form (RFC 7517), and the shape of a compact JWS (RFC 7515)."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

ALGORITHM = "ES256"
_SEGMENT = r"([A-Za-z0-9_-]+)"
_COMPACT_JWS = re.compile(rf"{_SEGMENT}\.{_SEGMENT}\.{_SEGMENT}", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An ES256 key pair; `kid` is its RFC 7638 thumbprint."""

    kid: str
    private: ec.EllipticCurvePrivateKey = field(compare=False, repr=False)
    public: ec.EllipticCurvePublicKey = field(compare=False, repr=False)


def generate() -> KeyPair:
    """Make a new key pair."""
    return _pair(ec.generate_private_key(ec.SECP256R1()))


def to_der(pair: KeyPair) -> bytes:
    """Return the private key as unencrypted PKCS #8: seal it before it is stored."""
    return pair.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def from_der(der: bytes) -> KeyPair:
    """Return the pair that `to_der` wrote. Raises ValueError for anything else."""
    private = load_der_private_key(der, password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise ValueError("not an EC key")
    return _pair(private)


def public_members(public: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """Return the members that make the public key (RFC 7518 6.2.1), without `kid`, `use` and `alg`."""
    numbers = public.public_numbers()
    return {"crv": "P-256", "kty": "EC", "x": _base64url(numbers.x), "y": _base64url(numbers.y)}


def public_jwk(pair: KeyPair) -> dict[str, str]:
    """Return the public key as a member of a JWK set (RFC 7517 section 4)."""
    return {**public_members(pair.public), "kid": pair.kid, "use": "sig", "alg": ALGORITHM}


def is_canonical_jws(text: str) -> bool:
    """Tell whether the text is three base64url segments in their only spelling.

    Decoders take padding and stray last bits, so one token would have many texts (RFC 7515 appendix C forbids padding).
    """
    match = _COMPACT_JWS.fullmatch(text)
    return match is not None and all(_is_canonical(segment) for segment in match.groups())


def _pair(private: ec.EllipticCurvePrivateKey) -> KeyPair:
    public = private.public_key()
    members = json.dumps(public_members(public), separators=(",", ":"), sort_keys=True)
    thumbprint = hashlib.sha256(members.encode()).digest()
    return KeyPair(base64.urlsafe_b64encode(thumbprint).decode().rstrip("="), private, public)


def _base64url(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32)).decode().rstrip("=")


def _is_canonical(segment: str) -> bool:
    if len(segment) % 4 == 1:
        return False
    decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    return base64.urlsafe_b64encode(decoded).decode().rstrip("=") == segment
