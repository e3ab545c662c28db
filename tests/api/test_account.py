"""Proving once more who one is, taking everything along, leaving."""

from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
import time_machine
from bson import Binary, ObjectId
from flask import Flask
from flask.testing import FlaskClient
from pymongo.errors import AutoReconnect

from authsvc import clock
from authsvc.models.letters import Letter
from authsvc.services.users import state
from tests.conftest import PASSWORD, Person
from tests.support.accounts import EMAIL, WRONG_TYPES, Database, import_account, login, register, stored, throttled
from tests.support.factors import verified
from tests.support.letters import newest, sent

ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}


def prove(person: Person, password: object = PASSWORD):
    return person.client.post("/auth/reauthenticate", json={"password": password}, headers=person.headers)


def grow_stale(mongo: Database) -> None:
    mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=11)}})


def export(person: Person):
    return person.client.get("/auth/me/export", headers=person.headers)


def leave(person: Person):
    return person.client.delete("/auth/me", headers=person.headers)


class TestReauthenticate:
    def test_the_session_is_fresh_again(self, alice: Person, mongo: Database):
        grow_stale(mongo)
        assert export(alice).get_json()["code"] == "fresh_login_required"
        answer = prove(alice)
        assert answer.status_code == 200
        assert answer.get_json().keys() == {"accessToken", "expiresIn"}
        assert answer.headers["Cache-Control"] == "no-store"
        alice.tokens["accessToken"] = answer.get_json()["accessToken"]
        assert export(alice).status_code == 200
        assert mongo.sessions.count_documents({}) == 1

    def test_a_refresh_is_no_proof(self, alice: Person, mongo: Database):
        grow_stale(mongo)
        alice.tokens = alice.refresh().get_json()
        assert export(alice).get_json()["code"] == "fresh_login_required"

    def test_other_sessions_stay_as_they_are(self, alice: Person, mongo: Database):
        other = alice.login()
        grow_stale(mongo)
        assert prove(alice).status_code == 200
        assert export(other).get_json()["code"] == "fresh_login_required"

    def test_a_wrong_password_is_403_and_signs_nobody_out(self, alice: Person, mongo: Database):
        grow_stale(mongo)
        answer = prove(alice, "not the right phrase")
        assert (answer.status_code, answer.get_json()["code"]) == (403, "password_incorrect")
        assert "WWW-Authenticate" not in answer.headers
        assert alice.home().status_code == 200
        assert export(alice).status_code == 403
        assert mongo.audit.count_documents({"action": "password.incorrect", "outcome": "failure"}) == 1

    def test_guessing_is_throttled(self, alice: Person, app: Flask):
        with throttled(app, reauthenticate_account=3):
            assert [prove(alice, "not it").status_code for _ in range(4)] == [403, 403, 403, 429]
            assert prove(alice).status_code == 429

    def test_a_thief_s_guesses_do_not_keep_the_owner_out(self, alice: Person, app: Flask):
        """R22: each session has its own, up to what an account may have."""
        thief = alice.login()
        with throttled(app, reauthenticate_session=3, reauthenticate_account=5):
            assert [prove(thief, "not it").status_code for _ in range(4)] == [403, 403, 403, 429]
            assert prove(alice).status_code == 200
            assert [prove(alice, "not it").status_code for _ in range(3)] == [403, 403, 429]

    def test_success_is_not_counted(self, alice: Person, app: Flask):
        with throttled(app, reauthenticate_account=2):
            assert {prove(alice).status_code for _ in range(4)} == {200}

    @pytest.mark.parametrize("wrong", WRONG_TYPES)
    def test_wrong_types_are_refused(self, alice: Person, wrong: object):
        assert prove(alice, wrong).status_code == 422

    def test_an_access_token_for_scripts_proves_nothing(self, alice: Person):
        body = {"name": "script", "scopes": ["account:write"]}
        made = alice.client.post("/auth/access-tokens", json=body, headers=alice.headers).get_json()["token"]
        alice.tokens["accessToken"] = made
        assert prove(alice).get_json()["code"] == "scope_missing"


