"""Second factors together: which there are, tickets, freshness, ways back, and each story from start to end."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.flows import verify_email
from authsvc.methods import password as password_method
from authsvc.models.users import User
from authsvc.services import sessions
from authsvc.services.users import state
from tests.api.forging import claims_of
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import EMAIL, WRONG_TYPES, Database, login, stored, told
from tests.support.authenticator import Authenticator
from tests.support.factors import (
    Protected,
    complete,
    enrol,
    options_for,
    post,
    register_passkey,
    sign_in_by,
    ticket,
    verified,
    with_passkey,
    with_totp,
)
from tests.support.letters import newest, sent

NEW = "a brand new passphrase"
STALE = timedelta(minutes=11)


@pytest.fixture
def protected(alice: Person, mongo: Database) -> Protected:
    """Return Alice with an authenticator app."""
    return with_totp(alice, mongo)


def status(person: Person) -> dict[str, Any]:
    return dict(person.client.get("/auth/mfa", headers=person.headers).get_json())


def grow_stale(mongo: Database) -> None:
    mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - STALE}})


def is_fresh(person: Person) -> bool:
    return person.client.get("/auth/me/export", headers=person.headers).status_code == 200


def prove_by_passkey(person: Person, device: Authenticator, **lies: Any):
    options = options_for_session(person)
    shown = device.get(options["publicKey"], **lies)
    return post(person, "/auth/reauthenticate", challengeId=options["challengeId"], credential=shown)


def options_for_session(person: Person) -> dict[str, Any]:
    return dict(post(person, "/auth/reauthenticate/options").get_json())


class TestStatus:
    def test_without_a_factor(self, alice: Person):
        assert status(alice) == {
            "hasPassword": True,
            "required": False,
            "totp": {"enabled": False, "confirmedAt": None},
            "recoveryCodes": {"remaining": 0},
            "passkeys": [],
        }

    def test_with_an_app_and_a_passkey(self, protected: Protected, mongo: Database):
        register_passkey(protected.person, Authenticator(), "laptop")
        shown = status(protected.person)
        assert shown["totp"]["enabled"] is True
        assert shown["totp"]["confirmedAt"].endswith("Z")
        assert shown["recoveryCodes"] == {"remaining": 10}
        assert [one["name"] for one in shown["passkeys"]] == ["laptop"]

    def test_the_export_has_them_without_secrets(self, protected: Protected, app: Flask, mongo: Database):
        person = protected.person
        register_passkey(person, Authenticator(), "laptop")
        answer = person.client.get("/auth/me/export", headers=person.headers)
        exported = answer.get_json()["mfa"]
        assert exported == status(person)
        assert [one["name"] for one in exported["passkeys"]] == ["laptop"]
        document = stored(mongo)
        for secret in (document["totp"]["sealed"], document["recoveryCodeHashes"][0], protected.app.secret):
            assert secret not in answer.text


class TestTicket:
    @pytest.mark.parametrize("path", ["/", "/auth/me", "/auth/sessions", "/auth/mfa", "/auth/verify"])
    def test_it_is_good_for_nothing_else(self, protected: Protected, path: str):
        """R83, R40."""
        mfa_token = ticket(protected.person.client, protected.person)
        answer = protected.person.client.get(path, headers={"Authorization": f"Bearer {mfa_token}"})
        problem(answer, 401, "token_invalid")
        answer = protected.person.client.post("/auth/refresh-token", json={"refreshToken": mfa_token})
        problem(answer, 401, "token_invalid")

    def test_it_is_good_once(self, protected: Protected):
        client, mfa_token = protected.person.client, ticket(protected.person.client, protected.person)
        assert complete(client, mfa_token, code=protected.app.code()).status_code == 200
        answer = complete(client, mfa_token, recoveryCode=protected.recovery_codes[0])
        problem(answer, 401, "mfa_token_invalid")

    def test_it_is_good_for_five_minutes(self, protected: Protected, mongo: Database):
        client, mfa_token = protected.person.client, ticket(protected.person.client, protected.person)
        left = mongo.mfa_tickets.find_one()["expiresAt"] - clock.now()
        assert timedelta(minutes=4, seconds=50) < left <= timedelta(minutes=5)
        mongo.mfa_tickets.update_one({}, {"$set": {"expiresAt": clock.now() - timedelta(milliseconds=1)}})
        problem(complete(client, mfa_token, code=protected.app.code()), 401, "mfa_token_invalid")

    def test_a_wrong_code_leaves_it_good(self, protected: Protected):
        client, mfa_token = protected.person.client, ticket(protected.person.client, protected.person)
        problem(complete(client, mfa_token, code="000000"), 403, "mfa_code_invalid")
        assert complete(client, mfa_token, code=protected.app.code()).status_code == 200

    def test_it_dies_with_the_password(self, protected: Protected):
        client, person = protected.person.client, protected.person
        mfa_token = ticket(client, person)
        assert post(person, "/auth/me/password", currentPassword=PASSWORD, newPassword=NEW).status_code == 204
        problem(complete(client, mfa_token, code=protected.app.code()), 401, "mfa_token_invalid")

    @pytest.mark.parametrize("change", [{"$set": {"disabledAt": clock.now()}}, None])
    def test_it_dies_with_the_account(self, protected: Protected, mongo: Database, change: dict[str, Any] | None):
        client, mfa_token = protected.person.client, ticket(protected.person.client, protected.person)
        if change is None:
            mongo.users.delete_many({})
        else:
            mongo.users.update_one({}, change)
        problem(complete(client, mfa_token, code=protected.app.code()), 401, "mfa_token_invalid")

    def test_only_its_hash_is_stored(self, protected: Protected, mongo: Database):
        mfa_token = ticket(protected.person.client, protected.person)
        assert mfa_token not in repr(list(mongo.mfa_tickets.find()))

    @pytest.mark.parametrize("token", ["", "asm_x", "x" * 10_000, *(one for one in WRONG_TYPES)])
    def test_what_is_none_is_refused(self, client: FlaskClient, token: object):
        answer = complete(client, token, code="123456")
        assert answer.status_code == (401 if isinstance(token, str) else 422)

    def test_one_proof_and_no_more(self, protected: Protected):
        client, mfa_token = protected.person.client, ticket(protected.person.client, protected.person)
        answer = complete(client, mfa_token)
        assert told(answer) == {("/code", "required")}
        answer = complete(client, mfa_token, code="123456", recoveryCode="x")
        assert told(answer) == {("/recoveryCode", "not_allowed")}
        assert told(complete(client, mfa_token, credential={})) == {("/challengeId", "required")}
        assert told(complete(client, mfa_token, challengeId="x")) == {("/code", "required")}
        answer = complete(client, mfa_token, code="123456", challengeId="x")
        assert told(answer) == {("/credential", "required")}

    def test_the_right_password_is_on_record(self, protected: Protected, mongo: Database):
        ticket(protected.person.client, protected.person)
        assert mongo.audit.count_documents({"action": "login.second_factor_asked"}) == 1


class TestFresh:
    """Nothing weaker than the strongest way makes a session fresh."""

    def test_a_password_is_not_enough_any_more(self, protected: Protected, mongo: Database):
        grow_stale(mongo)
        answer = post(protected.person, "/auth/reauthenticate", password=PASSWORD)
        assert problem(answer, 403, "second_factor_required")["methods"] == ["totp"]
        assert not is_fresh(protected.person)

    def test_a_code_is(self, protected: Protected, mongo: Database):
        grow_stale(mongo)
        answer = post(protected.person, "/auth/reauthenticate", code=protected.app.code())
        assert answer.status_code == 200
        assert is_fresh(protected.person)
        claims = claims_of(answer.get_json()["accessToken"])
        assert claims["amr"] == ["pwd", "otp", "mfa"]
        assert clock.now().timestamp() - claims["auth_time"] < 5

    def test_the_same_code_is_not(self, protected: Protected, mongo: Database):
        code = protected.app.code()
        assert post(protected.person, "/auth/reauthenticate", code=code).status_code == 200
        problem(post(protected.person, "/auth/reauthenticate", code=code), 403, "mfa_code_invalid")

    def test_a_recovery_code_is_none_here(self, protected: Protected):
        answer = post(protected.person, "/auth/reauthenticate", recoveryCode=protected.recovery_codes[0])
        assert ("/recoveryCode", "unknown_field") in told(answer)

    def test_a_passkey_is(self, alice: Person, mongo: Database):
        device = with_passkey(alice, mongo)
        grow_stale(mongo)
        problem(post(alice, "/auth/reauthenticate", password=PASSWORD), 403, "second_factor_required")
        assert prove_by_passkey(alice, device).status_code == 200
        assert is_fresh(alice)

    def test_one_that_does_not_verify_its_user_is_not(self, alice: Person, mongo: Database):
        device = with_passkey(alice, mongo)
        grow_stale(mongo)
        problem(prove_by_passkey(alice, device, flags=0x01), 403, "mfa_code_invalid")
        assert not is_fresh(alice)

    def test_somebody_else_s_is_not(self, alice: Person, bob: Person, mongo: Database):
        """R85: freshness by a weaker path."""
        with_passkey(alice, mongo)
        theirs = with_passkey(bob, mongo)
        grow_stale(mongo)
        problem(prove_by_passkey(alice, theirs), 403, "mfa_code_invalid")
        assert not is_fresh(alice)

    def test_a_challenge_of_another_session_is_not(self, alice: Person, mongo: Database):
        device = with_passkey(alice, mongo)
        tokens = sign_in_by(alice.client, device).get_json()
        other = Person(alice.client, EMAIL, PASSWORD, tokens=tokens)
        options = options_for_session(other)
        shown = device.get(options["publicKey"])
        answer = post(alice, "/auth/reauthenticate", challengeId=options["challengeId"], credential=shown)
        problem(answer, 400, "challenge_invalid")

    def test_there_are_no_options_without_a_passkey(self, alice: Person):
        problem(post(alice, "/auth/reauthenticate/options"), 409, "mfa_not_enabled")

    def test_who_has_no_factor_has_no_code(self, alice: Person):
        problem(post(alice, "/auth/reauthenticate", code="123456"), 403, "mfa_code_invalid")

    def test_sessions_opened_by_password_alone_are_fresh_no_more(self, alice: Person, mongo: Database):
        other = alice.login()
        assert is_fresh(other)
        with_totp(alice, mongo)
        assert not is_fresh(other)
        assert other.home().status_code == 200
        assert is_fresh(alice)
        problem(post(other, "/auth/reauthenticate", password=PASSWORD), 403, "second_factor_required")

    def test_a_refresh_is_no_proof(self, protected: Protected, mongo: Database):
        grow_stale(mongo)
        protected.person.tokens = protected.person.refresh().get_json()
        assert not is_fresh(protected.person)

    @pytest.fixture
    def meanwhile(self, alice: Person, mongo: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the app be enabled while the next password is being hashed."""
        app = enrol(verified(mongo, alice))
        verify = password_method.verify

        def slowly(user: User | None, password: str, **address: str) -> User | None:
            found = verify(user, password, **address)
            monkeypatch.setattr(password_method, "verify", verify)
            assert post(alice, "/auth/mfa/totp/confirm", code=app.code()).status_code == 200
            return found

        monkeypatch.setattr(password_method, "verify", slowly)

    def test_a_sign_in_that_began_before_does_not_end_after(self, alice: Person, meanwhile: None, mongo: Database):
        problem(login(alice.client), 401, "invalid_credentials")
        assert mongo.sessions.count_documents({"endedAt": None}) == 1

    def test_nor_does_a_proof(self, alice: Person, mongo: Database, request: pytest.FixtureRequest):
        other = alice.login()
        request.getfixturevalue("meanwhile")
        problem(post(other, "/auth/reauthenticate", password=PASSWORD), 403, "second_factor_required")
        assert not is_fresh(other)

    def test_one_proof_and_no_more(self, protected: Protected):
        answer = post(protected.person, "/auth/reauthenticate", password=PASSWORD, code="123456")
        assert told(answer) == {("/code", "not_allowed")}


