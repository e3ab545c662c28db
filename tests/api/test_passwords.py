"""Changing a password, forgetting it, setting one by a link."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.services.users import state
from tests.conftest import PASSWORD, Person
from tests.support.accounts import (
    EMAIL,
    WRONG_TYPES,
    Database,
    counted_documents,
    counted_work,
    login,
    register,
    stored,
    throttled,
    told,
)
from tests.support.factors import verified
from tests.support.letters import newest, sent, token_in
from tests.support.passwords import NEW, change, forgot, reset


@pytest.fixture
def token(app: Flask, alice: Person) -> str:
    """Return the secret of a link to reset Alice's password."""
    assert forgot(alice.client).status_code == 202
    return newest(app, "reset", EMAIL)


class TestChange:
    """R77."""

    def test_every_other_session_ends(self, alice: Person):
        other = alice.login()
        assert change(alice).status_code == 204
        assert alice.home().status_code == 200
        assert other.home().get_json()["reason"] == "password_changed"
        assert other.refresh().get_json()["reason"] == "password_changed"
        assert alice.refresh().status_code == 200
        assert login(alice.client, password=PASSWORD).status_code == 401
        assert login(alice.client, password=NEW).status_code == 200

    def test_its_owner_is_told(self, alice: Person, app: Flask, mongo: Database):
        verified(mongo, alice)
        change(alice)
        (letter,) = sent(app, "password_changed")
        assert letter["to"] == EMAIL
        assert "127.0.0.1" in letter["text"]

    def test_a_wrong_current_password_changes_nothing(self, alice: Person, app: Flask):
        answer = change(alice, current="not the right phrase")
        assert (answer.status_code, answer.get_json()["code"]) == (403, "password_incorrect")
        assert login(alice.client).status_code == 200
        assert sent(app, "password_changed") == []

    def test_guessing_is_throttled(self, alice: Person, app: Flask):
        with throttled(app, reauthenticate_account=3):
            assert [change(alice, current="not the right phrase").status_code for _ in range(4)] == [403, 403, 403, 429]
            assert change(alice).status_code == 429
            assert login(alice.client).status_code == 200

    @pytest.mark.parametrize(
        ("new", "code"),
        [("short", "too_short"), ("password123", "password_too_common"), (EMAIL, "password_like_account")],
    )
    def test_the_policy_holds(self, alice: Person, new: str, code: str):
        answer = change(alice, new=new)
        assert answer.status_code == 422
        assert told(answer) == {("/newPassword", code)}
        assert login(alice.client).status_code == 200

    @pytest.mark.parametrize("wrong", WRONG_TYPES)
    def test_wrong_types_are_refused(self, alice: Person, wrong: object):
        """R9."""
        assert change(alice, new=wrong).status_code == 422
        assert change(alice, current=wrong).status_code == 422

    def test_an_access_token_for_scripts_is_not_enough(self, alice: Person):
        body = {"name": "script", "scopes": ["account:write"]}
        made = alice.client.post("/auth/access-tokens", json=body, headers=alice.headers).get_json()["token"]
        alice.tokens["accessToken"] = made
        assert change(alice).get_json()["code"] == "scope_missing"

    def test_links_to_reset_it_die(self, alice: Person, token: str):
        """R78: what it was made for has changed."""
        assert change(alice).status_code == 204
        assert reset(alice.client, token, "yet another passphrase").get_json()["code"] == "link_invalid"


