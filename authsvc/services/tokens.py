"""Access and refresh tokens: minting them, and reading them strictly (RFC 7519, RFC 8725).

flask-jwt-extended signs and decodes; the functions named as its loaders in `api.guards` add what it leaves open: it
takes any type that is not `refresh`, and fills in a missing `type` and `jti` before it asks (requirements D1, D2).
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

import jwt
from flask import current_app
from flask_jwt_extended import create_access_token, create_refresh_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException

from authsvc import clock, request_settings
from authsvc.errors import SessionEnded, TokenExpired, TokenInvalid, TokenRefused
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.security import jwk
from authsvc.services import access_tokens, sessions, signing_keys, token_claims
from authsvc.services.token_claims import Ext

Claims = Mapping[str, Any]

_STRINGS = ("type", "jti", "sub", "sid", "aud", "iss")
_NUMBERS = ("exp", "iat")
_TOLD = ("aud", "sub", "sid", "jti", "exp", "iat", "auth_time", "amr", token_claims.NAME)

REMEMBERED = 4096
"""How many verified tokens a worker keeps, at 2 to 3 kB each, and those with `ext` at most at 7."""
LONGEST_REMEMBERED = 4096
"""A token that is longer, by its `ext`, is verified each time."""

UNBOUNDED_SECONDS = 10**15
"""The leeway that the library gets: it judges no times. `exp` is judged here, with no leeway; `iat` in the future is a
matter for the session's record (`sessions`), since the clock that is wrong may be ours."""


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a sign-in or a refresh answers: `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    user: User


_signing: ContextVar[jwk.KeyPair] = ContextVar("signing")


def mint(session: Session, user: User, ext: Ext) -> TokenPair:
    """Sign a pair for the session at its current generation, both with one key of one snapshot of the ring.

    Only the access token says what `ext` adds.

    Neither lasts longer than its kind may, even if this clock is behind the one that opened the session: otherwise
    the token would be refused at its next use (U21).
    """
    now = int(clock.now().timestamp())
    ends = int(session.expires_at.timestamp())
    common = {"sid": str(session.id), "iat": now}
    own = {
        **common,
        "exp": min(now + current_app.config["ACCESS_TOKEN_TTL"], ends),
        "role": session.role,
        "auth_time": int(session.auth_time.timestamp()),
        "amr": list(session.methods),
    }
    refresh = {
        **common,
        "exp": min(now + current_app.config["SESSION_MAX_TTL"], ends),
        "aud": refresh_audience(),
        "generation": session.generation,
    }
    pair = signing_keys.snapshot().signing
    token = _signing.set(pair)
    try:
        header = {"kid": pair.kid}
        return TokenPair(
            create_access_token(str(user.id), additional_claims=ext.added_to(own), additional_headers=header),
            create_refresh_token(str(user.id), additional_claims=refresh, additional_headers=header),
            own["exp"] - now,
            user,
        )
    finally:
        _signing.reset(token)


def refresh_audience() -> str:
    """Return the audience of refresh tokens: this service, so that no resource server can mistake one for its own."""
    return f"{current_app.config['TOKEN_ISSUER']}/auth/refresh-token"


def signing_key(_identity: str) -> jwk.PrivateKey:
    """Return the key of the snapshot that `mint` took (an `encode_key_loader`)."""
    return _signing.get().private


def verification_key(header: Claims, claims: Claims) -> jwk.PublicKey:
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
    settings = request_settings.current()
    if not _is(claims, "access", settings.token_audience):
        return False
    if claims["exp"] <= clock.now().timestamp():
        raise TokenExpired
    return _lasts_at_most(claims, settings.access_life)


def recall(text: str) -> Claims | None:
    """Return the claims of an access token that was verified before, without `ext`, if it is still valid.

    The very same text, under the very same keys: any change of the ring forgets everything. Raises TokenExpired.
    """
    claims = signing_keys.snapshot().verified.get(text)
    return claims if claims is not None and is_access({}, claims) else None


def remember(text: str, claims: Claims, ring: signing_keys.Snapshot) -> None:
    """Spare the next request with this text the signature check. `ring` was taken before the text was verified.

    What a hook added is not kept: no request needs it, and a few kB of it can fill a hundred once they are read.
    """
    if len(text) > LONGEST_REMEMBERED:
        return
    ring.verified[text] = {name: value for name, value in claims.items() if name != token_claims.NAME}
    while len(ring.verified) > REMEMBERED:
        ring.verified.popitem(last=False)


def read_access_even_expired(text: str) -> Claims:
    """Return the claims of a genuine access token, whatever its times: it still names its session.

    How long a token may live is a rule about using it: the settings may have changed since. Raises TokenInvalid.
    """
    claims = _decode(text, allow_expired=True)
    if not _is(claims, "access", current_app.config["TOKEN_AUDIENCE"]):
        raise TokenInvalid
    return claims


def read_refresh_even_expired(text: str) -> Claims:
    """Return the claims of a genuine refresh token, whatever its times: it names its session. Raises TokenInvalid."""
    claims = _decode(text, allow_expired=True)
    _require_refresh(claims)
    return claims


def read_refresh(text: str) -> Claims:
    """Return the claims of a refresh token to be exchanged. Raises TokenInvalid, or SessionEnded past its limit."""
    claims = read_refresh_even_expired(text)
    _require_exchangeable(claims)
    if claims["exp"] <= clock.now().timestamp():
        raise SessionEnded("expired")
    return claims


def claims_of_refresh(text: str) -> Claims | None:
    """Return the claims of a genuine refresh token, whatever its times; None for anything else."""
    try:
        return read_refresh_even_expired(text)
    except TokenInvalid:
        return None


def session_named_by(*, access_token: str | None, refresh_token: str | None) -> str | None:
    """Return the id of the session that a request names, by its access token or else its cookie; None without.

    Raises TokenInvalid for an access token that is not genuine.
    """
    if access_token is not None:
        return str(read_access_even_expired(access_token)["sid"])
    claims = claims_of_refresh(refresh_token or "")
    return str(claims["sid"]) if claims is not None else None


def choose_refresh_token(texts: Sequence[str]) -> str | None:
    """Return the only genuine one of some refresh tokens; of several genuine ones the only current one; else None.

    The only genuine one counts even if it has expired: it still says why its session ended, and names it to a sign-out.
    """
    genuine = {text: claims for text in texts if (claims := claims_of_refresh(text)) is not None}
    if len(genuine) > 1:
        genuine = {text: claims for text, claims in genuine.items() if _is_current(claims)}
    return next(iter(genuine)) if len(genuine) == 1 else None


def describe(text: str) -> dict[str, Any]:
    """Return what a token is valid for at this moment, as RFC 7662 section 2.2 has it; `{"active": False}` if nothing.

    Role and address are today's. A refresh token is active if it could be exchanged; looking at it exchanges nothing.
    """
    try:
        described = _of_access_token(text) if text.startswith(access_tokens.PREFIX) else _of_jwt(text)
    except TokenRefused:
        return {"active": False}
    return {"active": True, "iss": current_app.config["TOKEN_ISSUER"], **described}


def _of_access_token(text: str) -> dict[str, Any]:
    token, user = access_tokens.resolve(text)
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
        _require_exchangeable(claims)
        who, kind = sessions.refreshable(claims), "refresh_token"
    elif is_access({}, claims):
        who, kind = sessions.caller({}, claims), "Bearer"
    else:
        raise TokenInvalid
    described = {name: claims[name] for name in _TOLD if name in claims}
    return {**described, "token_type": kind, "username": who.email, "role": who.role}


def _is_current(claims: Claims) -> bool:
    try:
        sessions.refreshable(claims)
    except (TokenInvalid, SessionEnded):
        return False
    return True


def _require_refresh(claims: Claims) -> None:
    if not _is(claims, "refresh", refresh_audience()) or type(claims.get("generation")) is not int:
        raise TokenInvalid


def _require_exchangeable(claims: Claims) -> None:
    if not _lasts_at_most(claims, current_app.config["SESSION_MAX_TTL"]):
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
    return strings and all(type(claims.get(name)) is int for name in _NUMBERS) and _has_begun(claims)


def _has_begun(claims: Claims) -> bool:
    """Tell whether a token's `nbf` has come; we write none, so no clock of ours is behind one from the future (R42)."""
    begins = claims.get("nbf", 0)
    return type(begins) is int and begins <= clock.now().timestamp() + sessions.LEEWAY.total_seconds()


def _is(claims: Claims, kind: str, audience: str) -> bool:
    return bool(claims["type"] == kind and claims["aud"] == audience)


def _lasts_at_most(claims: Claims, seconds: int) -> bool:
    lasts: int = claims["exp"] - claims["iat"]
    return 0 < lasts <= seconds
