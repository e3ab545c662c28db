"""What an app may be: which values each kind may have, and how they go together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app

from authsvc.errors import FieldError, ValidationFailed
from authsvc.models.apps import App, AppKind, AuthMethod, GrantType, IdTokenAlg
from authsvc.security import app_keys, names, redirect_uris
from authsvc.services import app_scopes, resources

MOST_URIS = 20
MOST_SCOPES = 50


@dataclass(frozen=True, slots=True)
class Kind:
    """What apps of a kind can do: the grants that they may have and usually have, and whether they keep a secret.

    `people` sign in to them; `redirects` are how people come back; `installed` ones may have other addresses.
    """

    grants: tuple[GrantType, ...]
    usual: tuple[GrantType, ...]
    secret: bool = False
    people: bool = True
    redirects: bool = True
    installed: bool = False


_BY_CODE = (GrantType.CODE, GrantType.REFRESH)
_BY_DEVICE = (GrantType.DEVICE_CODE, GrantType.REFRESH)

KINDS: Mapping[AppKind, Kind] = {
    AppKind.WEB: Kind((*_BY_CODE, GrantType.DEVICE_CODE), _BY_CODE, secret=True),
    AppKind.SPA: Kind(_BY_CODE, _BY_CODE),
    AppKind.NATIVE: Kind((*_BY_CODE, GrantType.DEVICE_CODE), _BY_CODE, installed=True),
    AppKind.SERVICE: Kind(
        (GrantType.CLIENT_CREDENTIALS,), (GrantType.CLIENT_CREDENTIALS,), secret=True, people=False, redirects=False
    ),
    AppKind.DEVICE: Kind(_BY_DEVICE, _BY_DEVICE, redirects=False),
}

Values = Mapping[str, Any]
_Rule = Callable[[Kind, Values], Iterator[FieldError]]


def defaults(kind: AppKind) -> dict[str, Any]:
    """Return what a new app of a kind has unless it is told otherwise."""
    rules = KINDS[kind]
    return {
        "auth_method": AuthMethod.BASIC.value if rules.secret else AuthMethod.NONE.value,
        "jwks": None,
        "redirect_uris": [],
        "logout_uris": [],
        "backchannel_uri": None,
        "grant_types": [grant.value for grant in rules.usual],
        "scopes": list(app_scopes.SCOPES) if rules.people else [],
        "resources": [],
        "id_token_alg": IdTokenAlg.RS256.value,
        "requires_pkce": True,
        "trusted": False,
    }


def canonical_name(text: str) -> str:
    """Return a name as it is stored. Raises ValidationFailed."""
    try:
        return names.canonical(text)
    except names.NotAName as error:
        detail = f"A name has 1 to {names.MAX_LENGTH} printable characters."
        raise ValidationFailed([FieldError("bad_format", detail, "/name")]) from error


def canonical_keys(jwks: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the public keys of an app as they are stored. Raises ValidationFailed."""
    try:
        return None if jwks is None else app_keys.read(jwks)
    except ValueError as fault:
        raise ValidationFailed([FieldError("bad_format", f"A key {fault}.", "/jwks")]) from fault


def keeps_secret(kind: AppKind, method: str) -> bool:
    """Tell whether an app of this kind, which authenticates by this method, has secrets."""
    return KINDS[kind].secret and method in (AuthMethod.BASIC, AuthMethod.POST)


def needs_pages(app: App) -> bool:
    """Tell whether people sign in to an app, which takes the account pages."""
    return KINDS[AppKind(app.kind)].people


def weight_of(values: Values) -> set[str]:
    """Return what in an app's values nobody may add without a fresh sign-in: each opens more than the app itself."""
    weight = set(values["scopes"]) & set(app_scopes.OF_OWN_API)
    weight |= {"trusted"} if values["trusted"] else set()
    return weight if values["requires_pkce"] else {*weight, "no PKCE"}


def require_possible(kind: AppKind, values: Values, *, by_operator: bool) -> None:
    """Refuse values that an app of this kind can't have, by the names of its fields. Raises ValidationFailed.

    `by_operator` says that whoever runs the service wants it: they may let an app have tokens for this very service.
    """
    errors = [error for rule in _RULES for error in rule(KINDS[kind], values)]
    errors += _resources(values["resources"], by_operator=by_operator)
    if errors:
        raise ValidationFailed(errors)


