"""GitHub, which speaks OAuth and no OpenID Connect: who somebody is, its API says.

https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from authsvc.clients.connector import Connector
from authsvc.clients.identity import codes, people
from authsvc.clients.identity.base import Claims, Errand, Return
from authsvc.clients.identity.upstream import Upstream, Visit
from authsvc.errors.not_believed import NotBelieved
from authsvc.errors.not_reached import NotReached
from authsvc.settings.identity_providers import ProviderSettings

_VERSION = "2022-11-28"
_MOST_ADDRESSES = 1000


class GitHubProvider:
    """GitHub, or a GitHub Enterprise Server: then that is the issuer."""

    def __init__(self, settings: ProviderSettings, connector: Connector) -> None:
        self._settings = settings
        self._upstream = Upstream(settings.name, connector)
        self.name, self.label, self.issuer = settings.name, settings.label, settings.issuer
        self.trusted, self.icon, self.domains = settings.trusted, settings.kind, settings.domains
        self.form_post, self.reauthenticates = False, False
        self._server = settings.issuer.rstrip("/")
        self._api = _api_of(self._server)

    def location(self, errand: Errand) -> str:
        """Return where to send a browser. It takes no nonce: only the PKCE challenge binds the code to the errand."""
        members = {
            "client_id": self._settings.client_id,
            "redirect_uri": errand.redirect_uri,
            "scope": self._settings.scope,
            "state": errand.state,
            "code_challenge": errand.challenge,
            "code_challenge_method": "S256",
        }
        return codes.with_query(f"{self._server}/login/oauth/authorize", members)

    def claims(self, back: Return) -> Claims:
        """Return who has come back. Raises ProviderRefused, UpstreamUnavailable.

        The subject is the number of the account: a login can be renamed, and then taken by somebody else.
        """
        with self._upstream.visit() as visit:
            if back.iss not in (None, self._server, f"{self._server}/login/oauth"):
                raise NotBelieved("the browser came back from another issuer")
            if back.max_age is not None:
                raise NotBelieved("GitHub does not say when somebody signed in")
            headers = self._headers(self._exchange(visit, back))
            user = visit.get(f"{self._api}/user", headers)
            number = user.get("id") if isinstance(user, dict) else None
            if not isinstance(number, int) or isinstance(number, bool) or number <= 0:
                raise NotBelieved("the account has no number")
            address = self._address(visit, headers)
        return Claims(self.issuer, str(number), address, address is not None, people.name(user.get("name")))

    def faults(self, redirect_uri: str) -> list[str]:
        """Return what is wrong with the provider or with what is set for it, as far as it can be asked."""
        try:
            with suppress(NotBelieved):  # that there is no such code
                self._exchange(self._upstream.open(), codes.nobodys(redirect_uri))
        except NotReached as error:
            return [str(error)]
        return []

    def _exchange(self, visit: Visit, back: Return) -> str:
        form = {
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret,
            "code": codes.plain(back.code),
            "redirect_uri": back.redirect_uri,
            "code_verifier": back.verifier,
        }
        token = codes.tokens_of(visit.post(f"{self._server}/login/oauth/access_token", form)).get("access_token")
        if not codes.is_token(token):
            raise NotBelieved("there is no access token")
        return str(token)

    def _headers(self, token: str) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": _VERSION,
        }

    def _address(self, visit: Visit, headers: dict[str, str]) -> str | None:
        """Return the address that is primary and verified. Nothing else will do: `email` of the profile is neither."""
        entries = visit.get(f"{self._api}/user/emails", headers)
        if not isinstance(entries, list) or len(entries) > _MOST_ADDRESSES:
            raise NotBelieved("the list of addresses is none")
        return next((people.address(entry["email"]) for entry in entries if _is_proved(entry)), None)


def _is_proved(entry: Any) -> bool:
    is_one = isinstance(entry, dict) and entry.get("primary") is True and entry.get("verified") is True
    return is_one and isinstance(entry.get("email"), str)


def _api_of(server: str) -> str:
    """Return where the API of a server is: GitHub's own, one with data residency, or an Enterprise Server."""
    parts = urlsplit(server)
    if parts.netloc == "github.com" or parts.netloc.endswith(".ghe.com"):
        return f"{parts.scheme}://api.{parts.netloc}"
    return f"{server}/api/v3"
