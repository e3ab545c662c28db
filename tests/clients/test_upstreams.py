"""Providers that were not written here: npm's oidc-provider, twice. O54, O56, O57, O59."""

from collections.abc import Iterator

import pytest
from flask import Flask

from authsvc.clients.identity.base import Claims
from authsvc.errors import ProviderRefused
from authsvc.services import providers
from tests.support.oidc_provider import NpmUpstream, npm_upstreams
from tests.support.upstreams import CALLBACK, Trip, signing_in_with

pytestmark = [pytest.mark.external, pytest.mark.timeout(180)]

URIS = [f"http://localhost:8000/account/federation/{name}" for name in ("first", "second")]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[NpmUpstream]]:
    with npm_upstreams(tmp_path_factory.mktemp("npm"), URIS) as both:
        yield both


@pytest.fixture(params=[0, 1], ids=["claims in the token", "claims at userinfo"])
def way(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def trips(app: Flask, both: list[NpmUpstream]) -> Iterator[list[Trip]]:
    """Return a trip to each."""
    settings = [one.settings(name) for one, name in zip(both, ("first", "second"), strict=True)]
    with signing_in_with(app, *settings), app.app_context():
        yield [Trip(one, redirect_uri=providers.redirect_uri(one)) for one in providers.all()]


def come_back(trip: Trip, upstream: NpmUpstream, who: str) -> Claims:
    """Return whom the provider names after somebody has signed in there."""
    return trip.provider.claims(trip.back(upstream.approve(trip.location(), who)))


class TestSigningIn:
    def test_o57_it_says_who_came_and_what_is_proved(self, both: list[NpmUpstream], trips: list[Trip], way: int):
        """One shows who it is by a header and puts claims into the token, the other by the form and at userinfo."""
        assert come_back(trips[way], both[way], "alice") == Claims(
            issuer=both[way].issuer,
            subject="alice",
            email="alice@example.com",
            email_verified=True,
            name="Name of alice",
        )
        other = come_back(trips[way], both[way], "unproved.bob")
        assert (other.email, other.email_verified) == ("unproved.bob@example.com", False)

    def test_o59_the_same_name_at_both_is_two_identities(self, both: list[NpmUpstream], trips: list[Trip]):
        first, second = (come_back(trip, one, "alice") for trip, one in zip(trips, both, strict=True))
        assert first.subject == second.subject
        assert first.issuer != second.issuer

    def test_somebody_is_asked_to_sign_in_anew(self, both: list[NpmUpstream], trips: list[Trip]):
        trip = Trip(trips[0].provider, redirect_uri=trips[0].redirect_uri, max_age=0)
        assert come_back(trip, both[0], "alice").auth_time is not None

    def test_each_would_do(self, trips: list[Trip]):
        assert [trip.provider.faults(CALLBACK) for trip in trips] == [[], []]
        assert providers.check() == []


class TestRefusals:
    def test_o54_a_code_of_one_is_of_no_use_at_the_other(self, both: list[NpmUpstream], trips: list[Trip]):
        brought = both[0].approve(trips[0].location(), "alice")
        with pytest.raises(ProviderRefused):  # by `iss`
            trips[1].provider.claims(trips[1].back(brought))
        with pytest.raises(ProviderRefused):  # and without it by the code
            trips[1].provider.claims(trips[1].back({**brought, "iss": both[1].issuer}))

    def test_a_code_works_once_and_with_its_verifier(self, both: list[NpmUpstream], trips: list[Trip]):
        brought = both[0].approve(trips[0].location(), "alice")
        with pytest.raises(ProviderRefused):
            trips[0].provider.claims(trips[0].back(brought, verifier="w" * 43))
        brought = both[0].approve(trips[0].location(), "alice")
        assert trips[0].provider.claims(trips[0].back(brought)).subject == "alice"
        with pytest.raises(ProviderRefused):
            trips[0].provider.claims(trips[0].back(brought))

    def test_o56_a_token_for_another_errand_is_refused(self, both: list[NpmUpstream], trips: list[Trip]):
        brought = both[0].approve(trips[0].location(), "alice")
        with pytest.raises(ProviderRefused):
            trips[0].provider.claims(trips[0].back(brought, nonce="other"))

    def test_a_wrong_secret_is_told(self, app: Flask, both: list[NpmUpstream]):
        bad = [one.settings(f"bad{number}", client_secret="x") for number, one in enumerate(both)]
        with signing_in_with(app, *bad), app.app_context():
            found = [finding.what for finding in providers.check()]
        assert [what.startswith("the token endpoint said invalid_client") for what in found] == [True, True]
