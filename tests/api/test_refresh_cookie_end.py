"""The end of a refresh cookie: what a new sign-in replaces, and logout. D5, R49, R51, R65, R66, R74."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import time_machine
from flask.testing import FlaskClient

from tests.api.forging import claims_of
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import Database
from tests.support.cookies import NAME, live, parsed, reasons, refresh, token_in
from tests.support.wire import sign_in_by_cookie


@pytest.fixture
def browser(alice: Person, browser_client: FlaskClient) -> FlaskClient:
    """Return a browser in which Alice is signed in by cookie."""
    assert sign_in_by_cookie(browser_client, alice.email, alice.password).status_code == 200
    return browser_client


class TestReplace:
    def test_a_sign_in_by_cookie_ends_the_session_it_replaces(
        self, browser: FlaskClient, alice: Person, mongo: Database
    ):
        replaced = token_in(browser)
        answer = sign_in_by_cookie(browser, alice.email, alice.password)
        assert answer.status_code == 200
        assert reasons(mongo) == ["replaced"]
        assert problem(refresh(alice.client, f"{NAME}={replaced}"), 401, "session_ended")["reason"] == "replaced"
        assert refresh(browser).status_code == 200
        assert alice.home().status_code == 200

    def test_so_does_a_registration_and_somebody_elses_sign_in(
        self, browser: FlaskClient, bob: Person, mongo: Database
    ):
        assert sign_in_by_cookie(browser, bob.email, bob.password).get_json()["user"]["email"] == bob.email
        assert reasons(mongo) == ["replaced"]
        body = {"name": "C", "email": "c@example.com", "password": PASSWORD, "transport": "cookie"}
        assert browser.post("/auth/register", json=body).status_code == 201
        assert reasons(mongo) == ["replaced", "replaced"]

    def test_a_sign_in_by_body_replaces_nothing(self, browser: FlaskClient, alice: Person, mongo: Database):
        browser.post("/auth/login", json={"email": alice.email, "password": alice.password})
        assert reasons(mongo) == []
        assert refresh(browser).status_code == 200

    @pytest.mark.parametrize("status", [401, 409, 422])
    def test_a_failed_sign_in_replaces_nothing(self, browser: FlaskClient, alice: Person, mongo: Database, status: int):
        held = token_in(browser)
        body = {"name": "A", "email": alice.email, "password": "not the right one", "transport": "cookie"}
        paths = {401: "/auth/login", 409: "/auth/register", 422: "/auth/login"}
        if status == 401:
            del body["name"]
        answer = browser.post(paths[status], json=body)
        assert answer.status_code == status
        assert "Set-Cookie" not in answer.headers
        assert token_in(browser) == held
        assert reasons(mongo) == []
        assert refresh(browser).status_code == 200

    @pytest.mark.parametrize("kind", ["garbage", "access", "ended", "expired", "gone"])
    def test_a_cookie_that_is_no_good_does_not_stop_a_sign_in(self, alice: Person, mongo: Database, kind: str):
        token = alice.tokens["accessToken" if kind == "access" else "refreshToken"]
        if kind == "ended":
            alice.client.delete("/auth/logout", headers=alice.headers)
        if kind == "gone":
            mongo.sessions.delete_many({})
        cookie = {"Cookie": f"{NAME}={'a.b.c' if kind == 'garbage' else token}"}
        body = {"email": alice.email, "password": alice.password, "transport": "cookie"}
        with time_machine.travel("2040-01-01", tick=True) if kind == "expired" else nullcontext():
            answer = alice.client.post("/auth/login", json=body, headers=cookie)
        assert answer.status_code == 200
        assert parsed(answer)[1]
        if kind != "expired":
            assert reasons(mongo) == (["logout"] if kind == "ended" else [])


class TestLogout:
    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    def test_the_cookie_alone_is_enough(self, browser: FlaskClient, alice: Person, mongo: Database, method: str):
        """R66"""
        held = token_in(browser)
        answer = browser.open("/auth/logout", method=method)
        assert answer.status_code == 204
        assert answer.data == b""
        assert token_in(browser) is None
        assert reasons(mongo) == ["logout"]
        assert problem(refresh(alice.client, f"{NAME}={held}"), 401, "session_ended")["reason"] == "logout"
        assert alice.home().status_code == 200

    def test_the_header_of_one_and_the_cookie_of_another(self, browser: FlaskClient, bob: Person, mongo: Database):
        """R49: the access token decides whose session ends, and the browser is signed out."""
        alices = token_in(browser)
        assert browser.post("/auth/logout", headers=bob.headers).status_code == 204
        assert problem(bob.home(), 401, "session_ended")["reason"] == "logout"
        assert reasons(mongo) == ["logout"]
        assert token_in(browser) is None
        assert refresh(bob.client, f"{NAME}={alices}").status_code == 200

    def test_the_header_decides_over_body_and_cookie(
        self, browser: FlaskClient, alice: Person, bob: Person, mongo: Database
    ):
        body = {"refreshToken": alice.tokens["refreshToken"]}
        assert browser.post("/auth/logout", json=body, headers=bob.headers).status_code == 204
        assert [str(found["user"]) for found in mongo.sessions.find({"endReason": "logout"})] == [bob.id]

    def test_the_body_decides_over_the_cookie(self, browser: FlaskClient, bob: Person, mongo: Database):
        assert browser.post("/auth/logout", json={"refreshToken": bob.tokens["refreshToken"]}).status_code == 204
        assert [str(found["user"]) for found in mongo.sessions.find({"endReason": "logout"})] == [bob.id]

    @pytest.mark.parametrize(
        "header", ["Bearer a.b.c", "Bearer", "Bearer ", "Basic eDp4", "", ",  ,x", "Bearer a.b.c, Bearer d.e.f"]
    )
    def test_a_bad_header_does_not_fall_back_to_the_cookie(
        self, browser: FlaskClient, alice: Person, mongo: Database, header: str
    ):
        """R49, D5"""
        held = token_in(browser)
        answer = browser.post("/auth/logout", headers={"Authorization": header})
        problem(answer, 401, "token_invalid")
        assert "Set-Cookie" not in answer.headers
        assert token_in(browser) == held
        assert live(mongo) == 2

    def test_a_bad_body_does_not_fall_back_to_the_cookie(self, browser: FlaskClient, mongo: Database):
        """R49"""
        problem(browser.post("/auth/logout", json={"refreshToken": "x"}), 401, "token_invalid")
        assert live(mongo) == 2

    def test_nothing_shown_is_told_so(self, client: FlaskClient):
        problem(client.post("/auth/logout"), 401, "token_missing")

    def test_an_expired_access_token_beside_the_cookie_is_enough(self, browser: FlaskClient, alice: Person):
        """R66"""
        with time_machine.travel("2040-01-01", tick=True):
            problem(alice.home(), 401, "token_expired")
            assert browser.post("/auth/logout", headers=alice.headers).status_code == 204
        assert token_in(browser) is None
        assert problem(alice.refresh(), 401, "session_ended")["reason"] == "logout"

    def test_twice_is_no_error(self, browser: FlaskClient, alice: Person, mongo: Database):
        """R65"""
        held = token_in(browser)
        assert browser.post("/auth/logout").status_code == 204
        again = alice.client.post("/auth/logout", headers={"Cookie": f"{NAME}={held}"})
        assert again.status_code == 204
        assert reasons(mongo) == ["logout"]

    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
    def test_a_safe_method_ends_nothing(self, browser: FlaskClient, alice: Person, mongo: Database, method: str):
        """R51, R74"""
        answer = browser.open("/auth/logout", method=method, headers=alice.headers)
        assert answer.status_code == (200 if method == "OPTIONS" else 405)
        assert "Set-Cookie" not in answer.headers
        assert live(mongo) == 2

    def test_ending_all_sessions_clears_it_too(self, browser: FlaskClient, alice: Person, mongo: Database):
        assert browser.delete("/auth/sessions?scope=all", headers=alice.headers).status_code == 204
        assert token_in(browser) is None
        assert live(mongo) == 0

    def test_ending_the_others_does_not_clear_it(self, browser: FlaskClient, alice: Person, mongo: Database):
        assert browser.delete("/auth/sessions?scope=others", headers=alice.headers).status_code == 204
        assert token_in(browser)
        assert reasons(mongo) == ["logout_others"]

    @pytest.mark.parametrize("spelled", [str.lower, str.upper])
    def test_ending_the_session_that_asks_clears_it(
        self, browser: FlaskClient, mongo: Database, alice: Person, spelled: Callable[[str], str]
    ):
        """It is a logout; to end another one is none."""
        access = browser.post("/auth/refresh-token").get_json()["accessToken"]
        own, others = claims_of(access)["sid"], claims_of(alice.tokens["accessToken"])["sid"]
        headers = {"Authorization": f"Bearer {access}"}
        assert browser.delete(f"/auth/sessions/{others}", headers=headers).status_code == 204
        assert token_in(browser)
        assert browser.delete(f"/auth/sessions/{spelled(own)}", headers=headers).status_code == 204
        assert token_in(browser) is None
        assert live(mongo) == 0
