"""Resources: who may be the audience of an app's access token (RFC 8707).

A token names one, as its `aud`, and only that one takes it. An app asks for those that it is registered for; for
userinfo it need not be.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import current_app

from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.models.apps import App
from authsvc.settings import LONGEST_RESOURCE, is_resource

LONGEST = LONGEST_RESOURCE


def userinfo() -> str:
    """Return the audience of access tokens for userinfo alone: those for which no resource was asked."""
    return f"{current_app.config['TOKEN_ISSUER']}/oauth2/userinfo"


def own_api() -> str:
    """Return the audience of access tokens for our own API, as its metadata name it (RFC 9728)."""
    return f"{current_app.config['PUBLIC_URL']}/"


def is_audience_of_people(uri: str) -> bool:
    """Tell whether services behind this one take a token with this audience for a person's own (T2)."""
    return bool(uri == current_app.config["TOKEN_AUDIENCE"])


def fault_of(uri: str) -> str | None:
    """Return why no app may be registered for a resource, None if one may."""
    if not is_resource(uri):
        return "must be an absolute URI of ASCII characters, without a fragment"
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URI"
    if parts.scheme in ("https", "http") and (not host or "@" in parts.netloc):
        return "must name a host, and no user"
    issuer = current_app.config["TOKEN_ISSUER"]
    if uri in (userinfo(), f"{issuer}/oauth2/token", f"{issuer}/auth/refresh-token"):
        return "must not be an endpoint of this service"
    return None


def may_use(app: App, uri: str) -> bool:
    """Tell whether an app may have access tokens for a resource at this moment. URIs are compared as whole texts.

    Those of apps with a metadata document are not registered with them: they are a setting.
    """
    mine = current_app.config["APP_DOCUMENT_RESOURCES"] if app.has_document else app.resources
    return uri == userinfo() or uri in mine


def requested(app: App, uris: Sequence[str]) -> list[str]:
    """Return the resources of an authorization request, each once. Raises OAuthRefusal (RFC 8707 section 2)."""
    names = list(dict.fromkeys(uris))
    if not all(may_use(app, uri) for uri in names):
        raise _invalid("The app may not ask for this resource.")
    return names


def chosen(app: App, allowed: Sequence[str], uris: Sequence[str]) -> str:
    """Return the audience of an access token: the resource that a token request names, of those that were allowed.

    Without a name it is the only one that was allowed, or userinfo if none was. Naming userinfo is always fine, so an
    app can have both, one after the other. Raises OAuthRefusal for more (RFC 8707 section 2.2).
    """
    names = list(dict.fromkeys(uris)) or list(allowed) or [userinfo()]
    if len(names) > 1:
        raise _invalid("An access token is for one resource, so the request must name one.")
    if names[0] != userinfo() and (names[0] not in allowed or not may_use(app, names[0])):
        raise _invalid("This resource was not allowed.")
    return names[0]


def _invalid(description: str) -> OAuthRefusal:
    return OAuthRefusal(OAuthError.INVALID_TARGET, description)
