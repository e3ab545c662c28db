"""How an app shows who it is: one way, in the header or in the form (RFC 6749 section 2.3, RFC 7523)."""

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import unquote_plus

from flask import Request

from authsvc.errors.document_refused import DocumentRefused
from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.models.apps import App, AuthMethod
from authsvc.oauth.parameters import Parameters
from authsvc.services import app_assertions, app_documents, apps, guesses, throttles

_LONGEST = 1024


@dataclass(frozen=True, slots=True)
class _Credentials:
    app_id: str
    method: AuthMethod
    secret: str | None = None
    assertion: str = ""


def authenticate(request: Request, params: Parameters, *, begins: bool = False) -> App:
    """Return the app that makes a request. Raises OAuthRefusal, and TooManyAttempts after too many guesses.

    `begins` says that the app may be one with a document that nobody has asked for yet.
    """
    credentials = _credentials(request, params)
    with throttles.counting_failures(guesses.at_app(credentials.app_id), OAuthRefusal):
        if begins:
            _find(credentials.app_id)
        app_documents.bring_up_to_date(credentials.app_id)
        if credentials.method == AuthMethod.PRIVATE_KEY:
            return app_assertions.authenticate(credentials.app_id, credentials.assertion)
        return apps.authenticate(credentials.app_id, credentials.secret, credentials.method)


def authenticate_if_proved(request: Request, params: Parameters) -> App | None:
    """Return the app that proves who it is, None if nothing is shown but an id, or not even that.

    Swagger UI sends Basic in any case: `Og==` if its fields are empty. Raises as `authenticate` does.
    """
    _, secret = _of_basic(request.headers.get("Authorization", "Basic"), or_none=True)
    if not secret and params.get("client_secret") is None and params.get("client_assertion") is None:
        return None
    return authenticate(request, params)


def _find(app_id: str) -> None:
    try:
        app_documents.find(app_id)
    except DocumentRefused as refusal:
        raise OAuthRefusal(OAuthError.INVALID_CLIENT, app_documents.UNREADABLE) from refusal


def _credentials(request: Request, params: Parameters) -> _Credentials:
    """Return by what an app shows who it is: one way alone, and its id is the same wherever it stands."""
    basic = _basic(request.headers.get("Authorization"))
    body_id, secret, assertion = map(params.get, ("client_id", "client_secret", "client_assertion"))
    ways = [basic is not None, secret is not None, assertion is not None]
    if sum(ways) > 1 or (basic is not None and body_id not in (None, basic.app_id)):
        raise OAuthRefusal(OAuthError.INVALID_REQUEST, "The app shows who it is in more than one way.")
    if basic is not None:
        return basic
    if assertion is not None:
        return _by_assertion(body_id, assertion, params.get("client_assertion_type"))
    if body_id is None:
        raise _invalid()
    return _Credentials(body_id, AuthMethod.NONE if secret is None else AuthMethod.POST, secret)


def _by_assertion(body_id: str | None, assertion: str, kind: str | None) -> _Credentials:
    """Return the credentials of a signed token, which says itself whose it is (RFC 7521 section 4.2)."""
    app_id = body_id or app_assertions.subject_of(assertion)
    if kind != app_assertions.TYPE or app_id is None:
        raise _invalid()
    return _Credentials(app_id, AuthMethod.PRIVATE_KEY, assertion=assertion)


def authenticate_confidential(request: Request, params: Parameters) -> App:
    """Return the app that makes a request, if it proves that: an id alone is none (RFC 6749 section 3.2.1).

    Raises OAuthRefusal.
    """
    app = authenticate(request, params)
    if not app.is_confidential:
        raise OAuthRefusal(OAuthError.INVALID_CLIENT, "Only an app that keeps a secret may ask this.")
    return app


def _basic(header: str | None) -> _Credentials | None:
    """Return the credentials of HTTP's Basic scheme; both are form-encoded (RFC 6749 section 2.3.1)."""
    if header is None:
        return None
    app_id, secret = _of_basic(header)
    if not app_id:
        raise _invalid()
    return _Credentials(app_id, AuthMethod.BASIC if secret else AuthMethod.NONE, secret or None)


def _of_basic(header: str, *, or_none: bool = False) -> tuple[str, str]:
    """Return the id and the secret of a header; both are empty for one without any, if there may be none."""
    scheme, _, rest = header.strip(" ").partition(" ")
    text = rest.strip(" ")
    if scheme.lower() != "basic" or len(text) > _LONGEST:
        raise _invalid()
    if or_none and not text:
        return "", ""
    try:
        app_id, colon, secret = base64.b64decode(text, validate=True).decode("ascii").partition(":")
    except (binascii.Error, ValueError) as error:
        raise _invalid() from error
    if not colon:
        raise _invalid()
    return unquote_plus(app_id), unquote_plus(secret)


def _invalid() -> OAuthRefusal:
    return OAuthRefusal(OAuthError.INVALID_CLIENT, "The app does not show who it is.")
