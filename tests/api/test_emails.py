"""Proving an address, changing it, taking a change back."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from tests.conftest import PASSWORD, Person
from tests.support.accounts import EMAIL, Database, counted_work, import_account, login, register, stored, throttled
from tests.support.factors import verified
from tests.support.letters import newest, sent

NEW = "alice.new@example.com"


def verify(client: FlaskClient, token: object, **headers: str):
    return client.post("/auth/email/verify", json={"token": token}, headers=headers)


def resend(client: FlaskClient, email: object = EMAIL):
    return client.post("/auth/email/resend", json={"email": email})


def ask(person: Person, email: object = NEW):
    return person.client.post("/auth/me/email", json={"email": email}, headers=person.headers)


def revert(client: FlaskClient, token: object):
    return client.post("/auth/email/revert", json={"token": token})


def me(person: Person):
    return person.client.get("/auth/me", headers=person.headers).get_json()


@pytest.fixture
def moved(app: Flask, alice: Person) -> str:
    """Let Alice change her address; return the secret that takes it back."""
    assert ask(alice).status_code == 202
    assert verify(alice.client, newest(app, "change", NEW), **alice.headers).status_code == 200
    return newest(app, "email_changed", EMAIL)


class TestVerify:
    def test_it_proves_the_address(self, alice: Person, app: Flask, mongo: Database):
        assert me(alice)["emailVerified"] is False
        answer = verify(alice.client, newest(app, "verify", EMAIL), **alice.headers)
        assert (answer.status_code, answer.get_json()["emailVerified"]) == (200, True)
        assert me(alice)["emailVerified"] is True
        assert mongo.audit.count_documents({"action": "email.verified"}) == 1

    def test_it_works_once(self, alice: Person, app: Flask):
        token = newest(app, "verify", EMAIL)
        assert verify(alice.client, token).status_code == 200
        assert verify(alice.client, token).get_json()["code"] == "link_invalid"

    def test_one_address_does_not_prove_another(self, alice: Person, bob: Person, app: Flask):
        """R82."""
        verify(alice.client, newest(app, "verify", EMAIL), **alice.headers)
        assert me(bob)["emailVerified"] is False

    def test_after_two_days_it_is_dead(self, alice: Person, app: Flask):
        token = newest(app, "verify", EMAIL)
        with time_machine.travel(clock.now() + timedelta(hours=49)):
            assert verify(alice.client, token).status_code == 400

    def test_a_change_of_address_kills_it(self, alice: Person, app: Flask, moved: str):
        with app.app_context():
            token = newest(app, "verify", EMAIL)
        assert verify(alice.client, token).status_code == 400

    def test_a_bad_access_token_is_not_ignored(self, alice: Person, app: Flask):
        """R50."""
        token = newest(app, "verify", EMAIL)
        assert verify(alice.client, token, Authorization="Bearer nonsense").status_code == 401
        assert verify(alice.client, token).status_code == 200

    def test_what_was_set_up_before_is_gone(self, alice: Person, app: Flask):
        """R82: who registered the address need not be who owns it."""
        body = {"name": "back door", "scopes": ["account:read"]}
        back_door = alice.client.post("/auth/access-tokens", json=body, headers=alice.headers).get_json()["token"]
        assert verify(alice.client, newest(app, "verify", EMAIL)).status_code == 200
        assert alice.home().status_code == 401
        assert alice.refresh().status_code == 401
        assert alice.client.get("/auth/me", headers={"Authorization": f"Bearer {back_door}"}).status_code == 401

    def test_the_session_that_shows_the_link_goes_on(self, alice: Person, app: Flask):
        other = alice.login()
        assert verify(alice.client, newest(app, "verify", EMAIL), **alice.headers).status_code == 200
        assert alice.home().status_code == 200
        assert other.home().status_code == 401

    def test_so_does_the_one_whose_cookie_it_shows(self, browser_client: FlaskClient, app: Flask):
        access = register(browser_client, email=EMAIL, transport="cookie").get_json()["accessToken"]
        assert verify(browser_client, newest(app, "verify", EMAIL)).status_code == 200
        assert browser_client.get("/", headers={"Authorization": f"Bearer {access}"}).status_code == 200

    def test_another_s_session_spares_nothing(self, alice: Person, bob: Person, app: Flask):
        assert verify(alice.client, newest(app, "verify", EMAIL), **bob.headers).status_code == 200
        assert alice.home().status_code == 401
        assert bob.home().status_code == 200

    def test_u4_behind_a_site_that_asks_for_a_password_of_its_own(self, alice: Person, app: Flask):
        """A header that is no bearer token is nobody's session, and no reason to refuse."""
        token = newest(app, "verify", EMAIL)
        assert verify(alice.client, token, Authorization="Basic c3RhZ2luZzpzdGFnaW5n").status_code == 200


