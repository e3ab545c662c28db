"""Grants at the token endpoint: an app exchanges a code, or a refresh token, for tokens (RFC 6749 sections 4.1, 6)."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from authsvc import clock
from authsvc.errors import HookFailed, TokenRefused
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
    token_claims,
)
from authsvc.services.app_tokens import AppTokens
from authsvc.services.resources import chosen
from authsvc.services.throttles import Bucket
from authsvc.services.token_claims import Ext, Request
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

    Raises OAuthRefusal, HookFailed.
    """
    ext = None
    with suppress(OAuthRefusal):  # which `redeem` and what follows it raise again
        ext = _ask_before_code(app, code, redirect_uri, verifier, resources)
    request = authorizations.redeem(app, code)
    if request is None:
        app_sessions.end_reused(authorizations.note_reuse(app, code or ""))
        raise OAuthRefusal(OAuthError.INVALID_GRANT, "The code was used before.")
    authorizations.require_valid(request, redirect_uri, verifier)
    return _opened(app, request, chosen(app, request.params["resources"], resources), ext)


def exchange_device_code(app: App, device_code: str | None, resources: Sequence[str]) -> Granted:
    """Exchange a device code once its user has allowed it; a second exchange ends what the first one got.

    Raises OAuthRefusal, which says whether the device should ask again (RFC 8628 section 3.5), HookFailed.
    """
    request = device_requests.poll(app, device_code)
    audience = chosen(app, request.params["resources"], resources)
    ext = _ask_before(app, request, audience) if request.used_at is None else None
    if device_requests.redeem(request) is None:
        app_sessions.end_reused(authorizations.note_reuse(app, device_code or ""))
        raise OAuthRefusal(OAuthError.INVALID_GRANT, "The device code was used before.")
    return _opened(app, request, audience, ext)


def _ask_before_code(
    app: App, code: str | None, redirect_uri: str | None, verifier: str | None, resources: Sequence[str]
) -> Ext | None:
    """Ask what the access token for a code says besides, if the code would do. Raises OAuthRefusal, HookFailed."""
    request = authorizations.find_redeemable(app, code) if token_claims.is_asked() else None
    if request is None:
        return None
    authorizations.require_valid(request, redirect_uri, verifier)
    return _ask_before(app, request, chosen(app, request.params["resources"], resources))


def _ask_before(app: App, request: Authorization, audience: str) -> Ext | None:
    """Ask what an access token says besides while its code can still be used again (R124). Raises HookFailed."""
    user = User.find(str(request.user)) if token_claims.is_asked() else None
    if user is None or app_sessions.reason_to_end(app, request) is not None:
        return None
    wish = Request(app, request.scopes, audience)
    return token_claims.of_session(app_sessions.new(app, request, user), user, wish)


def _opened(app: App, request: Authorization, audience: str, ext: Ext | None) -> Granted:
    """Return what an app gets for a code that was just used up. Raises OAuthRefusal, HookFailed."""
    user = User.find(str(request.user))
    if user is None:
        raise OAuthRefusal(OAuthError.INVALID_GRANT, "The account is gone.")
    wish = Request(app, request.scopes, audience)
    if ext is None:
        # Who is refused anyway asks nobody: the code is used up by now.
        if token_claims.is_asked() and app_sessions.reason_to_end(app, request) is not None:
            raise OAuthRefusal(OAuthError.INVALID_GRANT, "What was allowed is no longer so.")
        ext = token_claims.of_session(app_sessions.new(app, request, user), user, wish)
    session = app_sessions.open_session(app, request, user)
    return _granted(session, wish, ext, request.params.get("nonce"))


def refresh(app: App, refresh_token: str | None, scope: str | None, resources: Sequence[str]) -> Granted:
    """Exchange a refresh token of an app's session: rotation, grace and theft as for people's own sessions.

    Everything that it rests on is read again. Raises OAuthRefusal, TooManyAttempts, HookFailed.
    """
    claims = app_tokens.read_refresh(refresh_token, app)
    with throttles.counting_unless(HookFailed, Bucket(Limit.REFRESH_SESSION, claims["sid"], claims["sub"])):
        session = app_sessions.find(app, claims["sid"])
        # A request that is refused for what it asks does not use the token up: so this is compared first.
        scopes = app_scopes.narrowed(app_scopes.registered(app, session.scopes), scope)
        audience = chosen(app, session.resources or [], resources)
        app_sessions.require_parent(session)
        wish = Request(app, scopes, audience)
        came_at = clock.now()
        ext = _ask_before_refresh(claims, wish)
    try:
        sessions.require_minted(claims)
        session = sessions.rotate(claims["sid"], claims["generation"], as_of=came_at)
    except TokenRefused as refusal:
        raise OAuthRefusal(OAuthError.INVALID_GRANT, "The session has ended.") from refusal
    user = app_sessions.require_allowed(app, session)
    sessions.bring_up_to_date(session, user)
    return _granted(session, wish, token_claims.of_session(session, user, wish) if ext is None else ext, None)


def _ask_before_refresh(claims: Mapping[str, Any], wish: Request) -> Ext | None:
    """Ask what the new access token says besides, while the refresh token can still be used again (R124).

    None if the token would be refused: a stolen one is noticed, whatever the hook does. Raises HookFailed.
    """
    session = sessions.find_exchangeable(claims) if token_claims.is_asked() else None
    user = User.find(str(session.user)) if session is not None else None
    if session is None or user is None or user.disabled_at is not None:
        return None
    return token_claims.of_session(session, user, wish)


def authorize_service(app: App, scope: str | None, resources: Sequence[str]) -> Granted:
    """Give an app that acts for itself a token of its own: no ID token, no refresh token (RFC 6749 section 4.4).

    Raises OAuthRefusal, HookFailed.
    """
    scopes = app_scopes.requested(app, scope)
    wish = Request(app, scopes, chosen(app, app.resources, resources))
    return Granted(app_tokens.mint_for_service(wish, token_claims.of_service(wish)), None)


def _granted(session: Session, wish: Request, ext: Ext, nonce: str | None) -> Granted:
    grants.note_use(session.user, wish.app)
    tokens = app_tokens.mint(session, wish, ext)
    if app_scopes.OPENID not in wish.scopes:
        return Granted(tokens, None)
    return Granted(tokens, id_tokens.mint(session, wish.app, tokens.access_token, nonce))