class TestOvertaken:
    """A factor that was begun is not added once things have changed: R82, F8."""

    def test_an_app_begun_before_another_factor_was_there(self, alice: Person, mongo: Database):
        other = verified(mongo, alice).login()
        app = enrol(other)
        with_passkey(alice, mongo)
        problem(post(other, "/auth/mfa/totp/confirm", code=app.code()), 403, "fresh_login_required")
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now()}})
        problem(post(other, "/auth/mfa/totp/confirm", code=app.code()), 409, "mfa_not_enabled")

    def test_a_passkey_begun_before_another_factor_was_there(self, alice: Person, mongo: Database):
        other = verified(mongo, alice).login()
        options = post(other, "/auth/passkeys/options").get_json()
        with_totp(alice, mongo)
        made = Authenticator().create(options["publicKey"])
        body = {"challengeId": options["challengeId"], "name": "x", "credential": made}
        problem(post(other, "/auth/passkeys", **body), 403, "fresh_login_required")
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now()}})
        problem(post(other, "/auth/passkeys", **body), 400, "challenge_invalid")

    def test_a_passkey_begun_before_a_reset_by_an_administrator(self, alice: Person, bob: Person, mongo: Database):
        with_totp(alice, mongo)
        options = post(alice, "/auth/passkeys/options").get_json()
        mongo.users.update_one({"email": bob.email}, {"$set": {"role": "admin"}})
        bob.client.delete(f"/admin/users/{alice.id}/mfa", headers=bob.login().headers)
        made = Authenticator().create(options["publicKey"])
        body = {"challengeId": options["challengeId"], "name": "x", "credential": made}
        problem(post(alice, "/auth/passkeys", **body), 400, "challenge_invalid")

    @pytest.mark.parametrize("what", ["reset", "logout", "disable", "verify"])
    def test_a_request_that_took_its_time(
        self, alice: Person, app: Flask, mongo: Database, monkeypatch: pytest.MonkeyPatch, what: str
    ):
        """The guard let it pass, and the account changed hands before its body was there."""
        app.config["EMAIL_VERIFICATION"] = "off"
        options = post(alice, "/auth/passkeys/options").get_json()
        totp = enrol(alice)
        device = Authenticator()
        made = device.create(options["publicKey"])
        body = {"challengeId": options["challengeId"], "name": "x", "credential": made}
        before = sessions._caller

        def meanwhile(claims: Any, session: Any) -> Any:
            who = before(claims, session)
            monkeypatch.setattr(sessions, "_caller", before)
            self.change(what, alice, app, mongo)
            return who

        for path, sent_body in (("/auth/passkeys", body), ("/auth/mfa/totp/confirm", {"code": totp.code()})):
            monkeypatch.setattr(sessions, "_caller", meanwhile)
            answer = post(alice, path, **sent_body)
            assert answer.status_code in (401, 403), answer.text
        app.config["EMAIL_VERIFICATION"] = "optional"
        assert not User.find(alice.id).mfa_enabled
        assert mongo.passkeys.count_documents({}) == 0
        assert mongo.audit.count_documents({"action": {"$in": ["passkey.added", "totp.enabled"]}}) == 0

    def change(self, what: str, alice: Person, app: Flask, mongo: Database) -> None:
        if what == "reset":
            alice.client.post("/auth/password/forgot", json={"email": EMAIL})
            body = {"token": newest(app, "reset", EMAIL), "newPassword": NEW}
            assert alice.client.post("/auth/password/reset", json=body).status_code == 204
        elif what == "logout":
            alice.client.post("/auth/logout", headers=alice.headers)
        elif what == "disable":
            with app.app_context():
                state.disable(None, alice.id)
        else:
            with app.app_context():
                verify_email.verify(newest(app, "verify", EMAIL), None)

    def test_a_killed_process_leaves_no_fresh_session_of_one_factor(
        self, alice: Person, mongo: Database, monkeypatch: pytest.MonkeyPatch
    ):
        """F4: right after the factor was enabled."""
        other = verified(mongo, alice).login()
        app = enrol(alice)
        confirm = User.confirm_totp

        def dies(*given: Any) -> None:
            confirm(*given)
            raise KeyboardInterrupt

        monkeypatch.setattr(User, "confirm_totp", staticmethod(dies))
        with pytest.raises(KeyboardInterrupt):
            post(alice, "/auth/mfa/totp/confirm", code=app.code())
        assert User.find(alice.id).mfa_enabled
        assert not is_fresh(other)

    def test_old_recovery_codes_do_not_come_back_with_another_factor(self, alice: Person, mongo: Database):
        protected = with_totp(alice, mongo)
        mongo.users.update_one({}, {"$unset": {"totp": 1}})  # as if two factors had been removed at the same moment
        with_passkey(alice, mongo)
        answer = complete(alice.client, ticket(alice.client, alice), recoveryCode=protected.recovery_codes[0])
        problem(answer, 403, "mfa_code_invalid")


