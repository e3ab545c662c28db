"""Origins that are no web pages: apps in web views, extensions of browsers, Android. U25."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD, Person
from tests.support.accounts import Database, hashing
from tests.support.authenticator import Authenticator
from tests.support.factors import post, verified
from tests.support.origins import browser_headers, is_refused, permit, preflight
from tests.support.wire import ANDROID, APP_ORIGINS, EVIL

NEIGHBOURS = (
    "capacitor://localhost.evil.example",
    "capacitor://localhosts",
    "capacitor://evil",
    "Capacitor://localhost",
    "capacitors://localhost",
    "http://localhost",
    "https://tauri.localhost",
    "tauri://localhost:80",
    "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba",
    "safari-web-extension://a3d8c1e0-95c3-4f0a-8d63-6e3b9c1b2f10",
    "null",
    EVIL,
)


@pytest.fixture
def apps(app: Flask, make_app: Callable[..., Flask], clean: None) -> FlaskClient:
    """Return a client of a service that apps may call."""
    with hashing():
        return make_app(CORS_ORIGINS=",".join(APP_ORIGINS)).test_client(use_cookies=False)


class TestU25Apps:
    @pytest.mark.parametrize("origin", APP_ORIGINS)
    def test_an_app_signs_in_and_reads_the_answer(self, apps: FlaskClient, origin: str):
        asked = preflight(apps, "/auth/register", origin, "POST", "content-type")
        assert asked.headers["Access-Control-Allow-Origin"] == origin
        assert asked.headers["Access-Control-Allow-Methods"]
        for site in (None, "cross-site"):
            account = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
            answer = apps.post("/auth/register", json=account, headers=browser_headers(site, origin))
            assert answer.status_code in (201, 409)
            permit(answer, origin)
        answer = apps.post("/auth/login", json={}, headers=browser_headers("cross-site", origin))
        assert answer.status_code == 422
        permit(answer, origin)

    @pytest.mark.parametrize("origin", NEIGHBOURS)
    def test_what_only_looks_like_one_is_refused(self, apps: FlaskClient, origin: str):
        assert is_refused(apps.post("/auth/logout", headers=browser_headers("cross-site", origin)))
        answer = apps.get("/healthz", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in answer.headers

    def test_nobody_is_sent_on_to_an_app_after_a_sign_in(self, apps: FlaskClient):
        """`return` leads to pages: what is no address of the web is left out by the page's script."""
        assert apps.get("/account/sign-in?return=capacitor://localhost/x").status_code == 200


class TestU25Passkeys:
    """A ceremony in an Android app: its origin is the hash of the certificate that signed it."""

    @pytest.fixture
    def phone(self, app: Flask, make_app: Callable[..., Flask], clean: None, mongo: Database) -> Person:
        """Return somebody with an account at a service that an Android app may use."""
        with hashing():
            client = make_app(WEBAUTHN_ORIGINS=f"http://localhost:8000,{ANDROID}").test_client(use_cookies=False)
            return verified(mongo, Person(client, "ada@example.com", PASSWORD, "Ada").register())

    def register(self, person: Person, authenticator: Authenticator, origin: str) -> Any:
        options = post(person, "/auth/passkeys/options").get_json()
        credential = authenticator.create(options["publicKey"], origin=origin)
        return post(person, "/auth/passkeys", challengeId=options["challengeId"], name="Phone", credential=credential)

    def sign_in(self, person: Person, authenticator: Authenticator, origin: str) -> Any:
        options = person.client.post("/auth/login/passkey/options").get_json()
        credential = authenticator.get(options["publicKey"], origin=origin)
        body = {"challengeId": options["challengeId"], "credential": credential}
        return person.client.post("/auth/login/passkey", json=body)

    def test_the_app_registers_one_and_signs_in(self, phone: Person):
        authenticator = Authenticator()
        assert self.register(phone, authenticator, ANDROID).status_code == 201
        assert self.sign_in(phone, authenticator, ANDROID).status_code == 200
        assert self.sign_in(phone, authenticator, "http://localhost:8000").status_code == 200

    @pytest.mark.parametrize("origin", [ANDROID.swapcase(), ANDROID[:-1] + "B", "android:apk-key-hash:", EVIL])
    def test_another_app_does_not(self, phone: Person, origin: str):
        authenticator = Authenticator()
        assert self.register(phone, authenticator, origin).status_code == 422
        assert self.register(phone, authenticator, ANDROID).status_code == 201
        assert self.sign_in(phone, authenticator, origin).status_code == 401

    def test_without_the_setting_it_does_not(self, alice: Person, mongo: Database):
        person = verified(mongo, alice)
        assert self.register(person, Authenticator(), ANDROID).status_code == 422
