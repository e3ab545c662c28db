"""P2, P3: a first passkey locks nobody out, and recovery codes that somebody has saved stay."""

from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import Person, problem
from tests.support.accounts import Database, login
from tests.support.authenticator import Authenticator
from tests.support.factors import (
    App,
    complete,
    enrol,
    post,
    register_passkey,
    sign_in_by,
    ticket,
    verified,
    with_passkey,
    with_totp,
)
from tests.support.letters import sent


def with_first_passkey(person: Person, mongo: Database) -> Authenticator:
    """Register a first passkey, and say nothing more."""
    device = Authenticator()
    assert register_passkey(verified(mongo, person), device).status_code == 201
    return device


def status(person: Person) -> dict[str, object]:
    """Return what the account says of its second factors."""
    return dict(person.client.get("/auth/mfa", headers=person.headers).get_json())


def confirm(person: Person, app: App) -> list[str]:
    """Confirm an authenticator app; return the recovery codes that are shown."""
    answer = post(person, "/auth/mfa/totp/confirm", code=app.code())
    assert answer.status_code == 200, answer.text
    return list(answer.get_json()["recoveryCodes"])


class TestP2AFirstPasskey:
    def test_p2_leaves_the_password_enough(self, alice: Person, mongo: Database, client: FlaskClient):
        device = with_first_passkey(alice, mongo)
        assert status(alice)["required"] is False
        assert login(client, alice.email, alice.password).status_code == 200
        assert sign_in_by(client, device).status_code == 200
        assert post(alice, "/auth/reauthenticate", password=alice.password).status_code == 200

    def test_p2_codes_that_nobody_says_are_saved_lock_nobody_out(
        self, alice: Person, mongo: Database, client: FlaskClient
    ):
        """The page may be gone before they are."""
        with_first_passkey(alice, mongo)
        assert len(post(alice, "/auth/mfa/recovery-codes").get_json()["recoveryCodes"]) == 10
        assert login(client, alice.email, alice.password).status_code == 200

    def test_p2_codes_that_nobody_says_are_saved_are_none(self, alice: Person, mongo: Database):
        with_first_passkey(alice, mongo)
        assert len(post(alice, "/auth/mfa/recovery-codes").get_json()["recoveryCodes"]) == 10
        assert (status(alice)["required"], status(alice)["recoveryCodes"]) == (False, {"remaining": 0})
        assert post(alice, "/auth/mfa/require").status_code == 204
        assert (status(alice)["required"], status(alice)["recoveryCodes"]) == (True, {"remaining": 10})

    def test_p2_the_letter_about_a_first_passkey_is_true(self, alice: Person, mongo: Database, app: Flask):
        with_first_passkey(alice, mongo)
        (letter,) = sent(app, "factor_added", alice.email)
        assert "without" not in letter["text"]
        assert login(alice.client).status_code == 200

    def test_p2_once_they_are_saved_the_password_is_not_enough(
        self, alice: Person, mongo: Database, client: FlaskClient
    ):
        with_first_passkey(alice, mongo)
        codes = post(alice, "/auth/mfa/recovery-codes").get_json()["recoveryCodes"]
        assert post(alice, "/auth/mfa/require").status_code == 204
        assert status(alice)["required"] is True
        assert complete(client, ticket(client, alice), recoveryCode=codes[0]).status_code == 200
        problem(post(alice, "/auth/reauthenticate", password=alice.password), 403, "second_factor_required")
        assert mongo.audit.count_documents({"action": "second_factor.required"}) == 1

    def test_p2_saying_it_twice_is_saying_it_once(self, alice: Person, mongo: Database):
        with_first_passkey(alice, mongo)
        assert [post(alice, "/auth/mfa/require").status_code for _ in range(2)] == [204, 204]
        assert mongo.audit.count_documents({"action": "second_factor.required"}) == 1

    def test_p2_without_a_factor_there_is_nothing_to_ask_for(self, alice: Person):
        problem(post(alice, "/auth/mfa/require"), 409, "mfa_not_enabled")

    def test_p2_sessions_by_password_are_no_longer_fresh(self, alice: Person, mongo: Database, client: FlaskClient):
        with_first_passkey(alice, mongo)
        other = login(client, alice.email, alice.password).get_json()["accessToken"]
        assert post(alice, "/auth/mfa/require").status_code == 204
        refused = client.post("/auth/mfa/recovery-codes", headers={"Authorization": f"Bearer {other}"})
        problem(refused, 403, "fresh_login_required")

    def test_p2_an_account_of_before_keeps_its_second_factor(self, alice: Person, mongo: Database, client: FlaskClient):
        """It has a passkey, no codes, and no word about that."""
        with_first_passkey(alice, mongo)
        mongo.users.update_one({"_id": ObjectId(alice.id)}, {"$unset": {"passkeysOptional": ""}})
        assert login(client, alice.email, alice.password).status_code == 202
        assert register_passkey(alice, Authenticator()).status_code == 201
        assert login(client, alice.email, alice.password).status_code == 202

    def test_p2_beside_an_app_a_passkey_loosens_nothing(self, alice: Person, mongo: Database, client: FlaskClient):
        with_totp(alice, mongo)
        assert register_passkey(alice, Authenticator()).status_code == 201
        assert login(client, alice.email, alice.password).status_code == 202
        assert alice.client.delete("/auth/mfa/totp", headers=alice.headers).status_code == 204
        assert login(client, alice.email, alice.password).status_code == 202  # they have codes

    def test_p2_the_last_one_takes_the_word_with_it(self, alice: Person, mongo: Database, client: FlaskClient):
        with_passkey(alice, mongo)
        (passkey,) = alice.client.get("/auth/passkeys", headers=alice.headers).get_json()["items"]
        assert alice.client.delete(f"/auth/passkeys/{passkey['id']}", headers=alice.headers).status_code == 204
        with_first_passkey(alice, mongo)
        assert login(client, alice.email, alice.password).status_code == 200

    def test_p2_an_administrator_removes_an_optional_one_too(
        self, alice: Person, mongo: Database, admin: Person, client: FlaskClient
    ):
        device = with_first_passkey(alice, mongo)
        assert admin.client.delete(f"/admin/users/{alice.id}/mfa", headers=admin.headers).status_code == 204
        problem(sign_in_by(client, device), 401, "passkey_invalid")


class TestP3RecoveryCodes:
    def test_p3_those_that_were_saved_stay(self, alice: Person, mongo: Database, client: FlaskClient):
        with_first_passkey(alice, mongo)
        codes = post(alice, "/auth/mfa/recovery-codes").get_json()["recoveryCodes"]
        assert post(alice, "/auth/mfa/require").status_code == 204
        assert confirm(alice, enrol(alice)) == []
        assert complete(client, ticket(client, alice), recoveryCode=codes[0]).status_code == 200

    def test_p3_those_that_nobody_said_are_saved_are_replaced(
        self, alice: Person, mongo: Database, client: FlaskClient
    ):
        with_first_passkey(alice, mongo)
        lost = post(alice, "/auth/mfa/recovery-codes").get_json()["recoveryCodes"]
        codes = confirm(alice, enrol(alice))
        assert len(codes) == 10
        problem(complete(client, ticket(client, alice), recoveryCode=lost[0]), 403, "mfa_code_invalid")
        assert complete(client, ticket(client, alice), recoveryCode=codes[0]).status_code == 200
