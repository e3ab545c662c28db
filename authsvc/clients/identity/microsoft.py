"""Microsoft Entra ID, which is an issuer for each directory (tenant), and can be asked for people of any.

https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens
"""

from collections.abc import Mapping, Sequence
from typing import Any

from authsvc.clients.identity.id_tokens import LONGEST
from authsvc.clients.identity.oidc import OidcProvider
from authsvc.errors.not_believed import NotBelieved
from authsvc.security import app_keys
from authsvc.settings.identity_providers import ANY_TENANT, CONSUMERS, is_tenant

_ANY = "{tenantid}"


class MicrosoftProvider(OidcProvider):
    """One tenant, or any: then each token has the issuer of its tenant, and a key says whose tokens it signs."""

    def _named_issuer(self) -> str:
        return self._of(_ANY) if self._settings.tenant in ANY_TENANT else self.issuer

    def _is_named(self, iss: str) -> bool:
        if self._settings.tenant not in ANY_TENANT:
            return super()._is_named(iss)
        before, _, after = self.issuer.rpartition(self._settings.tenant)
        tenant = iss.removeprefix(before).removesuffix(after)
        return iss == self._of(tenant) and (tenant == _ANY or is_tenant(tenant))

    def _issuer_of(self, claims: Mapping[str, Any]) -> str:
        if self._settings.tenant not in ANY_TENANT:
            return self.issuer
        tenant = claims.get("tid")
        if (
            not isinstance(tenant, str)
            or not is_tenant(tenant)
            or (tenant == CONSUMERS and self._settings.tenant != "common")
        ):
            raise NotBelieved("the token is of a tenant that may not sign in")
        return self._of(tenant)

    def _keys_for(self, keys: Sequence[dict[str, str]], text: str) -> Sequence[dict[str, str]]:
        claims = app_keys.unverified_claims(text, LONGEST)
        issuer, tenant = claims.get("iss"), claims.get("tid")
        fitting = [None, issuer]
        if isinstance(tenant, str) and issuer == self._of(tenant):
            fitting.append(self._of(_ANY))
        return [key for key in keys if key.get("issuer") in fitting]

    def _is_verified(self, value: Any) -> bool:
        """Tell whether an address is verified: never for any tenant, each of which may write what it likes (nOAuth)."""
        return self._settings.tenant not in ANY_TENANT and super()._is_verified(value)

    def _of(self, tenant: str) -> str:
        """Return the issuer that a tenant is."""
        before, _, after = self.issuer.rpartition(self._settings.tenant)
        return f"{before}{tenant}{after}"
