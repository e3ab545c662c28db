"""Scopes that apps may ask for (RFC 6749 section 3.3): what each lets them do."""

import re
from collections.abc import Sequence

from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.models.apps import App
from authsvc.services import callers

OPENID = "openid"
PROFILE = "profile"
EMAIL = "email"
OFFLINE = "offline_access"

SCOPES = (OPENID, PROFILE, EMAIL, OFFLINE)
"""Those of OpenID Connect Core, sections 5.4 and 11: what an app may ask for unless it is registered for others."""

OF_OWN_API = (callers.PROFILE_READ, *callers.SCOPES)
"""Those of our own API, which an app may ask for only if it is registered for them."""

ALL = (*SCOPES, *OF_OWN_API)

_WORD = re.compile(r"[!#-\[\]-~]{1,100}", re.ASCII)


def is_of_services(scope: str) -> bool:
    """Tell whether a service may have a scope: a word of its operator, and none about a person."""
    return _WORD.fullmatch(scope) is not None and scope not in SCOPES


def requested(app: App, text: str | None) -> list[str]:
    """Return the scopes of a request, each once; without any those that the app is registered for.

    Raises OAuthRefusal for one that the app may not ask for (A17: it is not dropped in silence).
    """
    if text is None:
        return [scope for scope in app.scopes if scope != OFFLINE]
    names = list(dict.fromkeys(text.split(" ")))
    if not set(names) <= set(app.scopes):
        raise OAuthRefusal(OAuthError.INVALID_SCOPE, "The scope names something that this app may not ask for.")
    return names


def registered(app: App, granted: Sequence[str]) -> list[str]:
    """Return those of the scopes granted that the app may still ask for."""
    return [scope for scope in granted if scope in app.scopes]


def narrowed(granted: Sequence[str], text: str | None) -> list[str]:
    """Return the scopes that a refresh asks for: all that were granted, or fewer (RFC 6749 section 6).

    Raises OAuthRefusal for more.
    """
    if text is None:
        return list(granted)
    names = list(dict.fromkeys(text.split(" ")))
    if not set(names) <= set(granted):
        raise OAuthRefusal(OAuthError.INVALID_SCOPE, "The scope names something that was not granted.")
    return names
