"""The authorization endpoint: where an app sends people to sign in (RFC 6749 section 3.1)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, render_template, request

from authsvc.errors.document_refused import DocumentRefused
from authsvc.errors.oauth_refusal import AppUnknown, OAuthError, OAuthRefusal
from authsvc.flows.authorize_app import Prompt
from authsvc.http import language, pages
from authsvc.http.cookies import authorization_cookie
from authsvc.http.guards import for_apps
from authsvc.http.redirection import to_app
from authsvc.languages import translatable
from authsvc.oauth import authorization_request, parameters
from authsvc.oauth.authorization_request import Asked
from authsvc.oauth.parameters import Parameters
from authsvc.services import authorizations, throttles
from authsvc.settings import Limit

_NO_PAGES = translatable("You can't sign in to apps here")
_FRAMES = ("iframe", "frame", "embed", "object")

blp = Blueprint("oauth_authorize", __name__)


@blp.route("/oauth2/authorize", methods=["GET", "POST"])
@for_apps
def authorize() -> Response:
    """Begin to sign somebody in to an app. An app or address that is not registered gets a page, and no redirect."""
    throttles.count(throttles.by_network(Limit.AUTHORIZE_ADDRESS))
    try:
        asked = authorization_request.read(_parameters())
    except DocumentRefused:
        return _unreadable()
    except (AppUnknown, OAuthRefusal):
        return pages.respond(render_template("app_unknown.html"), status=400)
    try:
        params = authorization_request.validate(asked)
        _require_window(params)
    except OAuthRefusal as refusal:
        return _refused(asked, refusal)
    return _begun(asked, params, authorization_request.login_hint(asked))


def _parameters() -> Parameters:
    return parameters.of_form(request) if request.method == "POST" else parameters.of_query(request)


def _unreadable() -> Response:
    if not current_app.config["ACCOUNT_PAGES"]:
        return pages.missing(_NO_PAGES)
    return pages.respond(render_template("app_document_refused.html"), status=400)


def _require_window(params: Mapping[str, Any]) -> None:
    """Refuse at once what asks nobody, and comes from a frame. Raises OAuthRefusal.

    No page of ours can be framed, nor does our cookie reach one in a frame of another site: the app would wait in vain.
    """
    if request.headers.get("Sec-Fetch-Dest") in _FRAMES and Prompt.NONE in params["prompt"]:
        raise OAuthRefusal(OAuthError.LOGIN_REQUIRED, "Nobody can sign in within a frame.")


def _refused(asked: Asked, refusal: OAuthRefusal) -> Response:
    answer = {"error": refusal.error.value, "error_description": refusal.description}
    # Only a page can send a form; and nobody is led to an app of strangers before they have seen where that is (RFC
    # 9700 section 4.11.2).
    if asked.response_mode == "form_post" or asked.app.has_document:
        if not current_app.config["ACCOUNT_PAGES"]:
            return pages.missing(_NO_PAGES)
        form = {"redirect_uri": asked.redirect_uri, "response_mode": asked.response_mode}
        return _begun(asked, {**form, "refusal": answer, "state": asked.state})
    state = {} if asked.state is None else {"state": asked.state}
    return _see_other(to_app(asked.redirect_uri, "query", {**answer, **state}).url)


def _begun(asked: Asked, params: dict[str, object], hint: str | None = None) -> Response:
    begun = authorizations.begin(asked.app, params)
    authorization_cookie(begun.secret).store(begun.browser)
    # An address belongs in no query: what stands behind `#` is for the page alone, and in no log and no referrer.
    fragment = "" if hint is None else f"#{urlencode({'login_hint': hint})}"
    page = language.page_of("authorize", {"request": begun.secret}, asked.rest.get("ui_locales"))
    return _see_other(f"{page}{fragment}")


def _see_other(url: str) -> Response:
    return Response(status=303, headers={"Location": url})
