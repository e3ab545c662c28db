"""The caller's identities: listing, unlinking, re-authenticating by one; letters, places, endings. O61, O62, R112."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from pymongo.database import Database as MongoDatabase

from authsvc import clock
from tests.conftest import PASSWORD, Person, problem
from tests.support.factors import post, verified, with_passkey, with_totp
from tests.support.federation import Traveller, someone
from tests.support.letters import newest
from tests.support.upstreams import Upstream, signing_in_with

Database = MongoDatabase[dict[str, Any]]


@pytest.fixture
def linked(traveller: Traveller, alice: Person, mongo: Database) -> Traveller:
    """Return the browser of Alice, whose identity at work is linked."""
    verified(mongo, alice)
    traveller.headers = alice.headers
    assert traveller.arrive(someone("alice"), intent="link").status_code == 200
    mongo.letters.delete_many({})
    return traveller


def unlink(traveller: Traveller, identity: str | None = None) -> Any:
    """Return the answer to who unlinks an identity, or their only one."""
    identity = identity or traveller.identities()[0]["id"]
    return traveller.client.delete(f"/auth/identities/{identity}", headers=traveller.headers)


class TestList:
    def test_it_is_paged_newest_first(self, traveller: Traveller, alice: Person):
        traveller.headers = alice.headers
        for number in range(3):
            assert traveller.arrive(someone(f"s{number}", f"s{number}@example.com"), intent="link").status_code == 200
        first = traveller.client.get("/auth/identities?limit=2", headers=traveller.headers).get_json()
        rest = traveller.client.get(
            "/auth/identities", query_string={"cursor": first["next"]}, headers=traveller.headers
        ).get_json()
        assert [one["email"] for one in [*first["items"], *rest["items"]]] == [
            f"s{number}@example.com" for number in (2, 1, 0)
        ]
        assert rest["next"] is None
        assert set(first["items"][0]) == {"id", "provider", "label", "email", "createdAt", "lastUsedAt"}

    def test_nobody_sees_anothers(self, linked: Traveller, bob: Person):
        (mine,) = linked.identities()
        linked.headers = bob.headers
        assert linked.identities() == []
        problem(unlink(linked, mine["id"]), 404, "not_found")

    def test_one_of_a_provider_that_is_gone_is_called_by_its_name(self, app: Flask, linked: Traveller):
        with signing_in_with(app):
            assert linked.identities()[0]["label"] == "work"

    def test_one_of_a_provider_that_was_renamed_has_its_new_name(
        self, app: Flask, linked: Traveller, elsewhere: Traveller, upstream: Upstream, mongo: Database
    ):
        """By that the account pages find its button."""
        mongo.users.update_one({}, {"$set": {"emailVerifiedAt": clock.now()}})
        with signing_in_with(app, upstream.settings("office", label="Office")):
            (mine,) = linked.identities()
            assert (mine["provider"], mine["label"]) == ("office", "Office")
            elsewhere.provider = "office"
            (address,) = [one["email"] for one in mongo.users.find()]
            asked = elsewhere.arrive(someone("somebody-new", address)).get_json()["confirmLink"]
            assert "office" in asked["methods"]

    def test_an_export_has_what_is_stored_of_them(self, linked: Traveller, upstream: Upstream):
        exported = linked.client.get("/auth/me/export", headers=linked.headers).get_json()
        (identity,) = exported["identities"]
        assert (identity["issuer"], identity["subject"]) == (upstream.issuer, "alice")


class TestUnlink:
    def test_it_signs_in_no_longer_and_a_letter_says_so(
        self, linked: Traveller, elsewhere: Traveller, alice: Person, mongo: Database
    ):
        """O62"""
        assert unlink(linked).status_code == 204
        assert linked.identities() == []
        (letter,) = mongo.letters.find({"kind": "identity_unlinked"})
        assert letter["to"] == alice.email
        assert mongo.audit.find_one({"action": "identity.unlinked"})["details"]["provider"] == "work"
        assert elsewhere.signed_in(elsewhere.arrive(someone("alice")))["id"] != alice.id

    def test_it_takes_a_fresh_login(self, linked: Traveller, mongo: Database):
        """O62"""
        mongo.sessions.update_many({}, [{"$set": {"authTime": {"$subtract": ["$authTime", 700_000]}}}])
        problem(unlink(linked), 403, "fresh_login_required")

    def test_not_the_last_way_in(self, traveller: Traveller, mongo: Database):
        """O62"""
        traveller.signed_in(traveller.arrive())
        problem(unlink(traveller), 409, "last_login_method")
        assert len(traveller.identities()) == 1

    def test_one_of_a_provider_that_is_off_is_no_other_way_in(
        self, app: Flask, traveller: Traveller, upstream: Upstream
    ):
        with Upstream() as other:
            with signing_in_with(app, upstream.settings(), other.settings("home")):
                traveller.signed_in(traveller.arrive())
                home = Traveller(traveller.client, other, "home", traveller.headers)
                assert home.arrive(intent="link").status_code == 200
            with signing_in_with(app, upstream.settings(), other.settings("home", enabled=False)):
                first = next(one["id"] for one in traveller.identities() if one["provider"] == "work")
                problem(unlink(traveller, first), 409, "last_login_method")
                second = next(one["id"] for one in traveller.identities() if one["provider"] == "home")
                assert unlink(traveller, second).status_code == 204

    def test_with_a_passkey_beside_it_may_go_and_then_the_passkey_stays(self, traveller: Traveller, mongo: Database):
        traveller.signed_in(traveller.arrive())
        with_passkey(traveller.person, mongo)
        assert unlink(traveller).status_code == 204
        passkey = mongo.passkeys.find_one()["_id"]
        answer = traveller.client.delete(f"/auth/passkeys/{passkey}", headers=traveller.headers)
        problem(answer, 409, "last_login_method")

    def test_an_unknown_one_is_not_found(self, linked: Traveller):
        problem(unlink(linked, str(ObjectId())), 404, "not_found")

    def test_a_second_factor_that_is_still_to_come_comes_too_late(
        self, linked: Traveller, elsewhere: Traveller, alice: Person, mongo: Database
    ):
        codes = with_totp(alice, mongo).recovery_codes
        pending = elsewhere.arrive(someone("alice")).get_json()["mfaToken"]
        assert unlink(linked).status_code == 204
        answer = elsewhere.client.post("/auth/login/mfa", json={"mfaToken": pending, "recoveryCode": codes[0]})
        problem(answer, 401, "mfa_token_invalid")


class TestReauthenticate:
    """By the same provider, which is told to sign the person in anew, and says when it did."""

    def test_the_session_is_fresh(self, linked: Traveller, mongo: Database):
        mongo.sessions.update_many({}, [{"$set": {"authTime": {"$subtract": ["$authTime", 700_000]}}}])
        location = linked.begin("reauthenticate").get_json()["location"]
        assert "max_age=0" in location
        linked.upstream.user = someone("alice")
        answer = linked.complete(linked.upstream.approve(location))
        assert answer.status_code == 200
        assert set(answer.get_json()) == {"accessToken", "expiresIn", "returnTo"}
        linked.headers = {"Authorization": f"Bearer {answer.get_json()['accessToken']}"}
        assert unlink(linked).status_code == 204
        (record,) = mongo.audit.find({"action": "session.reauthenticated"})
        assert record["details"]["methods"] == ["fed"]

    def test_not_by_somebody_else(self, linked: Traveller, mongo: Database):
        problem(linked.arrive(someone("bob"), intent="reauthenticate"), 403, "provider_refused")
        assert mongo.audit.count_documents({"action": "session.reauthenticated"}) == 0

    @pytest.mark.parametrize("ago", [None, 3600, 90], ids=["not said", "an hour ago", "before it began"])
    def test_not_if_the_provider_did_not_ask_again(self, linked: Traveller, ago: int | None):
        said = None if ago is None else int(clock.now().timestamp()) - ago
        linked.upstream.bent = {"auth_time": said}
        problem(linked.arrive(someone("alice"), intent="reauthenticate"), 403, "provider_refused")

    def test_a_second_factor_is_asked_for_as_after_a_password(self, linked: Traveller, alice: Person, mongo: Database):
        with_totp(alice, mongo)
        answer = problem(linked.arrive(someone("alice"), intent="reauthenticate"), 403, "second_factor_required")
        assert answer["methods"] == ["totp"]

    def test_the_session_has_to_live(self, linked: Traveller, alice: Person):
        brought = linked.visit(someone("alice"), "reauthenticate")
        alice.client.post("/auth/logout", headers=alice.headers)
        linked.headers = {}
        problem(linked.complete(brought), 401, "session_ended")

    def test_a_provider_that_does_not_say_when_is_not_asked(self, app: Flask, linked: Traveller, upstream: Upstream):
        github = upstream.settings("github")
        with signing_in_with(app, type(github)(**{**_members(github), "kind": "github"})):
            linked.provider = "github"
            problem(linked.begin("reauthenticate"), 422, "validation_failed")
            problem(linked.begin(maxAge=60), 422, "validation_failed")

    def test_a_sign_in_can_be_asked_to_be_recent(self, linked: Traveller, upstream: Upstream):
        linked.headers = {}
        assert "max_age=60" in linked.begin(maxAge=60).get_json()["location"]
        assert linked.arrive(someone("alice"), maxAge=60).status_code == 200
        upstream.bent = {"auth_time": int(clock.now().timestamp()) - 3600}
        problem(linked.arrive(someone("alice"), maxAge=60), 403, "provider_refused")


def _members(settings: Any) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


class TestLettersAndPlaces:
    """As after a password."""

    def test_a_sign_in_from_a_new_place_is_told(self, app: Flask, linked: Traveller, alice: Person, mongo: Database):
        post(alice, "/auth/login", email=alice.email, password=PASSWORD, transport="cookie")  # known somewhere
        stranger = app.test_client()
        body = {"intent": "sign_in"}
        away = {"REMOTE_ADDR": "203.0.113.9"}
        location = stranger.post("/auth/federation/work", json=body, environ_overrides=away).get_json()["location"]
        linked.upstream.user = someone("alice")
        brought = {"provider": "work", **linked.upstream.approve(location)}
        assert stranger.post("/auth/federation/complete", json=brought, environ_overrides=away).status_code == 200
        assert mongo.letters.count_documents({"kind": "new_sign_in", "to": alice.email}) == 1

    def test_somebody_who_has_the_identity_and_not_the_factor_is_told_of(
        self, linked: Traveller, elsewhere: Traveller, alice: Person, mongo: Database
    ):
        with_totp(alice, mongo)
        pending = elsewhere.arrive(someone("alice")).get_json()["mfaToken"]
        answer = elsewhere.client.post("/auth/login/mfa", json={"mfaToken": pending, "code": "000000"})
        problem(answer, 403, "mfa_code_invalid")
        assert mongo.letters.count_documents({"kind": "sign_in_stopped", "to": alice.email}) == 1
        assert mongo.letters.count_documents({"kind": "password_known"}) == 0

    def test_an_access_token_says_how(self, traveller: Traveller):
        """`amr` of the session."""
        answer = traveller.arrive().get_json()["accessToken"]
        described = traveller.client.get("/auth/sessions", headers={"Authorization": f"Bearer {answer}"}).get_json()
        assert described["items"][0]["methods"] == ["fed"]


class TestEndings:
    """R112: what an intruder linked goes with the rest."""

    def test_a_letter_that_proves_the_address_elsewhere_removes_identities(
        self, app: Flask, traveller: Traveller, elsewhere: Traveller, alice: Person, mongo: Database
    ):
        traveller.headers = alice.headers
        assert traveller.arrive(someone("squatter", None), intent="link").status_code == 200
        token = newest(app, "verify", alice.email)
        assert elsewhere.client.post("/auth/email/verify", json={"token": token}).status_code == 200
        assert "linkedIdentities" not in mongo.users.find_one()
        traveller.headers = {}
        assert "emailRequired" in traveller.arrive(someone("squatter", None)).get_json()

    def test_the_owner_who_proves_it_in_their_own_session_keeps_them(
        self, app: Flask, traveller: Traveller, alice: Person, mongo: Database
    ):
        traveller.headers = alice.headers
        assert traveller.arrive(intent="link").status_code == 200
        token = newest(app, "verify", alice.email)
        answer = alice.client.post("/auth/email/verify", json={"token": token}, headers=alice.headers)
        assert answer.status_code == 200
        assert len(traveller.identities()) == 1

    @pytest.mark.parametrize("proved", [True, False], ids=["proved before", "proved by it"])
    def test_a_reset_removes_them_if_it_is_the_first_proof(
        self, app: Flask, traveller: Traveller, alice: Person, mongo: Database, proved: bool
    ):
        traveller.headers = alice.headers
        assert traveller.arrive(someone("own", None), intent="link").status_code == 200
        if proved:
            verified(mongo, alice)
        alice.client.post("/auth/password/forgot", json={"email": alice.email})
        token = newest(app, "reset", alice.email)
        body = {"token": token, "newPassword": "another good phrase"}
        assert alice.client.post("/auth/password/reset", json=body).status_code == 204
        assert ("linkedIdentities" in mongo.users.find_one()) is proved

    def test_a_deleted_account_leaves_the_identity_free(self, traveller: Traveller, mongo: Database):
        first = traveller.signed_in(traveller.arrive())
        assert traveller.client.delete("/auth/me", headers=traveller.headers).status_code == 204
        assert mongo.users.count_documents({}) == 0
        assert traveller.signed_in(traveller.arrive())["id"] != first["id"]

    def test_an_undo_removes_those_linked_since_the_intruder_came(
        self, app: Flask, linked: Traveller, new_traveller: Callable[[], Traveller], alice: Person, mongo: Database
    ):
        """0027: the thief linked an identity, and changed the address."""
        mongo.users.update_one({}, {"$set": {"linkedIdentities.0.createdAt": clock.now() - timedelta(days=60)}})
        thief = new_traveller()
        thief.headers = alice.headers
        assert thief.arrive(someone("thief", None), intent="link").status_code == 200
        post(alice, "/auth/me/email", email="thief@example.com")
        confirm = newest(app, "change", "thief@example.com")
        answer = alice.client.post("/auth/email/verify", json={"token": confirm}, headers=alice.headers)
        assert answer.status_code == 200
        undo = newest(app, "email_changed", alice.email)
        with time_machine.travel(clock.now() + timedelta(minutes=5), tick=True):
            assert alice.client.post("/auth/email/revert", json={"token": undo}).status_code == 200
        (stored,) = mongo.users.find()
        assert stored["email"] == alice.email
        assert [one["subject"] for one in stored["linkedIdentities"]] == ["alice"]
