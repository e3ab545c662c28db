"""Public keys of apps: which ones may be registered, and whether one of them signed a token (RFC 7517, RFC 7518)."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import jwt

from authsvc.security.jwk import is_canonical_jws

ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA")
MOST = 10
_MOST_OF_OTHERS = 100
LONGEST = 8192
"""Characters of a token that is looked at: no app needs more."""

_ALGORITHMS = {"EC": ("ES256",), "OKP": ("EdDSA",), "RSA": ("RS256", "PS256")}
_CURVES = {"EC": "P-256", "OKP": "Ed25519"}
_MEMBERS = {"EC": ("x", "y"), "OKP": ("x",), "RSA": ("n", "e")}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,683}", re.ASCII)
_KID = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)
_RSA_BITS = range(2048, 4097)
_LARGEST_EXPONENT = 2**32
"""A larger one only makes each signature slow to verify."""

_UNCHECKED = dict.fromkeys((f"verify_{claim}" for claim in ("aud", "iss", "sub", "jti", "exp", "iat", "nbf")), False)
"""Claims are the caller's matter: what they must be, and at what time."""


def read(jwks: Any) -> dict[str, list[dict[str, str]]]:
    """Return a JWK set with only the members that count. Raises ValueError, which says what is wrong with a key."""
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(keys, Sequence) or isinstance(keys, str) or not 0 < len(keys) <= MOST:
        raise ValueError(f"is one of 1 to {MOST} in a JWK set")
    read_keys = [_read_key(key) for key in keys]
    kids = [key["kid"] for key in read_keys if "kid" in key]
    if len(set(kids)) != len(kids):
        raise ValueError("has a kid of its own")
    return {"keys": read_keys}


def usable(jwks: Any) -> list[dict[str, str]]:
    """Return those keys of somebody's JWK set that can verify, however many others are in it.

    Raises ValueError if it is no JWK set. `issuer` stays: a set of Microsoft's says so whose tokens a key signs.
    """
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(keys, list) or len(keys) > _MOST_OF_OTHERS:
        raise ValueError("no JWK set")
    readable = []
    for key in keys:
        with suppress(ValueError, TypeError):
            one = _read_key(key)
            issuer = key.get("issuer")
            readable.append({**one, "issuer": issuer} if isinstance(issuer, str) else one)
    return readable


def signed_by_one(
    keys: Sequence[Mapping[str, Any]], text: str, algorithms: Sequence[str] = ALGORITHMS, longest: int = LONGEST
) -> dict[str, Any] | None:
    """Return the claims of a token that one of these keys signed; None for anything else."""
    header = _header(text, longest)
    alg, kid = header.get("alg"), header.get("kid")
    if alg not in algorithms or alg not in ALGORITHMS or not isinstance(kid, str | None) or "crit" in header:
        return None
    for key in keys:
        is_meant = kid is None or key.get("kid", kid) == kid
        if is_meant and alg in _ALGORITHMS[key["kty"]] and key.get("alg", alg) == alg:
            claims = _decoded(text, jwt.PyJWK(dict(key), algorithm=alg).key, alg)
            if claims is not None:
                return claims
    return None


def algorithms_of(key: Mapping[str, Any]) -> Sequence[str]:
    """Return the algorithms that a key which was read can verify."""
    return [key["alg"]] if "alg" in key else _ALGORITHMS[key["kty"]]


def unverified_claims(text: str, longest: int = LONGEST) -> dict[str, Any]:
    """Return what a token says, whoever signed it; nothing of a text that is no token."""
    return (_decoded(text, "", None) or {}) if _header(text, longest) else {}


def _header(text: str, longest: int = LONGEST) -> dict[str, Any]:
    if len(text) > longest or not is_canonical_jws(text):
        return {}
    try:
        return jwt.get_unverified_header(text)
    except (jwt.PyJWTError, ValueError, RecursionError):
        return {}


def _decoded(text: str, key: Any, alg: str | None) -> dict[str, Any] | None:
    options: Any = {**_UNCHECKED, "verify_signature": alg is not None}
    try:
        return jwt.decode(text, key, algorithms=None if alg is None else [alg], options=options)
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None


def _read_key(key: Any) -> dict[str, str]:
    if not isinstance(key, Mapping) or key.get("kty") not in list(_ALGORITHMS):
        raise ValueError("is an EC, OKP or RSA key")
    if _PRIVATE & set(key):
        raise ValueError("is public: it has no private or symmetric members")
    kind = cast(str, key["kty"])
    _check_use(kind, key)
    kept = {name: key[name] for name in ("kty", "crv", *_MEMBERS[kind], "kid", "alg") if name in key}
    if not all(_fits(_NUMBER, kept.get(name)) for name in _MEMBERS[kind]):
        raise ValueError("has its numbers in base64url")
    if not _fits(_KID, kept.get("kid", "none")):
        raise ValueError("has a kid of 1 to 200 printable ASCII characters without blanks")
    _check_numbers(kept)
    return kept


def _check_use(kind: str, key: Mapping[str, Any]) -> None:
    if key.get("crv") != _CURVES.get(kind):
        raise ValueError("has the curve P-256 or Ed25519")
    if key.get("use", "sig") != "sig" or key.get("key_ops", ["verify"]) != ["verify"]:
        raise ValueError("is for signatures")
    if key.get("alg", _ALGORITHMS[kind][0]) not in _ALGORITHMS[kind]:
        raise ValueError(f"has one of the algorithms {', '.join(ALGORITHMS)}")


def _fits(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _check_numbers(key: dict[str, str]) -> None:
    try:
        public = jwt.PyJWK(key, algorithm=_ALGORITHMS[key["kty"]][0]).key
    except (jwt.PyJWTError, ValueError) as error:
        raise ValueError("is a point of its curve, or a modulus and an exponent") from error
    if key["kty"] == "RSA":
        bits, exponent = public.key_size, public.public_numbers().e
        if bits not in _RSA_BITS or exponent > _LARGEST_EXPONENT:
            raise ValueError(f"of RSA has {_RSA_BITS.start} to {_RSA_BITS.stop - 1} bits and a small exponent")
