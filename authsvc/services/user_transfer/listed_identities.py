"""Identities at other providers, as the exports of other products list them: each product has names of its own."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import current_app

from authsvc.models.users import Identity, key_of
from authsvc.settings import identity_providers

Members = dict[str, Any]

MOST = 20
"""Identities that an account can have."""

_ISSUERS = {
    **dict.fromkeys(("google", "google.com", "google-oauth2"), identity_providers.PRESETS["google"].issuer),
    **dict.fromkeys(("github", "github.com"), identity_providers.PRESETS["github"].issuer),
    **dict.fromkeys(("apple", "apple.com"), identity_providers.PRESETS["apple"].issuer),
    **dict.fromkeys(("gitlab",), identity_providers.PRESETS["gitlab"].issuer),
}
"""The issuers of providers whose subjects these products keep as they came. Microsoft's are others for each app."""
_NO_PROVIDERS = frozenset({"email", "phone", "password", "anonymous", "auth0", "sms"})
"""What a product lists among providers although it is its own way of signing in."""
_LONGEST_SUBJECT = 255
"""OpenID Connect Core section 2."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An identity as a product lists it: `provider` as that calls it, and `issuer` if it says one."""

    provider: str
    subject: str
    email: str | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """The providers that people can sign in with here: our name of each by its issuer.

    `aliases` says which of them a product means by a name of its own.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def identity(self, one: Listed) -> Identity | None:
        """Return what an identity is here; None if no provider of its issuer is configured."""
        issuers = {name: issuer for issuer, name in self.names.items()}
        of_product = one.issuer if one.issuer in self.names else _ISSUERS.get(one.provider)
        issuer = issuers.get(self.aliases.get(one.provider, ""), of_product)
        if issuer is None or issuer not in self.names:
            return None
        return Identity.of(self.names[issuer], issuer, one.subject, one.email)


def configured() -> dict[str, str]:
    """Return the name here of each issuer that is set up, whether it can be used at present or not."""
    return {one.issuer: one.name for one in current_app.config["IDENTITY_PROVIDERS"]}


def of_supabase(members: Members) -> Iterator[Listed]:
    """Yield what the admin API lists of a user; `auth.users` itself has none."""
    for one in _objects(members.get("identities")):
        data = one.get("identity_data")
        data = data if isinstance(data, dict) else {}
        yield from _listed(one.get("provider"), data.get("sub"), data.get("email"), data.get("iss"))


def of_firebase(members: Members) -> Iterator[Listed]:
    """Yield what `auth:export` lists of a user, in JSON or in columns."""
    for one in _objects(members.get("providerUserInfo")):
        yield from _listed(one.get("providerId"), one.get("rawId"), one.get("email"))
    for name in ("google", "github"):
        yield from _listed(f"{name}.com", members.get(f"{name}Id"), members.get(f"{name}Email"))


def of_auth0(members: Members) -> Iterator[Listed]:
    """Yield the identities of a profile."""
    for one in _objects(members.get("identities")):
        profile = one.get("profileData")
        email = profile.get("email") if isinstance(profile, dict) else None
        yield from _listed(one.get("provider"), one.get("user_id"), email)


def of_keycloak(members: Members) -> Iterator[Listed]:
    """Yield the federated identities of a realm's user; providers are called by their aliases in the realm."""
    for one in _objects(members.get("federatedIdentities")):
        yield from _listed(one.get("identityProvider"), one.get("userId"), None)


def stored(listed: Iterator[Listed], known: Known) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the identities as they are stored with an account, each once, and the providers of those that can't be."""
    identities: dict[str, Identity] = {}
    strange: dict[str, None] = {}
    for one in listed:
        identity = known.identity(one) if len(one.subject) <= _LONGEST_SUBJECT else None
        if identity is None or len(identities) == MOST:
            strange[one.provider[:100]] = None
        else:
            identities.setdefault(identity.key, identity)
    return [one.to_mongo().to_dict() for one in identities.values()], list(strange)


def with_own_keys(identities: Any) -> Any:
    """Return stored identities with the keys that belong to what they say, whoever wrote them."""
    if not isinstance(identities, list):
        return identities
    return [_with_own_key(one) for one in identities]


def _with_own_key(identity: Any) -> Any:
    if not isinstance(identity, dict):
        return identity
    issuer, subject = identity.get("issuer"), identity.get("subject")
    if not isinstance(issuer, str) or not isinstance(subject, str):
        return identity
    return {**identity, "key": key_of(issuer, subject)}


def _listed(provider: Any, subject: Any, email: Any, issuer: Any = None) -> Iterator[Listed]:
    if not isinstance(provider, str) or provider in _NO_PROVIDERS:
        return
    if isinstance(subject, int) and not isinstance(subject, bool):
        subject = str(subject)
    if isinstance(subject, str) and subject:
        yield Listed(provider, subject, _text_or_none(email), _text_or_none(issuer))


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _objects(value: Any) -> list[Members]:
    """Return a list of objects, also from a JSON text as columns have it."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return []
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
