"""Assertions: an app shows who it is by a token that it signs with a key of its own (RFC 7523 sections 2.2 and 3)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import current_app

from authsvc import clock
from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.models.apps import App, AuthMethod
from authsvc.models.assertions import Assertion
from authsvc.security import app_keys, opaque_tokens
from authsvc.services import apps

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE = timedelta(minutes=5)
"""How far ahead an assertion may expire."""

_LEEWAY = timedelta(seconds=10)
"""How far ahead an app's clock may be."""
_KEPT_AFTER = timedelta(minutes=5)
"""How long a used one is remembered after it has expired: the database deletes by a clock of its own."""
_LONGEST_JTI = 256
_END = 2**36
"""A second in the year 4147; far later ones are no times in Python."""


def subject_of(text: str) -> str | None:
    """Return the app that an assertion speaks of, whoever wrote it."""
    subject = app_keys.unverified_claims(text).get("sub")
    return subject if isinstance(subject, str) and subject.isascii() else None


def authenticate(app_id: str, text: str) -> App:
    """Return the app that shows who it is by an assertion, which serves once. Raises OAuthRefusal."""
    app = apps.find(app_id)
    if app is None or app.auth_method != AuthMethod.PRIVATE_KEY or app.jwks is None:
        raise _invalid()
    claims = app_keys.signed_by_one(app.jwks["keys"], text)
    expires_at = _expiry(app, claims) if claims is not None else None
    if claims is None or expires_at is None:
        raise _invalid()
    if not Assertion.use(opaque_tokens.digest(f"{app.id} {claims['jti']!a}"), expires_at + _KEPT_AFTER):
        raise _invalid()
    return app


def _expiry(app: App, claims: dict[str, Any]) -> datetime | None:
    """Return when an assertion expires if it is one of this app's, for us, and holds now; else None."""
    now, expires = clock.now(), _time(claims.get("exp"))
    if (claims.get("iss"), claims.get("sub")) != (app.id, app.id) or not _is_for_us(claims.get("aud")):
        return None
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        return None
    begins = [_time(claims[name]) for name in ("iat", "nbf") if name in claims]
    if expires is None or any(moment is None or moment > now + _LEEWAY for moment in begins):
        return None
    return expires if now < expires <= now + LIFE + _LEEWAY else None


def _is_for_us(audience: Any) -> bool:
    """Tell whether an assertion is for us alone: another service that it is for could use it here."""
    only = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    return only in (current_app.config["TOKEN_ISSUER"], f"{current_app.config['PUBLIC_URL']}/oauth2/token")


def _time(seconds: Any) -> datetime | None:
    """Return a moment in seconds since 1970 (RFC 7519 section 2); None for anything else, and for no moment of ours."""
    if type(seconds) not in (int, float) or not 0 <= seconds < _END:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _invalid() -> OAuthRefusal:
    return OAuthRefusal(OAuthError.INVALID_CLIENT, "The app is unknown, or its assertion is not valid.")
