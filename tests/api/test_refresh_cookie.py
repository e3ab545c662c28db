"""The refresh cookie: its attributes, and which token wins at a refresh. D5, R9, R48, R49, R54, R62, R66, R71."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import Person, problem
from tests.support.accounts import Database, hashing
from tests.support.cookies import (
    NAME,
    SECURE_NAME,
    check_attributes,
    journeys,
    live,
    parsed,
    reasons,
    refresh,
    token_in,
)
from tests.support.wire import sign_in_by_cookie


@pytest.fixture(scope="module")
def https_app(app: Flask, make_lasting_app: Callable[..., Flask]) -> Flask:
    """Return an application whose public address is https."""
    with hashing():
        return make_lasting_app(PUBLIC_URL="https://auth.example.com", SESSION_IDLE_TTL=600)


@pytest.fixture
def browser(alice: Person, browser_client: FlaskClient) -> FlaskClient:
    """Return a browser in which Alice is signed in by cookie."""
    assert sign_in_by_cookie(browser_client, alice.email, alice.password).status_code == 200
    return browser_client


class TestAttributes:
    """R71"""

    def test_over_http(self, browser_client: FlaskClient):
        for answer in journeys(browser_client):
            name, value, attributes = parsed(answer)
            assert name == NAME
            assert value.count(".") == 2
            check_attributes(attributes, secure=False, max_age=2_592_000)

    def test_over_https(self, https_app: Flask, clean: None):
        browser = https_app.test_client()
        for answer in journeys(browser):
            name, _, attributes = parsed(answer)
            assert name == SECURE_NAME
            check_attributes(attributes, secure=True, max_age=600)

    def test_the_token_is_in_the_cookie_alone(self, browser_client: FlaskClient):
        for answer in journeys(browser_client):
            _, value, _ = parsed(answer)
            assert set(answer.get_json()) == {"accessToken", "tokenType", "expiresIn", "user"}
            assert value not in answer.text
            assert answer.get_json()["accessToken"] not in answer.headers["Set-Cookie"]
            assert answer.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("secure", [False, True])
    def test_clearing_it_uses_the_same_attributes(self, app: Flask, https_app: Flask, clean: None, secure: bool):
        """R66: a browser removes a cookie only where name, path and Secure agree."""
        browser = (https_app if secure else app).test_client()
        *_, last = journeys(browser)
        set_name, _, _ = parsed(last)
        name, value, attributes = parsed(browser.post("/auth/logout"))
        assert (name, value) == (set_name, "")
        check_attributes(attributes, secure=secure, max_age=0)
        assert browser.get_cookie(name, path="/auth") is None

    @pytest.mark.parametrize(("secure", "other"), [(False, SECURE_NAME), (True, NAME)])
    def test_the_other_schemes_name_does_not_count(
        self, app: Flask, https_app: Flask, clean: None, secure: bool, other: str
    ):
        served = https_app if secure else app
        *_, last = journeys(served.test_client())
        name, value, _ = parsed(last)
        bare = served.test_client(use_cookies=False)
        problem(refresh(bare, f"{other}={value}"), 401, "token_missing")
        assert refresh(bare, f"{name}={value}").status_code == 200

    def test_an_answer_in_the_body_sets_none(self, browser_client: FlaskClient, alice: Person):
        for answer in (
            browser_client.post("/auth/login", json={"email": alice.email, "password": alice.password}),
            refresh(browser_client, body={"refreshToken": alice.tokens["refreshToken"]}),
        ):
            assert answer.status_code == 200
            assert "refreshToken" in answer.get_json()
            assert "Set-Cookie" not in answer.headers

    @pytest.mark.parametrize("transport", ["", "Cookie", "cookies", "header", " cookie"])
    def test_another_transport_is_refused(self, alice: Person, mongo: Database, transport: str):
        body = {"email": alice.email, "password": alice.password, "transport": transport}
        answer = alice.client.post("/auth/login", json=body)
        assert problem(answer, 422, "validation_failed")["errors"][0]["pointer"] == "/transport"
        assert live(mongo) == 1


class TestRefresh:
    def test_the_answer_goes_the_way_the_token_came(self, browser: FlaskClient, alice: Person):
        first = token_in(browser)
        answer = refresh(browser)
        assert answer.status_code == 200
        assert "refreshToken" not in answer.get_json()
        assert token_in(browser) not in (None, first)
        home = browser.get("/", headers={"Authorization": f"Bearer {answer.get_json()['accessToken']}"})
        assert home.status_code == 200

    @pytest.mark.parametrize("empty", [b"", b"{}"])
    def test_no_body_and_an_empty_object_are_alike(self, browser: FlaskClient, empty: bytes):
        sent = {"data": empty, "content_type": "application/json"} if empty else {}
        assert browser.post("/auth/refresh-token", **sent).status_code == 200

    def test_the_body_beats_the_cookie(self, browser: FlaskClient, alice: Person, mongo: Database):
        held = token_in(browser)
        answer = refresh(browser, body={"refreshToken": alice.tokens["refreshToken"]})
        assert answer.status_code == 200
        assert "refreshToken" in answer.get_json()
        assert "Set-Cookie" not in answer.headers
        assert token_in(browser) == held
        assert sorted(found["generation"] for found in mongo.sessions.find()) == [1, 2]

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "null"])
    def test_a_bad_body_does_not_fall_back_to_the_cookie(self, browser: FlaskClient, mongo: Database, token: str):
        """R49"""
        problem(refresh(browser, body={"refreshToken": token}), 401, "token_invalid")
        assert mongo.sessions.count_documents({"generation": {"$gt": 1}}) == 0

    @pytest.mark.parametrize("value", [None, 1, True, [], {}, {"$ne": None}, ["x"]], ids=str)
    def test_a_wrong_type_does_not_fall_back_either(self, browser: FlaskClient, mongo: Database, value: Any):
        """R9, R49"""
        answer = refresh(browser, body={"refreshToken": value})
        assert problem(answer, 422, "validation_failed")["errors"][0]["code"] == "wrong_type"
        assert mongo.sessions.count_documents({"generation": {"$gt": 1}}) == 0

    @pytest.mark.parametrize(
        ("cookie", "code"),
        [
            ("", "token_missing"),
            ("refresh_token=", "token_missing"),
            ("refresh_token", "token_missing"),
            ("Refresh_Token=a.b.c", "token_missing"),
            ("other=a.b.c", "token_missing"),
            ("refresh_token=x", "token_invalid"),
            ("refresh_token=a.b.c", "token_invalid"),
            ("refresh_token=null", "token_invalid"),
            ("refresh_token=é", "token_invalid"),
            ("refresh_token=%00", "token_invalid"),
            ('refresh_token="a.b.c"', "token_invalid"),
            ("refresh_token=x; refresh_token=y", "token_invalid"),
            ("refresh_token=" + "x" * 7000, "token_invalid"),
            (";;=;==;", "token_missing"),
        ],
    )
    def test_a_bad_cookie_is_refused(self, client: FlaskClient, cookie: str, code: str):
        """D5, U9: one that can't be read is removed, from wherever it may have been planted."""
        answer = refresh(client, cookie)
        problem(answer, 401, code)
        assert ("Set-Cookie" in answer.headers) == (code == "token_invalid")

    def test_an_access_token_in_the_cookie_is_refused(self, alice: Person, mongo: Database):
        """R62"""
        problem(refresh(alice.client, f"{NAME}={alice.tokens['accessToken']}"), 401, "token_invalid")
        assert mongo.sessions.count_documents({"generation": 1}) == 1

    def test_no_token_is_read_from_elsewhere(self, alice: Person):
        """R48: neither the URL nor the Authorization header."""
        token = alice.tokens["refreshToken"]
        problem(alice.client.post(f"/auth/refresh-token?refreshToken={token}"), 422, "validation_failed")
        shown = {"Authorization": f"Bearer {token}"}
        problem(alice.client.post("/auth/refresh-token", headers=shown), 401, "token_missing")

    def test_the_cookie_never_opens_another_route(self, app: Flask, alice: Person):
        """R49, R72: only the refresh token is ever in a cookie, and it is no access token."""
        for name in (NAME, "access_token", "access_token_cookie"):
            for token in alice.tokens["refreshToken"], alice.tokens["accessToken"]:
                answer = alice.client.get("/", headers={"Cookie": f"{name}={token}"})
                problem(answer, 401, "token_missing")

    def test_a_stolen_cookie_shown_again_ends_the_session(
        self, browser: FlaskClient, client: FlaskClient, mongo: Database
    ):
        """R54"""
        stolen = token_in(browser)
        refresh(browser)
        refresh(browser)
        assert problem(refresh(client, f"{NAME}={stolen}"), 401, "session_ended")
        assert problem(refresh(browser), 401, "session_ended")["reason"] == "token_reuse"
        assert reasons(mongo) == ["token_reuse"]
