"""The published keys: what other services verify with."""

import jwt
import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authsvc.models.signing_keys import Ring
from authsvc.services import signing_keys
from tests.api.forging import now, own_key
from tests.conftest import Person

PATH = "/.well-known/jwks.json"


class TestSet:
    def test_it_verifies_an_access_token_and_no_refresh_token(self, alice: Person) -> None:
        """RFC 7517; the audience tells them apart (RFC 8725 3.9)."""
        keys = jwt.PyJWKSet.from_dict(alice.client.get(PATH).get_json())
        key = keys[jwt.get_unverified_header(alice.tokens["accessToken"])["kid"]]
        expected = {"audience": "http://localhost:8000", "issuer": "http://localhost:8000", "algorithms": ["ES256"]}
        assert jwt.decode(alice.tokens["accessToken"], key, **expected)["sub"] == alice.id
        with pytest.raises(jwt.InvalidAudienceError):
            jwt.decode(alice.tokens["refreshToken"], key, **expected)

    def test_it_holds_nothing_private(self, client: FlaskClient, app: Flask) -> None:
        """RFC 7517 section 4, RFC 7518 section 6.2: exactly the public members."""
        for key in client.get(PATH).get_json()["keys"]:
            assert key["use"] == "sig"
            if key["kty"] == "RSA":
                assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}
                assert (key["e"], key["alg"]) == ("AQAB", "RS256")
            else:
                assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
                assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-256", "ES256")
        assert own_key(app).kid in {key["kid"] for key in client.get(PATH).get_json()["keys"]}

    def test_it_may_be_kept_for_ten_minutes(self, client: FlaskClient) -> None:
        answer = client.get(PATH)
        assert answer.headers["Cache-Control"] == f"public, max-age={signing_keys.CACHE_SECONDS}"
        assert answer.content_type == "application/json"

    def test_one_that_has_not_changed_is_not_sent_again(self, client: FlaskClient) -> None:
        """RFC 9110 section 13.1.2"""
        first = client.get(PATH)
        for tag in (first.headers["ETag"], f'"other", {first.headers["ETag"]}', "*"):
            again = client.get(PATH, headers={"If-None-Match": tag})
            assert (again.status_code, again.data) == (304, b"")
            assert again.headers["ETag"] == first.headers["ETag"]
            assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
        assert client.get(PATH, headers={"If-None-Match": '"other"'}).status_code == 200

    def test_it_is_served_from_memory(self, client: FlaskClient, app: Flask) -> None:
        with app.app_context():
            before = signing_keys.snapshot()
            for _ in range(5):
                client.get(PATH)
            assert signing_keys.snapshot() is before

    def test_a_replaced_key_leaves_it_when_its_last_access_token_has_expired(
        self, client: FlaskClient, app: Flask, own_ring: None
    ) -> None:
        """And goes on verifying refresh tokens here."""
        with app.app_context():
            old = signing_keys.snapshot().signing.kid
            signing_keys.rotate()
            others = [pair.kid for key in signing_keys.snapshot(Ring.IDS).keys for pair in key.pairs]
            kids = [key["kid"] for key in client.get(PATH).get_json()["keys"]]
            assert kids[0] == old
            assert len(kids) == 2 + len(others)
            assert kids[2:] == others
            lead = int(signing_keys.PUBLISH_LEAD.total_seconds())
            for later, published in ((lead + 900, kids), (lead + 900 + 61, kids[1:])):
                with time_machine.travel(now() + later, tick=False):
                    signing_keys.reload()
                    assert [key["kid"] for key in client.get(PATH).get_json()["keys"]] == published
                    assert signing_keys.verifying_key(old) is not None
