"""Re-authenticating by a code that is sent to one's own address: for accounts without a password, among others."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import EMAIL, WRONG_TYPES, Database, stored, throttled, told
from tests.support.email_codes import ask as ask_to_sign_in
from tests.support.email_codes import challenge_of, newest_code, wrong
from tests.support.factors import post, verified, with_passkey, with_totp
from tests.support.letters import code_in, sent
from tests.support.passwordless import without_password
from tests.support.races import race, rounds

KIND = "reauthentication"


@pytest.fixture
def stale(alice: Person, mongo: Database) -> Person:
    """Return Alice, who has no password and signed in ten minutes ago."""
    without_password(mongo, alice)
    too_late(mongo)
    return alice


def too_late(mongo: Database) -> None:
    mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=10)}})


def ask(person: Person) -> Any:
    """Return the answer to a request for a code."""
    return person.client.post("/auth/reauthenticate/email", headers=person.headers)


def confirm(person: Person, challenge: object, code: object) -> Any:
    """Return the answer to a code."""
    return post(person, "/auth/reauthenticate", challengeId=challenge, code=code)


def is_fresh(person: Person) -> bool:
    """Tell whether somebody is."""
    return bool(person.client.get("/auth/me/export", headers=person.headers).status_code == 200)


class TestReauthenticate:
    def test_who_reads_the_letter_is_fresh(self, stale: Person, app: Flask, mongo: Database):
        assert not is_fresh(stale)
        asked = ask(stale)
        assert (asked.status_code, asked.get_json()["expiresIn"]) == (202, 600)
        (letter,) = sent(app, KIND)
        assert letter["to"] == EMAIL
        assert "127.0.0.1" in letter["text"]
        assert "#token=" not in letter["text"]
        answer = confirm(stale, challenge_of(asked), code_in(letter))
        assert answer.status_code == 200
        stale.tokens["accessToken"] = answer.get_json()["accessToken"]
        assert is_fresh(stale)
        assert mongo.sessions.find_one({})["methods"] == ["otp"]  # type: ignore[index]
        assert mongo.audit.count_documents({"action": "session.reauthenticated"}) == 1

    def test_then_a_password_can_be_set(self, stale: Person, app: Flask):
        problem(post(stale, "/auth/me/password", newPassword="a brand new passphrase"), 403, "fresh_login_required")
        confirm(stale, challenge_of(ask(stale)), newest_code(app, KIND))
        assert post(stale, "/auth/me/password", newPassword="a brand new passphrase").status_code == 204

    def test_who_has_a_password_may_too(self, alice: Person, app: Flask, mongo: Database):
        """They sign in by such a code as well."""
        verified(mongo, alice)
        assert confirm(alice, challenge_of(ask(alice)), newest_code(app, KIND)).status_code == 200

    def test_it_works_once(self, stale: Person, app: Flask):
        challenge = challenge_of(ask(stale))
        code = newest_code(app, KIND)
        assert confirm(stale, challenge, code).status_code == 200
        problem(confirm(stale, challenge, code), 403, "email_code_invalid")

    def test_it_works_for_ten_minutes(self, stale: Person, app: Flask):
        challenge = challenge_of(ask(stale))
        code = newest_code(app, KIND)
        with time_machine.travel(clock.now() + timedelta(minutes=10, seconds=1)):
            problem(confirm(stale, challenge, code), 403, "email_code_invalid")

    @rounds
    def test_r119_of_sixteen_at_once_one_is_taken(self, stale: Person, app: Flask, mongo: Database, turn: int):
        challenge = challenge_of(ask(stale))
        body = {"challengeId": challenge, "code": newest_code(app, KIND)}

        def attempt() -> int:
            client = app.test_client()
            return int(client.post("/auth/reauthenticate", json=body, headers=stale.headers).status_code)

        statuses = race(*[attempt] * 16)
        assert sorted(statuses) == [200, *[403] * 15]
        assert mongo.audit.count_documents({"action": "session.reauthenticated"}) == 1


class TestNeverInsteadOfASecondFactor:
    """R114"""

    def test_no_letter_goes(self, stale: Person, app: Flask, mongo: Database):
        with_totp(fresh(stale, mongo), mongo)
        assert problem(ask(stale), 403, "second_factor_required")["methods"] == ["totp"]
        assert sent(app, KIND) == []

    def test_a_code_that_was_sent_before_is_of_no_use(self, stale: Person, app: Flask, mongo: Database):
        challenge = challenge_of(ask(stale))
        code = newest_code(app, KIND)
        with_passkey(fresh(stale, mongo), mongo)
        too_late(mongo)
        problem(confirm(stale, challenge, code), 403, "second_factor_required")
        assert not is_fresh(stale)


def fresh(person: Person, mongo: Database) -> Person:
    """Let somebody have signed in just now."""
    mongo.sessions.update_many({}, {"$set": {"authTime": clock.now()}})
    return person


class TestBound:
    """To the session that asked, its account and its address."""

    def test_not_in_another_session(self, alice: Person, app: Flask, mongo: Database):
        other = verified(mongo, alice).login()
        challenge = challenge_of(ask(alice))
        problem(confirm(other, challenge, newest_code(app, KIND)), 403, "email_code_invalid")
        assert confirm(alice, challenge, newest_code(app, KIND)).status_code == 200

    def test_not_for_another_account(self, stale: Person, bob: Person, app: Flask, mongo: Database):
        challenge = challenge_of(ask(stale))
        problem(confirm(bob, challenge, newest_code(app, KIND)), 403, "email_code_invalid")

    def test_not_once_the_address_is_another(self, stale: Person, app: Flask, mongo: Database):
        challenge = challenge_of(ask(stale))
        mongo.users.update_one({}, {"$set": {"email": "moved@example.com"}})
        problem(confirm(stale, challenge, newest_code(app, KIND)), 403, "email_code_invalid")

    def test_it_signs_nobody_in(self, stale: Person, app: Flask):
        challenge = challenge_of(ask(stale))
        body = {"challengeId": challenge, "code": newest_code(app, KIND)}
        problem(stale.client.post("/auth/login/email/code", json=body), 403, "email_code_invalid")

    def test_a_code_to_sign_in_does_not_do(self, stale: Person, client: FlaskClient, app: Flask):
        """Somebody else may have asked for that."""
        challenge = challenge_of(ask_to_sign_in(client))
        problem(confirm(stale, challenge, newest_code(app)), 403, "email_code_invalid")

    def test_an_unproved_address_gets_none(self, alice: Person, app: Flask, mongo: Database):
        problem(ask(alice), 403, "email_unverified")
        assert sent(app, KIND) == []

    def test_none_where_codes_are_off(self, stale: Person, app: Flask, monkeypatch: pytest.MonkeyPatch):
        challenge = challenge_of(ask(stale))
        code = newest_code(app, KIND)
        monkeypatch.setitem(app.config, "EMAIL_CODES", False)
        problem(ask(stale), 404, "not_found")
        problem(confirm(stale, challenge, code), 404, "not_found")

    def test_nobody_is_asked_who_is_not_signed_in(self, client: FlaskClient, stale: Person, mongo: Database):
        problem(client.post("/auth/reauthenticate/email"), 401, "token_missing")
        made = post(fresh(stale, mongo), "/auth/access-tokens", name="x", scopes=["account:write"]).get_json()
        headers = {"Authorization": f"Bearer {made['token']}"}
        problem(client.post("/auth/reauthenticate/email", headers=headers), 403, "scope_missing")


class TestGuesses:
    """R116"""

    def test_one_wrong_code_ends_nothing(self, stale: Person, app: Flask, mongo: Database):
        challenge = challenge_of(ask(stale))
        code = newest_code(app, KIND)
        problem(confirm(stale, challenge, wrong(code)), 403, "email_code_invalid")
        assert mongo.audit.count_documents({"action": "email_code.failed"}) == 1
        assert confirm(stale, challenge, code).status_code == 200

    def test_after_five_the_right_one_is_none(self, stale: Person, app: Flask):
        challenge = challenge_of(ask(stale))
        code = newest_code(app, KIND)
        for _ in range(5):
            problem(confirm(stale, challenge, wrong(code)), 403, "email_code_invalid")
        problem(confirm(stale, challenge, code), 403, "email_code_invalid")

    @pytest.mark.parametrize("limit", ["reauthenticate_session", "email_code_account", "email_code_row"])
    def test_they_are_counted_over_all_challenges(self, stale: Person, app: Flask, limit: str):
        with throttled(app, **{limit: 3}):
            for _ in range(3):
                challenge = challenge_of(ask(stale))
                problem(confirm(stale, challenge, wrong(newest_code(app, KIND))), 403, "email_code_invalid")
            challenge = challenge_of(ask(stale))
            problem(confirm(stale, challenge, newest_code(app, KIND)), 429, "too_many_attempts")

    def test_letters_are_limited_and_the_asker_is_told(self, stale: Person, app: Flask):
        with throttled(app, link_letters=2):
            assert [ask(stale).status_code for _ in range(3)] == [202, 202, 429]
        assert len(sent(app, KIND)) == 2

    def test_letters_that_strangers_ask_for_keep_none_back(self, stale: Person, app: Flask, client: FlaskClient):
        with throttled(app, link_letters=1, asked_letters=1):
            ask_to_sign_in(client)
            client.post("/auth/password/forgot", json={"email": EMAIL})
            assert ask(stale).status_code == 202
        assert len(sent(app, KIND)) == 1


class TestBadInput:
    @pytest.mark.parametrize("wrong_type", WRONG_TYPES)
    def test_wrong_types_are_refused(self, stale: Person, wrong_type: object):
        assert confirm(stale, wrong_type, "123456").status_code in (403, 422)
        assert confirm(stale, "asc_x", wrong_type).status_code == 422

    @pytest.mark.parametrize("challenge", ["", "asc_", "asc_" + "0" * 500, "f" * 24, "asl_x", "%00", "é"])
    def test_what_is_no_challenge_is_refused(self, stale: Person, challenge: str):
        problem(confirm(stale, challenge, "123456"), 403, "email_code_invalid")

    def test_a_challenge_comes_with_its_code(self, stale: Person):
        assert told(post(stale, "/auth/reauthenticate", challengeId="asc_x")) == {("/password", "required")}
        both = post(stale, "/auth/reauthenticate", challengeId="asc_x", password=PASSWORD)
        assert told(both) == {("/credential", "required")}

    def test_a_second_factor_comes_without_one(self, alice: Person, client: FlaskClient, mongo: Database):
        """After a password the code of a letter is no second factor."""
        with_totp(alice, mongo)
        begun = client.post("/auth/login", json={"email": EMAIL, "password": PASSWORD}).get_json()
        body = {"mfaToken": begun["mfaToken"], "challengeId": "asc_x", "code": "123456"}
        assert client.post("/auth/login/mfa", json=body).status_code == 422
        assert stored(mongo)["totp"]
