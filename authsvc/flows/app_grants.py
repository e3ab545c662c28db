"""Grants at the token endpoint: an app exchanges a code, or a refresh token, for tokens (RFC 6749 sections 4.1, 6)."""

from collections.abc import Sequence
from dataclasses import dataclass

from authsvc.errors import TokenRefused
from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.models.apps import App
from authsvc.models.authorizations import Authorization
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.services import (
    app_scopes,
    app_sessions,
    app_tokens,
    authorizations,
    device_requests,
    grants,
    id_tokens,
    sessions,
    throttles,
)
from authsvc.services.app_tokens import AppTokens
from authsvc.services.resources import chosen
from authsvc.services.throttles import Bucket
from authsvc.settings import Limit


@dataclass(frozen=True, slots=True)
class Granted:
    """Tokens, and the ID token if the app asked who has signed in."""

    tokens: AppTokens
    id_token: str | None


def exchange_code(
    app: App, code: str | None, redirect_uri: str | None, verifier: str | None, *, resources: Sequence[str]
) -> Granted:
    """Exchange a code, which any attempt of its app uses up; a second one ends what the first one got.

    Raises OAuthRefusal.
    """
    request = authorizations.redeem(app, code)
    if request is None:
        app_sessions.end_reused(authorizations.note_reuse(app, code or ""))
        raise OAuthRefusal(OAuthError.INVALID_GRANT, "The code was used before.")
    authorizations.require_valid(request, redirect_uri, verifier)
    return _opened(app, request, chosen(app, request.params["resources"], resources))


def exchange_device_code(app: App, device_code: str | None, resources: Sequence[str]) -> Granted:
    """Exchange a device code once its user has allowed it; a second exchange ends what the first one got.

    Raises OAuthRefusal, which says whether the device should ask again (RFC 8628 section 3.5).
    """
    request = device_requests.poll(app, device_code)
    audience = chosen(app, request.params["resources"], resources)
    if device_requests.redeem(request) is None:
        app_sessions.end_reused(authorizations.note_reuse(app, device_code or ""))
        raise OAuthRefusal(OAuthError.INVALID_GRANT, "The device code was used before.")
    return _opened(app, request, audience)


def _opened(app: App, request: Authorization, audience: str) -> Granted:
    """Return what an app gets for a code that was just used up. Raises OAuthRefusal."""
    user = User.find(str(request.user))
    if user is None:
        raise OAuthRefusal(OAuthError.INVALID_GRANT, "The account is gone.")
    session = app_sessions.open_session(app, request, user)
    return _granted(session, app, request.scopes, audience, request.params.get("nonce"))


def refresh(app: App, refresh_token: str | None, scope: str | None, resources: Sequence[str]) -> Granted:
    """Exchange a refresh token of an app's session: rotation, grace and theft as for people's own sessions.

    Everything that it rests on is read again. Raises OAuthRefusal, TooManyAttempts.
    """
    claims = app_tokens.read_refresh(refresh_token, app)
    throttles.count(Bucket(Limit.REFRESH_SESSION, claims["sid"], claims["sub"]))
    session = app_sessions.find(app, claims["sid"])
    # A request that is refused for what it asks does not use the token up: so this is compared first.
    scopes = app_scopes.narrowed(app_scopes.registered(app, session.scopes), scope)
    audience = chosen(app, session.resources or [], resources)
    app_sessions.require_parent(session)
    try:
        sessions.require_minted(claims)
        session = sessions.rotate(claims["sid"], claims["generation"])
    except TokenRefused as refusal:
        raise OAuthRefusal(OAuthError.INVALID_GRANT, "The session has ended.") from refusal
    sessions.bring_up_to_date(session, app_sessions.require_allowed(app, session))
    return _granted(session, app, scopes, audience, None)


def authorize_service(app: App, scope: str | None, resources: Sequence[str]) -> Granted:
    """Give an app that acts for itself a token of its own: no ID token, no refresh token (RFC 6749 section 4.4).

    Raises OAuthRefusal.
    """
    scopes = app_scopes.requested(app, scope)
    return Granted(app_tokens.mint_for_service(app, scopes, chosen(app, app.resources, resources)), None)


def _granted(session: Session, app: App, scopes: list[str], audience: str, nonce: str | None) -> Granted:
    grants.note_use(session.user, app)
    tokens = app_tokens.mint(session, app, scopes, audience)
    if app_scopes.OPENID not in scopes:
        return Granted(tokens, None)
    return Granted(tokens, id_tokens.mint(session, app, tokens.access_token, nonce))
