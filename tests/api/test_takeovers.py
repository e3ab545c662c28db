"""Stories of thieves: who had an account for a while, or its address, does not get it back. R78, R79, R82."""

from datetime import timedelta

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.models.audit import AuditEvent
from authsvc.models.links import Link
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.services import links
from tests.api.forging import claims_of
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import EMAIL, OLD, Database, import_account, login, register, stored, throttled
from tests.support.authenticator import Authenticator
from tests.support.factors import post, register_passkey, sign_in_by, verified, with_passkey, with_totp
from tests.support.letters import newest, sent

NEW = "a brand new passphrase"
OF_THIEF = "the thief's passphrase"
EVIL = "evil@example.com"


def change_to(person: Person, email: str) -> None:
    assert post(person, "/auth/me/email", email=email).status_code == 202


def redeem(client: FlaskClient, path: str, token: str, **more: str):
    return client.post(path, json={"token": token, **more})


def confirm(client: FlaskClient, app: Flask, kind: str = "change", to: str | None = None):
    return redeem(client, "/auth/email/verify", newest(app, kind, to))


def forget_and_reset(client: FlaskClient, app: Flask, email: str = EMAIL) -> None:
    client.post("/auth/password/forgot", json={"email": email})
    token = newest(app, "reset", email)
    assert redeem(client, "/auth/password/reset", token, newPassword=NEW).status_code == 204


class TestPendingChange:
    """A thief with a session asks for another address, and waits."""

    def test_it_dies_with_a_reset(self, alice: Person, app: Flask, mongo: Database):
        change_to(alice, EVIL)
        forget_and_reset(alice.client, app)
        problem(confirm(alice.client, app), 400, "link_invalid")
        assert stored(mongo)["email"] == EMAIL

    def test_it_dies_with_a_change_of_password(self, alice: Person, app: Flask):
        change_to(alice.login(), EVIL)
        assert post(alice, "/auth/me/password", currentPassword=PASSWORD, newPassword=NEW).status_code == 204
        problem(confirm(alice.client, app), 400, "link_invalid")

    @pytest.mark.parametrize("scope", ["others", "all"])
    def test_it_dies_with_the_session_that_asked(self, alice: Person, app: Flask, scope: str):
        change_to(alice.login(), EVIL)
        alice.client.delete(f"/auth/sessions?scope={scope}", headers=alice.headers)
        problem(confirm(alice.client, app), 400, "link_invalid")

    def test_it_dies_when_that_session_is_over(self, alice: Person, app: Flask, mongo: Database):
        change_to(alice, EVIL)
        mongo.sessions.update_many({}, {"$set": {"expiresAt": clock.now()}})
        problem(confirm(alice.client, app), 400, "link_invalid")

    def test_it_dies_when_the_address_is_proved(self, alice: Person, app: Flask):
        """R82: before the owner knew of the account."""
        change_to(alice, EVIL)
        assert confirm(alice.client, app, "verify", EMAIL).status_code == 200
        problem(confirm(alice.client, app), 400, "link_invalid")

    def test_the_owner_is_told_when_it_is_asked_for(self, alice: Person, app: Flask, mongo: Database):
        verified(mongo, alice)
        change_to(alice, EVIL)
        (letter,) = sent(app, "email_change_requested", EMAIL)
        assert "127.0.0.1" in letter["text"]
        assert EVIL not in letter["text"]

    def test_one_that_was_used_does_not_come_alive_again(self, alice: Person, app: Flask, mongo: Database):
        """C3: the address is the same as when it was made, and the link is not."""
        change_to(alice, EVIL)
        token = newest(app, "change", EVIL)
        kept = mongo.links.find_one({"purpose": "change"})
        assert redeem(alice.client, "/auth/email/verify", token).status_code == 200
        assert redeem(alice.client, "/auth/email/revert", newest(app, "email_changed", EMAIL)).status_code == 200
        mongo.links.insert_one(kept)  # as if the process had died before it was deleted
        problem(redeem(alice.client, "/auth/email/verify", token), 400, "link_invalid")

    def test_signing_in_with_a_cheaper_hash_kills_no_link(self, alice: Person, app: Flask, mongo: Database):
        document = import_account(mongo, password="$2b$04$" + stored(mongo)["password"][7:])
        mongo.users.update_one({"_id": document["_id"]}, {"$set": {"password": stored(mongo)["password"]}})
        alice.client.post("/auth/password/forgot", json={"email": OLD})
        token = newest(app, "reset", OLD)
        mongo.users.update_one({"email": OLD}, {"$unset": {"passwordChangedAt": True}})
        assert login(alice.client, OLD).status_code == 200
        assert redeem(alice.client, "/auth/password/reset", token, newPassword=NEW).status_code == 204


