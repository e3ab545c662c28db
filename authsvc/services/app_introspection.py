"""Introspection for apps: what a token is valid for at this moment (RFC 7662)."""

from collections.abc import Mapping
from typing import Any

from authsvc.errors import TokenRefused
from authsvc.models.apps import App
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.services import app_tokens, apps, resources, sessions, token_claims

_TOLD = ("iss", "aud", "sub", "client_id", "sid", "jti", "iat", "exp", "auth_time", token_claims.NAME)


def describe(asking: App, text: str) -> dict[str, Any]:
    """Return what a token of the app that asks is valid for, or an access token for one of its resources.

    For anything else it is `{"active": False}`, and so it is for a refresh token that could not be exchanged now.
    Looking at one exchanges nothing.
    """
    token = app_tokens.read(text) or _of_service(text)
    scopes = None if token is None or not _may_ask(asking, token) else _scopes_now(token)
    if token is None or scopes is None:
        return {"active": False}
    kind = "Bearer" if token.is_access else "refresh_token"
    facts = {name: token.claims[name] for name in _TOLD if name in token.claims}
    return {"active": True, "token_type": kind, **facts, "scope": " ".join(scopes)}


def _of_service(text: str) -> app_tokens.AppToken | None:
    service = app_tokens.read_service(text, None)
    return None if service is None else app_tokens.AppToken(True, service[1])


def _may_ask(asking: App, token: app_tokens.AppToken) -> bool:
    """Tell whether an app may know of a token: its own, or one for a resource of it (RFC 7662 section 4)."""
    if token.claims["client_id"] == asking.id:
        return True
    return token.is_access and token.claims["aud"] in asking.resources


def _scopes_now(token: app_tokens.AppToken) -> list[str] | None:
    """Return the scopes that a token has at this moment, None if it is not valid."""
    claims = token.claims
    app = apps.find(claims["client_id"])
    if app is None or ("sid" in claims and not _is_live(token, app)):  # a service has no session
        return None
    if not token.is_access:
        session = Session.find(claims["sid"])
        return None if session is None else list(session.scopes)
    return app_tokens.scopes_of(claims, app) if resources.may_use(app, claims["aud"]) else None


def _is_live(token: app_tokens.AppToken, app: App) -> bool:
    claims: Mapping[str, Any] = token.claims
    try:
        who = sessions.caller({}, claims, app) if token.is_access else sessions.refreshable(claims, app)
    except TokenRefused:
        return False
    user = User.find(who.user_id)
    return user is not None and user.disabled_at is None
