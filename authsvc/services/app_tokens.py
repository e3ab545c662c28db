"""Tokens of apps: at+jwt (RFC 9068) and rt+jwt, told apart from our own by their type alone.

They never pass for a user's own: those have `typ` JWT and a `type`, these have other types, another audience, and are
read only here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import jwt
from flask import current_app

from authsvc import clock
from authsvc.errors import TokenExpired, TokenInvalid
from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.models.apps import App, GrantType
from authsvc.models.assertions import Assertion
from authsvc.models.ids import new_id
from authsvc.models.sessions import Session
from authsvc.security import jwk, opaque_tokens
from authsvc.services import app_lookup, resources, sessions, signing_keys
from authsvc.services.callers import Caller
from authsvc.services.token_claims import Ext, Request

ACCESS = "at+jwt"
REFRESH = "rt+jwt"

_KEPT_AFTER = timedelta(minutes=5)
"""How long a revoked one is remembered after it has expired: the database deletes by a clock of its own."""
_NEEDED = ("iss", "aud", "sub", "client_id", "sid", "jti", "exp", "iat")
_NEEDED_OF_SERVICES = ("iss", "aud", "sub", "client_id", "scope", "jti", "exp", "iat")


@dataclass(frozen=True, slots=True)
class AppTokens:
    """What an app gets: `expires_in` is the access token's life in seconds. A service gets no refresh token."""

    access_token: str
    refresh_token: str | None
    expires_in: int
    scopes: Sequence[str]


@dataclass(frozen=True, slots=True)
class AppToken:
    """A genuine token, to be looked at."""

    is_access: bool
    claims: Mapping[str, Any]


def mint(session: Session, request: Request, ext: Ext) -> AppTokens:
    """Sign a pair for an app's session at its current generation; the access token is for one audience.

    Only that says what `ext` adds. An app that may not refresh gets no refresh token.
    """
    app = request.app
    issuer = current_app.config["TOKEN_ISSUER"]
    now, ends = int(clock.now().timestamp()), int(session.expires_at.timestamp())
    common = {"iss": issuer, "sub": str(session.user), "client_id": app.id, "sid": str(session.id), "iat": now}
    access = {
        **common,
        "aud": request.audience,
        "exp": min(now + current_app.config["ACCESS_TOKEN_TTL"], ends),
        "jti": str(new_id()),
        "scope": " ".join(request.scopes),
        "auth_time": int(session.auth_time.timestamp()),
    }
    refresh = {
        **common,
        "aud": _refresh_audience(),
        "exp": min(now + current_app.config["SESSION_MAX_TTL"], ends),
        "jti": str(new_id()),
        "generation": session.generation,
    }
    refresh_token = _signed(refresh, REFRESH) if GrantType.REFRESH in app.grant_types else None
    return AppTokens(_signed(ext.added_to(access), ACCESS), refresh_token, access["exp"] - now, request.scopes)


def read(text: str) -> AppToken | None:
    """Return a genuine token of either kind that has not expired, whomever it is for; None for anything else."""
    kind = _type_of(text)
    if kind not in (ACCESS, REFRESH):
        return None
    claims = _genuine(text, kind, _refresh_audience() if kind == REFRESH else None)
    if claims is None or claims["exp"] <= clock.now().timestamp():
        return None
    fine = type(claims.get("generation")) is int if kind == REFRESH else _is_well_formed(claims)
    return AppToken(kind == ACCESS, claims) if fine else None


def scopes_of(access: Mapping[str, Any], app: App) -> list[str]:
    """Return the scopes of an access token: what the app may no longer ask for, it may no longer do."""
    return [scope for scope in access["scope"].split(" ") if scope in app.scopes]


def mint_for_service(request: Request, ext: Ext) -> AppTokens:
    """Sign an access token for an app that acts for itself: `sub` is the app, and there is no session (RFC 9068 2.2).

    `epoch` is the app's: what ends that ends the token.
    """
    app = request.app
    now = int(clock.now().timestamp())
    claims = {
        "iss": current_app.config["TOKEN_ISSUER"],
        "aud": request.audience,
        "sub": app.id,
        "client_id": app.id,
        "iat": now,
        "exp": now + current_app.config["ACCESS_TOKEN_TTL"],
        "jti": str(new_id()),
        "scope": " ".join(request.scopes),
        "epoch": app.epoch,
    }
    return AppTokens(_signed(ext.added_to(claims), ACCESS), None, claims["exp"] - now, request.scopes)


