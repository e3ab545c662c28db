"""The token endpoint (RFC 6749 section 3.2)."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.flows import app_grants, password_grant
from authsvc.flows.app_grants import Granted
from authsvc.http.guards import for_apps
from authsvc.models.apps import App, GrantType
from authsvc.oauth import app_authentication, parameters
from authsvc.oauth.parameters import Parameters

blp = Blueprint("oauth_token", __name__)


@blp.post("/oauth2/token")
@for_apps
def token() -> Response:
    """Exchange a code or a refresh token for tokens."""
    params = parameters.of_body(request, but=("resource",))
    response = jsonify(_by_password(params) if params.get("grant_type") == PASSWORD else _to_app(params))
    response.headers["Pragma"] = "no-cache"  # RFC 6749 section 5.1; every answer here has `Cache-Control: no-store`
    return response


def grants() -> list[str]:
    """Return the grants that there are at this moment: without pages nobody can allow anything."""
    there = [name for name in GRANTS if current_app.config["ACCOUNT_PAGES"] or name not in _BY_PAGES]
    return [*there, PASSWORD] if password_grant.is_on() else there


def _by_password(params: Parameters) -> dict[str, Any]:
    """Sign somebody in by password. An app that proves who it is has a better grant, and never this one."""
    if not password_grant.is_on():
        raise _unsupported()
    if app_authentication.authenticate_if_proved(request, params) is not None:
        raise _unregistered()
    who = (params.must_have("username"), params.must_have("password"))
    pair = password_grant.sign_in_by_password(*who, params.get("scope"), params.every("resource"))
    return {"access_token": pair.access_token, "token_type": "Bearer", "expires_in": pair.expires_in}


def _to_app(params: Parameters) -> dict[str, Any]:
    app = app_authentication.authenticate(request, params)
    grant = _grant(app, params.get("grant_type") or "")
    return _answer(grant(app, params))


def _grant(app: App, name: str) -> Callable[[App, Parameters], Granted]:
    """Return the grant of this name, if the app may use it. Raises OAuthRefusal."""
    if name not in GRANTS or name not in grants():
        raise _unsupported()
    if name not in app.grant_types:
        raise _unregistered()
    return GRANTS[name]


def _unsupported() -> OAuthRefusal:
    return OAuthRefusal(OAuthError.UNSUPPORTED_GRANT_TYPE, "The grant_type is missing, or not supported.")


def _unregistered() -> OAuthRefusal:
    return OAuthRefusal(OAuthError.UNAUTHORIZED_CLIENT, "The app is not registered for this grant_type.")


def _by_code(app: App, params: Parameters) -> Granted:
    proof = (params.get("code"), params.get("redirect_uri"), params.get("code_verifier"))
    return app_grants.exchange_code(app, *proof, resources=params.every("resource"))


def _by_refresh_token(app: App, params: Parameters) -> Granted:
    return app_grants.refresh(app, params.get("refresh_token"), params.get("scope"), params.every("resource"))


def _by_credentials(app: App, params: Parameters) -> Granted:
    return app_grants.authorize_service(app, params.get("scope"), params.every("resource"))


def _by_device_code(app: App, params: Parameters) -> Granted:
    return app_grants.exchange_device_code(app, params.get("device_code"), params.every("resource"))


_Grant = Callable[[App, Parameters], Granted]

GRANTS: Mapping[str, _Grant] = {
    GrantType.CODE.value: _by_code,
    GrantType.REFRESH.value: _by_refresh_token,
    GrantType.CLIENT_CREDENTIALS.value: _by_credentials,
    GrantType.DEVICE_CODE.value: _by_device_code,
}
"""The grants of apps, by their `grant_type`."""

_BY_PAGES = (GrantType.CODE, GrantType.DEVICE_CODE)

PASSWORD = "password"  # noqa: S105 - a grant, which no app is registered for


def _answer(granted: Granted) -> dict[str, Any]:
    tokens = granted.tokens
    answer = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
        "scope": " ".join(tokens.scopes),
        "id_token": granted.id_token,
    }
    return {name: value for name, value in answer.items() if value is not None}