class TestResend:
    @pytest.mark.parametrize("used", ["first", "last"])
    def test_u13_a_newer_link_ends_none_until_one_is_used(self, alice: Person, app: Flask, used: str):
        """Or a stranger who asks for another would end the one that the owner is about to follow."""
        first = newest(app, "verify", EMAIL)
        assert (resend(alice.client).status_code, resend(alice.client).data) == (202, b"{}\n")
        one, other = first, newest(app, "verify", EMAIL)
        if used == "last":
            one, other = other, one
        assert verify(alice.client, one).status_code == 200
        assert verify(alice.client, other).status_code == 400

    @pytest.mark.usefixtures("heard")
    def test_the_work_is_the_same_for_whomever(self, alice: Person, bob: Person, app: Flask):
        """R19: something to prove, nothing to prove, nobody there."""
        verify(bob.client, newest(app, "verify", bob.email), **bob.headers)
        before = len(sent(app))
        work = []
        with throttled(app):
            for email in (EMAIL, bob.email, "nobody.there@example.com"):
                resend(alice.client, email)  # the throttle's documents are made by the first
                with counted_work() as counted:
                    answer = resend(alice.client, email)
                work.append((answer.status_code, answer.data, counted.commands, counted.rounds))
        assert work[0] == work[1] == work[2]
        assert [one["to"] for one in sent(app)[: len(sent(app)) - before]] == [EMAIL] * 2

    def test_too_many_are_left_out_in_silence(self, alice: Person, app: Flask):
        before = len(sent(app, "verify"))
        with throttled(app, verify_account=2):
            assert {resend(alice.client).status_code for _ in range(4)} == {202}
        assert len(sent(app, "verify")) == before + 2


