"""Userinfo: to an app, who its user is (OpenID Connect Core section 5.3)."""

from flask import Blueprint, Response, jsonify, request

from authsvc.errors import TokenRefused
from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.http import parsing
from authsvc.http.guards import BEARER, for_apps
from authsvc.oauth import parameters
from authsvc.services import app_tokens, resources, userinfo

blp = Blueprint("oauth_userinfo", __name__)


@blp.route("/oauth2/userinfo", methods=["GET", "POST"])
@for_apps
def show() -> Response:
    """Return who an app's user is, as far as the scopes of its token allow."""
    try:
        who, _ = app_tokens.authenticate(_token(), resources.userinfo())
    except TokenRefused as problem:
        raise OAuthRefusal(
            OAuthError.INVALID_TOKEN, "The access token is unknown, expired, or for another."
        ) from problem
    return jsonify(userinfo.claims(who))


def _token() -> str:
    """Return the access token of the header, or of a form, and never of an address (RFC 6750 section 2)."""
    in_header, in_form = _of_header(), _of_form()
    if in_header is not None and in_form is not None:
        raise _malformed("The access token is there in more than one way.")
    token = in_header or in_form
    if token is None:  # then the challenge says nothing of an error (section 3.1)
        raise OAuthRefusal(OAuthError.INVALID_TOKEN, "An access token is required.", challenge="Bearer")
    return token


def _of_header() -> str | None:
    header = request.headers.get("Authorization", "").strip(" ")
    if header.partition(" ")[0].lower() != "bearer":
        return None
    match = BEARER.fullmatch(header)
    if match is None:
        raise _malformed("The Authorization header is malformed.")
    return match[1]


def _of_form() -> str | None:
    if request.method != "POST" or not parsing.is_media_type(request, parsing.FORM):
        return None
    try:
        params = parameters.of_form(request)
        params.require_once()
    except OAuthRefusal as refusal:
        raise _malformed(refusal.description) from refusal
    return params.get("access_token")


def _malformed(description: str) -> OAuthRefusal:
    challenge = f'Bearer error="{OAuthError.INVALID_REQUEST}"'
    return OAuthRefusal(OAuthError.INVALID_REQUEST, description, challenge=challenge)
