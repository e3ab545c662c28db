"""GitHub at the wire. O60. GitHub itself can't be reached here: the stand-in follows its documents."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask

from authsvc.clients.identity.base import Claims
from authsvc.clients.identity.github import _api_of
from authsvc.errors import ProviderRefused, UpstreamUnavailable
from authsvc.services import providers
from tests.support.upstreams import CALLBACK, GitHub, Trip, answer_json, signing_in_with


@pytest.fixture(scope="module")
def lasting_github() -> Iterator[GitHub]:
    with GitHub() as github:
        yield github


@pytest.fixture
def github(lasting_github: GitHub) -> GitHub:
    lasting_github.reset()
    return lasting_github


@pytest.fixture
def trip(app: Flask, github: GitHub) -> Iterator[Trip]:
    """Return a trip to GitHub; its code is bound by PKCE alone."""
    with signing_in_with(app, github.settings()), app.app_context():
        yield Trip(providers.find("github"))


class TestTheWayThere:
    def test_it_asks_for_what_is_needed_and_nothing_that_github_does_not_know(self, trip: Trip, github: GitHub):
        parts = urlsplit(trip.location(login_hint="a@b.example"))
        query = dict(parse_qsl(parts.query))
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{github.issuer}/login/oauth/authorize"
        assert (query["scope"], query["code_challenge_method"]) == ("read:user user:email", "S256")
        assert set(query) == {
            *("client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")
        }

    @pytest.mark.parametrize(
        ("server", "api"),
        [
            ("https://github.com", "https://api.github.com"),
            ("https://octo.ghe.com", "https://api.octo.ghe.com"),
            ("https://git.example.com", "https://git.example.com/api/v3"),
            ("https://github.com.evil.example", "https://github.com.evil.example/api/v3"),
        ],
    )
    def test_the_api_is_where_the_server_is(self, server: str, api: str):
        assert _api_of(server) == api


class TestTheWayBack:
    def test_o60_the_subject_is_the_number_and_the_address_the_primary_one(self, trip: Trip, github: GitHub):
        assert trip.claims(github, iss=None) == Claims(
            github.issuer, "583231", "octocat@example.com", email_verified=True, name="The Octocat"
        )

    def test_o60_somebody_who_renames_stays_the_same(self, trip: Trip, github: GitHub):
        before = trip.claims(github)
        github.user |= {"login": "hubot", "name": None, "email": None}
        after = trip.claims(github)
        assert (after.issuer, after.subject) == (before.issuer, before.subject)
        assert after.name is None

    def test_o60_the_login_of_another_account_is_another_person(self, trip: Trip, github: GitHub):
        before = trip.claims(github)
        github.user |= {"id": 9, "login": "octocat"}
        assert trip.claims(github).subject == "9" != before.subject

    @pytest.mark.parametrize(
        "emails",
        [
            [],
            [{"email": "a@b.example", "primary": True, "verified": False}],
            [{"email": "a@b.example", "primary": False, "verified": True}],
            [{"email": "a@b.example", "primary": True}],
            [{"email": "a@b.example", "verified": True}],
            [{"email": "a@b.example", "primary": "true", "verified": "true"}],
            [{"email": "a@b.example", "primary": 1, "verified": 1}],
            [{"email": None, "primary": True, "verified": True}],
            [{"email": "no address", "primary": True, "verified": True}],
            [None, 1, "a@b.example", ["a@b.example"]],
        ],
        ids=range(10),
    )
    def test_o60_without_a_primary_and_verified_address_there_is_none(self, trip: Trip, github: GitHub, emails: Any):
        """R111: nothing else is taken for it, least of all the public one of the profile."""
        github.emails = emails
        claims = trip.claims(github)
        assert (claims.subject, claims.email, claims.email_verified) == ("583231", None, False)

    @pytest.mark.parametrize("number", [None, "583231", True, 0, -1, 1.5, [583231], {}])
    def test_o60_an_account_without_a_number_is_refused(self, trip: Trip, github: GitHub, number: Any):
        github.user["id"] = number
        with pytest.raises(ProviderRefused):
            trip.claims(github)

    @pytest.mark.parametrize("value", [{}, "x", None, 1])
    def test_o60_a_list_of_addresses_that_is_none(self, trip: Trip, github: GitHub, value: Any):
        github.emails = value
        with pytest.raises(ProviderRefused):
            trip.claims(github)

    @pytest.mark.parametrize("path", ["/api/v3/user", "/api/v3/user/emails"])
    def test_an_api_that_refuses_is_unavailable(self, trip: Trip, github: GitHub, path: str):
        github.intercept = lambda _, asked, __: answer_json({"message": "no"}, 403) if asked == path else None
        with pytest.raises(UpstreamUnavailable):
            trip.claims(github)

    def test_o54_the_issuer_of_the_callback_is_compared(self, trip: Trip, github: GitHub):
        for iss in (None, github.issuer, f"{github.issuer}/login/oauth"):
            assert trip.claims(github, iss=iss).subject == "583231"
        for iss in ("https://other.example", "", f"{github.issuer}/"):
            with pytest.raises(ProviderRefused):
                trip.claims(github, iss=iss)

    def test_a_code_is_bound_to_its_errand(self, trip: Trip, github: GitHub):
        with pytest.raises(ProviderRefused):
            trip.claims(github, verifier="w" * 43)
        with pytest.raises(ProviderRefused):
            trip.claims(github, code="stolen")

    def test_it_can_not_be_asked_to_sign_somebody_in_anew(self, trip: Trip, github: GitHub):
        assert not trip.provider.reauthenticates
        with pytest.raises(ProviderRefused):
            trip.claims(github, max_age=0)


class TestFaults:
    def test_a_good_one_has_none(self, trip: Trip):
        assert trip.provider.faults(CALLBACK) == []

    def test_a_wrong_secret_is_told(self, app: Flask, github: GitHub):
        with signing_in_with(app, github.settings(client_secret="other")), app.app_context():
            (fault,) = providers.find("github").faults(CALLBACK)
            assert fault.startswith("the token endpoint said incorrect_client_credentials")
