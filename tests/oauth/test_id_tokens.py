"""ID tokens: what is in them, who signs them, and what they do not pass for. O41, O42."""

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.models.signing_keys import Ring
from authsvc.security.jwk import KeyPair
from authsvc.services import id_tokens, signing_keys
from tests.api.forging import claims_of, header_of, now, own_key, segment
from tests.conftest import Person
from tests.support.accounts import Database
from tests.support.factors import complete, sign_in_by, ticket, with_passkey, with_totp
from tests.support.oauth import AppClient, bearer, new_app

ISSUER = "http://localhost:8000"
ALGORITHMS = pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
ALWAYS = {"iss", "aud", "sub", "sid", "iat", "exp", "auth_time", "amr", "acr", "at_hash"}


@pytest.fixture
def notes(app: Flask, client: FlaskClient, alice: Person) -> AppClient:
    """Return an app."""
    return new_app(app, client)


def signed_by(mongo: Database, notes: AppClient, algorithm: str) -> None:
    """Let an app have its ID tokens signed by this."""
    mongo.apps.update_one({"_id": notes.id}, {"$set": {"idTokenAlg": algorithm}})


def verified(notes: AppClient, text: str, algorithm: str) -> dict[str, Any]:
    """Verify an ID token as an app does, with the published keys alone; return its claims."""
    keys = jwt.PyJWKSet.from_dict(notes.client.get("/.well-known/jwks.json").get_json())
    key = keys[header_of(text)["kid"]]
    assert key.algorithm_name == algorithm
    return dict(jwt.decode(text, key, algorithms=[algorithm], audience=notes.id, issuer=ISSUER))


def pair_of(app: Flask, ring: Ring, algorithm: str) -> KeyPair:
    """Return the pair of a ring that signs now."""
    with app.app_context():
        return signing_keys.snapshot(ring).signing_by(algorithm)


def signed(pair: KeyPair, claims: dict[str, Any], typ: str, **header: str) -> str:
    """Return claims, signed by a pair."""
    return jwt.encode(
        claims, pair.private, algorithm=pair.algorithm.value, headers={"typ": typ, "kid": pair.kid, **header}
    )