class TestUndo:
    """A thief has changed the address; its owner takes that back."""

    @pytest.fixture
    def stolen(self, alice: Person, app: Flask) -> Person:
        """Return the thief, signed in to Alice's account, whose address is the thief's by now."""
        change_to(alice, EVIL)
        answer = alice.client.post(
            "/auth/email/verify", json={"token": newest(app, "change", EVIL)}, headers=alice.headers
        )
        assert answer.status_code == 200
        return alice

    def undo(self, person: Person, app: Flask, to: str = EMAIL):
        return redeem(person.client, "/auth/email/revert", newest(app, "email_changed", to))

    def test_the_thief_is_out_and_the_password_gone(self, stolen: Person, app: Flask, mongo: Database):
        assert self.undo(stolen, app).status_code == 200
        problem(stolen.home(), 401, "session_ended")
        assert "password" not in stored(mongo)
        for password in (PASSWORD, NEW):
            problem(login(stolen.client, EMAIL, password), 401, "invalid_credentials")
        problem(login(stolen.client, EVIL), 401, "invalid_credentials")
        token = newest(app, "email_restored", EMAIL)
        assert redeem(stolen.client, "/auth/password/reset", token, newPassword=NEW).status_code == 204
        assert login(stolen.client, EMAIL, NEW).status_code == 200

    def test_the_address_that_was_taken_away_is_told(self, stolen: Person, app: Flask):
        self.undo(stolen, app)
        assert [letter["to"] for letter in sent(app, "email_taken_back")] == [EVIL]

    def test_a_later_change_of_the_thief_s_does_not_undo_the_undo(self, stolen: Person, app: Flask, mongo: Database):
        """R82: nor does the link that takes that change back."""
        change_to(stolen, "evil2@example.com")
        answer = stolen.client.post(
            "/auth/email/verify",
            json={"token": newest(app, "change", "evil2@example.com")},
            headers=stolen.headers,
        )
        assert answer.status_code == 200
        of_thief = newest(app, "email_changed", EVIL)
        assert self.undo(stolen, app).status_code == 200
        problem(redeem(stolen.client, "/auth/email/revert", of_thief), 400, "link_invalid")
        assert stored(mongo)["email"] == EMAIL
        assert mongo.links.count_documents({"purpose": "revert"}) == 0

    def test_the_thief_s_own_undo_does_not_end_the_owner_s(self, stolen: Person, app: Flask, mongo: Database):
        change_to(stolen, "evil2@example.com")
        stolen.client.post(
            "/auth/email/verify", json={"token": newest(app, "change", "evil2@example.com")}, headers=stolen.headers
        )
        assert redeem(stolen.client, "/auth/email/revert", newest(app, "email_changed", EVIL)).status_code == 200
        assert self.undo(stolen, app).status_code == 200
        assert stored(mongo)["email"] == EMAIL

    def test_factors_of_the_thief_go_and_those_of_the_owner_stay(self, alice: Person, app: Flask, mongo: Database):
        protected = with_totp(alice, mongo)
        long_ago = clock.now() - timedelta(days=30)
        mongo.users.update_one({}, {"$set": {"totp.confirmedAt": long_ago, "recoveryCodesAt": long_ago}})
        change_to(alice, EVIL)
        token = newest(app, "change", EVIL)
        alice.client.post("/auth/email/verify", json={"token": token}, headers=alice.headers)
        of_thief = Authenticator()
        assert register_passkey(alice, of_thief).status_code == 201
        assert self.undo(alice, app).status_code == 200
        problem(sign_in_by(alice.client, of_thief), 401, "passkey_invalid")
        token = newest(app, "email_restored", EMAIL)
        assert redeem(alice.client, "/auth/password/reset", token, newPassword=NEW).status_code == 204
        answer = login(alice.client, EMAIL, NEW)
        assert answer.get_json()["methods"] == ["totp", "recovery_code"]
        assert protected.app.secret

    def test_disabling_keeps_it(self, stolen: Person, app: Flask, mongo: Database):
        token = newest(app, "email_changed", EMAIL)
        mongo.users.update_one({}, {"$set": {"disabledAt": clock.now()}})
        problem(redeem(stolen.client, "/auth/email/revert", token), 400, "link_invalid")
        mongo.users.update_one({}, {"$unset": {"disabledAt": True}})
        assert redeem(stolen.client, "/auth/email/revert", token).status_code == 200

    def test_an_address_that_is_changed_away_from_right_now_is_not_free(
        self, client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch, mongo: Database
    ):
        """The reservation comes between the look and the leap."""
        seen = iter([False, True])
        monkeypatch.setattr(links, "is_reserved", lambda *_: next(seen))
        problem(register(client, email=EMAIL), 409, "email_taken")
        assert mongo.users.count_documents({}) == 0