def _grants(kind: Kind, values: Values) -> Iterator[FieldError]:
    possible = ", ".join(kind.grants)
    if not set(values["grant_types"]) <= set(kind.grants):
        yield FieldError("not_allowed", f"The grant types of this kind of app are {possible}.", "/grantTypes")
    if not set(values["grant_types"]) - {GrantType.REFRESH}:
        yield FieldError("not_allowed", "An app needs a grant type besides refresh_token.", "/grantTypes")


def _redirects(kind: Kind, values: Values) -> Iterator[FieldError]:
    uris = values["redirect_uris"]
    if GrantType.CODE in values["grant_types"] and not uris:
        yield FieldError("required", f"An app that gets codes has 1 to {MOST_URIS} redirect URIs.", "/redirectUris")
    for name, pointer in (("redirect_uris", "/redirectUris"), ("logout_uris", "/logoutUris")):
        if values[name] and not kind.redirects:
            yield FieldError("not_allowed", "Nobody is sent back to this kind of app.", pointer)
        yield from _uris(values[name], pointer, is_native=kind.installed)


def _uris(uris: Sequence[str], pointer: str, *, is_native: bool) -> Iterator[FieldError]:
    if len(uris) > MOST_URIS:
        yield FieldError("too_long", f"An app has at most {MOST_URIS} of them.", pointer)
        return
    for number, uri in enumerate(uris):
        fault = redirect_uris.fault_of(uri, own_origin=current_app.config["PUBLIC_URL"], native=is_native)
        if fault is None and redirect_uris.has_an_answer(uri):
            fault = "must not have a parameter that answers have: code, state, iss or error"
        if fault is not None:
            yield FieldError("bad_format", f"This URI {fault}.", f"{pointer}/{number}")


def _backchannel(kind: Kind, values: Values) -> Iterator[FieldError]:
    uri = values["backchannel_uri"]
    if uri is None:
        return
    if not kind.people:
        yield FieldError("not_allowed", "Nobody signs out of this kind of app.", "/backchannelUri")
    fault = redirect_uris.fault_of(uri, own_origin=current_app.config["PUBLIC_URL"], native=False)
    if fault is not None:
        yield FieldError("bad_format", f"This URI {fault}.", "/backchannelUri")


def _scopes(kind: Kind, values: Values) -> Iterator[FieldError]:
    scopes = values["scopes"]
    if len(scopes) > MOST_SCOPES:
        yield FieldError("too_long", f"An app has at most {MOST_SCOPES} scopes.", "/scopes")
    elif kind.people and not (scopes and set(scopes) <= set(app_scopes.ALL)):
        yield FieldError("not_allowed", f"An app has some of the scopes {', '.join(app_scopes.ALL)}.", "/scopes")
    elif not kind.people and not all(map(app_scopes.is_of_services, scopes)):
        detail = f"A service's scopes are its own words, and none of {', '.join(app_scopes.SCOPES)}."
        yield FieldError("not_allowed", detail, "/scopes")


def _resources(uris: Sequence[str], *, by_operator: bool) -> Iterator[FieldError]:
    if len(uris) > MOST_URIS:
        yield FieldError("too_long", f"An app has at most {MOST_URIS} resources.", "/resources")
        return
    for number, uri in enumerate(uris):
        fault = resources.fault_of(uri)
        if fault is not None:
            yield FieldError("bad_format", f"A resource {fault}.", f"/resources/{number}")
        elif resources.is_audience_of_people(uri) and not by_operator:
            detail = "Only a command lets an app have tokens for TOKEN_AUDIENCE: flask apps change --resource."
            yield FieldError("not_allowed", detail, f"/resources/{number}")


def _proofs(kind: Kind, values: Values) -> Iterator[FieldError]:
    if (values["auth_method"] != AuthMethod.NONE) is not kind.secret:
        detail = "This kind of app proves who it is." if kind.secret else "This kind of app can't keep a secret: none."
        yield FieldError("not_allowed", detail, "/authMethod")
    if (values["auth_method"] == AuthMethod.PRIVATE_KEY) is not (values["jwks"] is not None):
        detail = f"Keys are needed for {AuthMethod.PRIVATE_KEY}, and for no other method."
        yield FieldError("not_allowed", detail, "/jwks")
    if not values["requires_pkce"] and not (kind.secret and kind.people):
        detail = "Only an app with a secret, to which people sign in, can do without PKCE."
        yield FieldError("not_allowed", detail, "/requiresPkce")
    if values["trusted"] and not kind.people:
        yield FieldError("not_allowed", "Nobody is asked about this kind of app.", "/trusted")


_RULES: tuple[_Rule, ...] = (_grants, _redirects, _backchannel, _scopes, _proofs)
