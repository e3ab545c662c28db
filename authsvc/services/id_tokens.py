"""ID tokens: to an app, who has signed in, when and how (OpenID Connect Core section 2).

They are signed by a ring of keys of their own, which signs nothing else but logout tokens, and verifies no other token.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

import jwt
from flask import current_app

from authsvc import clock
from authsvc.models.apps import App
from authsvc.models.sessions import Session
from authsvc.models.signing_keys import Ring
from authsvc.security import jwk
from authsvc.security.jwk import Algorithm
from authsvc.services import signing_keys

KIND = "JWT"
CLAIMS = ("iss", "aud", "sub", "sid", "exp", "iat", "auth_time", "amr", "acr", "at_hash", "nonce")

MULTI_FACTOR = "http://schemas.openid.net/pape/policies/2007/06/multi-factor"
SINGLE_FACTOR = "http://schemas.openid.net/pape/policies/2007/06/none"
"""Values of `acr` with a published meaning (OpenID Provider Authentication Policy Extension 1.0, section 4)."""

_NEEDED = ("iss", "aud", "sub", "sid", "exp", "iat", "auth_time", "amr", "acr", "at_hash")
"""No other token has all of these."""

_TEXTS = ("iss", "aud", "sub", "sid")
_HASHES = {Algorithm.RS256: hashlib.sha256, Algorithm.ES256: hashlib.sha256}


def mint(session: Session, app: App, access_token: str, nonce: str | None) -> str:
    """Sign an ID token for an app's session; it names the access token that it comes with (`at_hash`).

    `auth_time` is that of the app's session, so it stays the same in all that a refresh brings, and a `nonce` is only
    in the first (section 12.2).
    """
    now, ends = int(clock.now().timestamp()), int(session.expires_at.timestamp())
    claims: dict[str, Any] = {
        "iss": current_app.config["TOKEN_ISSUER"],
        "aud": app.id,
        "sub": str(session.user),
        "sid": str(session.id),
        "iat": now,
        "exp": min(now + current_app.config["ACCESS_TOKEN_TTL"], ends),
        "auth_time": int(session.auth_time.timestamp()),
        "amr": list(session.methods),
        "acr": acr(session.methods),
        "at_hash": _half_hash(access_token, Algorithm(app.id_token_alg)),
    }
    return signed(claims if nonce is None else {**claims, "nonce": nonce}, app.id_token_alg, KIND)


def acr(methods: Sequence[str]) -> str:
    """Return the authentication context class of a session: by one factor, or by several (section 2)."""
    return MULTI_FACTOR if "mfa" in methods else SINGLE_FACTOR


def signed(claims: Mapping[str, Any], algorithm: str, kind: str) -> str:
    """Return a token for an app with these claims, of a type (the header `typ`), by the algorithm that it wants."""
    pair = signing_keys.snapshot(Ring.IDS).signing_by(algorithm)
    return jwt.encode(
        dict(claims), pair.private, algorithm=pair.algorithm.value, headers={"typ": kind, "kid": pair.kid}
    )


def read_even_expired(text: str) -> Mapping[str, Any] | None:
    """Return the claims of a genuine ID token, whatever its times, as an `id_token_hint` is; None for anything else."""
    if not jwk.is_canonical_jws(text):
        return None
    try:
        header = jwt.get_unverified_header(text)
        pair = signing_keys.verifying_pair(header.get("kid"), Ring.IDS) if header.get("typ") == KIND else None
        if pair is None:
            return None
        claims = jwt.decode(
            text,
            pair.public,
            algorithms=[pair.algorithm.value],
            issuer=current_app.config["TOKEN_ISSUER"],
            options={"require": list(_NEEDED), "verify_aud": False, "verify_exp": False, "verify_iat": False},
        )
    except jwt.PyJWTError:
        return None
    return cast(Mapping[str, Any], claims) if all(isinstance(claims[name], str) for name in _TEXTS) else None


def _half_hash(token: str, algorithm: Algorithm) -> str:
    """Return the left half of a token's hash, by the algorithm's own, in base64url (section 3.1.3.6)."""
    digest = _HASHES[algorithm](token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
