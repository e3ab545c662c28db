"""Codes beside the links that verify an address or set a password: P1, R116, R119."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import EMAIL, Database, counted_work, import_account, login, register, stored, throttled
from tests.support.email_codes import challenge_of, newest_code, wrong
from tests.support.factors import post, verified, with_totp
from tests.support.letters import newest, sent

NEW_PASSWORD = "a brand new passphrase"
RESEND, FORGOT = "/auth/email/resend", "/auth/password/forgot"


def send(client: FlaskClient, path: str, email: str = EMAIL, **members: Any) -> Any:
    """Return the answer to a request for a letter with a code."""
    return client.post(path, json={"email": email, "challenge": True, **members})


def verify(client: FlaskClient, challenge: str, code: str, **headers: str) -> Any:
    """Return the answer to a code that verifies an address."""
    return client.post("/auth/email/verify", json={"challengeId": challenge, "code": code}, headers=headers)


def reset(client: FlaskClient, challenge: str, code: str, password: str = NEW_PASSWORD) -> Any:
    """Return the answer to a code that sets a password."""
    return client.post("/auth/password/reset", json={"challengeId": challenge, "code": code, "newPassword": password})


@pytest.fixture
def strict(app: Flask) -> Iterator[None]:
    """Require that addresses are verified."""
    app.config["EMAIL_VERIFICATION"] = "required"
    yield
    app.config["EMAIL_VERIFICATION"] = "optional"


class TestVerify:
    def test_p1_the_session_that_asked_is_the_one_that_proves(self, alice: Person, app: Flask):
        answer = send(alice.client, RESEND)
        assert (answer.status_code, set(answer.get_json())) == (202, {"challengeId", "expiresIn"})
        done = verify(alice.client, challenge_of(answer), newest_code(app, "verify"), **alice.headers)
        assert (done.status_code, done.get_json()["emailVerified"]) == (200, True)
        assert alice.home().status_code == 200
        assert login(alice.client).status_code == 200

    def test_without_a_challenge_the_letter_has_no_code_and_the_answer_is_empty(self, alice: Person, app: Flask):
        answer = alice.client.post(RESEND, json={"email": EMAIL})
        assert (answer.status_code, answer.data) == (202, b"{}\n")
        assert "code" not in sent(app, "verify")[0]["text"]
        assert "code" not in sent(app, "verify")[1]["text"]

    def test_elsewhere_what_was_set_up_goes_and_the_code_sets_a_password(self, alice: Person, app: Flask):
        """R112, and once, within the hour."""
        challenge = challenge_of(send(alice.client, RESEND))
        code = newest_code(app, "verify")
        assert verify(alice.client, challenge, code).status_code == 200
        assert alice.home().status_code == 401
        assert login(alice.client).status_code == 401
        problem(verify(alice.client, challenge, code), 403, "email_code_invalid")
        with time_machine.travel(clock.now() + timedelta(minutes=50)):
            assert reset(alice.client, challenge, code).status_code == 204
            problem(reset(alice.client, challenge, code), 403, "email_code_invalid")
            assert login(alice.client, EMAIL, NEW_PASSWORD).status_code == 200

    def test_once_the_link_was_used_the_code_is_dead(self, alice: Person, app: Flask):
        challenge = challenge_of(send(alice.client, RESEND))
        token = newest(app, "verify")
        assert alice.client.post("/auth/email/verify", json={"token": token}, headers=alice.headers).status_code == 200
        problem(verify(alice.client, challenge, newest_code(app, "verify")), 403, "email_code_invalid")

    def test_and_the_other_way_round(self, alice: Person, app: Flask):
        challenge = challenge_of(send(alice.client, RESEND))
        token = newest(app, "verify")
        assert verify(alice.client, challenge, newest_code(app, "verify"), **alice.headers).status_code == 200
        problem(alice.client.post("/auth/email/verify", json={"token": token}), 400, "link_invalid")

    def test_a_code_is_good_for_ten_minutes_and_its_link_for_longer(self, alice: Person, app: Flask):
        challenge = challenge_of(send(alice.client, RESEND))
        with time_machine.travel(clock.now() + timedelta(minutes=11)):
            problem(verify(alice.client, challenge, newest_code(app, "verify")), 403, "email_code_invalid")
            assert alice.client.post("/auth/email/verify", json={"token": newest(app, "verify")}).status_code == 200

    def test_r116_a_squatter_does_not_guess_it(self, alice: Person, app: Flask, mongo: Database):
        """Who has registered somebody's address can sign in as often as they like, and register it anew."""
        with throttled(app, email_code_account=6, email_code_row=6):
            statuses = []
            for _ in range(4):
                challenge = challenge_of(send(alice.client, RESEND))
                code = newest_code(app, "verify")
                statuses += [verify(alice.client, challenge, wrong(code), **alice.headers).status_code for _ in "12"]
                alice.login()
                assert alice.client.delete("/auth/me", headers=alice.headers).status_code == 204
                alice.register()
        assert statuses == [403] * 6 + [429] * 2
        assert mongo.audit.count_documents({"action": "email_code.failed"}) == 6


