"""Providers that speak OpenID Connect: found by their metadata, and believed by their signature."""

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote_plus, urlsplit

from authsvc.clients.connector import Connector
from authsvc.clients.identity import codes, id_tokens, people
from authsvc.clients.identity.base import Claims, Errand, Return
from authsvc.clients.identity.id_tokens import Rules
from authsvc.clients.identity.upstream import Kept, Upstream, Visit
from authsvc.errors.not_believed import NotBelieved
from authsvc.errors.not_reached import NotReached
from authsvc.security import app_keys
from authsvc.settings.identity_providers import ProviderSettings


@dataclass(frozen=True, slots=True)
class Metadata:
    """What counts of a provider's metadata (OpenID Connect Discovery section 3)."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None
    posts_secret: bool
    names_itself: bool
    """Whether it says `iss` when it sends a browser back (RFC 9207)."""


class OidcProvider:
    """A provider that is known by its issuer."""

    def __init__(self, settings: ProviderSettings, connector: Connector) -> None:
        self._settings = settings
        self._upstream = Upstream(settings.name, connector)
        self._metadata = Kept(self._ask_metadata)
        self._keys = Kept(self._ask_keys)
        self.name, self.label, self.issuer = settings.name, settings.label, settings.issuer
        self.trusted, self.icon, self.domains = settings.trusted, settings.kind, settings.domains
        self.form_post, self.reauthenticates = settings.preset.form_post, settings.preset.reauthenticates

    def location(self, errand: Errand) -> str:
        """Return where to send a browser (Core section 3.1.2.1). Raises UpstreamUnavailable."""
        with self._upstream.visit() as visit:
            address = self._metadata.get(visit).authorization
        return codes.with_query(address, self._request(errand))

    def claims(self, back: Return) -> Claims:
        """Return who has come back. Raises ProviderRefused, UpstreamUnavailable."""
        with self._upstream.visit() as visit:
            if back.iss is not None and not self._is_named(back.iss):
                raise NotBelieved("the browser came back from another issuer")
            metadata = self._metadata.get(visit)
            if back.iss is None and metadata.names_itself:
                raise NotBelieved("the browser came back from nobody")
            tokens = self._exchange(visit, metadata, back)
            claims = self._read(visit, tokens, back)
            return self._person(claims, self._profile(visit, metadata, tokens, claims), back)

    def faults(self, redirect_uri: str) -> list[str]:
        """Return what is wrong with the provider or with what is set for it, as far as it can be asked."""
        visit = self._upstream.open()
        try:
            metadata = self._ask_metadata(visit)
            keys = self._ask_keys(visit)
            with suppress(NotBelieved):  # that there is no such code
                self._exchange(visit, metadata, codes.nobodys(redirect_uri))
        except NotReached as error:
            return [str(error)]
        kinds = {kind for key in keys for kind in app_keys.algorithms_of(key)}
        if not kinds & set(self._settings.algorithms):
            return [f"none of its keys signs by {' or '.join(self._settings.algorithms)}: set algorithms"]
        return []

    def _request(self, errand: Errand) -> dict[str, str]:
        optional = {"max_age": errand.max_age, "login_hint": errand.login_hint}
        return {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": errand.redirect_uri,
            "scope": self._settings.scope,
            "state": errand.state,
            "nonce": errand.nonce,
            "code_challenge": errand.challenge,
            "code_challenge_method": "S256",
            **({"response_mode": "form_post"} if self.form_post else {}),
            **{name: str(value) for name, value in optional.items() if value is not None},
        }

    def _named_issuer(self) -> str:
        """Return what the metadata call the issuer."""
        return self.issuer

    def _is_named(self, iss: str) -> bool:
        """Tell whether a callback names this provider (RFC 9207 section 2.4)."""
        return iss == self._named_issuer()

    def _issuer_of(self, _claims: Mapping[str, Any]) -> str:
        """Return who has to be the issuer of a token."""
        return self.issuer

    def _keys_for(self, keys: Sequence[dict[str, str]], _text: str) -> Sequence[dict[str, str]]:
        """Return those keys that may sign a token."""
        return keys

    def _ask_metadata(self, visit: Visit) -> Metadata:
        document = visit.get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if not isinstance(document, dict):
            raise NotReached("its metadata are not a JSON object")
        if document.get("issuer") != self._named_issuer():
            raise NotReached("its metadata name another issuer: each letter counts, and the slash at the end")
        methods = document.get("token_endpoint_auth_methods_supported")
        posts = isinstance(methods, list) and "client_secret_basic" not in methods and "client_secret_post" in methods
        userinfo = document.get("userinfo_endpoint") if self._settings.preset.asks_userinfo else None
        return Metadata(
            authorization=self._endpoint(document, "authorization_endpoint"),
            token=self._endpoint(document, "token_endpoint"),
            keys=self._endpoint(document, "jwks_uri"),
            userinfo=None if userinfo is None else self._endpoint(document, "userinfo_endpoint"),
            posts_secret=self._settings.authentication == "post" or (posts and not self._settings.authentication),
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        )

    def _endpoint(self, document: Mapping[str, Any], name: str) -> str:
        """Return an address of the metadata: https, or http if the issuer is on this machine. Raises NotReached."""
        address = document.get(name)
        schemes = ("https", urlsplit(self.issuer).scheme)
        if not isinstance(address, str) or not codes.is_endpoint(address, schemes):
            raise NotReached(f"its metadata have no usable {name}")
        return address

    def _ask_keys(self, visit: Visit) -> list[dict[str, str]]:
        try:
            return app_keys.usable(visit.get(self._metadata.get(visit).keys))
        except ValueError as error:
            raise NotReached("its keys can't be read") from error

    def _exchange(self, visit: Visit, metadata: Metadata, back: Return) -> dict[str, Any]:
        """Return what the token endpoint gives for a code (Core section 3.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "code": codes.plain(back.code),
            "redirect_uri": back.redirect_uri,
            "code_verifier": back.verifier,
        }
        credentials, headers = self._credentials(metadata)
        return codes.tokens_of(visit.post(metadata.token, {**form, **credentials}, headers))

    def _credentials(self, metadata: Metadata) -> tuple[dict[str, str], dict[str, str]]:
        """Return the members of the form and the headers that authenticate us (RFC 6749 section 2.3.1)."""
        secret, client_id = self._settings.client_secret, self._settings.client_id
        if metadata.posts_secret:
            return {"client_id": client_id, "client_secret": secret}, {}
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
        return {}, {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def _read(self, visit: Visit, tokens: Mapping[str, Any], back: Return) -> dict[str, Any]:
        """Return the claims of the ID token, verified."""
        text = tokens.get("id_token")
        if not isinstance(text, str):
            raise NotBelieved("there is no ID token")
        algorithms, keys = self._settings.algorithms, self._keys.get(visit)
        claims = id_tokens.signed_claims(text, self._keys_for(keys, text), algorithms)
        if claims is None:  # perhaps it has a new key
            keys = self._keys.renewed(visit, keys)
            claims = id_tokens.signed_claims(text, self._keys_for(keys, text), algorithms)
        if claims is None:
            raise NotBelieved("the token was not signed by the provider, or by another algorithm")
        rules = Rules(self._issuer_of(claims), self._settings.client_id, algorithms, self._settings.audiences)
        id_tokens.check(claims, rules, back)
        id_tokens.check_hash(claims, tokens.get("access_token"))
        return claims

    def _profile(
        self, visit: Visit, metadata: Metadata, tokens: Mapping[str, Any], claims: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the claims with the address and the name: of the ID token, or what userinfo adds (Core section 5.3).

        An address counts only with what the same answer says of it.
        """
        if metadata.userinfo is None or ("email" in claims and "email_verified" in claims):
            return claims
        token = tokens.get("access_token")
        if not codes.is_token(token):
            return claims
        more = visit.get(metadata.userinfo, {"Authorization": f"Bearer {token}"})
        if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
            raise NotBelieved("userinfo is about somebody else")
        return {"name": claims.get("name"), **more} if "email" in more else claims

    def _person(self, claims: Mapping[str, Any], profile: Mapping[str, Any], back: Return) -> Claims:
        address = people.address(profile.get("email"))
        return Claims(
            issuer=cast(str, claims["iss"]),
            subject=claims["sub"],
            email=address,
            email_verified=address is not None and self._is_verified(profile.get("email_verified")),
            name=self._name(profile, back),
            auth_time=id_tokens.auth_time(claims),
        )

    def _is_verified(self, value: Any) -> bool:
        return value is True

    def _name(self, profile: Mapping[str, Any], _back: Return) -> str | None:
        return people.name(profile.get("name"))
