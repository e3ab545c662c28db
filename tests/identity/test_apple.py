"""Sign in with Apple at the wire. O57, O58. Apple can't be reached here: the stand-in follows its documents."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask

from authsvc.errors import ProviderRefused
from authsvc.services import providers
from tests.support.upstreams import CALLBACK, Apple, Trip, signing_in_with


@pytest.fixture(scope="module")
def lasting_apple() -> Iterator[Apple]:
    with Apple() as apple:
        yield apple


@pytest.fixture
def apple(lasting_apple: Apple) -> Apple:
    lasting_apple.reset()
    return lasting_apple


@pytest.fixture
def trip(app: Flask, apple: Apple) -> Iterator[Trip]:
    with signing_in_with(app, apple.settings()), app.app_context():
        provider = providers.find("apple")
        yield Trip(provider, redirect_uri=providers.redirect_uri(provider))


def user(first: Any = "Ada", last: Any = "Lovelace", **more: Any) -> str:
    """Return the form field that comes with the first sign-in."""
    return json.dumps({"name": {"firstName": first, "lastName": last}, "email": "forged@b.example", **more})


class TestApple:
    def test_it_comes_back_by_a_form(self, trip: Trip):
        query = dict(parse_qsl(urlsplit(trip.location()).query))
        assert (query["response_mode"], query["scope"]) == ("form_post", "openid email name")
        assert query["redirect_uri"] == "http://localhost:8000/federation/apple"
        assert trip.provider.form_post

    def test_the_secret_is_signed_for_each_visit_and_lasts_five_minutes(self, trip: Trip, apple: Apple):
        trip.claims(apple)
        (secret,) = apple.secrets
        assert (secret["iss"], secret["sub"], secret["aud"]) == (apple.team_id, apple.client_id, apple.issuer)
        assert secret["exp"] - secret["iat"] == 300

    def test_the_name_is_said_once_beside_the_token(self, trip: Trip, apple: Apple):
        claims = trip.claims(apple, user=user())
        assert (claims.name, claims.email, claims.email_verified) == (
            "Ada Lovelace",
            "x@privaterelay.appleid.com",
            True,
        )
        assert trip.claims(apple).name is None

    @pytest.mark.parametrize(
        "field",
        [
            *(
                "",
                "x",
                "[]",
                "null",
                "1",
                "{}",
                '{"name": 1}',
                '{"name": ["Ada"]}',
                '{"name": {}}',
                "\ud800",
                "[" * 9999,
            ),
            *(user(1, None), user("", ""), user("\u202e", "\x00"), user("x" * 5000), '{"name": {}, "name": {}}'),
        ],
        ids=range(16),
    )
    def test_a_field_that_holds_no_name_does_no_harm(self, trip: Trip, apple: Apple, field: str):
        claims = trip.claims(apple, user=field)
        assert (claims.name, claims.subject) == (None, "001234.abcdef.0001")

    @pytest.mark.parametrize(
        ("value", "counts"),
        [(True, True), ("true", True), ("false", False), ("True", False), (1, False), (None, False), (["true"], False)],
        ids=str,
    )
    def test_o57_text_counts_too_and_only_that_text(self, trip: Trip, apple: Apple, value: Any, counts: bool):
        apple.bent = {"email_verified": value}
        claims = trip.claims(apple)
        assert (claims.email, claims.email_verified) == ("x@privaterelay.appleid.com", counts)

    def test_the_address_of_the_form_field_proves_nothing(self, trip: Trip, apple: Apple):
        apple.bent = {"email": None}
        claims = trip.claims(apple, user=user())
        assert (claims.email, claims.email_verified) == (None, False)

    def test_userinfo_is_never_asked(self, trip: Trip, apple: Apple):
        apple.bent = {"email": None}
        apple.metadata["userinfo_endpoint"] = f"{apple.issuer}/userinfo"
        trip.claims(apple)
        assert apple.asked("/userinfo") == 0

    def test_o56_its_token_is_checked_as_any(self, trip: Trip, apple: Apple):
        for bent in ({"aud": "com.example.other"}, {"nonce": None}, {"iss": "https://appleid.apple.com"}, {"exp": 0}):
            apple.bent = bent
            with pytest.raises(ProviderRefused):
                trip.claims(apple)

    def test_another_key_is_told(self, app: Flask, apple: Apple, trip: Trip):
        assert trip.provider.faults(CALLBACK) == []
        with Apple() as other, signing_in_with(app, apple.settings(key=other.key)), app.app_context():
            (fault,) = providers.find("apple").faults(CALLBACK)
            assert fault.startswith("the token endpoint said invalid_client")