class TestRegister:
    def test_p1_a_registration_names_its_challenge(self, client: FlaskClient, app: Flask):
        answer = register(client, email=EMAIL, challenge=True)
        assert answer.status_code == 201
        challenge = answer.get_json()["emailChallenge"]
        assert challenge["expiresIn"] == 600
        header = {"Authorization": f"Bearer {answer.get_json()['accessToken']}"}
        assert verify(client, challenge["challengeId"], newest_code(app, "verify"), **header).status_code == 200
        assert client.get("/", headers=header).status_code == 200

    def test_without_one_nothing_is_different(self, client: FlaskClient):
        assert "emailChallenge" not in register(client, email=EMAIL).get_json()

    @pytest.mark.parametrize("setting", [("EMAIL_VERIFICATION", "off"), ("EMAIL_CODES", False)], ids=lambda one: one[0])
    def test_if_there_is_no_code_it_is_null(self, client: FlaskClient, app: Flask, setting: tuple[str, Any]):
        before = app.config[setting[0]]
        app.config[setting[0]] = setting[1]
        try:
            assert register(client, email=EMAIL, challenge=True).get_json()["emailChallenge"] is None
        finally:
            app.config[setting[0]] = before

    def test_who_registered_and_reads_the_mail_keeps_the_password(self, strict: None, client: FlaskClient, app: Flask):
        answer = register(client, email=EMAIL, challenge=True)
        assert (answer.status_code, set(answer.get_json())) == (202, {"challengeId", "expiresIn"})
        assert login(client).get_json()["code"] == "email_unverified"
        assert verify(client, challenge_of(answer), newest_code(app, "verify")).status_code == 200
        assert login(client).status_code == 200

    @pytest.mark.usefixtures("heard")
    def test_r119_registering_tells_nobody_who_is_there(
        self, strict: None, client: FlaskClient, app: Flask, mongo: Database
    ):
        work = []

        def once() -> None:
            with counted_work() as counted:
                answer = register(client, email=EMAIL, challenge=True)
            shape = (answer.status_code, sorted(answer.get_json()), len(answer.data), sorted(answer.headers.keys()))
            work.append((shape, counted.rounds, sorted(counted.commands)))
            problem(verify(client, challenge_of(answer), "000000"), 403, "email_code_invalid")

        once()
        once()
        mongo.users.update_one({"email": EMAIL}, {"$set": {"disabledAt": clock.now()}})
        once()
        mongo.users.delete_many({})
        import_account(mongo, email=EMAIL)
        once()
        assert all(one == work[0] for one in work)
        assert "code" not in sent(app, "known")[0]["text"]

    def test_a_code_that_was_sent_again_is_not_that_of_the_registration(
        self, strict: None, client: FlaskClient, app: Flask
    ):
        """Whoever asks for it need not be who set the password."""
        register(client, email=EMAIL, challenge=True)
        challenge = challenge_of(send(client, RESEND))
        assert verify(client, challenge, newest_code(app, "verify")).status_code == 200
        assert login(client).status_code == 401


class TestReset:
    def test_a_code_sets_a_password(self, alice: Person, app: Flask, mongo: Database):
        challenge = challenge_of(send(alice.client, FORGOT))
        assert reset(alice.client, challenge, newest_code(app, "reset")).status_code == 204
        assert stored(mongo)["emailVerifiedAt"] is not None
        assert alice.home().status_code == 401
        assert login(alice.client, EMAIL, NEW_PASSWORD).status_code == 200
        problem(reset(alice.client, challenge, newest_code(app, "reset")), 403, "email_code_invalid")

    def test_a_bad_password_costs_no_try(self, alice: Person, app: Flask):
        challenge = challenge_of(send(alice.client, FORGOT))
        code = newest_code(app, "reset")
        for _ in range(7):
            problem(reset(alice.client, challenge, code, "password"), 422, "validation_failed")
        assert reset(alice.client, challenge, code).status_code == 204

    def test_five_wrong_ones_end_it_and_not_the_link(self, alice: Person, app: Flask):
        challenge = challenge_of(send(alice.client, FORGOT))
        code = newest_code(app, "reset")
        for _ in range(5):
            problem(reset(alice.client, challenge, wrong(code)), 403, "email_code_invalid")
        problem(reset(alice.client, challenge, code), 403, "email_code_invalid")
        body = {"token": newest(app, "reset"), "newPassword": NEW_PASSWORD}
        assert alice.client.post("/auth/password/reset", json=body).status_code == 204

    def test_second_factors_of_a_verified_account_stay(self, alice: Person, app: Flask, mongo: Database):
        """R79."""
        with_totp(alice, mongo)
        challenge = challenge_of(send(alice.client, FORGOT))
        assert reset(alice.client, challenge, newest_code(app, "reset")).status_code == 204
        assert login(alice.client, EMAIL, NEW_PASSWORD).status_code == 202

    def test_a_change_of_password_ends_it(self, alice: Person, app: Flask):
        challenge = challenge_of(send(alice.client, FORGOT))
        changed = post(alice, "/auth/me/password", currentPassword=PASSWORD, newPassword="quite another passphrase")
        assert changed.status_code == 204
        problem(reset(alice.client, challenge, newest_code(app, "reset")), 403, "email_code_invalid")

    def test_r116_wrong_codes_for_all_purposes_are_counted_together(self, alice: Person, app: Flask, mongo: Database):
        verified(mongo, alice)
        with throttled(app, email_code_account=3):
            sign_in = challenge_of(alice.client.post("/auth/login/email", json={"email": EMAIL}))
            for_reset = challenge_of(send(alice.client, FORGOT))
            body = {"challengeId": sign_in, "code": wrong(newest_code(app, "sign_in"))}
            told = [alice.client.post("/auth/login/email/code", json=body).status_code for _ in "12"]
            told += [reset(alice.client, for_reset, wrong(newest_code(app, "reset"))).status_code for _ in "12"]
        assert told == [403, 403, 403, 429]


