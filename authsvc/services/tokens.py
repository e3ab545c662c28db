"""Access and refresh tokens: minting them, and reading them strictly (RFC 7519, RFC 8725).

flask-jwt-extended signs and decodes; the functions named as its loaders in `api.guards` add what it leaves open: it
takes any type that is not `refresh`, and fills in a missing `type` and `jti` before it asks (requirements D1, D2).
"""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from flask import current_app
from flask_jwt_extended import create_access_token, create_refresh_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException

from authsvc import clock
from authsvc.errors import SessionEnded, TokenExpired, TokenInvalid, TokenRefused
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.security import jwk
from authsvc.services import access_tokens, sessions, signing_keys

Claims = Mapping[str, Any]

_STRINGS = ("type", "jti", "sub", "sid", "aud", "iss")
_NUMBERS = ("exp", "iat")
_TOLD = ("aud", "sub", "sid", "jti", "exp", "iat", "auth_time", "amr")

REMEMBERED = 4096
"""How many verified tokens a worker keeps, at 2 to 3 kB each."""

LEEWAY_SECONDS = 10
"""How far ahead another machine's clock may be: `iat` in the future is taken by as much. `exp` has no leeway."""


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a sign-in or a refresh answers: `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    user: User


_signing: ContextVar[jwk.KeyPair] = ContextVar("signing")


def mint(session: Session, user: User) -> TokenPair:
    """Sign a pair for the session at its current generation, both with one key of one snapshot of the ring."""
    now = int(clock.now().timestamp())
    life = current_app.config["ACCESS_TOKEN_TTL"]
    common = {"sid": str(session.id), "iat": now}
    access = {
        **common,
        "exp": min(now + life, int(session.expires_at.timestamp())),
        "role": session.role,
        "auth_time": int(session.auth_time.timestamp()),
        "amr": list(session.methods),
    }
    refresh = {
        **common,
        "exp": int(session.expires_at.timestamp()),
        "aud": refresh_audience(),
        "generation": session.generation,
    }
    pair = signing_keys.snapshot().signing
    token = _signing.set(pair)
    try:
        header = {"kid": pair.kid}
        return TokenPair(
            create_access_token(str(user.id), additional_claims=access, additional_headers=header),
            create_refresh_token(str(user.id), additional_claims=refresh, additional_headers=header),
            access["exp"] - now,
            user,
        )
    finally:
        _signing.reset(token)


def refresh_audience() -> str:
    """Return the audience of refresh tokens: this service, so that no resource server can mistake one for its own."""
    return f"{current_app.config['TOKEN_ISSUER']}/auth/refresh-token"


def signing_key(_identity: str) -> EllipticCurvePrivateKey:
    """Return the key of the snapshot that `mint` took (an `encode_key_loader`)."""
    return _signing.get().private


def verification_key(header: Claims, claims: Claims) -> EllipticCurvePublicKey:
    """Return the key that the token names, if its raw claims are of our shape (a `decode_key_loader`).

    Raises jwt.InvalidTokenError.
    """
    if header.get("typ", "JWT") != "JWT" or not _well_formed(claims):
        raise jwt.InvalidTokenError
    key = signing_keys.verifying_key(header.get("kid"))
    if key is None:
        raise jwt.InvalidTokenError
    return key


def is_access(_header: Claims, claims: Claims) -> bool:
    """Tell whether verified claims are an access token's (a `token_verification_loader`). Raises TokenExpired."""
    audience, life = current_app.config["TOKEN_AUDIENCE"], current_app.config["ACCESS_TOKEN_TTL"]
    if not _is(claims, "access", audience, life):
        return False
    if claims["exp"] <= clock.now().timestamp():
        raise TokenExpired
    return True


def recall(text: str) -> Claims | None:
    """Return the claims of an access token that was verified before, if it is good at this moment too.

    The very same text, under the very same keys: any change of the ring forgets everything. Raises TokenExpired.
    """
    claims = signing_keys.snapshot().verified.get(text)
    return claims if claims is not None and is_access({}, claims) else None


def remember(text: str, claims: Claims, ring: signing_keys.Snapshot) -> None:
    """Spare the next request with this text the signature check. `ring` was taken before the text was verified."""
    ring.verified[text] = claims
    while len(ring.verified) > REMEMBERED:
        ring.verified.popitem(last=False)


def read_access_even_expired(text: str) -> Claims:
    """Return the claims of a genuine access token, expired or not: it still names its session. Raises TokenInvalid."""
    claims = _decode(text, allow_expired=True)
    if not _is(claims, "access", current_app.config["TOKEN_AUDIENCE"], current_app.config["ACCESS_TOKEN_TTL"]):
        raise TokenInvalid
    return claims


def read_refresh(text: str, *, even_expired: bool = False) -> Claims:
    """Return the claims of a genuine refresh token. Raises TokenInvalid, or SessionEnded past the absolute limit."""
    claims = _decode(text, allow_expired=True)
    _require_refresh(claims)
    if not even_expired and claims["exp"] <= clock.now().timestamp():
        raise SessionEnded("expired")
    return claims


def describe(text: str) -> dict[str, Any]:
    """Return what a token is good for at this moment, as RFC 7662 section 2.2 has it; `{"active": False}` if nothing.

    Role and address are today's. A refresh token is active if it could be exchanged; looking at it exchanges nothing.
    """
    try:
        described = _of_access_token(text) if text.startswith(access_tokens.PREFIX) else _of_jwt(text)
    except TokenRefused:
        return {"active": False}
    return {"active": True, "iss": current_app.config["TOKEN_ISSUER"], **described}


def _of_access_token(text: str) -> dict[str, Any]:
    token, user = access_tokens.standing(text)
    expiry = {} if token.expires_at is None else {"exp": int(token.expires_at.timestamp())}
    return {
        "token_type": "Bearer",
        "jti": str(token.id),
        "sub": str(user.id),
        "username": user.email,
        "role": user.role,
        "scope": " ".join(token.scopes),
        "iat": int(token.created_at.timestamp()),
        **expiry,
    }


def _of_jwt(text: str) -> dict[str, Any]:
    claims = _decode(text, allow_expired=True)
    if claims["type"] == "refresh":
        _require_refresh(claims)
        who, kind = sessions.refreshable(claims), "refresh_token"
    elif is_access({}, claims):
        who, kind = sessions.caller({}, claims), "Bearer"
    else:
        raise TokenInvalid
    shown = {name: claims[name] for name in _TOLD if name in claims}
    return {**shown, "token_type": kind, "username": who.email, "role": who.role}


def _require_refresh(claims: Claims) -> None:
    genuine = _is(claims, "refresh", refresh_audience(), current_app.config["SESSION_MAX_TTL"])
    if not genuine or type(claims.get("generation")) is not int:
        raise TokenInvalid


def _decode(text: str, *, allow_expired: bool) -> Claims:
    if not jwk.is_canonical_jws(text):
        raise TokenInvalid
    try:
        return cast(Claims, decode_token(text, allow_expired=allow_expired))
    except (jwt.PyJWTError, JWTExtendedException) as error:
        raise TokenInvalid from error


def _well_formed(claims: Claims) -> bool:
    strings = all(isinstance(claims.get(name), str) and claims[name] for name in _STRINGS)
    return strings and all(type(claims.get(name)) is int for name in _NUMBERS)


def _is(claims: Claims, kind: str, audience: str, life: int) -> bool:
    own: bool = claims["type"] == kind and claims["aud"] == audience
    lasts: int = claims["exp"] - claims["iat"]
    return own and 0 < lasts <= life