class TestDelete:
    def test_nothing_works_any_more(self, alice: Person, bob: Person, app: Flask, mongo: Database):
        body = {"name": "script", "scopes": ["account:read"]}
        script = alice.client.post("/auth/access-tokens", json=body, headers=alice.headers).get_json()["token"]
        link = newest(app, "verify", EMAIL)
        assert leave(alice).status_code == 204
        assert alice.home().get_json()["reason"] == "account_deleted"
        assert alice.refresh().get_json()["reason"] == "account_deleted"
        assert login(alice.client).status_code == 401
        assert alice.client.get("/auth/me", headers={"Authorization": f"Bearer {script}"}).status_code == 401
        assert alice.client.post("/auth/email/verify", json={"token": link}).status_code == 400
        owner = {"user": ObjectId(alice.id)}
        assert mongo.users.count_documents({"_id": owner["user"]}) == 0
        assert [mongo[name].count_documents(owner) for name in ("access_tokens", "links", "devices")] == [0, 0, 0]
        assert bob.home().status_code == 200

    def test_its_owner_is_told_and_it_is_on_record(self, alice: Person, app: Flask, mongo: Database):
        verified(mongo, alice)
        leave(alice)
        assert [one["to"] for one in sent(app, "account_deleted")] == [EMAIL]
        assert mongo.audit.count_documents({"action": "account.deleted", "target": ObjectId(alice.id)}) == 1

    def test_what_is_left_names_nobody(self, alice: Person, app: Flask, mongo: Database):
        """The sessions tell why they ended, the audit who did it; waiting letters go nowhere, but the last."""
        verified(mongo, alice)
        alice.login()
        leave(alice)
        for session in mongo.sessions.find():
            assert (session["email"], session["endReason"]) == ("-", "account_deleted")
            assert not {"ip", "userAgent"} & session.keys()
        assert [one["kind"] for one in sent(app)] == ["account_deleted"]

    def test_the_address_is_free(self, alice: Person):
        leave(alice)
        assert register(alice.client, email=EMAIL).status_code == 201

    def test_it_needs_a_fresh_sign_in(self, alice: Person, mongo: Database):
        grow_stale(mongo)
        assert leave(alice).get_json()["code"] == "fresh_login_required"
        assert stored(mongo)["email"] == EMAIL

    def test_it_clears_the_cookie(self, browser_client: FlaskClient):
        access = register(browser_client, email=EMAIL, transport="cookie").get_json()["accessToken"]
        answer = browser_client.delete("/auth/me", headers={"Authorization": f"Bearer {access}"})
        assert answer.status_code == 204
        assert "refresh_token=;" in answer.headers["Set-Cookie"]


class TestExport:
    def test_everything_is_there_and_no_secret(self, alice: Person, app: Flask, mongo: Database):
        verified(mongo, alice)
        body = {"name": "script", "scopes": ["account:read"]}
        alice.client.post("/auth/access-tokens", json=body, headers=alice.headers)
        ended = alice.login()
        ended.client.delete("/auth/logout", headers=ended.headers)
        answer = export(alice)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        found = answer.get_json()
        lists = {"sessions", "accessTokens", "grants", "devices", "links", "letters", "activity", "identities"}
        assert found.keys() == {"account", "stored", "mfa", *lists}
        assert [one.keys() for one in found["devices"]] == [{"expiresAt"}]
        assert [(one["purpose"], one.keys()) for one in found["links"]] == [("verify", {"purpose", "expiresAt"})]
        assert found["account"]["email"] == found["stored"]["email"] == EMAIL
        assert {one["endReason"] for one in found["sessions"]} == {None, "logout"}
        assert [one["name"] for one in found["accessTokens"]] == ["script"]
        assert [one["kind"] for one in found["letters"]] == ["access_token_made", "verify"]
        assert {"account.registered", "login.succeeded", "account.exported"} <= {
            one["action"] for one in found["activity"]
        }
        for secret in ("$2b$", "asv_", "asl_", "digest", "sealed", '"password"'):
            assert secret not in answer.text

    def test_what_other_programs_stored_is_there(self, client: FlaskClient, mongo: Database):
        import_account(
            mongo,
            email=EMAIL,
            plan="gold",
            born=datetime(1815, 12, 10, tzinfo=UTC),
            deep={"list": [1, None, ObjectId()]},
            raw=Binary(b"\0"),
        )
        old = Person(client, EMAIL, PASSWORD)
        answer = login(client, EMAIL)
        old.tokens = answer.get_json()
        found = export(old).get_json()["stored"]
        assert (found["plan"], found["born"]) == ("gold", "1815-12-10T00:00:00.000Z")
        assert "password" not in found

    def test_what_sounds_like_a_secret_is_not(self, client: FlaskClient, mongo: Database):
        """Other programs keep theirs beside ours; what is no plain value may hide one."""
        secrets = dict.fromkeys(
            ("apiKey", "resetCode", "pin", "recoveryHint", "refresh", "secretSauce", "authToken", "hashed", "photoOtp"),
            "x",
        )
        shown = {"footprint": "x", "shipping": "x", "codec": "x", "monkey": "x"}
        import_account(mongo, email=EMAIL, **secrets, **shown, recovery=["abc"], nested={"a": 1})
        found = export(Person(client, EMAIL, PASSWORD).login()).get_json()["stored"]
        assert found.keys() == {"name", "email", "role", "createdAt", *shown}

    def test_it_needs_a_fresh_sign_in(self, alice: Person, mongo: Database):
        grow_stale(mongo)
        assert export(alice).status_code == 403