class TestPurposes:
    """R40: a code does what it was sent for, and nothing else."""

    def test_each_is_good_for_its_own(self, alice: Person, app: Flask):
        to_verify = challenge_of(send(alice.client, RESEND)), newest_code(app, "verify")
        to_reset = challenge_of(send(alice.client, FORGOT)), newest_code(app, "reset")
        to_sign_in = challenge_of(alice.client.post("/auth/login/email", json={"email": EMAIL})), newest_code(app)
        for shown in (to_verify, to_reset):
            body = {"challengeId": shown[0], "code": shown[1]}
            problem(alice.client.post("/auth/login/email/code", json=body), 403, "email_code_invalid")
        for shown in (to_verify, to_sign_in):
            problem(reset(alice.client, *shown), 403, "email_code_invalid")
        for shown in (to_reset, to_sign_in):
            problem(verify(alice.client, *shown), 403, "email_code_invalid")


class TestEqual:
    @pytest.mark.parametrize("path", [RESEND, FORGOT])
    @pytest.mark.usefixtures("heard")
    def test_r119_asking(self, alice: Person, bob: Person, app: Flask, mongo: Database, path: str):
        verified(mongo, bob)
        work = []
        with throttled(app):
            for email in (EMAIL, bob.email, "nobody.there@example.com"):
                send(alice.client, path, email)  # the throttle's documents are made by the first
                with counted_work() as counted:
                    answer = send(alice.client, path, email)
                work.append((answer.status_code, len(answer.data), counted.commands, counted.rounds))
        assert work[0] == work[1] == work[2]

    @pytest.mark.parametrize("act", [verify, reset])
    @pytest.mark.usefixtures("heard")
    def test_r119_a_wrong_code(self, alice: Person, app: Flask, act: Any):
        path = RESEND if act is verify else FORGOT
        work = []
        with throttled(app):
            for email in (EMAIL, "nobody.there@example.com"):
                challenge = challenge_of(send(alice.client, path, email))
                act(alice.client, challenge, "000000")
                with counted_work() as counted:
                    answer = act(alice.client, challenge, "000000")
                work.append((answer.status_code, len(answer.data), counted.commands, counted.rounds))
        assert work[0] == work[1]


class TestBadInput:
    @pytest.mark.parametrize("route", ["/auth/email/verify", "/auth/password/reset"])
    @pytest.mark.parametrize(
        ("members", "pointer"),
        [
            ({}, "/token"),
            ({"code": "123456"}, "/challengeId"),
            ({"challengeId": "x"}, "/code"),
            ({"token": "x", "code": "123456"}, "/code"),
            ({"token": "x", "challengeId": "x"}, "/challengeId"),
            ({"challengeId": "x", "code": 123456}, "/code"),
            ({"challengeId": ["x"], "code": "123456"}, "/challengeId"),
        ],
        ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
    )
    def test_it_is_told(self, client: FlaskClient, route: str, members: dict[str, Any], pointer: str):
        more = {"newPassword": NEW_PASSWORD} if route.endswith("reset") else {}
        told = problem(client.post(route, json={**members, **more}), 422, "validation_failed")
        assert [error["pointer"] for error in told["errors"]] == [pointer]

    @pytest.mark.parametrize("path", [RESEND, FORGOT])
    @pytest.mark.parametrize("value", ["true", 1, None])
    def test_a_challenge_is_asked_for_by_true(self, client: FlaskClient, path: str, value: Any):
        problem(send(client, path, challenge=value), 422, "validation_failed")

    def test_r103_switched_off_there_is_no_code_and_the_link_works(self, alice: Person, app: Flask):
        challenge = challenge_of(send(alice.client, FORGOT))
        code = newest_code(app, "reset")
        app.config["EMAIL_CODES"] = False
        try:
            assert send(alice.client, FORGOT).data == b"{}\n"
            problem(reset(alice.client, challenge, code), 403, "email_code_invalid")
            assert "code" not in sent(app, "reset")[0]["text"]
        finally:
            app.config["EMAIL_CODES"] = True
