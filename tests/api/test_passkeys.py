"""Passkeys: registering, listing, removing; signing in, as a second factor and alone; and every lie about one. R85."""

from datetime import timedelta

import pytest
from bson import ObjectId
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.models.passkeys import Passkey
from authsvc.models.sessions import Session
from tests.api.forging import claims_of
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import EMAIL, WRONG_TYPES, Database, login, stored, throttled, told
from tests.support.authenticator import PRESENT, Authenticator
from tests.support.factors import (
    complete,
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

LIES = {
    "another challenge": {"challenge": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    "another site": {"origin": "https://evil.example"},
    "http for https": {"origin": "https://localhost:8000"},
    "another port": {"origin": "http://localhost:8001"},
    "a subdomain": {"origin": "http://auth.localhost:8000"},
    "a prefix": {"origin": "http://localhost:80"},
    "another relying party": {"rp_id": "evil.example"},
    "create for get": {"type": "webauthn.create"},
    "a frame on another page": {"crossOrigin": True},
    "nobody present": {"flags": 0x04},
    "another key": {"key": ec.generate_private_key(ec.SECP256R1())},
    "another user's handle": {"user_handle": b"\x00" * 12},
}


@pytest.fixture
def device(alice: Person, mongo: Database) -> Authenticator:
    """Return Alice's passkey."""
    return with_passkey(alice, mongo)


def passkeys_of(person: Person) -> list[dict[str, object]]:
    return list(person.client.get("/auth/passkeys", headers=person.headers).get_json()["items"])


def delete(person: Person, passkey_id: object):
    return person.client.delete(f"/auth/passkeys/{passkey_id}", headers=person.headers)


class TestRegister:
    def test_it_is_shown_and_told(self, alice: Person, mongo: Database, app: Flask):
        answer = register_passkey(verified(mongo, alice), Authenticator(synced=True), "my laptop")
        assert answer.status_code == 201
        shown = answer.get_json()
        assert {name: shown[name] for name in ("name", "backedUp", "lastUsedAt")} == {
            "name": "my laptop",
            "backedUp": True,
            "lastUsedAt": None,
        }
        assert passkeys_of(alice) == [shown]
        assert "my laptop" in sent(app, "factor_added", EMAIL)[0]["text"]
        assert mongo.audit.count_documents({"action": "passkey.added"}) == 1
        assert alice.client.get("/auth/me", headers=alice.headers).get_json()["mfaEnabled"] is False  # P2

    def test_a_discoverable_one_is_asked_for_and_none_twice(
        self, alice: Person, mongo: Database, device: Authenticator
    ):
        asked = post(alice, "/auth/passkeys/options").get_json()["publicKey"]
        assert asked["rp"] == {"name": "localhost:8000", "id": "localhost"}
        assert asked["authenticatorSelection"]["residentKey"] == "required"
        assert asked["user"]["name"] == EMAIL
        assert [one["id"] for one in asked["excludeCredentials"]] == [mongo.passkeys.find_one()["credential"]]

    def test_an_authenticator_has_something_to_display_for_who_has_no_name(self, alice: Person, mongo: Database):
        """The Express service stored accounts without one."""
        for name, displayed in (("Ada", "Ada"), ("", EMAIL)):
            mongo.users.update_one({}, {"$set": {"name": name}})
            asked = post(verified(mongo, alice), "/auth/passkeys/options").get_json()["publicKey"]
            assert asked["user"]["displayName"] == displayed

    @pytest.mark.parametrize(("synced", "kind", "other"), [(False, "hwk", "swk"), (True, "swk", "hwk")])
    def test_the_session_tells_which_kind_of_key_was_added(
        self, alice: Person, mongo: Database, synced: bool, kind: str, other: str
    ):
        """RFC 8176: services read it in `amr`."""
        assert register_passkey(verified(mongo, alice), Authenticator(synced=synced)).status_code == 201
        methods = mongo.sessions.find_one({})["methods"]
        assert (kind in methods, other in methods) == (True, False)

    def test_the_same_one_twice(self, alice: Person, bob: Person, device: Authenticator, mongo: Database):
        """R85: a credential id that is registered, by whomever."""
        credential = mongo.passkeys.find_one()["credential"]
        other = Authenticator()
        options = post(verified(mongo, bob), "/auth/passkeys/options").get_json()
        made = other.create(options["publicKey"])
        mongo.passkeys.update_one({"credential": credential}, {"$set": {"credential": made["id"]}})
        answer = post(bob, "/auth/passkeys", challengeId=options["challengeId"], name="x", credential=made)
        problem(answer, 409, "passkey_known")
        assert mongo.passkeys.count_documents({}) == 1
        assert "passkeys" not in stored(mongo, "bob@example.com")

    def test_p8_the_account_pages_may_whatever_else_is_listed(self, alice: Person, app: Flask, mongo: Database):
        listed = {**app.config, "WEBAUTHN_ORIGINS": ("http://localhost:3000",)}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app, "config", type(app.config)(app.root_path, listed))
            for origin in ("http://localhost:8000", "http://localhost:3000"):
                answer = register_passkey(verified(mongo, alice), Authenticator(), origin=origin)
                assert answer.status_code == 201, answer.get_json()
            app.config["ACCOUNT_PAGES"] = False
            refused = register_passkey(alice, Authenticator(), origin="http://localhost:8000")
            assert told(refused) == {("/credential", "not_allowed")}

    @pytest.mark.parametrize("lie", ["another site", "another port", "a subdomain", "a frame on another page"])
    def test_what_was_made_elsewhere_is_refused(self, alice: Person, mongo: Database, lie: str):
        answer = register_passkey(verified(mongo, alice), Authenticator(), **LIES[lie])
        problem(answer, 422, "validation_failed")
        assert told(answer) == {("/credential", "not_allowed")}
        assert mongo.passkeys.count_documents({}) == 0

    @pytest.mark.parametrize(
        "lie", [{"type": "webauthn.get"}, {"challenge": "AAAA"}, {"challenge": 5}, {"origin": None}]
    )
    def test_what_was_made_for_something_else_is_refused(self, alice: Person, mongo: Database, lie: dict[str, object]):
        problem(register_passkey(verified(mongo, alice), Authenticator(), **lie), 422, "validation_failed")

    def test_one_that_does_not_verify_its_user_is_refused(self, alice: Person, mongo: Database):
        """It could never sign in alone, nor prove who one is."""
        answer = register_passkey(verified(mongo, alice), Authenticator(verifies=False))
        assert told(answer) == {("/credential", "not_allowed")}

    def test_another_relying_party_and_nobody_present(self, alice: Person, mongo: Database):
        """R85."""
        verified(mongo, alice)
        options = post(alice, "/auth/passkeys/options").get_json()
        asked = {**options["publicKey"], "rp": {"id": "evil.example"}}
        body = {"challengeId": options["challengeId"], "name": "x", "credential": Authenticator().create(asked)}
        problem(post(alice, "/auth/passkeys", **body), 422, "validation_failed")
        absent = Authenticator()
        absent.flags = 0x04
        problem(register_passkey(alice, absent), 422, "validation_failed")

    def test_there_are_twenty_at_most(self, alice: Person, mongo: Database):
        verified(mongo, alice)
        mongo.users.update_one({}, {"$set": {"passkeys": [ObjectId() for _ in range(20)]}})
        mongo.sessions.update_many({}, {"$set": {"methods": ["pwd", "mfa"]}})
        assert told(register_passkey(alice, Authenticator())) == {("/credential", "not_allowed")}

    def test_its_name_writes_nobody_a_letter(self, alice: Person, app: Flask, mongo: Database):
        register_passkey(verified(mongo, alice), Authenticator(), "https://evil.example/ click here")
        assert "evil.example" not in sent(app, "factor_added", EMAIL)[0]["text"]

    def test_a_challenge_is_good_for_one_answer_right_or_wrong(self, alice: Person, mongo: Database):
        options = post(verified(mongo, alice), "/auth/passkeys/options").get_json()
        made = Authenticator().create(options["publicKey"])
        body = {"challengeId": options["challengeId"], "name": "x"}
        problem(post(alice, "/auth/passkeys", **body, credential={**made, "id": "x"}), 422, "validation_failed")
        problem(post(alice, "/auth/passkeys", **body, credential=made), 400, "challenge_invalid")

    def test_a_challenge_is_good_for_five_minutes_and_its_session(self, alice: Person, mongo: Database):
        options = post(verified(mongo, alice), "/auth/passkeys/options").get_json()
        made = Authenticator().create(options["publicKey"])
        body = {"challengeId": options["challengeId"], "name": "x", "credential": made}
        problem(post(alice.login(), "/auth/passkeys", **body), 400, "challenge_invalid")
        mongo.challenges.update_one({}, {"$set": {"expiresAt": clock.now() - timedelta(seconds=1)}})
        problem(post(alice, "/auth/passkeys", **body), 400, "challenge_invalid")

    def test_a_challenge_for_something_else(self, alice: Person, mongo: Database):
        creation = post(verified(mongo, alice), "/auth/passkeys/options").get_json()["publicKey"]
        for other in (options_for(alice.client), {"challengeId": "f" * 24}, {"challengeId": "no id"}):
            made = Authenticator().create(creation)
            answer = post(alice, "/auth/passkeys", challengeId=other["challengeId"], name="x", credential=made)
            problem(answer, 400, "challenge_invalid")

    def test_it_needs_a_proved_address_and_a_fresh_sign_in(self, alice: Person, mongo: Database):
        problem(post(alice, "/auth/passkeys/options"), 403, "email_unverified")
        verified(mongo, alice)
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=11)}})
        problem(post(alice, "/auth/passkeys/options"), 403, "fresh_login_required")

    @pytest.mark.parametrize("credential", [value for value in WRONG_TYPES if not isinstance(value, dict)])
    def test_wrong_types_are_refused(self, alice: Person, mongo: Database, credential: object):
        body = {"challengeId": "f" * 24, "name": "x", "credential": credential}
        problem(post(verified(mongo, alice), "/auth/passkeys", **body), 422, "validation_failed")

    @pytest.mark.parametrize(
        "junk",
        [
            {},
            {"id": 1, "rawId": 2, "response": 3, "type": 4},
            {"id": "x", "rawId": "x", "type": "public-key", "response": {}},
            {
                "id": "AAAA",
                "rawId": "AAAA",
                "type": "public-key",
                "response": {"clientDataJSON": "é", "attestationObject": "%"},
            },
            {
                "id": "AAAA",
                "rawId": "AAAA",
                "type": "public-key",
                "response": {"clientDataJSON": "bnVsbA", "attestationObject": "oA", "transports": ["\0"]},
            },
        ],
    )
    def test_junk_is_refused(self, alice: Person, mongo: Database, junk: dict[str, object]):
        options = post(verified(mongo, alice), "/auth/passkeys/options").get_json()
        body = {"challengeId": options["challengeId"], "name": "x", "credential": junk}
        problem(post(alice, "/auth/passkeys", **body), 422, "validation_failed")