class TestO41Claims:
    """OpenID Connect Core section 2."""

    @ALGORITHMS
    def test_an_app_can_verify_it_with_what_is_published(
        self, notes: AppClient, alice: Person, mongo: Database, algorithm: str
    ) -> None:
        signed_by(mongo, notes, algorithm)
        tokens = notes.sign_in(alice.tokens["accessToken"], nonce="n-0S6_WzA2Mj")
        header = header_of(tokens["id_token"])
        assert set(header) == {"alg", "kid", "typ"}
        assert (header["alg"], header["typ"]) == (algorithm, "JWT")
        claims = verified(notes, tokens["id_token"], algorithm)
        assert set(claims) == {*ALWAYS, "nonce"}
        session = mongo.sessions.find_one({"app": notes.id})
        assert claims["iss"] == ISSUER
        assert claims["aud"] == notes.id, "one text, not a list"
        assert claims["sub"] == alice.id
        assert claims["nonce"] == "n-0S6_WzA2Mj"
        assert claims["sid"] == str(session["_id"]) == claims_of(tokens["access_token"])["sid"]
        assert claims["sid"] != claims_of(alice.tokens["accessToken"])["sid"], "apps can't join their sessions"
        assert claims["auth_time"] == claims_of(alice.tokens["accessToken"])["auth_time"]
        assert 0 < claims["exp"] - claims["iat"] <= 900
        assert all(type(claims[name]) is int for name in ("iat", "exp", "auth_time"))

    @ALGORITHMS
    def test_it_names_the_access_token_that_it_comes_with(
        self, notes: AppClient, alice: Person, mongo: Database, algorithm: str
    ) -> None:
        """Section 3.1.3.6: the left half of its hash, by the hash of the algorithm."""
        signed_by(mongo, notes, algorithm)
        first = notes.sign_in(alice.tokens["accessToken"])
        second = notes.refresh(first["refresh_token"]).json
        for tokens in (first, second):
            half = hashlib.sha256(tokens["access_token"].encode("ascii")).digest()[:16]
            expected = base64.urlsafe_b64encode(half).decode().rstrip("=")
            assert claims_of(tokens["id_token"])["at_hash"] == expected

    @pytest.mark.parametrize("nonce", ["n", "ü & =", "x" * 512, " "])
    def test_a_nonce_comes_back_as_it_was_sent(self, notes: AppClient, alice: Person, nonce: str) -> None:
        assert claims_of(notes.sign_in(alice.tokens["accessToken"], nonce=nonce)["id_token"])["nonce"] == nonce

    def test_without_a_nonce_there_is_none(self, notes: AppClient, alice: Person) -> None:
        assert set(claims_of(notes.sign_in(alice.tokens["accessToken"])["id_token"])) == ALWAYS

    def test_auth_time_is_there_without_max_age_too(self, notes: AppClient, alice: Person) -> None:
        with time_machine.travel(now() + 300, tick=True):
            for params in ({}, {"max_age": "10000"}):
                claims = claims_of(notes.sign_in(alice.tokens["accessToken"], **params)["id_token"])
                assert claims["auth_time"] == claims_of(alice.tokens["accessToken"])["auth_time"]
                assert claims["iat"] - claims["auth_time"] >= 299

    def test_without_openid_there_is_no_id_token(self, notes: AppClient, alice: Person) -> None:
        tokens = notes.sign_in(alice.tokens["accessToken"], scope="email")
        assert "id_token" not in tokens
        assert "id_token" not in notes.refresh(tokens["refresh_token"]).json

    def test_it_ends_no_later_than_its_session(self, notes: AppClient, alice: Person, mongo: Database) -> None:
        tokens = notes.sign_in(alice.tokens["accessToken"])
        ends = clock.now() + timedelta(seconds=60)
        mongo.sessions.update_one({"app": notes.id}, {"$set": {"expiresAt": ends}})
        claims = claims_of(notes.refresh(tokens["refresh_token"]).json["id_token"])
        assert claims["exp"] == int(ends.timestamp())

    def test_it_is_signed_by_rs256_for_an_app_of_before(self, notes: AppClient, alice: Person, mongo: Database) -> None:
        """Section 15.1"""
        mongo.apps.update_one({"_id": notes.id}, {"$unset": {"idTokenAlg": 1}})
        token = notes.sign_in(alice.tokens["accessToken"])["id_token"]
        assert header_of(token)["alg"] == "RS256"


class TestO41Methods:
    """`amr` and `acr` say how the person signed in, in the session that the app was allowed in."""

    def told(self, notes: AppClient, person: Person) -> tuple[list[str], str]:
        claims = claims_of(notes.sign_in(person.tokens["accessToken"])["id_token"])
        return claims["amr"], claims["acr"]

    def test_by_a_password(self, notes: AppClient, alice: Person) -> None:
        assert self.told(notes, alice) == (["pwd"], "http://schemas.openid.net/pape/policies/2007/06/none")

    def test_by_a_password_and_a_code(self, notes: AppClient, alice: Person, mongo: Database) -> None:
        protected = with_totp(alice, mongo)
        asked = ticket(alice.client, alice)
        tokens = complete(alice.client, asked, recoveryCode=protected.recovery_codes[0]).get_json()
        person = Person(alice.client, alice.email, alice.password, tokens=tokens)
        assert self.told(notes, person) == (
            ["pwd", "otp", "mfa"],
            "http://schemas.openid.net/pape/policies/2007/06/multi-factor",
        )

    def test_by_a_passkey(self, notes: AppClient, alice: Person, mongo: Database) -> None:
        device = with_passkey(alice, mongo)
        tokens = sign_in_by(alice.client, device).get_json()
        amr, acr = self.told(notes, Person(alice.client, alice.email, alice.password, tokens=tokens))
        assert {"user", "mfa"} <= set(amr)
        assert acr.endswith("/multi-factor")