class TestForgot:
    """R19, R80, R81."""

    def test_asking_for_a_link_changes_nothing(self, alice: Person, mongo: Database):
        before = stored(mongo)
        assert (forgot(alice.client).status_code, forgot(alice.client).get_json()) == (202, {})
        assert stored(mongo) == before
        assert alice.home().status_code == 200

    def test_only_the_hash_of_the_secret_is_stored(self, token: str, mongo: Database):
        dump = repr([list(mongo[name].find()) for name in mongo.list_collection_names()])
        assert token not in dump
        assert token[4:47] not in dump

    @pytest.mark.parametrize("known", ["alice@example.com", "ALICE@Example.com"])
    @pytest.mark.usefixtures("heard")
    def test_known_and_unknown_addresses_get_the_same_answer_for_the_same_work(
        self, alice: Person, app: Flask, mongo: Database, known: str
    ):
        with throttled(app):
            for _ in range(2):  # the throttle's documents are made by the first
                with counted_work() as of_known, counted_documents() as documents:
                    a = forgot(alice.client, known)
                with counted_work() as of_unknown, counted_documents() as documents_in_vain:
                    b = forgot(alice.client, "nobody.there@example.com")
        assert documents == documents_in_vain
        assert mongo.links.count_documents({"purpose": "reset"}) == 4, "none takes the place of another"
        assert (a.status_code, a.data) == (b.status_code, b.data) == (202, b"{}\n")
        assert of_known.commands == of_unknown.commands
        assert of_known.rounds == of_unknown.rounds == 0
        assert {one["to"] for one in sent(app, "reset")} == {EMAIL}

    def test_a_disabled_account_gets_no_letter(self, alice: Person, app: Flask):
        with app.app_context():
            state.disable(None, alice.id)
        assert forgot(alice.client).status_code == 202
        assert sent(app, "reset") == []

    def test_too_many_are_left_out_in_silence(self, alice: Person, app: Flask):
        with throttled(app, forgot_account=2):
            answers = [forgot(alice.client) for _ in range(4)]
        assert {(answer.status_code, answer.data) for answer in answers} == {(202, b"{}\n")}
        assert len(sent(app, "reset")) == 2

    def test_one_network_can_ask_so_often(self, client: FlaskClient, app: Flask):
        with throttled(app, letter_address=3):
            answers = [forgot(client, f"{n}@example.com").status_code for n in range(5)]
        assert answers == [202, 202, 202, 429, 429]

    @pytest.mark.parametrize(
        "email",
        [["alice@example.com", "evil@example.com"], "alice@example.com,evil@example.com", "a@x.io\r\nBcc: v@x.io"],
    )
    def test_one_address_and_no_header(self, alice: Person, app: Flask, email: object):
        assert forgot(alice.client, email).status_code == 422
        assert sent(app, "reset") == []

    @pytest.mark.parametrize(
        "headers",
        [{"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"X-Forwarded-Proto": "https"}],
    )
    def test_the_link_leads_to_the_public_url(self, alice: Person, app: Flask, headers: dict[str, str]):
        """R80."""
        assert forgot(alice.client, EMAIL, **headers).status_code == 202
        (letter,) = sent(app, "reset")
        assert "http://localhost:8000/account/reset-password#token=asl_" in letter["text"]
        assert "evil" not in letter["text"] + letter["html"]


class TestReset:
    """R78, R79."""

    def test_it_ends_everything_and_signs_nobody_in(self, alice: Person, app: Flask, token: str, mongo: Database):
        body = {"name": "script", "scopes": ["account:read"]}
        script = alice.client.post("/auth/access-tokens", json=body, headers=alice.headers).get_json()["token"]
        answer = reset(alice.client, token)
        assert (answer.status_code, answer.data) == (204, b"")
        (cookie,) = answer.headers.getlist("Set-Cookie")
        assert cookie.startswith("device="), "known here, and signed in nowhere"
        assert alice.home().get_json()["reason"] == "password_reset"
        assert alice.client.get("/auth/me", headers={"Authorization": f"Bearer {script}"}).status_code == 401
        assert login(alice.client).status_code == 401
        assert login(alice.client, password=NEW).status_code == 200
        assert [one["to"] for one in sent(app, "password_changed")] == [EMAIL]
        assert mongo.audit.count_documents({"action": "password.reset", "target": stored(mongo)["_id"]}) == 1

    def test_it_proves_the_address(self, alice: Person, token: str):
        reset(alice.client, token)
        assert login(alice.client, password=NEW).get_json()["user"]["emailVerified"] is True

    def test_it_works_once(self, alice: Person, token: str):
        assert reset(alice.client, token).status_code == 204
        again = reset(alice.client, token, "yet another passphrase")
        assert (again.status_code, again.get_json()["code"]) == (400, "link_invalid")
        assert login(alice.client, password=NEW).status_code == 200

    @pytest.mark.parametrize("used", ["first", "last"])
    def test_u13_a_newer_one_ends_none_until_one_is_used(self, alice: Person, app: Flask, token: str, used: str):
        """Or a stranger who asks for another would end the one that the owner is about to follow."""
        forgot(alice.client)
        newer = newest(app, "reset")
        one, other = (token, newer) if used == "first" else (newer, token)
        assert reset(alice.client, one).status_code == 204
        assert reset(alice.client, other, "yet another passphrase").get_json()["code"] == "link_invalid"

    def test_after_an_hour_it_is_dead(self, alice: Person, token: str):
        with time_machine.travel(clock.now() + timedelta(minutes=61)):
            assert reset(alice.client, token).status_code == 400
        with time_machine.travel(clock.now() + timedelta(minutes=59)):
            assert reset(alice.client, token).status_code == 204

    def test_a_refused_password_leaves_it_good(self, alice: Person, token: str):
        assert told(reset(alice.client, token, "password123")) == {("/newPassword", "password_too_common")}
        assert reset(alice.client, token).status_code == 204

    @pytest.mark.parametrize(
        "spoilt",
        [
            lambda token: token[:-1],
            lambda token: token.swapcase(),
            lambda token: token + "=",
            lambda token: token + " ",
            lambda token: "asv_" + token[4:],
            lambda token: "",
            lambda token: "asl_" + "0" * 49,
        ],
    )
    def test_no_other_spelling_works(self, alice: Person, token: str, spoilt):
        assert reset(alice.client, spoilt(token)).get_json()["code"] == "link_invalid"
        assert reset(alice.client, token).status_code == 204

    def test_it_is_one_account_s(self, alice: Person, bob: Person, token: str):
        body = {"token": token, "newPassword": NEW, "email": bob.email}
        assert alice.client.post("/auth/password/reset", json=body).status_code == 422
        assert reset(alice.client, token).status_code == 204
        assert login(bob.client, bob.email).status_code == 200

    def test_a_link_for_something_else_is_none(self, alice: Person, app: Flask):
        """R40."""
        assert reset(alice.client, newest(app, "verify", EMAIL)).status_code == 400

    def test_a_disabled_account_stays_so(self, alice: Person, app: Flask, token: str, mongo: Database):
        with app.app_context():
            state.disable(None, alice.id)
        assert reset(alice.client, token).status_code == 400
        assert stored(mongo)["disabledAt"] is not None

    def test_a_deleted_account_does_not_come_back(self, alice: Person, token: str, mongo: Database):
        assert alice.client.delete("/auth/me", headers=alice.headers).status_code == 204
        assert reset(alice.client, token).status_code == 400
        assert mongo.users.count_documents({}) == 0

    def test_guessing_is_throttled(self, alice: Person, app: Flask, token: str):
        with throttled(app, link_address=5):
            answers = [reset(alice.client, "asl_guess").status_code for _ in range(7)]
            assert answers == [400] * 5 + [429] * 2
        assert reset(alice.client, token).status_code == 204

    @pytest.mark.parametrize("method", ["get", "put", "delete"])
    def test_a_reset_needs_a_post(self, client: FlaskClient, method: str):
        """R74."""
        assert getattr(client, method)("/auth/password/reset").status_code == 405

    def test_an_account_without_a_password_gets_one(self, alice: Person, app: Flask, mongo: Database):
        """How an invitation is used."""
        mongo.users.update_one({"email": EMAIL}, {"$unset": {"password": 1}})
        forgot(alice.client)
        assert reset(alice.client, token_in(sent(app, "reset")[0])).status_code == 204
        assert login(alice.client, password=NEW).status_code == 200


class TestPreHijacking:
    """R82."""

    def test_whoever_resets_owns_the_account(self, client: FlaskClient, app: Flask):
        thief = Person(client, EMAIL, "the thief's passphrase").register()
        body = {"name": "back door", "scopes": ["account:read"]}
        back_door = client.post("/auth/access-tokens", json=body, headers=thief.headers).get_json()["token"]
        forgot(client)
        assert reset(client, newest(app, "reset")).status_code == 204
        assert thief.home().status_code == 401
        assert thief.refresh().status_code == 401
        assert client.get("/auth/me", headers={"Authorization": f"Bearer {back_door}"}).status_code == 401
        assert login(client, password="the thief's passphrase").status_code == 401
        assert login(client, password=NEW).status_code == 200
        assert register(client, email=EMAIL).status_code == 409