class TestSignInAlone:
    def test_without_a_name_or_a_password(self, alice: Person, device: Authenticator, mongo: Database):
        answer = sign_in_by(alice.client, device)
        assert answer.status_code == 200, answer.text
        person = Person(alice.client, EMAIL, PASSWORD, tokens=answer.get_json())
        assert person.home().status_code == 200
        sessions = person.client.get("/auth/sessions", headers=person.headers).get_json()["items"]
        assert sessions[0]["methods"] == ["hwk", "user", "mfa"]
        assert passkeys_of(person)[0]["lastUsedAt"] is not None

    def test_its_session_names_it_and_a_session_by_password_names_none(
        self, alice: Person, bob: Person, device: Authenticator, mongo: Database
    ):
        """U3: it tells since when an intruder may have been there."""
        assert sign_in_by(alice.client, device).status_code == 200
        known = mongo.passkeys.find_one({})["_id"]
        assert mongo.sessions.find_one(sort=[("_id", -1)])["passkeys"] == [known]
        bob.login()
        assert not mongo.sessions.find_one(sort=[("_id", -1)]).get("passkeys")

    def test_by_cookie(self, browser_client: FlaskClient, alice: Person, device: Authenticator):
        answer = sign_in_by(browser_client, device, transport="cookie")
        assert "refreshToken" not in answer.get_json()
        assert browser_client.post("/auth/refresh-token").status_code == 200

    def test_a_synced_one_has_no_counter(self, alice: Person, mongo: Database):
        device = with_passkey(alice, mongo, Authenticator(synced=True))
        for _ in range(2):
            answer = sign_in_by(alice.client, device)
            assert answer.status_code == 200
        methods = mongo.sessions.find_one(sort=[("_id", -1)])["methods"]
        assert methods == ["swk", "user", "mfa"]

    @pytest.mark.parametrize("lie", LIES)
    def test_every_lie_is_refused(self, alice: Person, device: Authenticator, mongo: Database, lie: str):
        """R85."""
        problem(sign_in_by(alice.client, device, **LIES[lie]), 401, "passkey_invalid")
        event = mongo.audit.find_one({"action": "login.failed"})
        assert event["details"] == {"reason": "passkey_invalid"}
        assert sign_in_by(alice.client, device).status_code == 200

    def test_it_has_to_verify_its_user(self, alice: Person, device: Authenticator):
        """R85: where it replaces the password."""
        assert options_for(alice.client)["publicKey"]["userVerification"] == "required"
        problem(sign_in_by(alice.client, device, flags=PRESENT), 401, "passkey_invalid")

    def test_an_answer_is_good_once(self, alice: Person, device: Authenticator):
        """R85: a replayed assertion."""
        options = options_for(alice.client)
        body = {"challengeId": options["challengeId"], "credential": device.get(options["publicKey"])}
        assert alice.client.post("/auth/login/passkey", json=body).status_code == 200
        problem(alice.client.post("/auth/login/passkey", json=body), 400, "challenge_invalid")
        body["challengeId"] = options_for(alice.client)["challengeId"]
        problem(alice.client.post("/auth/login/passkey", json=body), 401, "passkey_invalid")

    def test_an_unknown_passkey_is_refused(self, alice: Person):
        stranger = Authenticator()
        stranger.device.cred_init("localhost", ObjectId(alice.id).binary)
        problem(sign_in_by(alice.client, stranger), 401, "passkey_invalid")

    def test_one_without_a_handle(self, alice: Person, device: Authenticator):
        problem(sign_in_by(alice.client, device, user_handle=b""), 401, "passkey_invalid")

    def test_a_counter_that_goes_back_ends_it_and_is_reported(
        self, alice: Person, device: Authenticator, app: Flask, mongo: Database
    ):
        """R85: there is a copy of the key."""
        assert sign_in_by(alice.client, device, sign_count=7).status_code == 200
        problem(sign_in_by(alice.client, device, sign_count=7), 401, "passkey_invalid")
        problem(sign_in_by(alice.client, device, sign_count=9), 401, "passkey_invalid")
        assert len(sent(app, "passkey_copied", EMAIL)) == 1
        assert mongo.audit.count_documents({"action": "passkey.copied", "outcome": "failure"}) == 1

    def test_a_copy_makes_no_password_enough(self, alice: Person, device: Authenticator, mongo: Database):
        """It is good no more, and counts on until its owner removes it."""
        post(alice, "/auth/mfa/recovery-codes")
        for _ in range(2):
            sign_in_by(alice.client, device, sign_count=7)
        assert login(alice.client).get_json()["methods"] == ["recovery_code"]
        (shown,) = passkeys_of(alice)
        assert delete(alice, shown["id"]).status_code == 204
        assert mongo.passkeys.count_documents({}) == 0
        assert login(alice.client).status_code == 200

    def test_one_that_is_removed_meanwhile_was_no_copy(
        self, alice: Person, device: Authenticator, app: Flask, mongo: Database, monkeypatch: pytest.MonkeyPatch
    ):
        def gone(passkey_id: ObjectId, *_: object, **__: object) -> bool:
            mongo.users.update_many({}, {"$unset": {"passkeys": 1}})
            return False

        monkeypatch.setattr(Passkey, "advance", gone)
        problem(sign_in_by(alice.client, device), 401, "passkey_invalid")
        assert sent(app, "passkey_copied") == []
        assert mongo.audit.count_documents({"action": "passkey.copied"}) == 0

    def test_one_that_is_removed_before_the_session_is_stored_opens_none(
        self, alice: Person, device: Authenticator, mongo: Database, monkeypatch: pytest.MonkeyPatch
    ):
        """R61, F8: whoever removes it finds no session yet."""
        insert = Session.insert
        (shown,) = passkeys_of(alice)

        def slowly(session: Session) -> None:
            monkeypatch.setattr(Session, "insert", insert)
            assert delete(alice, shown["id"]).status_code == 204
            insert(session)

        monkeypatch.setattr(Session, "insert", slowly)
        problem(sign_in_by(alice.client, device), 401, "invalid_credentials")
        own = claims_of(alice.tokens["accessToken"])["sid"]
        assert [str(session["_id"]) for session in mongo.sessions.find({"endedAt": None})] == [own]

    def test_a_lie_about_the_counter_ends_nothing(self, alice: Person, device: Authenticator, mongo: Database):
        """The counter is looked at only where the signature is good."""
        assert sign_in_by(alice.client, device, sign_count=7).status_code == 200
        forged = {"sign_count": 1, "key": ec.generate_private_key(ec.SECP256R1())}
        problem(sign_in_by(alice.client, device, **forged), 401, "passkey_invalid")
        assert sign_in_by(alice.client, device, sign_count=8).status_code == 200

    def test_a_disabled_account(self, alice: Person, device: Authenticator, mongo: Database):
        mongo.users.update_one({}, {"$set": {"disabledAt": clock.now()}})
        problem(sign_in_by(alice.client, device), 403, "account_disabled")

    def test_an_account_that_is_gone(self, alice: Person, device: Authenticator, mongo: Database):
        assert alice.client.delete("/auth/me", headers=alice.headers).status_code == 204
        assert mongo.passkeys.count_documents({}) == 0
        problem(sign_in_by(alice.client, device), 401, "passkey_invalid")

    @pytest.mark.parametrize("junk", [{}, {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {}}])
    def test_junk_is_refused(self, client: FlaskClient, junk: dict[str, object]):
        body = {"challengeId": options_for(client)["challengeId"], "credential": junk}
        problem(client.post("/auth/login/passkey", json=body), 401, "passkey_invalid")

    def test_a_challenge_of_another_purpose(self, alice: Person, device: Authenticator):
        options = post(alice, "/auth/reauthenticate/options").get_json()
        body = {"challengeId": options["challengeId"], "credential": device.get(options["publicKey"])}
        problem(alice.client.post("/auth/login/passkey", json=body), 400, "challenge_invalid")

    def test_challenges_are_throttled_by_network(self, client: FlaskClient, app: Flask):
        with throttled(app, challenge_address=2):
            statuses = [client.post("/auth/login/passkey/options", json={}).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]

    def test_failures_are_throttled_by_network(self, alice: Person, device: Authenticator, app: Flask):
        with throttled(app, login_address=2):
            for _ in range(2):
                problem(sign_in_by(alice.client, device, flags=PRESENT), 401, "passkey_invalid")
            problem(sign_in_by(alice.client, device), 429, "too_many_attempts")


