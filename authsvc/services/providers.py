"""The providers that people can sign in with, as IDENTITY_PROVIDERS says."""

from typing import cast

from flask import Flask, current_app

from authsvc.clients.connector import Connector
from authsvc.clients.identity import kinds
from authsvc.clients.identity.base import IdentityProvider
from authsvc.clients.identity.upstream import MOST_BYTES, SECONDS
from authsvc.clients.lookups import Lookups
from authsvc.errors import NotFound
from authsvc.services.findings import Finding
from authsvc.settings.identity_providers import ProviderSettings

_REMEDY = "mend its table in the file of IDENTITY_PROVIDERS, or its registration at the provider; then restart"
_EXTENSION = "authsvc.providers"
_FOR_THE_DATABASE = 1.0
"""Seconds that a request keeps for the database, whose deadline goes on while a provider is asked."""

_look_up = Lookups(3, SECONDS)


def init_app(app: Flask, connector: Connector | None = None) -> None:
    """Make the providers of the settings, which are asked by this connector or by one that reaches only the internet.

    Outside production it also reaches this machine, by plain http too; and private networks if the provider is there.
    """
    local = app.config["APP_ENV"] != "production"
    seconds = min(SECONDS, max(app.config["REQUEST_DEADLINE"] - _FOR_THE_DATABASE, 0.5))
    enabled = [one for one in app.config["IDENTITY_PROVIDERS"] if one.enabled]
    app.extensions[_EXTENSION] = {
        one.name: kinds.make(one, connector or _new_connector(local=local, private=one.private, seconds=seconds))
        for one in enabled
    }


def all() -> list[IdentityProvider]:  # noqa: A001 - read as `providers.all()`
    """Return the providers that can be used, in the order of the settings."""
    return list(_table().values())


def find(name: str) -> IdentityProvider:
    """Return a provider by its name. Raises NotFound, also if it is not enabled."""
    provider = _table().get(name)
    if provider is None:
        raise NotFound
    return provider


def redirect_uri(provider: IdentityProvider | ProviderSettings) -> str:
    """Return where the provider sends browsers back to, which has to be registered there. Each has its own."""
    path = "federation" if provider.form_post else "account/federation"
    return f"{current_app.config['PUBLIC_URL']}/{path}/{provider.name}"


def settings() -> tuple[ProviderSettings, ...]:
    """Return what the operator has set up, also what is not enabled."""
    return cast("tuple[ProviderSettings, ...]", current_app.config["IDENTITY_PROVIDERS"])


def check(name: str | None = None) -> list[Finding]:
    """Ask a provider, or each, whether it would do, and return what is wrong. Raises NotFound."""
    chosen = all() if name is None else [find(name)]
    return [Finding(one.name, fault, _REMEDY) for one in chosen for fault in one.faults(redirect_uri(one))]


def _new_connector(*, local: bool, private: bool = False, seconds: float = SECONDS) -> Connector:
    return Connector(local=local, private=private, seconds=seconds, most_bytes=MOST_BYTES, resolve=_look_up)


def _table() -> dict[str, IdentityProvider]:
    return cast("dict[str, IdentityProvider]", current_app.extensions[_EXTENSION])