class TestChange:
    def test_it_takes_effect_when_the_new_address_confirms(self, alice: Person, app: Flask, mongo: Database):
        assert (ask(alice).status_code, me(alice)["email"]) == (202, EMAIL)
        assert sent(app, "email_changed") == []
        answer = verify(alice.client, newest(app, "change", NEW), **alice.headers)
        assert (answer.status_code, answer.get_json()["email"], answer.get_json()["emailVerified"]) == (200, NEW, True)
        assert [one["to"] for one in sent(app, "email_changed")] == [EMAIL]
        assert alice.home().status_code == 200
        claims = alice.client.get("/auth/verify", headers=alice.headers).headers
        assert claims["X-Auth-Email"] == NEW
        assert login(alice.client, EMAIL).status_code == 401
        assert login(alice.client, NEW).status_code == 200
        assert mongo.audit.count_documents({"action": "email.changed"}) == 1

    def test_it_needs_a_fresh_sign_in(self, alice: Person, mongo: Database):
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=11)}})
        assert ask(alice).get_json()["code"] == "fresh_login_required"

    def test_who_has_the_address_is_not_told_to_the_asker(
        self, alice: Person, bob: Person, app: Flask, mongo: Database
    ):
        verified(mongo, bob)
        answer = ask(alice, bob.email)
        assert (answer.status_code, answer.data) == (202, b"{}\n")
        assert sent(app, "change") == []
        assert [one["to"] for one in sent(app, "taken")] == [bob.email]

    def test_of_two_who_confirm_one_address_one_gets_it(self, alice: Person, bob: Person, app: Flask, mongo: Database):
        """R82."""
        ask(alice)
        of_alice = newest(app, "change", NEW)
        ask(bob)
        of_bob = newest(app, "change", NEW)
        assert verify(bob.client, of_bob).status_code == 200
        answer = verify(alice.client, of_alice)
        assert (answer.status_code, answer.get_json()["code"]) == (409, "email_taken")
        assert stored(mongo)["email"] == EMAIL
        assert sent(app, "email_changed", EMAIL) == []
        assert mongo.links.count_documents({"purpose": "revert"}) == 1

    def test_only_the_newest_request_counts(self, alice: Person, app: Flask):
        ask(alice)
        first = newest(app, "change", NEW)
        ask(alice, "third@example.com")
        assert verify(alice.client, first).status_code == 400
        assert verify(alice.client, newest(app, "change", "third@example.com")).status_code == 200

    def test_it_ends_what_others_set_up(self, alice: Person, app: Flask):
        """R82: an account may be led to an address that is not its user's."""
        ask(alice)
        assert verify(alice.client, newest(app, "change", NEW)).status_code == 200
        assert alice.home().status_code == 401


class TestRevert:
    def test_it_gives_the_address_back_and_a_way_in(self, alice: Person, app: Flask, moved: str, mongo: Database):
        answer = revert(alice.client, moved)
        assert (answer.status_code, answer.get_json()["email"]) == (200, EMAIL)
        assert alice.home().status_code == 401
        token = newest(app, "email_restored", EMAIL)
        body = {"token": token, "newPassword": "a brand new passphrase"}
        assert alice.client.post("/auth/password/reset", json=body).status_code == 204
        assert login(alice.client, EMAIL, "a brand new passphrase").status_code == 200
        assert mongo.audit.count_documents({"action": "email.change_reverted"}) == 1

    def test_it_works_once(self, alice: Person, moved: str):
        assert revert(alice.client, moved).status_code == 200
        assert revert(alice.client, moved).status_code == 400

    def test_it_undoes_a_second_change_too(self, alice: Person, app: Flask, moved: str):
        """A thief changes the address twice to get rid of the owner."""
        ask(alice, "thief@example.com")
        verify(alice.client, newest(app, "change", "thief@example.com"), **alice.headers)
        assert revert(alice.client, moved).get_json()["email"] == EMAIL

    def test_meanwhile_nobody_else_gets_the_address(self, alice: Person, bob: Person, app: Flask, moved: str):
        assert register(alice.client, email=EMAIL).status_code == 409
        ask(bob, EMAIL)
        assert verify(bob.client, newest(app, "change", EMAIL)).status_code == 409
        assert revert(alice.client, moved).status_code == 200

    def test_its_owner_may_change_back(self, alice: Person, app: Flask, moved: str):
        assert ask(alice, EMAIL).status_code == 202
        assert verify(alice.client, newest(app, "change", EMAIL)).get_json()["email"] == EMAIL

    def test_after_seven_days_it_is_too_late(self, alice: Person, moved: str):
        with time_machine.travel(clock.now() + timedelta(days=7, seconds=2)):
            assert revert(alice.client, moved).status_code == 400
            assert register(alice.client, email=EMAIL).status_code == 201