class TestPreHijacking:
    """R82: somebody else registered the address and set up factors, where verification was off."""

    @pytest.fixture
    def theirs(self, alice: Person, mongo: Database) -> Protected:
        protected = with_totp(alice, mongo)
        register_passkey(alice, Authenticator(), "theirs")
        mongo.users.update_one({}, {"$unset": {"emailVerifiedAt": True}})
        return protected

    def test_who_proves_the_address_is_rid_of_them(self, theirs: Protected, app: Flask, mongo: Database):
        client = theirs.person.client
        answer = client.post("/auth/email/verify", json={"token": newest(app, "verify", EMAIL)})
        assert answer.status_code == 200
        assert not {"totp", "passkeys", "recoveryCodeHashes"} & stored(mongo).keys()

    def test_but_not_who_shows_the_session_that_set_them_up(self, theirs: Protected, app: Flask, mongo: Database):
        body = {"token": newest(app, "verify", EMAIL)}
        assert (
            theirs.person.client.post("/auth/email/verify", json=body, headers=theirs.person.headers).status_code == 200
        )
        assert login(theirs.person.client).status_code == 202

    def test_nor_does_another_s_session_keep_them(self, theirs: Protected, bob: Person, app: Flask, mongo: Database):
        body = {"token": newest(app, "verify", EMAIL)}
        assert bob.client.post("/auth/email/verify", json=body, headers=bob.headers).status_code == 200
        problem(login(bob.client), 401, "invalid_credentials")  # nor the password: U4
        assert bob.client.post("/auth/password/reset", json={**body, "newPassword": NEW}).status_code == 204
        assert login(bob.client, password=NEW).status_code == 200


