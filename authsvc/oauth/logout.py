"""The end session endpoint: where an app sends people to sign out (OpenID Connect RP-Initiated Logout 1.0).

A request ends nothing, whoever or whatever sends it: it leads to a page, which does.
"""

from dataclasses import dataclass

from flask import Blueprint, Response, current_app, request

from authsvc.errors.oauth_refusal import OAuthRefusal
from authsvc.http import language, pages
from authsvc.http.guards import for_apps
from authsvc.http.redirection import with_state
from authsvc.languages import translatable
from authsvc.models.apps import App
from authsvc.oauth import parameters
from authsvc.oauth.parameters import Parameters
from authsvc.services import apps, id_tokens, sign_outs, throttles
from authsvc.settings import Limit

blp = Blueprint("oauth_logout", __name__)

_LONGEST_STATE = 2048


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which app asks, for whom, and where to go afterwards; None for what is not known for certain."""

    app: App | None = None
    user_id: str | None = None
    target: str | None = None
    ui_locales: str | None = None


@blp.route("/oauth2/logout", methods=["GET", "POST"])
@for_apps
def logout() -> Response:
    """Lead to the page that signs out."""
    throttles.count(throttles.by_network(Limit.AUTHORIZE_ADDRESS))
    if not current_app.config["ACCOUNT_PAGES"]:
        return pages.missing(translatable("You can't sign out here"))
    asked = _read()
    secret = sign_outs.begin(asked.app, asked.user_id, asked.target)
    page = language.page_of("sign-out", {"request": secret}, asked.ui_locales)
    return Response(status=303, headers={"Location": page})


def _read() -> _Asked:
    """Return what is asked. Whatever is wrong with it, the person can still be asked, and goes nowhere afterwards."""
    try:
        params = parameters.of_query(request) if request.method == "GET" else parameters.of_form(request)
        params.require_once()
    except OAuthRefusal:
        return _Asked()
    app_id, hint, spoken = params.get("client_id"), params.get("id_token_hint"), params.get("ui_locales")
    if hint is None:
        app = apps.find(app_id)
        return _Asked(app, None, _target(app, params), spoken)
    claims = id_tokens.read_even_expired(hint)
    app = apps.find(claims["aud"]) if claims is not None else None
    if claims is None or app is None or app_id not in (None, app.id):
        return _Asked(ui_locales=spoken)
    return _Asked(app, claims["sub"], _target(app, params), spoken)


def _target(app: App | None, params: Parameters) -> str | None:
    """Return where to go afterwards: an address that the app has registered, as it stands, with the `state`."""
    uri, state = params.get("post_logout_redirect_uri"), params.get("state")
    if app is None or uri is None or uri not in app.logout_uris:
        return None
    return with_state(uri, state if state is not None and len(state) <= _LONGEST_STATE else None)