class TestRequired:
    """R17, R19: an address must be proved before anybody is signed in."""

    @pytest.fixture
    def strict(self, app: Flask) -> Iterator[None]:
        app.config["EMAIL_VERIFICATION"] = "required"
        yield
        app.config["EMAIL_VERIFICATION"] = "optional"

    @pytest.mark.usefixtures("heard")
    def test_registering_tells_nobody_who_is_there(
        self, strict: None, client: FlaskClient, app: Flask, mongo: Database
    ):
        with counted_work() as new:
            first = register(client, email=EMAIL)
        token = newest(app, "verify", EMAIL)
        assert login(client, EMAIL).get_json()["code"] == "email_unverified"
        assert login(client, EMAIL, "not the right phrase").get_json()["code"] == "invalid_credentials"
        assert verify(client, token).status_code == 200
        body = {"token": token, "newPassword": "a brand new passphrase"}  # the proof was nobody's session: U4
        assert client.post("/auth/password/reset", json=body).status_code == 204
        assert login(client, EMAIL, "a brand new passphrase").status_code == 200
        with counted_work() as known:
            second = register(client, email=EMAIL)
        mongo.users.update_one({"email": EMAIL}, {"$set": {"disabledAt": clock.now()}})
        with counted_work() as disabled:
            register(client, email=EMAIL)
        assert (first.status_code, first.data) == (second.status_code, second.data) == (202, b"{}\n")
        assert set(first.headers.keys()) == set(second.headers.keys())
        mongo.users.delete_many({})
        import_account(mongo, email=EMAIL)
        with counted_work() as unproved:
            register(client, email=EMAIL)
        assert new.rounds == known.rounds == disabled.rounds == unproved.rounds
        assert sorted(new.commands) == sorted(known.commands) == sorted(disabled.commands) == sorted(unproved.commands)
        assert {letter["to"] for letter in sent(app, "known")} == {EMAIL}

    def test_a_reset_proves_it(self, strict: None, client: FlaskClient, app: Flask):
        register(client, email=EMAIL)
        client.post("/auth/password/forgot", json={"email": EMAIL})
        body = {"token": newest(app, "reset"), "newPassword": PASSWORD}
        assert client.post("/auth/password/reset", json=body).status_code == 204
        assert login(client, EMAIL).status_code == 200


class TestOff:
    def test_no_letter_is_sent(self, client: FlaskClient, app: Flask):
        app.config["EMAIL_VERIFICATION"] = "off"
        try:
            assert register(client, email=EMAIL).status_code == 201
            assert resend(client).status_code == 202
        finally:
            app.config["EMAIL_VERIFICATION"] = "optional"
        assert sent(app) == []


class TestLinks:
    """R40, R74, R78: each link does one thing, by POST."""

    ROUTES = ("/auth/email/verify", "/auth/email/revert", "/auth/password/reset")

    @pytest.mark.parametrize("route", ROUTES)
    def test_a_link_is_redeemed_only_by_post(self, client: FlaskClient, route: str):
        assert client.get(route).status_code == 405

    @pytest.mark.parametrize(
        ("kind", "good_for"),
        [("verify", ROUTES[0]), ("change", ROUTES[0]), ("email_changed", ROUTES[1]), ("reset", ROUTES[2])],
    )
    def test_a_link_is_valid_only_on_its_own_route(self, alice: Person, app: Flask, kind: str, good_for: str):
        make: dict[str, Callable[[], object]] = {
            "verify": lambda: None,
            "change": lambda: ask(alice),
            "reset": lambda: alice.client.post("/auth/password/forgot", json={"email": EMAIL}),
            "email_changed": lambda: (ask(alice), verify(alice.client, newest(app, "change"), **alice.headers)),
        }
        make[kind]()
        token = newest(app, kind)
        for route in self.ROUTES:
            more = {"newPassword": "a brand new passphrase"} if route == self.ROUTES[2] else {}
            if route != good_for:
                assert alice.client.post(route, json={"token": token, **more}).status_code == 400, route
        bearer = {"Authorization": f"Bearer {token}"}
        assert alice.client.get("/", headers=bearer).status_code == 401
        assert alice.client.post("/auth/refresh-token", json={"refreshToken": token}).status_code == 401
        more = {"newPassword": "a brand new passphrase"} if good_for == self.ROUTES[2] else {}
        assert alice.client.post(good_for, json={"token": token, **more}).status_code < 300