class TestRegisteredByAnother:
    """With EMAIL_VERIFICATION=required anybody may register any address, again and again."""

    @pytest.fixture(autouse=True)
    def _required(self, app: Flask):
        app.config["EMAIL_VERIFICATION"] = "required"
        yield
        app.config["EMAIL_VERIFICATION"] = "optional"

    def test_what_is_there_stays_as_it_is(self, client: FlaskClient, app: Flask, mongo: Database):
        """An imported account, whose address nobody has proved."""
        before = import_account(mongo, role="admin")
        assert register(client, email=OLD, password=OF_THIEF).status_code == 202
        assert stored(mongo, OLD) == before
        assert [letter["kind"] for letter in sent(app, to=OLD)] == ["known"]
        assert mongo.audit.count_documents({"action": "account.registration_repeated", "target": before["_id"]}) == 1

    def test_u13_a_stranger_s_registration_ends_no_link_that_the_owner_is_about_to_follow(
        self, client: FlaskClient, app: Flask
    ):
        """Neither the one that proves the address nor the one that sets a password, until one of them is used."""
        register(client, email=EMAIL)
        own = newest(app, "verify", EMAIL)
        for _ in range(2):
            assert register(client, email=EMAIL, password=OF_THIEF).status_code == 202
        known = newest(app, "known", EMAIL)
        assert redeem(client, "/auth/email/verify", own).status_code == 200
        problem(login(client, EMAIL, OF_THIEF), 401, "invalid_credentials")
        problem(redeem(client, "/auth/password/reset", known, newPassword=OF_THIEF), 400, "link_invalid")
        assert redeem(client, "/auth/password/reset", own, newPassword=NEW).status_code == 204
        assert login(client, EMAIL, NEW).status_code == 200

    def test_who_registered_first_without_the_mailbox_gets_nothing(self, client: FlaskClient, app: Flask):
        """By whichever letter the owner of the mailbox proves it: the thief's password goes."""
        for kind, path, more in (("verify", "email/verify", {}), ("known", "password/reset", {"newPassword": NEW})):
            email = f"{kind}@example.com"
            register(client, email=email, password=OF_THIEF)
            of_thief = newest(app, "verify", email)
            register(client, email=email)
            token = of_thief if kind == "verify" else newest(app, kind, email)
            assert redeem(client, f"/auth/{path}", token, **more).status_code in (200, 204)
            problem(login(client, email, OF_THIEF), 401, "invalid_credentials")
            if kind == "verify":
                assert redeem(client, "/auth/password/reset", token, newPassword=NEW).status_code == 204
            else:
                problem(redeem(client, "/auth/email/verify", of_thief), 400, "link_invalid")
            assert login(client, email, NEW).status_code == 200

    def test_who_registers_after_gets_nothing_either(self, client: FlaskClient, app: Flask):
        register(client, email=EMAIL)
        register(client, email=EMAIL, password=OF_THIEF)
        token = newest(app, "known", EMAIL)
        assert redeem(client, "/auth/password/reset", token, newPassword=NEW).status_code == 204
        problem(login(client, EMAIL, OF_THIEF), 401, "invalid_credentials")

    def test_letters_to_one_address_are_few(self, client: FlaskClient, app: Flask):
        """R81."""
        with throttled(app, verify_account=2):
            assert {register(client, email=EMAIL).status_code for _ in range(5)} == {202}
        assert len(sent(app, to=EMAIL)) == 2