class TestSecondFactor:
    def second(self, person: Person, device: Authenticator, mfa_token: str, **lies: object):
        options = options_for(person.client, mfaToken=mfa_token)
        shown = device.get(options["publicKey"], **lies)
        return complete(person.client, mfa_token, challengeId=options["challengeId"], credential=shown)

    def test_it_completes_a_sign_in(self, alice: Person, device: Authenticator, mongo: Database):
        answer = login(alice.client)
        assert answer.get_json()["methods"] == ["passkey"]
        answer = self.second(alice, device, answer.get_json()["mfaToken"])
        assert answer.status_code == 200, answer.text
        assert mongo.sessions.find_one(sort=[("_id", -1)])["methods"] == ["pwd", "hwk", "user", "mfa"]

    def test_being_there_is_enough_beside_a_password(self, alice: Person, mongo: Database):
        """And alone it is not."""
        device = with_passkey(alice, mongo)
        assert self.second(alice, device, ticket(alice.client, alice), flags=PRESENT).status_code == 200
        problem(sign_in_by(alice.client, device, flags=PRESENT), 401, "passkey_invalid")

    def test_its_own_are_named(self, alice: Person, device: Authenticator):
        options = options_for(alice.client, mfaToken=ticket(alice.client, alice))
        assert len(options["publicKey"]["allowCredentials"]) == 1

    def test_it_may_leave_out_the_handle(self, alice: Person, device: Authenticator):
        assert self.second(alice, device, ticket(alice.client, alice), user_handle=b"").status_code == 200

    @pytest.mark.parametrize("lie", LIES)
    def test_every_lie_is_refused(self, alice: Person, device: Authenticator, lie: str):
        """R85."""
        problem(self.second(alice, device, ticket(alice.client, alice), **LIES[lie]), 403, "mfa_code_invalid")

    def test_somebody_else_s_passkey(self, alice: Person, bob: Person, device: Authenticator, mongo: Database):
        """R85: a credential of another user."""
        theirs = with_passkey(bob, mongo)
        mfa_token = ticket(alice.client, alice)
        problem(self.second(alice, theirs, mfa_token), 403, "mfa_code_invalid")

    def test_a_challenge_is_bound_to_its_ticket(self, alice: Person, device: Authenticator):
        first, second = ticket(alice.client, alice), ticket(alice.client, alice)
        options = options_for(alice.client, mfaToken=first)
        shown = {"challengeId": options["challengeId"], "credential": device.get(options["publicKey"])}
        problem(complete(alice.client, second, **shown), 400, "challenge_invalid")
        without = options_for(alice.client)
        shown = {"challengeId": without["challengeId"], "credential": device.get(without["publicKey"])}
        problem(complete(alice.client, first, **shown), 400, "challenge_invalid")

    def test_no_ticket_no_options(self, alice: Person, mongo: Database):
        for token in ("asm_x", alice.tokens["accessToken"], ""):
            answer = alice.client.post("/auth/login/passkey/options", json={"mfaToken": token})
            problem(answer, 401, "mfa_token_invalid")
        with_totp(alice, mongo)
        answer = alice.client.post("/auth/login/passkey/options", json={"mfaToken": ticket(alice.client, alice)})
        problem(answer, 409, "mfa_not_enabled")


