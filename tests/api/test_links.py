"""What a page shows of a link, and of a change of address that waits: P10, P14, P22."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import EMAIL, Database, register, throttled
from tests.support.factors import verified
from tests.support.letters import newest

NEW = "new@example.com"


def inspect(client: FlaskClient, token: str) -> object:
    """Return what a link is for."""
    answer = client.post("/auth/links/inspect", json={"token": token})
    assert answer.status_code == 200, answer.text
    return answer.get_json()


class TestInspect:
    def test_p10_a_link_names_its_address(self, client: FlaskClient, app: Flask):
        register(client, email=EMAIL)
        token = newest(app, "verify")
        for _ in range(2):
            assert inspect(client, token) == {"purpose": "verify", "email": EMAIL}
        assert client.post("/auth/email/verify", json={"token": token}).status_code == 200

    def test_p22_one_that_has_verified_may_set_a_password(self, client: FlaskClient, app: Flask):
        register(client, email=EMAIL)
        token = newest(app, "verify")
        client.post("/auth/email/verify", json={"token": token})
        assert inspect(client, token) == {"purpose": "reset", "email": EMAIL}
        client.post("/auth/password/reset", json={"token": token, "newPassword": f"{PASSWORD} too"})
        problem(client.post("/auth/links/inspect", json={"token": token}), 400, "link_invalid")

    def test_the_other_kinds(self, admin: Person, app: Flask):
        admin.client.post("/auth/password/forgot", json={"email": admin.email})
        assert inspect(admin.client, newest(app, "reset")) == {"purpose": "reset", "email": admin.email}
        wish = {"name": "Ada", "email": NEW, "role": "user"}
        admin.client.post("/admin/users", json=wish, headers=admin.headers)
        assert inspect(admin.client, newest(app, "invitation")) == {"purpose": "invite", "email": NEW}

    def test_a_change_and_its_undo(self, alice: Person, app: Flask, mongo: Database):
        verified(mongo, alice)
        change(alice)
        token = newest(app, "change")
        assert inspect(alice.client, token) == {"purpose": "change", "email": NEW}
        alice.client.post("/auth/email/verify", json={"token": token}, headers=alice.headers)
        assert inspect(alice.client, newest(app, "email_changed")) == {"purpose": "revert", "email": EMAIL}

    def test_a_change_whose_session_has_ended_is_none(self, alice: Person, app: Flask):
        change(alice)
        alice.client.post("/auth/logout", headers=alice.headers)
        problem(alice.client.post("/auth/links/inspect", json={"token": newest(app, "change")}), 400, "link_invalid")

    @pytest.mark.parametrize("token", ["", "asl_x", "x" * 9000])
    def test_anything_else_is_no_link(self, client: FlaskClient, token: str):
        problem(client.post("/auth/links/inspect", json={"token": token}), 400, "link_invalid")

    def test_nobody_guesses_one(self, client: FlaskClient, app: Flask):
        with throttled(app, link_address=3):
            statuses = [client.post("/auth/links/inspect", json={"token": f"asl_{n}"}).status_code for n in range(5)]
        assert statuses == [400] * 3 + [429] * 2


def change(person: Person, email: str = NEW) -> None:
    """Ask for another address."""
    answer = person.client.post("/auth/me/email", json={"email": email}, headers=person.headers)
    assert answer.status_code == 202


def waiting(person: Person) -> dict[str, str] | None:
    """Return the change that waits."""
    answer = person.client.get("/auth/me/email", headers=person.headers)
    assert answer.status_code == 200
    found: dict[str, str] | None = answer.get_json()["waiting"]
    return found


class TestWaiting:
    def test_p10_a_change_is_shown_until_it_is_made(self, alice: Person, app: Flask):
        assert waiting(alice) is None
        change(alice)
        told = waiting(alice)
        assert told is not None
        assert told["email"] == NEW
        assert told["requestedAt"] < told["expiresAt"]
        token = newest(app, "change")
        assert alice.client.post("/auth/email/verify", json={"token": token}, headers=alice.headers).status_code == 200
        assert waiting(alice) is None

    def test_p10_the_newest_counts_and_only_for_a_day(self, alice: Person):
        change(alice)
        change(alice, "newer@example.com")
        assert (waiting(alice) or {})["email"] == "newer@example.com"
        with time_machine.travel(clock.now() + timedelta(hours=25)):
            assert waiting(alice.login()) is None

    def test_r8_an_address_that_somebody_has_waits_too(self, alice: Person, bob: Person):
        """Whether it does tells nobody who has it."""
        change(alice, bob.email)
        assert (waiting(alice) or {})["email"] == bob.email

    def test_p10_another_session_sees_it_until_the_one_that_asked_ends(self, alice: Person, app: Flask):
        change(alice)
        other = Person(app.test_client(), EMAIL, PASSWORD, "Alice").login()
        assert waiting(other) is not None
        alice.client.post("/auth/logout", headers=alice.headers)
        assert waiting(other) is None

    def test_nobody_else_sees_it(self, alice: Person, bob: Person, client: FlaskClient):
        change(alice)
        assert waiting(bob) is None
        problem(app_client(client).get("/auth/me/email"), 401, "token_missing")


class TestCancel:
    def test_p10_the_link_of_a_change_that_was_called_off_is_dead(self, alice: Person, app: Flask, mongo: Database):
        change(alice)
        for _ in range(2):
            assert alice.client.delete("/auth/me/email", headers=alice.headers).status_code == 204
        assert waiting(alice) is None
        token = newest(app, "change")
        problem(
            alice.client.post("/auth/email/verify", json={"token": token}, headers=alice.headers), 400, "link_invalid"
        )
        assert mongo.audit.count_documents({"action": "email.change_cancelled"}) == 1

    def test_p10_nothing_else_ends(self, alice: Person, bob: Person, app: Flask):
        change(bob)
        token = newest(app, "verify", EMAIL)
        assert alice.client.delete("/auth/me/email", headers=alice.headers).status_code == 204
        assert waiting(bob) is not None
        assert inspect(alice.client, token) == {"purpose": "verify", "email": EMAIL}


def app_client(client: FlaskClient) -> FlaskClient:
    """Return a client that knows nobody."""
    return client.application.test_client()
