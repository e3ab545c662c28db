"""What a token's times decide: how it may be used, not which session it names, nor against our own clock. U20, U21."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authsvc import request_settings
from tests.api.forging import altered, claims_of, now
from tests.conftest import Person, problem
from tests.support.accounts import Database, login
from tests.support.cookies import NAME, live, reasons, token_in
from tests.support.factors import complete, post, ticket, with_totp
from tests.support.letters import newest
from tests.support.wire import sign_in_by_cookie

BACK = [1, 90, 3600, 86_400]
"""Seconds by which a clock is set back."""


@contextmanager
def shorter_lives(app: Flask) -> Iterator[None]:
    """Let an operator have shortened all lives since the sign-in."""
    before = {name: app.config[name] for name in ("ACCESS_TOKEN_TTL", "SESSION_MAX_TTL")}
    app.config.update(ACCESS_TOKEN_TTL=60, SESSION_MAX_TTL=86_400)
    request_settings.init_app(app)
    try:
        yield
    finally:
        app.config.update(before)
        request_settings.init_app(app)


class TestU20ShorterLives:
    """Whatever genuinely names a session ends it."""

    @pytest.mark.parametrize("carrier", ["header", "body", "cookie"])
    def test_a_token_of_before_still_ends_its_session(self, app: Flask, alice: Person, mongo: Database, carrier: str):
        shown: dict[str, Any] = {
            "header": {"headers": alice.headers},
            "body": {"json": {"refreshToken": alice.tokens["refreshToken"]}},
            "cookie": {"headers": {"Cookie": f"{NAME}={alice.tokens['refreshToken']}"}},
        }[carrier]
        with shorter_lives(app):
            answer = alice.client.post("/auth/logout", **shown)
            assert answer.status_code == 204, answer.text
        assert reasons(mongo) == ["logout"]
        assert f"{NAME}=;" in answer.headers["Set-Cookie"]

    def test_a_new_sign_in_replaces_the_session_of_before(
        self, app: Flask, alice: Person, browser_client: FlaskClient, mongo: Database
    ):
        sign_in_by_cookie(browser_client, alice.email, alice.password)
        with shorter_lives(app):
            assert sign_in_by_cookie(browser_client, alice.email, alice.password).status_code == 200
        assert reasons(mongo) == ["replaced"]

    @pytest.mark.parametrize("carrier", ["header", "cookie"])
    def test_a_session_of_before_is_spared_when_it_proves_its_address(
        self, app: Flask, alice: Person, mongo: Database, carrier: str
    ):
        cookie = {"Cookie": f"{NAME}={alice.tokens['refreshToken']}"}
        with shorter_lives(app):
            link = {"token": newest(app, "verify", alice.email)}
            headers = alice.headers if carrier == "header" else cookie
            assert alice.client.post("/auth/email/verify", json=link, headers=headers).status_code == 200
        assert live(mongo) == 1

    def test_using_it_is_refused_as_before(self, app: Flask, alice: Person):
        """R41: and introspection says what using it would."""
        with shorter_lives(app):
            problem(alice.home(), 401, "token_invalid")
            problem(alice.refresh(), 401, "token_invalid")

    @pytest.mark.parametrize("name", ["type", "aud", "iss", "sid"])
    def test_what_is_not_genuine_names_nothing(self, app: Flask, alice: Person, mongo: Database, name: str):
        for token, shown in (
            (alice.tokens["accessToken"], lambda text: {"headers": {"Authorization": f"Bearer {text}"}}),
            (alice.tokens["refreshToken"], lambda text: {"json": {"refreshToken": text}}),
        ):
            forged = altered(app, token, **{name: "other"}) if name != "sid" else altered(app, token, without=("sid",))
            problem(alice.client.post("/auth/logout", **shown(forged)), 401, "token_invalid")
        assert live(mongo) == 1

    def test_the_answer_to_an_end_clears_the_cookie_however_it_was_named(
        self, alice: Person, browser_client: FlaskClient, mongo: Database
    ):
        for path, method in (("/auth/logout", "POST"), ("/auth/sessions?scope=all", "DELETE"), ("/auth/me", "DELETE")):
            answer = sign_in_by_cookie(browser_client, alice.email, alice.password)
            headers = {"Authorization": f"Bearer {answer.get_json()['accessToken']}"}
            assert browser_client.open(path, method=method, headers=headers).status_code == 204
            assert token_in(browser_client) is None, path


class TestU21ClockSetBack:
    @pytest.mark.parametrize("seconds", BACK)
    def test_nobody_is_signed_out(self, app: Flask, clean: None, seconds: int, mongo: Database):
        """By access token, refresh token and introspection, before and after a refresh; and the sign-out works."""
        client = app.test_client()
        with time_machine.travel(now() + seconds, tick=True):
            alice = Person(client, "alice@example.com", "correct horse battery").register()
            renewed = alice.refresh().get_json()
        for access in (alice.tokens["accessToken"], renewed["accessToken"]):
            assert client.get("/", headers={"Authorization": f"Bearer {access}"}).status_code == 200
        again = alice.refresh(renewed["refreshToken"])
        assert again.status_code == 200, again.text
        for access in (alice.tokens["accessToken"], renewed["accessToken"], again.get_json()["accessToken"]):
            assert client.get("/", headers={"Authorization": f"Bearer {access}"}).status_code == 200
        assert client.post("/auth/logout", json={"refreshToken": renewed["refreshToken"]}).status_code == 204
        assert reasons(mongo) == ["logout"]

    @pytest.mark.parametrize("seconds", [2, *BACK])
    def test_what_a_clock_behind_wrote_is_exchanged_like_any_other(self, app: Flask, clean: None, seconds: int):
        """Whether ours was set back or another machine's is behind: at every use, and once the clocks agree again."""
        client = app.test_client()
        with time_machine.travel(now() + seconds, tick=True):
            alice = Person(client, "alice@example.com", "correct horse battery").register()
        for _ in range(3):
            answer = alice.refresh()
            assert answer.status_code == 200, answer.text
            alice.tokens = answer.get_json()
            written = claims_of(alice.tokens["refreshToken"])
            assert written["exp"] - written["iat"] <= app.config["SESSION_MAX_TTL"]
        with time_machine.travel(now() + seconds, tick=True):
            assert alice.refresh().status_code == 200

    def test_two_machines_that_differ_by_a_moment_serve_one_session(self, app: Flask, clean: None):
        """Signed in at one, refreshed at the other whose clock is 0.4 s behind, across the turn of a second."""
        client = app.test_client()
        turn = float(now() + 10)
        with time_machine.travel(turn + 0.2, tick=False):
            alice = Person(client, "alice@example.com", "correct horse battery").register()
        for moment in (turn - 0.2, turn + 600, turn + 599.6, turn + 1200):
            with time_machine.travel(moment, tick=False):
                answer = alice.refresh()
                assert answer.status_code == 200, answer.text
                alice.tokens = answer.get_json()

    @pytest.mark.parametrize("seconds", BACK)
    def test_a_token_that_a_proof_renewed_is_taken_too(self, alice: Person, seconds: int):
        with time_machine.travel(now() + seconds, tick=True):
            person = alice.login()
            proved = post(person, "/auth/reauthenticate", password=alice.password).get_json()["accessToken"]
        assert alice.client.get("/auth/me/export", headers={"Authorization": f"Bearer {proved}"}).status_code == 200

    @pytest.mark.parametrize("seconds", BACK)
    @pytest.mark.parametrize("carrier", ["header", "body", "cookie"])
    def test_a_sign_out_needs_no_clock(self, alice: Person, mongo: Database, seconds: int, carrier: str):
        with time_machine.travel(now() + seconds, tick=True):
            person = alice.login()
        shown: dict[str, Any] = {
            "header": {"headers": person.headers},
            "body": {"json": {"refreshToken": person.tokens["refreshToken"]}},
            "cookie": {"headers": {"Cookie": f"{NAME}={person.tokens['refreshToken']}"}},
        }[carrier]
        assert alice.client.post("/auth/logout", **shown).status_code == 204
        assert reasons(mongo) == ["logout"]

    def test_introspection_says_what_using_it_would(self, alice: Person, mongo: Database):
        with time_machine.travel(now() + 90, tick=True):
            person = alice.login()
        made = post(alice, "/auth/access-tokens", name="x", scopes=["tokens:introspect"]).get_json()["token"]
        for token in person.tokens["accessToken"], person.tokens["refreshToken"]:
            headers = {"Authorization": f"Bearer {made}"}
            assert alice.client.post("/auth/introspect", data={"token": token}, headers=headers).get_json()["active"]

    @pytest.mark.parametrize("kind", ["accessToken", "refreshToken"])
    @pytest.mark.parametrize("ahead", [60, 90, 3600, 10**9, 10**16])
    def test_a_time_that_no_session_bears_out_was_not_written_here(
        self, app: Flask, alice: Person, kind: str, ahead: int
    ):
        """R42: with the service's own key."""
        claims = claims_of(alice.tokens[kind])
        token = altered(app, alice.tokens[kind], iat=claims["iat"] + ahead, exp=claims["exp"] + ahead)
        if kind == "accessToken":
            answer = alice.client.get("/", headers={"Authorization": f"Bearer {token}"})
        else:
            answer = alice.refresh(token)
        problem(answer, 401, "token_invalid")
        assert alice.refresh().status_code == 200

    @pytest.mark.parametrize("borne_out", ["createdAt", "authTime", "lastUsedAt"])
    def test_any_time_of_the_record_bears_it_out_for_the_grace_and_a_leeway(
        self, app: Flask, alice: Person, mongo: Database, borne_out: str
    ):
        """Within the grace time a token is written and the record is not; a machine may be ten seconds ahead."""
        claims, recorded = claims_of(alice.tokens["accessToken"]), now() + 90
        mongo.sessions.update_one({}, {"$set": {borne_out: datetime.fromtimestamp(recorded, UTC)}})
        for after, status in ((30 + 10, 200), (30 + 11, 401)):
            iat = recorded + after
            token = altered(app, alice.tokens["accessToken"], iat=iat, exp=iat + claims["exp"] - claims["iat"])
            answer = alice.client.get("/", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status, (after, answer.text)

    def test_ten_seconds_ahead_are_no_future(self, app: Flask, clean: None, mongo: Database):
        """Another machine's clock may differ by them: such a token is compared with no record."""
        moment = now()
        with time_machine.travel(float(moment), tick=False):
            alice = Person(app.test_client(), "alice@example.com", "correct horse battery").register()
            long_ago = datetime.fromtimestamp(moment - 3600, UTC)
            mongo.sessions.update_one({}, {"$set": dict.fromkeys(("createdAt", "authTime", "lastUsedAt"), long_ago)})
            for ahead, status in ((10, 200), (11, 401)):
                token = altered(app, alice.tokens["accessToken"], iat=moment + ahead, exp=moment + ahead + 60)
                answer = alice.client.get("/", headers={"Authorization": f"Bearer {token}"})
                assert answer.status_code == status, (ahead, answer.text)

    def test_one_that_was_ended_stays_so(self, alice: Person):
        """C3."""
        with time_machine.travel(now() + 90, tick=True):
            person = alice.login()
            person.client.post("/auth/logout", headers=person.headers)
        assert problem(person.home(), 401, "session_ended")["reason"] == "logout"
        assert problem(person.refresh(), 401, "session_ended")["reason"] == "logout"

    @pytest.mark.parametrize("seconds", [120, 3600])
    def test_a_code_of_now_is_no_wrong_one(self, alice: Person, mongo: Database, seconds: int):
        """None is taken twice, and none is called wrong: 503 until the clock has caught up."""
        protected = with_totp(alice, mongo)
        with time_machine.travel(now() + seconds, tick=True):
            used = protected.app.code()
            assert complete(alice.client, ticket(alice.client, alice), code=used).status_code == 200
        mfa_token = ticket(alice.client, alice)
        for code in (protected.app.code(), used, "000000"):
            problem(complete(alice.client, mfa_token, code=code), 503, "not_ready")
        assert complete(alice.client, mfa_token, recoveryCode=protected.recovery_codes[0]).status_code == 200
        assert mongo.audit.count_documents({"action": "second_factor.failed"}) == 0
        with time_machine.travel(now() + seconds + 60, tick=True):
            later = complete(alice.client, ticket(alice.client, alice), code=protected.app.code())
            assert later.status_code == 200

    def test_links_and_tickets_go_on(self, app: Flask, alice: Person, mongo: Database):
        protected = with_totp(alice, mongo)
        with time_machine.travel(now() + 90, tick=True):
            mfa_token = ticket(alice.client, alice)
            alice.client.post("/auth/password/forgot", json={"email": alice.email})
        assert complete(alice.client, mfa_token, recoveryCode=protected.recovery_codes[0]).status_code == 200
        body = {"token": newest(app, "reset", alice.email), "newPassword": "a brand new passphrase"}
        assert alice.client.post("/auth/password/reset", json=body).status_code == 204
        assert login(alice.client, alice.email, "a brand new passphrase").status_code == 202