class TestManage:
    def test_only_its_owner_renames_a_passkey(self, alice: Person, bob: Person, device: Authenticator):
        (shown,) = passkeys_of(alice)
        path = f"/auth/passkeys/{shown['id']}"
        answer = alice.client.patch(path, json={"name": "desk"}, headers=alice.headers)
        assert (answer.status_code, answer.get_json()["name"]) == (200, "desk")
        problem(bob.client.patch(path, json={"name": "mine"}, headers=bob.headers), 404, "not_found")
        assert passkeys_of(alice)[0]["name"] == "desk"

    def test_the_list_has_pages(self, alice: Person, device: Authenticator):
        for number in range(2):
            register_passkey(alice, Authenticator(), f"key {number}")
        first = alice.client.get("/auth/passkeys?limit=2", headers=alice.headers).get_json()
        rest = alice.client.get(f"/auth/passkeys?limit=2&cursor={first['next']}", headers=alice.headers).get_json()
        names = [one["name"] for one in (*first["items"], *rest["items"])]
        assert (names, rest["next"]) == (["key 1", "key 0", "laptop"], None)

    def test_a_removed_passkey_no_longer_signs_in(
        self, alice: Person, device: Authenticator, app: Flask, mongo: Database
    ):
        (shown,) = passkeys_of(alice)
        assert delete(alice, str(shown["id"]).upper()).status_code == 204
        problem(sign_in_by(alice.client, device), 401, "passkey_invalid")
        problem(delete(alice, shown["id"]), 404, "not_found")
        assert login(alice.client).status_code == 200
        assert mongo.audit.count_documents({"action": "passkey.removed"}) == 1
        assert "laptop" in sent(app, "factor_removed", EMAIL)[0]["text"]

    @pytest.mark.parametrize("bad", ["nope", "f" * 24, "%00", "{$ne:null}"])
    def test_there_is_no_such_passkey(self, alice: Person, device: Authenticator, bad: str):
        """R88."""
        problem(delete(alice, bad), 404, "not_found")

    def test_another_s_is_none(self, alice: Person, bob: Person, device: Authenticator):
        """R88."""
        problem(delete(bob, passkeys_of(alice)[0]["id"]), 404, "not_found")
        assert sign_in_by(alice.client, device).status_code == 200

    def test_it_needs_a_fresh_sign_in(self, alice: Person, device: Authenticator, mongo: Database):
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=11)}})
        problem(delete(alice, passkeys_of(alice)[0]["id"]), 403, "fresh_login_required")

    def test_the_last_way_in_stays(self, alice: Person, device: Authenticator, mongo: Database):
        """R85: nobody locks themselves out."""
        register_passkey(alice, Authenticator(), "second")
        mongo.users.update_one({}, {"$unset": {"password": True}})
        first, second = (one["id"] for one in passkeys_of(alice))
        assert delete(alice, first).status_code == 204
        problem(delete(alice, second), 409, "last_login_method")
        assert sign_in_by(alice.client, device).status_code == 200

    def test_recovery_codes_go_with_the_last_factor_only(self, alice: Person, device: Authenticator, mongo: Database):
        with_totp(alice, mongo)
        assert delete(alice, passkeys_of(alice)[0]["id"]).status_code == 204
        assert len(stored(mongo)["recoveryCodeHashes"]) == 10
        assert alice.client.delete("/auth/mfa/totp", headers=alice.headers).status_code == 204
        assert "recoveryCodeHashes" not in stored(mongo)

    def test_whoever_proves_the_address_is_rid_of_those_set_up_before(
        self, alice: Person, device: Authenticator, app: Flask, mongo: Database
    ):
        """R82: somebody else had registered it."""
        mongo.users.update_one({}, {"$unset": {"emailVerifiedAt": True}})
        alice.client.post("/auth/password/forgot", json={"email": EMAIL})
        body = {"token": newest(app, "reset", EMAIL), "newPassword": "a brand new passphrase"}
        assert alice.client.post("/auth/password/reset", json=body).status_code == 204
        problem(sign_in_by(alice.client, device), 401, "passkey_invalid")
        assert login(alice.client, EMAIL, "a brand new passphrase").status_code == 200
        assert mongo.passkeys.count_documents({}) == 0