class TestInterrupted:
    """F4: the process dies, or the database does not answer, in the middle: nobody stays signed in who should not."""

    @pytest.fixture
    def thief(self, alice: Person) -> Person:
        return alice.login()

    def test_a_deletion(self, alice: Person, thief: Person, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(User, "remove", staticmethod(_dies))
        with pytest.raises(KeyboardInterrupt):
            alice.client.delete("/auth/me", headers=alice.headers)
        assert thief.home().status_code == 401

    def test_a_proof(self, alice: Person, thief: Person, app: Flask, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(User, "verify_email", staticmethod(_dies))
        with pytest.raises(KeyboardInterrupt):
            confirm(alice.client, app, "verify", EMAIL)
        assert thief.home().status_code == 401

    def test_a_change_of_password(self, alice: Person, thief: Person, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(User, "replace_password", staticmethod(_dies))
        with pytest.raises(KeyboardInterrupt):
            post(alice, "/auth/me/password", currentPassword=PASSWORD, newPassword=NEW)
        assert thief.home().status_code == 401
        assert alice.home().status_code == 200

    def test_an_interrupted_undo(self, alice: Person, app: Flask, monkeypatch: pytest.MonkeyPatch):
        change_to(alice, EVIL)
        alice.client.post("/auth/email/verify", json={"token": newest(app, "change", EVIL)}, headers=alice.headers)
        token = newest(app, "email_changed", EMAIL)
        with monkeypatch.context() as patch:
            patch.setattr(Link, "remove_all", staticmethod(_dies))
            with pytest.raises(KeyboardInterrupt):
                redeem(alice.client, "/auth/email/revert", token)
        problem(alice.home(), 401, "session_ended")
        assert redeem(alice.client, "/auth/email/revert", token).status_code == 200
        problem(redeem(alice.client, "/auth/email/revert", token), 400, "link_invalid")
        restored = newest(app, "email_restored", EMAIL)
        assert redeem(alice.client, "/auth/password/reset", restored, newPassword=NEW).status_code == 204

    def test_theft_of_a_session_is_told_and_recorded_before_it_ends(
        self, alice: Person, app: Flask, mongo: Database, monkeypatch: pytest.MonkeyPatch
    ):
        verified(mongo, alice)
        first = alice.tokens["refreshToken"]
        for _ in range(2):
            alice.tokens = alice.refresh().get_json()
        with monkeypatch.context() as patch:
            patch.setattr(AuditEvent, "insert_all", _dies)
            with pytest.raises(KeyboardInterrupt):
                alice.refresh(first)
        assert mongo.sessions.count_documents({"endedAt": None}) == 1
        with time_machine.travel(clock.now() + timedelta(seconds=11)):
            problem(alice.refresh(first), 401, "session_ended")
        assert len(sent(app, "session_stolen", EMAIL)) == 1
        assert mongo.audit.count_documents({"action": "refresh_token.reused"}) == 1

    @pytest.mark.parametrize("proved_by", ["anybody", "its user"])
    def test_a_sign_in_that_began_before_the_proof_ends(
        self, alice: Person, app: Flask, monkeypatch: pytest.MonkeyPatch, mongo: Database, proved_by: str
    ):
        """R82: what was in flight when the address was proved, also where the password stays as it is."""
        headers = alice.headers if proved_by == "its user" else {}
        insert = Session.insert

        def slowly(session: Session) -> None:
            monkeypatch.setattr(Session, "insert", insert)
            body = {"token": newest(app, "verify", EMAIL)}
            assert alice.client.post("/auth/email/verify", json=body, headers=headers).status_code == 200
            insert(session)

        monkeypatch.setattr(Session, "insert", slowly)
        problem(login(alice.client), 401, "invalid_credentials")
        own = claims_of(alice.tokens["accessToken"])["sid"]
        live = [str(session["_id"]) for session in mongo.sessions.find({"endedAt": None})]
        assert live == ([own] if proved_by == "its user" else [])


class TestLeaving:
    def test_letters_that_were_to_go_do_not(self, alice: Person, app: Flask, mongo: Database):
        verified(mongo, alice)
        assert alice.client.delete("/auth/me", headers=alice.headers).status_code == 204
        assert [letter["kind"] for letter in sent(app, to=EMAIL)] == ["account_deleted"]

    def test_pending_sign_ins_and_passkeys_go_too(self, alice: Person, mongo: Database):
        with_passkey(alice, mongo)
        login(alice.client)
        assert mongo.mfa_tickets.count_documents({"user": ObjectId(alice.id)}) == 1
        assert alice.client.delete("/auth/me", headers=alice.headers).status_code == 204
        for collection in (mongo.mfa_tickets, mongo.passkeys, mongo.links):
            assert collection.count_documents({"user": ObjectId(alice.id)}) == 0


def _dies(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
