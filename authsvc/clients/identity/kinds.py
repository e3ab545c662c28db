"""The kinds of providers."""

from collections.abc import Callable

from authsvc.clients.connector import Connector
from authsvc.clients.identity.apple import AppleProvider
from authsvc.clients.identity.base import IdentityProvider
from authsvc.clients.identity.github import GitHubProvider
from authsvc.clients.identity.microsoft import MicrosoftProvider
from authsvc.clients.identity.oidc import OidcProvider
from authsvc.settings.identity_providers import ProviderSettings

_KINDS: dict[str, Callable[[ProviderSettings, Connector], IdentityProvider]] = {
    "oidc": OidcProvider,
    "google": OidcProvider,
    "gitlab": OidcProvider,
    "microsoft": MicrosoftProvider,
    "apple": AppleProvider,
    "github": GitHubProvider,
}


def make(settings: ProviderSettings, connector: Connector) -> IdentityProvider:
    """Return the provider that an operator has set up."""
    return _KINDS[settings.kind](settings, connector)
