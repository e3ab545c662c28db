"""Providers that speak OpenID Connect, over real connections."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask

from authsvc.clients.identity.base import Claims, IdentityProvider
from authsvc.errors import NotFound
from authsvc.services import providers
from tests.support.upstreams import CLIENT_ID, Trip, Upstream, signing_in_with


class TestTheWayThere:
    def test_a_browser_is_sent_with_all_that_binds_its_return(self, provider: IdentityProvider, upstream: Upstream):
        parts = urlsplit(Trip(provider, max_age=0).location(login_hint="a@b.example"))
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{upstream.issuer}/authorize"
        query = dict(parse_qsl(parts.query))
        assert query.pop("code_challenge")
        assert query == {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": "http://localhost:8000/account/federation/work",
            "scope": "openid email profile",
            "state": "state-of-the-trip",
            "nonce": "nonce-of-the-trip",
            "code_challenge_method": "S256",
            "max_age": "0",
            "login_hint": "a@b.example",
        }

    def test_the_address_keeps_a_query_of_its_own(self, provider: IdentityProvider, upstream: Upstream):
        upstream.metadata["authorization_endpoint"] = f"{upstream.issuer}/authorize?realm=a"
        assert f"{upstream.issuer}/authorize?realm=a&response_type=code&" in Trip(provider).location()


class TestTheWayBack:
    def test_it_says_who_came(self, provider: IdentityProvider, upstream: Upstream):
        assert Trip(provider).claims(upstream) == Claims(
            issuer=upstream.issuer, subject="alice-4711", email="alice@example.com", email_verified=True, name="Alice"
        )


class TestTheTable:
    def test_only_those_that_are_enabled_are_there(self, app: Flask, upstream: Upstream):
        settings = (upstream.settings("a"), upstream.settings("b", enabled=False), upstream.settings("c"))
        with signing_in_with(app, *settings), app.app_context():
            assert [one.name for one in providers.all()] == ["a", "c"]
            for name in ("b", "d", ""):
                with pytest.raises(NotFound):
                    providers.find(name)
            assert providers.redirect_uri(providers.find("a")) == "http://localhost:8000/account/federation/a"
        with app.app_context():
            assert providers.all() == []