class TestAdminReset:
    def reset(self, who: Person, user_id: str):
        return who.client.delete(f"/admin/users/{user_id}/mfa", headers=who.headers)

    def test_it_leaves_the_password_alone(self, protected: Protected, admin: Person, app: Flask, mongo: Database):
        register_passkey(protected.person, Authenticator(), "laptop")
        mfa_token = ticket(admin.client, protected.person)
        assert self.reset(admin, protected.person.id).status_code == 204
        assert login(admin.client).status_code == 200
        assert status(protected.person)["passkeys"] == []
        problem(complete(admin.client, mfa_token, code=protected.app.code()), 401, "mfa_token_invalid")
        assert mongo.passkeys.count_documents({}) == 0
        event = mongo.audit.find_one({"action": "second_factors.reset"})
        assert (event["actor"], event["target"]) == (ObjectId(admin.id), ObjectId(protected.person.id))
        assert len(sent(app, "factors_reset", EMAIL)) == 1

    def test_by_a_token_with_the_scope(self, protected: Protected, admin: Person):
        for scope, status_code in (("users:read", 403), ("users:write", 204)):
            made = post(admin, "/auth/access-tokens", name="x", scopes=[scope]).get_json()["token"]
            path = f"/admin/users/{protected.person.id}/mfa"
            answer = admin.client.delete(path, headers={"Authorization": f"Bearer {made}"})
            assert answer.status_code == status_code

    def test_one_s_own_take_a_fresh_sign_in(self, admin: Person, mongo: Database):
        """A token for scripts never does what takes one, and an old session neither."""
        protected = with_totp(admin, mongo)
        made = post(admin, "/auth/access-tokens", name="x", scopes=["users:write"]).get_json()["token"]
        path = f"/admin/users/{admin.id.upper()}/mfa"
        answer = admin.client.delete(path, headers={"Authorization": f"Bearer {made}"})
        problem(answer, 403, "fresh_login_required")
        grow_stale(mongo)
        problem(self.reset(admin, admin.id), 403, "fresh_login_required")
        assert post(admin, "/auth/reauthenticate", code=protected.app.code()).status_code == 200
        assert self.reset(admin, admin.id).status_code == 204

    def test_who_has_no_password_gets_a_link(self, alice: Person, admin: Person, app: Flask, mongo: Database):
        with_passkey(alice, mongo)
        mongo.users.update_one({"email": EMAIL}, {"$unset": {"password": 1}})
        assert self.reset(admin, alice.id).status_code == 204
        body = {"token": newest(app, "reset", EMAIL), "newPassword": NEW}
        assert alice.client.post("/auth/password/reset", json=body).status_code == 204

    def test_who_has_none_is_told_nothing(self, alice: Person, admin: Person, app: Flask, mongo: Database):
        assert self.reset(admin, alice.id).status_code == 204
        assert sent(app, "factors_reset") == []
        assert mongo.audit.count_documents({"action": "second_factors.reset"}) == 0

    def test_only_an_administrator_may(self, protected: Protected, bob: Person, client: FlaskClient):
        """R87."""
        problem(self.reset(bob, protected.person.id), 403, "forbidden")
        problem(self.reset(protected.person, protected.person.id), 403, "forbidden")
        problem(client.delete(f"/admin/users/{protected.person.id}/mfa"), 401, "token_missing")

    @pytest.mark.parametrize("user_id", ["f" * 24, "nope", "%00"])
    def test_there_is_no_such_account(self, admin: Person, user_id: str):
        """R88."""
        problem(self.reset(admin, user_id), 404, "not_found")


