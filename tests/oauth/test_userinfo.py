"""Userinfo: who an app's user is, for whoever shows the access token, once and in one way. O43."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.models.signing_keys import Ring
from authsvc.services import signing_keys
from tests.api.forging import claims_of, header_of, now, own_key, sign
from tests.conftest import Person
from tests.support.accounts import Database
from tests.support.factors import post
from tests.support.oauth import FORM, Answer, AppClient, bearer, new_app, send

PATH = "/oauth2/userinfo"
METHODS = pytest.mark.parametrize("method", ["GET", "POST"])


@pytest.fixture
def notes(app: Flask, client: FlaskClient, alice: Person) -> AppClient:
    """Return an app."""
    return new_app(app, client)


def ask(notes: AppClient, method: str = "GET", headers: dict[str, str] | None = None, **options: Any) -> Answer:
    """Return the answer to a request with these headers and this body."""
    return send(notes.client, method, PATH, headers=headers or {}, **options)


def by_form(notes: AppClient, token: str, **more: str) -> Answer:
    """Return the answer to a form with the token."""
    return ask(notes, "POST", FORM, data=urlencode({"access_token": token, **more}))


def refused(answer: Answer, status: int, error: str, challenge: str) -> None:
    """Assert that an answer is this refusal (RFC 6750 section 3), and keeps to itself."""
    assert answer.status == status, answer.text
    assert answer.headers["WWW-Authenticate"] == challenge
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["error"] == error
    assert set(answer.json) == {"error", "error_description"}


def invalid(answer: Answer) -> None:
    """Assert that a token was refused."""
    refused(answer, 401, "invalid_token", 'Bearer error="invalid_token"')


class TestO43Claims:
    @METHODS
    @pytest.mark.parametrize(
        ("scope", "names"),
        [
            ("openid", {"sub"}),
            ("openid profile", {"sub", "name"}),
            ("openid email", {"sub", "email", "email_verified"}),
            ("openid profile email offline_access", {"sub", "name", "email", "email_verified"}),
        ],
    )
    def test_scopes_say_what_it_tells(
        self, notes: AppClient, alice: Person, method: str, scope: str, names: set[str]
    ) -> None:
        """OpenID Connect Core section 5.4."""
        tokens = notes.sign_in(alice.tokens["accessToken"], scope=scope)
        answer = ask(notes, method, bearer(tokens["access_token"]))
        assert answer.status == 200, answer.text
        everything = {"sub": alice.id, "name": "Alice", "email": alice.email, "email_verified": False}
        assert answer.json == {name: everything[name] for name in names}
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"

    def test_the_subject_is_that_of_the_id_token(self, notes: AppClient, alice: Person) -> None:
        """Section 5.3.2: an app must compare them."""
        tokens = notes.sign_in(alice.tokens["accessToken"])
        assert notes.userinfo(tokens["access_token"]).json["sub"] == claims_of(tokens["id_token"])["sub"]

    def test_it_tells_what_is_so_now(self, notes: AppClient, alice: Person, mongo: Database) -> None:
        token = notes.sign_in(alice.tokens["accessToken"], scope="openid profile email")["access_token"]
        changed = {"name": "Ada 💐", "emailVerifiedAt": clock.now()}
        mongo.users.update_one({"_id": ObjectId(alice.id)}, {"$set": changed})
        told = notes.userinfo(token).json
        assert (told["name"], told["email_verified"]) == ("Ada 💐", True)
        mongo.users.update_one({"_id": ObjectId(alice.id)}, {"$unset": {"name": 1}})
        assert "name" not in notes.userinfo(token).json, "no claim is null or empty (section 5.3.2)"


class TestO43Token:
    """RFC 6750 section 2: the header, or a form, and only one of them."""

    def test_the_header_in_any_case(self, notes: AppClient, alice: Person) -> None:
        token = notes.sign_in(alice.tokens["accessToken"])["access_token"]
        for scheme in ("Bearer ", "bearer ", "BEARER   "):
            for method in ("GET", "POST"):
                assert ask(notes, method, {"Authorization": f"{scheme}{token}"}).status == 200

    def test_a_post_with_the_header_may_have_another_body(self, notes: AppClient, alice: Person) -> None:
        header = bearer(notes.sign_in(alice.tokens["accessToken"])["access_token"])
        for kind, body in (
            (FORM, "a=1"),
            (FORM, "access_token="),
            ({"Content-Type": "application/json"}, "{}"),
            ({}, ""),
        ):
            assert ask(notes, "POST", {**header, **kind}, data=body).status == 200, body

    def test_the_form(self, notes: AppClient, alice: Person) -> None:
        token = notes.sign_in(alice.tokens["accessToken"])["access_token"]
        answer = by_form(notes, token, something="else")
        assert (answer.status, answer.json["sub"]) == (200, alice.id)
        staging = {**FORM, "Authorization": "Basic c3RhZ2luZzpzaXRl"}
        assert ask(notes, "POST", staging, data=urlencode({"access_token": token})).status == 200

    def test_both_at_once_are_refused(self, notes: AppClient, alice: Person) -> None:
        token = notes.sign_in(alice.tokens["accessToken"])["access_token"]
        both = ask(notes, "POST", {**bearer(token), **FORM}, data=urlencode({"access_token": token}))
        refused(both, 400, "invalid_request", 'Bearer error="invalid_request"')

    @pytest.mark.parametrize(
        "body",
        ["access_token={0}&access_token={0}", "access_token={0}&access_token=", "%ff=1", "a=%00", "&" * 200 + "a" * 5],
    )
    def test_a_form_that_is_malformed(self, notes: AppClient, alice: Person, body: str) -> None:
        token = notes.sign_in(alice.tokens["accessToken"])["access_token"]
        answer = ask(notes, "POST", FORM, data=body.format(token))
        refused(answer, 400, "invalid_request", 'Bearer error="invalid_request"')

    @pytest.mark.parametrize(
        "header", ["Bearer", "Bearer ", "Bearer a b", "Bearer ü", "Bearer a, Bearer b", "Bearer a,b"]
    )
    @METHODS
    def test_a_header_that_is_malformed(self, notes: AppClient, header: str, method: str) -> None:
        answer = ask(notes, method, {"Authorization": header.encode().decode("latin-1")})
        refused(answer, 400, "invalid_request", 'Bearer error="invalid_request"')

    @METHODS
    def test_without_any_the_challenge_says_no_more(self, notes: AppClient, alice: Person, method: str) -> None:
        """RFC 6750 section 3.1; nor does one in the address, in JSON, or of another scheme count."""
        token = notes.sign_in(alice.tokens["accessToken"])["access_token"]
        as_json = {"Content-Type": "application/json"}
        attempts: list[Callable[[], Answer]] = [
            lambda: ask(notes, method),
            lambda: ask(notes, method, {"Authorization": "Basic YTpi"}),
            lambda: ask(notes, method, {"Authorization": f"DPoP {token}"}),
            lambda: ask(notes, method, {"Cookie": f"access_token={token}"}),
            lambda: send(notes.client, method, f"{PATH}?access_token={token}"),
            lambda: ask(notes, method, as_json, data=json.dumps({"access_token": token})),
        ]
        for attempt in attempts:
            refused(attempt(), 401, "invalid_token", "Bearer")

    def test_a_get_has_no_form(self, notes: AppClient, alice: Person) -> None:
        token = notes.sign_in(alice.tokens["accessToken"])["access_token"]
        refused(ask(notes, "GET", FORM, data=urlencode({"access_token": token})), 401, "invalid_token", "Bearer")

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
    def test_other_methods_are_not_allowed(self, notes: AppClient, method: str) -> None:
        answer = ask(notes, method)
        assert answer.status == 405
        assert "GET" in answer.headers["Allow"]


class TestO43Refusals:
    """401 with `invalid_token` for whatever is no app's live access token for userinfo, by header and by form."""

    def everywhere(self, notes: AppClient, token: str) -> None:
        invalid(notes.userinfo(token))
        invalid(ask(notes, "POST", bearer(token)))
        invalid(by_form(notes, token))

    def test_tokens_of_other_kinds(self, notes: AppClient, alice: Person) -> None:
        own = notes.sign_in(alice.tokens["accessToken"])
        script = post(alice, "/auth/access-tokens", name="a script", scopes=["account:read"]).get_json()["token"]
        request, _, _ = notes.begin()
        for token in (
            alice.tokens["accessToken"],
            alice.tokens["refreshToken"],
            own["refresh_token"],
            own["id_token"],
            script,
            request,
            notes.authorize(alice.tokens["accessToken"]).code,
            notes.secret or "",
            "x",
            "a.b.c",
        ):
            self.everywhere(notes, token)

    def test_one_that_has_expired(self, notes: AppClient, alice: Person) -> None:
        token = notes.sign_in(alice.tokens["accessToken"])["access_token"]
        with time_machine.travel(now() + 899, tick=False):
            assert notes.userinfo(token).status == 200
        with time_machine.travel(now() + 901, tick=True):
            self.everywhere(notes, token)

    @pytest.mark.parametrize(
        "aud",
        [
            "http://localhost:8000",
            "http://localhost:8000/",
            "https://api.example.net",
            "http://localhost:8000/oauth2/token",
            "",
        ],
    )
    def test_one_for_another_audience(self, app: Flask, notes: AppClient, alice: Person, aud: str) -> None:
        token = notes.sign_in(alice.tokens["accessToken"])["access_token"]
        self.everywhere(notes, sign(header_of(token), {**claims_of(token), "aud": aud}, own_key(app).private))
        several = {**claims_of(token), "aud": [aud, claims_of(token)["aud"]]}
        self.everywhere(notes, sign(header_of(token), several, own_key(app).private))

    def test_one_whose_session_app_or_account_is_gone(
        self, app: Flask, notes: AppClient, alice: Person, mongo: Database
    ) -> None:
        """R104"""
        tokens = [notes.sign_in(alice.tokens["accessToken"])["access_token"] for _ in range(2)]
        of_first = {"_id": ObjectId(claims_of(tokens[0])["sid"])}
        mongo.sessions.update_one(of_first, {"$set": {"endedAt": clock.now(), "endReason": "logout"}})
        self.everywhere(notes, tokens[0])
        for change in ({"$set": {"disabledAt": clock.now()}}, {"$unset": {"disabledAt": 1}}):
            mongo.apps.update_one({"_id": notes.id}, change)
            if "$set" in change:
                self.everywhere(notes, tokens[1])
        assert notes.userinfo(tokens[1]).status == 200
        mongo.users.update_one({"_id": ObjectId(alice.id)}, {"$set": {"disabledAt": clock.now()}})
        self.everywhere(notes, tokens[1])

    def test_one_signed_by_others(self, app: Flask, notes: AppClient, alice: Person) -> None:
        token = notes.sign_in(alice.tokens["accessToken"])["access_token"]
        with app.app_context():
            other = signing_keys.snapshot(Ring.IDS).signing_by("ES256")
        self.everywhere(notes, sign({**header_of(token), "kid": other.kid}, claims_of(token), other.private))
        self.everywhere(notes, token[:-4] + "AAAA")

    def test_without_openid_the_scope_is_insufficient(self, notes: AppClient, alice: Person) -> None:
        """RFC 6750 section 3.1"""
        token = notes.sign_in(alice.tokens["accessToken"], scope="profile email")["access_token"]
        for answer in (notes.userinfo(token), ask(notes, "POST", bearer(token)), by_form(notes, token)):
            refused(answer, 403, "insufficient_scope", 'Bearer error="insufficient_scope", scope="openid"')


class TestO43Browser:
    def test_pages_of_any_origin_may_ask_and_no_cookie_counts(self, notes: AppClient, alice: Person) -> None:
        token = notes.sign_in(alice.tokens["accessToken"])["access_token"]
        page = {"Origin": "https://spa.example.org", "Sec-Fetch-Site": "cross-site"}
        for method in ("GET", "POST"):
            answer = ask(notes, method, {**bearer(token), **page})
            assert answer.status == 200
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert answer.cookies == []
        refusal = ask(notes, "GET", page)
        assert refusal.headers["Access-Control-Allow-Origin"] == "*"
        preflight = ask(notes, "OPTIONS", {**page, "Access-Control-Request-Method": "GET"})
        assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