class TestNewSignIn:
    """R28: told by letter."""

    def test_from_where_the_user_is_not_known(self, alice: Person, app: Flask, mongo: Database):
        verified(mongo, alice)
        body = {"email": EMAIL, "password": PASSWORD}
        headers = {"User-Agent": "Thief/1.0 <b>"}
        assert alice.client.post("/auth/login", json=body, headers=headers, environ_base=ELSEWHERE).status_code == 200
        (letter,) = sent(app, "new_sign_in")
        assert letter["to"] == EMAIL
        assert "203.0.113.9" in letter["text"]
        assert "Thief/1.0 &lt;b&gt;" in letter["html"]
        assert "<b>" not in letter["html"]
        alice.client.post("/auth/login", json=body, environ_base=ELSEWHERE)
        assert len(sent(app, "new_sign_in")) == 1

    def test_not_from_where_it_is(self, alice: Person, app: Flask):
        alice.login()
        assert sent(app, "new_sign_in") == []

    def test_not_at_the_first_sign_in_ever(self, client: FlaskClient, app: Flask, mongo: Database):
        """Whoever comes from Express is known nowhere."""
        import_account(mongo, email=EMAIL)
        assert login(client, EMAIL).status_code == 200
        assert sent(app) == []

    def test_nor_where_it_fails(self, alice: Person, app: Flask):
        body = {"email": EMAIL, "password": "not the right phrase"}
        assert alice.client.post("/auth/login", json=body, environ_base=ELSEWHERE).status_code == 401
        assert sent(app, "new_sign_in") == []


class TestStolenSession:
    def test_its_owner_is_told(self, alice: Person, app: Flask, mongo: Database):
        """R54."""
        verified(mongo, alice)
        first = alice.tokens["refreshToken"]
        second = alice.refresh().get_json()["refreshToken"]
        alice.refresh(second)
        assert alice.refresh(first).get_json()["reason"] == "token_reuse"
        assert alice.refresh(first).status_code == 401
        assert [one["to"] for one in sent(app, "session_stolen")] == [EMAIL]

    def test_not_unless_it_can_be_told(self, alice: Person, app: Flask, mongo: Database):
        """R54: else nobody ever hears of it, since the next use only finds a session that has ended."""
        verified(mongo, alice)
        alice.refresh()
        with time_machine.travel(clock.now() + timedelta(minutes=1)):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Letter, "insert", Mock(side_effect=AutoReconnect("cut")))
                assert alice.refresh().status_code == 503
            assert alice.refresh().get_json()["reason"] == "token_reuse"
        assert len(sent(app, "session_stolen")) == 1
        assert mongo.audit.count_documents({"action": "refresh_token.reused"}) >= 1


class TestDisabled:
    def test_its_links_are_dead(self, alice: Person, app: Flask, mongo: Database):
        link = newest(app, "verify", EMAIL)
        with app.app_context():
            state.disable(None, alice.id)
        assert alice.client.post("/auth/email/verify", json={"token": link}).status_code == 400
        assert mongo.links.count_documents({"user": ObjectId(alice.id)}) == 0