def read_service(text: str, audience: str | None) -> tuple[App, Mapping[str, Any]] | None:
    """Return the service behind an access token for this audience, or for any, as it is now, and the claims.

    None for anything else, for a service that was disabled since, and for what it may no longer have.
    """
    claims = _verified(text, ACCESS, audience, _NEEDED_OF_SERVICES)
    app = app_lookup.find(claims["client_id"]) if claims is not None else None
    if claims is None or app is None or "sid" in claims or claims["sub"] != app.id or not _is_well_formed(claims):
        return None
    is_current = claims.get("epoch") == app.epoch and GrantType.CLIENT_CREDENTIALS in app.grant_types
    if not is_current or not resources.may_use(app, claims["aud"]) or Assertion.is_used(_digest(claims)):
        return None
    return app, claims


def revoke_service(app: App, text: str) -> None:
    """Let a service's access token serve no longer, if it is this app's (RFC 7009 section 2.1)."""
    service = read_service(text, None)
    if service is not None and service[0].id == app.id:
        Assertion.use(_digest(service[1]), datetime.fromtimestamp(service[1]["exp"], UTC) + _KEPT_AFTER)


def read_refresh(text: str | None, app: App) -> Mapping[str, Any]:
    """Return the claims of an app's refresh token. Raises OAuthRefusal for anything else."""
    claims = _verified(text or "", REFRESH, _refresh_audience())
    if claims is None or claims["client_id"] != app.id or type(claims.get("generation")) is not int:
        raise OAuthRefusal(OAuthError.INVALID_GRANT, "The refresh token is unknown, expired, or not for this app.")
    return claims


def is_access(text: str) -> bool:
    """Tell whether a text says of itself that it is an app's access token."""
    return _type_of(text) == ACCESS


def authenticate(text: str, audience: str, *, as_kept: bool = False) -> tuple[Caller, App]:
    """Return who is behind an access token for this audience, and which app asks; `as_kept`, as this worker keeps it.

    The caller has scopes, and neither a session nor a time of
    authentication: no app is ever signed in (T5). Raises TokenInvalid, TokenExpired, SessionEnded.
    """
    claims = _genuine(text, ACCESS, audience)
    app = app_lookup.find(claims["client_id"]) if claims is not None else None
    if claims is None or app is None or not resources.may_use(app, audience) or not _is_well_formed(claims):
        raise TokenInvalid
    if claims["exp"] <= clock.now().timestamp():
        raise TokenExpired
    # The app is read at each request, and with it what ends all that it has.
    who = sessions.caller_as_kept(claims, app) if as_kept else sessions.caller({}, claims, app)
    scopes = frozenset(scopes_of(claims, app))
    return Caller(who.user_id, who.email, who.role, scopes=scopes, app=app.id), app


def _signed(claims: Mapping[str, Any], kind: str) -> str:
    pair = signing_keys.snapshot().signing
    return jwt.encode(dict(claims), pair.private, algorithm=jwk.ALGORITHM.value, headers={"typ": kind, "kid": pair.kid})


def _verified(text: str, kind: str, audience: str | None, needed: Sequence[str] = _NEEDED) -> Mapping[str, Any] | None:
    """Return the claims of a genuine token of this kind and audience that has not expired; None for anything else."""
    claims = _genuine(text, kind, audience, needed)
    return claims if claims is not None and claims["exp"] > clock.now().timestamp() else None


def _genuine(
    text: str, kind: object, audience: str | None, needed: Sequence[str] = _NEEDED
) -> Mapping[str, Any] | None:
    """Return the claims of a genuine token of this kind and audience, or of any; None for anything else."""
    if _type_of(text) != kind:
        return None
    try:
        key = signing_keys.verifying_key(jwt.get_unverified_header(text).get("kid"))
        if key is None:
            return None
        claims = jwt.decode(
            text,
            key,
            algorithms=[jwk.ALGORITHM.value],
            audience=audience,
            issuer=current_app.config["TOKEN_ISSUER"],
            options={
                "require": list(needed),
                "verify_aud": audience is not None,
                # Times are judged by our own clock, as in `services.tokens`.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.PyJWTError:
        return None
    fine = all(isinstance(claims[name], str) for name in needed[:6])
    return cast(Mapping[str, Any], claims) if fine and all(type(claims[name]) is int for name in needed[6:]) else None


def _type_of(text: str) -> object:
    """Return the type in the header of a signed token (RFC 7515 section 4.1.9); None for anything else."""
    if not jwk.is_canonical_jws(text):
        return None
    try:
        return jwt.get_unverified_header(text).get("typ")
    except jwt.PyJWTError:
        return None


def _is_well_formed(access: Mapping[str, Any]) -> bool:
    """Tell whether an access token's claims are as we write them, with the life that ours have (O40)."""
    lasts = access["exp"] - access["iat"]
    return isinstance(access.get("scope"), str) and 0 < lasts <= current_app.config["ACCESS_TOKEN_TTL"]


def _digest(claims: Mapping[str, Any]) -> str:
    return opaque_tokens.digest(f"{claims['client_id']} revoked {claims['jti']}")


def _refresh_audience() -> str:
    return f"{current_app.config['TOKEN_ISSUER']}/oauth2/token"
