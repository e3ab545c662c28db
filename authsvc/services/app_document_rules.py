"""What a metadata document may say of an app (draft-ietf-oauth-client-id-metadata-document section 4, RFC 7591).

What is not known is ignored, as RFC 7591 wants it: one document serves many services. Pictures, pages and other
addresses in it are neither shown nor asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from authsvc.errors import ValidationFailed
from authsvc.errors.document_refused import DocumentRefused
from authsvc.models.apps import AppKind, AuthMethod, GrantType, IdTokenAlg
from authsvc.security import strict_json
from authsvc.security.app_documents import place_of
from authsvc.services import app_rules, app_scopes

_MOST_WORDS = 50
_LONGEST_KEYS_ADDRESS = 512
_SHARED_SECRETS = ("client_secret", "client_secret_expires_at")

Members = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Description:
    """What a document says: values of an app, and where its keys are, if they are not in it."""

    values: dict[str, Any]
    keys_address: str | None


def read(address: str, text: bytes) -> Description:
    """Return what the document at an address says. Raises DocumentRefused."""
    members = _members(text)
    if members.get("client_id") != address:
        raise DocumentRefused("the client_id is not its address")
    if any(name in members for name in _SHARED_SECRETS):
        raise DocumentRefused("it has a secret")
    method = _one_of(members, "token_endpoint_auth_method", (AuthMethod.NONE, AuthMethod.PRIVATE_KEY))
    has_keys = method == AuthMethod.PRIVATE_KEY
    kind = _kind(members, has_keys=has_keys)
    keys_address = _keys_address(address, members) if has_keys else None
    values = {
        **app_rules.defaults(kind),
        "name": members.get("client_name", place_of(address)),
        "auth_method": method,
        "jwks": members.get("jwks") if has_keys else None,
        "redirect_uris": _texts(members, "redirect_uris", []),
        "grant_types": _grants(kind, members),
        "scopes": _scopes(members),
        "id_token_alg": _one_of(members, "id_token_signed_response_alg", tuple(IdTokenAlg)),
    }
    return Description({"kind": kind.value, **values}, keys_address)


def checked(description: Description, keys: bytes | None) -> dict[str, Any]:
    """Return the values as they are stored, with the keys of another document if they are there.

    Raises DocumentRefused.
    """
    values = dict(description.values)
    if keys is not None:
        values["jwks"] = _members(keys)
    try:
        values["name"] = app_rules.canonical_name(values["name"])
        values["jwks"] = app_rules.canonical_keys(values["jwks"])
        app_rules.require_possible(AppKind(values["kind"]), values, by_operator=False)
    except (ValidationFailed, TypeError) as error:
        raise DocumentRefused("its values are not possible") from error
    return values


def _members(text: bytes) -> Members:
    try:
        members = strict_json.parse(text)
    except ValueError as error:
        raise DocumentRefused("it is not JSON") from error
    if not isinstance(members, Mapping):
        raise DocumentRefused("it is not an object")
    return members


def _kind(members: Members, *, has_keys: bool) -> AppKind:
    """Return what an app is: with a server if it has keys, else installed, unless it says that it is a page."""
    if has_keys:
        return AppKind.WEB
    return AppKind.SPA if members.get("application_type") == "web" else AppKind.NATIVE


def _keys_address(address: str, members: Members) -> str | None:
    """Return where the keys are: in the document, or at an address of the same origin."""
    there = members.get("jwks_uri")
    if ("jwks" in members) is (there is not None):
        raise DocumentRefused("it has not either jwks or jwks_uri")
    if there is None:
        return None
    if not isinstance(there, str) or len(there) > _LONGEST_KEYS_ADDRESS:
        raise DocumentRefused("the jwks_uri is not an address")
    try:
        own = urlsplit(there)[:2] == urlsplit(address)[:2]
    except ValueError:
        own = False
    if not own:
        raise DocumentRefused("the jwks_uri is of another origin")
    return there


def _grants(kind: AppKind, members: Members) -> list[str]:
    """Return the grants that an app names and may have (RFC 7591 section 2); others are ignored."""
    named = _texts(members, "grant_types", [GrantType.CODE])
    possible = [grant.value for grant in app_rules.KINDS[kind].grants if grant in named]
    if GrantType.CODE in possible and "code" not in _texts(members, "response_types", ["code"]):
        raise DocumentRefused("the response_types are without code")
    return possible


def _scopes(members: Members) -> list[str]:
    """Return the scopes that an app names and may have: those of signing in, and none of our own API."""
    if "scope" not in members:
        return list(app_scopes.SCOPES)
    text = members["scope"]
    if not isinstance(text, str):
        raise DocumentRefused("the scope is not a text")
    named = text.split(" ")
    return [scope for scope in app_scopes.SCOPES if scope in named]


def _one_of(members: Members, name: str, values: Sequence[str]) -> str:
    """Return a member that has one of several values; the first of them without it."""
    value = members.get(name, values[0])
    if not isinstance(value, str) or value not in values:
        raise DocumentRefused(f"the {name} is not supported")
    return str(value)


def _texts(members: Members, name: str, default: Sequence[str]) -> list[str]:
    """Return a member that is a list of texts, each of them once."""
    texts = members.get(name, default)
    is_list = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
    if not is_list or len(texts) > _MOST_WORDS:
        raise DocumentRefused(f"the {name} are not a list of texts")
    return list(dict.fromkeys(map(str, texts)))
