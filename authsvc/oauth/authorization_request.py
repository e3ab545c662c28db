"""Authorization requests: first the app, then where the answer goes, then the rest (RFC 6749 section 4.1.1)."""

import re
from dataclasses import dataclass
from typing import Any

from flask import current_app

from authsvc.errors.document_refused import DocumentRefused
from authsvc.errors.oauth_refusal import AppUnknown, OAuthError, OAuthRefusal
from authsvc.flows.authorize_app import Prompt
from authsvc.models.apps import App, AppKind, GrantType
from authsvc.oauth.parameters import Parameters
from authsvc.security import pkce, redirect_uris
from authsvc.services import app_documents, app_lookup, app_scopes, id_tokens, resources

RESPONSE_MODES = ("query", "form_post")
_LONGEST = 2048
"""Bytes of a state or nonce."""

_LONGEST_HINT = 320
"""Bytes of an address; our forms take as many characters."""

_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
NO_PAGES = "Nobody can sign in to apps here: this service has no pages for it."
_NOT_SUPPORTED = {
    "request": OAuthError.REQUEST_NOT_SUPPORTED,
    "request_uri": OAuthError.REQUEST_URI_NOT_SUPPORTED,
    "registration": OAuthError.REGISTRATION_NOT_SUPPORTED,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and where the answer goes; `rest` is to be validated with `validate`."""

    app: App
    redirect_uri: str
    rest: Parameters

    @property
    def state(self) -> str | None:
        """Return what the app wants back, if it can be told."""
        state = self.rest.get("state")
        is_known = state is not None and "state" not in self.rest.repeated | self.rest.unreadable
        return state if is_known and not _is_too_long(state or "") else None

    @property
    def response_mode(self) -> str:
        """Return how the answer goes to the app: by the query, unless it asks for a form."""
        mode = self.rest.get("response_mode")
        return mode if mode in RESPONSE_MODES else "query"


def read(params: Parameters) -> Asked:
    """Return who asks. Raises AppUnknown: then nothing may be sent to the redirect URI (RFC 6749 section 4.1.2.1).

    Raises DocumentRefused if the app's metadata document can't be had.
    """
    uri = params.get("redirect_uri")
    if uri is None or (params.repeated | params.unreadable) & {"client_id", "redirect_uri"}:
        raise AppUnknown
    if not current_app.config["ACCOUNT_PAGES"] and app_lookup.has_address(params.get("client_id") or ""):
        raise DocumentRefused(NO_PAGES)  # and is not asked for, since nothing can come of it
    app = app_documents.find(params.get("client_id"))
    if app is None:
        raise AppUnknown
    if redirect_uris.find(uri, app.redirect_uris, any_port=app.kind == AppKind.NATIVE) is None:
        raise AppUnknown
    return Asked(app, uri, params)


def validate(asked: Asked) -> dict[str, Any]:
    """Return the parameters of a valid request, as they are stored. Raises OAuthRefusal."""
    params = asked.rest
    if not current_app.config["ACCOUNT_PAGES"]:
        raise OAuthRefusal(OAuthError.UNSUPPORTED_RESPONSE_TYPE, NO_PAGES)
    params.require_once(but=("resource",))
    for name, error in _NOT_SUPPORTED.items():
        if params.get(name) is not None:
            raise OAuthRefusal(error, "This parameter is not supported.")
    if GrantType.CODE not in asked.app.grant_types:
        raise OAuthRefusal(OAuthError.UNAUTHORIZED_CLIENT, "The app is not registered for codes.")
    if params.get("response_type") is None:
        raise _invalid("The response_type is missing.")
    if params.get("response_type") != "code":
        raise OAuthRefusal(OAuthError.UNSUPPORTED_RESPONSE_TYPE, "The only response_type is code.")
    if params.get("response_mode") not in (None, *RESPONSE_MODES):
        raise _invalid("The response_mode is query or form_post.")
    about = _about(asked.app, params)
    return {
        "redirect_uri": asked.redirect_uri,
        "response_mode": asked.response_mode,
        "challenge": _challenge(asked.app, params),
        "state": _bounded(params, "state"),
        "subject": _subject(asked.app, params, about["prompt"]),
        **about,
    }


def login_hint(asked: Asked) -> str | None:
    """Return who the app says may want to sign in, if a form can show that; nobody looks it up (Core 3.1.2.1)."""
    hint = (asked.rest.get("login_hint") or "").strip()
    return hint if hint and len(hint.encode()) <= _LONGEST_HINT and hint.isprintable() else None


def validate_device(app: App, params: Parameters) -> dict[str, Any]:
    """Return what an app asks for by a device. Raises OAuthRefusal.

    Beyond RFC 8628 it may say what OpenID Connect has for browsers, except that nobody may be asked.
    """
    about = _about(app, params)
    if Prompt.NONE in about["prompt"]:
        raise _invalid("Whoever signs in by a device has to be asked.")
    return about


def _about(app: App, params: Parameters) -> dict[str, Any]:
    return {
        "scopes": app_scopes.requested(app, params.get("scope")),
        "resources": resources.requested(app, params.every("resource")),
        "prompt": _prompts(params),
        "max_age": _max_age(params),
        "nonce": _bounded(params, "nonce"),
    }


def _challenge(app: App, params: Parameters) -> str | None:
    """Return the challenge of PKCE; None only for an app that is registered to do without."""
    challenge, method = params.get("code_challenge"), params.get("code_challenge_method")
    if challenge is None and method is None and not app.requires_pkce:
        return None
    if challenge is None or method != pkce.METHOD or not pkce.is_challenge(challenge):
        raise _invalid("A code_challenge of the method S256 is required.")
    return challenge


def _subject(app: App, params: Parameters, prompts: list[str]) -> str | None:
    """Return whom the app expects, by an ID token that it has had, expired or not (OpenID Connect Core 3.1.2.1).

    It is not looked up: nothing tells whether there still is such an account.
    """
    hint = params.get("id_token_hint")
    if hint is None:
        return None
    claims = id_tokens.read_even_expired(hint)
    if claims is None or claims["aud"] != app.id:
        raise _invalid("The id_token_hint is not an ID token of this app.")
    if Prompt.CREATE in prompts:
        raise _invalid("An id_token_hint names somebody who has an account, so they can not create it.")
    return str(claims["sub"])


def _prompts(params: Parameters) -> list[str]:
    names = [name for name in (params.get("prompt") or "").split(" ") if name]
    if not set(names) <= set(Prompt) or (Prompt.NONE in names and len(names) > 1):
        raise _invalid("The prompt is unknown, or none stands with another.")
    return names


def _max_age(params: Parameters) -> int | None:
    text = params.get("max_age")
    if text is None:
        return None
    if _SECONDS.fullmatch(text) is None:
        raise _invalid("The max_age must be a number of seconds.")
    return int(text)


def _bounded(params: Parameters, name: str) -> str | None:
    text = params.get(name)
    if text is not None and _is_too_long(text):
        raise _invalid("The state or nonce is too long.")
    return text


def _is_too_long(text: str) -> bool:
    return len(text.encode()) > _LONGEST


def _invalid(description: str) -> OAuthRefusal:
    return OAuthRefusal(OAuthError.INVALID_REQUEST, description)