class TestO41Refresh:
    """OpenID Connect Core section 12.2."""

    def test_what_has_to_stay_the_same_does(self, notes: AppClient, alice: Person) -> None:
        tokens = notes.sign_in(alice.tokens["accessToken"], nonce="n")
        first = claims_of(tokens["id_token"])
        for turn in range(1, 4):
            with time_machine.travel(now() + 100 * turn, tick=True):
                tokens = notes.refresh(tokens["refresh_token"]).json
                later = verified(notes, tokens["id_token"], "RS256")
            for name in ("iss", "sub", "aud", "sid", "auth_time", "amr", "acr"):
                assert later[name] == first[name], name
            assert later["iat"] > first["iat"]
            assert set(later) == ALWAYS, "no nonce"

    def test_who_proves_in_the_browser_again_does_not_change_the_apps(self, notes: AppClient, alice: Person) -> None:
        tokens = notes.sign_in(alice.tokens["accessToken"])
        first = claims_of(tokens["id_token"])
        with time_machine.travel(now() + 100, tick=True):
            proof = alice.client.post(
                "/auth/reauthenticate", json={"password": alice.password}, headers=alice.headers
            ).get_json()
            assert claims_of(proof["accessToken"])["auth_time"] > first["auth_time"]
            later = claims_of(notes.refresh(tokens["refresh_token"]).json["id_token"])
            assert later["auth_time"] == first["auth_time"]
            newer = claims_of(notes.sign_in(proof["accessToken"])["id_token"])
            assert newer["auth_time"] > first["auth_time"], "what is allowed from now on is"

    def test_what_makes_no_session_fresh_any_longer_does_not_change_the_apps(
        self, notes: AppClient, alice: Person, mongo: Database
    ) -> None:
        """A second factor that is added outdates every other proof; when the person signed in stays a fact."""
        tokens = notes.sign_in(alice.tokens["accessToken"])
        before = mongo.sessions.find_one({"app": notes.id})
        with_totp(alice, mongo)
        after = mongo.sessions.find_one({"app": notes.id})
        assert after["authTime"] == before["authTime"]
        answer = notes.refresh(tokens["refresh_token"])
        assert answer.status == 200, answer.text
        later = claims_of(answer.json["id_token"])
        assert later["auth_time"] == claims_of(tokens["id_token"])["auth_time"]

    def test_a_narrower_refresh_has_none(self, notes: AppClient, alice: Person) -> None:
        tokens = notes.sign_in(alice.tokens["accessToken"])
        assert "id_token" not in notes.refresh(tokens["refresh_token"], scope="email").json

    def test_another_algorithm_counts_from_the_next_one_on(
        self, notes: AppClient, alice: Person, mongo: Database
    ) -> None:
        tokens = notes.sign_in(alice.tokens["accessToken"])
        signed_by(mongo, notes, "ES256")
        verified(notes, notes.refresh(tokens["refresh_token"]).json["id_token"], "ES256")