class TestStories:
    def test_enrol_sign_out_sign_in_lose_the_phone_recover_disable(self, alice: Person, app: Flask, mongo: Database):
        protected = with_totp(alice, mongo)
        client = alice.client
        assert client.post("/auth/logout", headers=alice.headers).status_code == 204
        assert complete(client, ticket(client, alice), code=protected.app.code()).status_code == 200
        # the phone is gone
        answer = complete(client, ticket(client, alice), recoveryCode=protected.recovery_codes[3])
        back = Person(client, EMAIL, PASSWORD, tokens=answer.get_json())
        assert is_fresh(back)
        assert client.delete("/auth/mfa/totp", headers=back.headers).status_code == 204
        assert login(client).status_code == 200
        letters = [letter["kind"] for letter in sent(app, to=EMAIL)]
        assert letters[:3] == ["factor_removed", "recovery_code_used", "factor_added"]
        activity = client.get("/auth/me/activity", headers=back.headers).get_json()["items"]
        assert {"totp.enabled", "recovery_code.used", "totp.disabled"} <= {event["action"] for event in activity}

    def test_a_passkey_all_the_way(self, alice: Person, mongo: Database):
        device = with_passkey(alice, mongo)
        client = alice.client
        assert client.post("/auth/logout", headers=alice.headers).status_code == 204
        person = Person(client, EMAIL, PASSWORD, tokens=sign_in_by(client, device).get_json())
        grow_stale(mongo)
        assert prove_by_passkey(person, device).status_code == 200
        spare = Authenticator()
        assert register_passkey(person, spare, "spare").status_code == 201
        old = status(person)["passkeys"][1]
        assert client.delete(f"/auth/passkeys/{old['id']}", headers=person.headers).status_code == 204
        problem(sign_in_by(client, device), 401, "passkey_invalid")
        assert sign_in_by(client, spare).status_code == 200

    def test_either_of_two_factors_completes_a_sign_in(self, protected: Protected, mongo: Database):
        client, person = protected.person.client, protected.person
        device = with_passkey(person, mongo)
        answer = login(client).get_json()
        assert answer["methods"] == ["totp", "recovery_code", "passkey"]
        options = options_for(client, mfaToken=answer["mfaToken"])
        proof = {"challengeId": options["challengeId"], "credential": device.get(options["publicKey"])}
        assert complete(client, answer["mfaToken"], **proof).status_code == 200
        assert complete(client, ticket(client, person), code=protected.app.code()).status_code == 200