class TestO42Rings:
    """What one ring has signed is nothing to the other: only the first signs tokens, only the second ID tokens."""

    def test_no_key_is_in_both(self, app: Flask, notes: AppClient) -> None:
        with app.app_context():
            tokens, ids = (signing_keys.snapshot(ring) for ring in Ring)
        assert {pair.algorithm for key in tokens.keys for pair in key.pairs} == {"ES256"}
        assert not set(tokens.verifying) & set(ids.verifying)

    @ALGORITHMS
    @pytest.mark.parametrize("kind", ["access", "refresh", "at+jwt", "rt+jwt"])
    @pytest.mark.parametrize("named", ["its own", "that of tokens"])
    def test_a_key_of_id_tokens_verifies_no_other_token(
        self, app: Flask, notes: AppClient, alice: Person, algorithm: str, kind: str, named: str
    ) -> None:
        """Each with the very claims of a good one, which differs in its key alone."""
        own = notes.sign_in(alice.tokens["accessToken"])
        good = {
            "access": alice.tokens["accessToken"],
            "refresh": alice.tokens["refreshToken"],
            "at+jwt": own["access_token"],
            "rt+jwt": own["refresh_token"],
        }[kind]
        pair = pair_of(app, Ring.IDS, algorithm)
        kid = pair.kid if named == "its own" else own_key(app).kid
        forged = signed(pair, claims_of(good), header_of(good)["typ"], kid=kid)
        with time_machine.travel(now() + 3, tick=True):  # so that an unknown key is looked for
            answers = {
                "access": lambda: alice.client.get("/", headers=bearer(forged)).status_code,
                "refresh": lambda: alice.refresh(forged).status_code,
                "at+jwt": lambda: notes.userinfo(forged).status,
                "rt+jwt": lambda: notes.refresh(forged).status,
            }
            assert answers[kind]() == (400 if kind == "rt+jwt" else 401)
            for path in ("/", "/auth/me", "/auth/verify", "/auth/sessions"):
                assert alice.client.get(path, headers=bearer(forged)).status_code == 401

    @ALGORITHMS
    def test_an_id_token_opens_nothing(self, notes: AppClient, alice: Person, mongo: Database, algorithm: str) -> None:
        """T1"""
        signed_by(mongo, notes, algorithm)
        token = notes.sign_in(alice.tokens["accessToken"])["id_token"]
        for path in ("/", "/auth/me", "/auth/verify", "/auth/sessions"):
            assert alice.client.get(path, headers=bearer(token)).status_code == 401
        assert notes.userinfo(token).status == 401
        assert alice.refresh(token).status_code == 401
        assert notes.refresh(token).error == "invalid_grant"
        assert alice.client.delete("/auth/logout", headers=bearer(token)).status_code == 401
        assert alice.home().status_code == 200

    def test_a_key_of_tokens_signs_no_id_token(self, app: Flask, notes: AppClient, alice: Person) -> None:
        """Nor does anything else: each has the claims of a good one."""
        good = notes.sign_in(alice.tokens["accessToken"])["id_token"]
        claims = claims_of(good)
        rsa, own = pair_of(app, Ring.IDS, "RS256"), own_key(app)
        public = rsa.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        confused = f"{segment({'alg': 'HS256', 'typ': 'JWT', 'kid': rsa.kid})}.{segment(claims)}"
        forged = {
            "by the key of tokens": signed(own, claims, "JWT"),
            "under the name of another": signed(own, claims, "JWT", kid=rsa.kid),
            "by the other algorithm": signed(pair_of(app, Ring.IDS, "ES256"), claims, "JWT", kid=rsa.kid),
            "by the public key as a secret": f"{confused}.{segment(hmac.digest(public, confused.encode(), 'sha256'))}",
            "by nothing": f"{segment({'alg': 'none', 'typ': 'JWT', 'kid': rsa.kid})}.{segment(claims)}.",
            "of another type": signed(rsa, claims, "logout+jwt"),
            "of another issuer": signed(rsa, {**claims, "iss": f"{ISSUER}/"}, "JWT"),
            "for many": signed(rsa, {**claims, "aud": [claims["aud"]]}, "JWT"),
            "without a time": signed(rsa, {name: claims[name] for name in claims if name != "auth_time"}, "JWT"),
            "an access token": alice.tokens["accessToken"],
            "padded": f"{good}=",
            "no text": "",
        }
        with app.app_context(), time_machine.travel(now() + 3, tick=True):
            assert id_tokens.read_even_expired(good) == claims
            for name, text in forged.items():
                assert id_tokens.read_even_expired(text) is None, name

    def test_one_that_has_expired_is_still_genuine(self, app: Flask, notes: AppClient, alice: Person) -> None:
        """It is the hint of a sign-out (RP-Initiated Logout 1.0 section 2)."""
        token = notes.sign_in(alice.tokens["accessToken"])["id_token"]
        with app.app_context(), time_machine.travel(now() + 86400 * 30, tick=True):
            assert id_tokens.read_even_expired(token) == claims_of(token)
