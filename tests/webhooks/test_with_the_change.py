"""R123: a message goes with the change that it tells of, or not at all, wherever the process dies."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.errors import OutcomeUnknown
from authsvc.events import happening
from authsvc.events.catalogue import PasswordChanged, ProfileChanged
from authsvc.models.ids import new_id
from authsvc.models.webhook_messages import WebhookMessage
from authsvc.services import webhook_messages
from tests.conftest import Person
from tests.support import operations
from tests.support.accounts import Database, import_account, login, register, stored
from tests.support.crashes import Crashing
from tests.support.hearers import Hearer
from tests.support.operations import Attempt, World
from tests.support.outside import Server

OPERATIONS: list[Callable[[World], Attempt]] = [
    operations.name_change,
    operations.password_change,
    operations.deletion,
    operations.registration,
    operations.role_change,
    operations.sign_in,
    operations.sign_out_everywhere,
]


def told(mongo: Database, action: str, before: set[Any]) -> list[dict[str, Any]]:
    """Return what the webhook is told of an action, of which it was not told before."""
    return [one for one in mongo.webhook_deliveries.find({"kind": action}) if one["_id"] not in before]


class TestCrash:
    @pytest.mark.slow
    @pytest.mark.parametrize("prepare", OPERATIONS, ids=lambda operation: operation.__name__)
    def test_r123_it_is_told_if_it_was_done(
        self,
        world: World,
        crashing: Crashing,
        server: Server,
        prepare: Callable[[World], Attempt],
    ) -> None:
        Hearer(world.app, world.admin(), server, ["*"])
        made: set[bool] = set()
        for step in range(1, 60):
            attempt = prepare(world)
            operations.settle(world.app)
            give(world.app)
            state, known = attempt.state(), set(world.mongo.webhook_deliveries.distinct("_id"))
            status = crashing.request(**attempt.request, die_before=step)
            is_made = attempt.state() != state
            operations.settle(world.app)
            give(world.app)
            assert len(told(world.mongo, attempt.action, known)) == is_made, step
            made.add(is_made)
            if status is not None:
                break
        assert status is not None
        assert made == {True, False}


def give(app: Flask) -> None:
    """Give the webhooks what happened, once each change has had its time."""
    with app.app_context(), time_machine.travel(clock.now() + timedelta(seconds=62)):
        while webhook_messages.give_next():
            pass


class TestClockAhead:
    """Another machine takes what is held for something that a crash left, before the change is made."""

    def test_what_it_withdrew_before_an_import_is_told(self, hearer: Hearer, mongo: Database) -> None:
        ids = [new_id() for _ in range(4)]
        with hearer.app.app_context(), webhook_messages.tell_of_new_accounts("account.imported", ids) as made:
            give(hearer.app)
            assert mongo.webhook_messages.count_documents({"kind": "account.imported"}) == 0
            for one in ids[:3]:
                import_account(mongo, _id=one, email=f"{one}@example.com")
            made.update(ids[:3])
        hearer.deliver()
        assert {one["data"]["account"]["id"] for one in hearer.heard()} == {str(one) for one in ids[:3]}

    def test_what_it_gave_before_the_import_went_on_is_told_once(self, hearer: Hearer, mongo: Database) -> None:
        one = new_id()
        with hearer.app.app_context(), webhook_messages.tell_of_new_accounts("account.imported", [one]) as made:
            import_account(mongo, _id=one)
            with time_machine.travel(clock.now() + timedelta(seconds=62)):
                assert hearer.deliver() == 1
            made.add(one)
        assert hearer.deliver() == 0

    def test_an_import_whose_messages_can_not_be_released_goes_on_and_is_told_later(
        self, hearer: Hearer, mongo: Database
    ) -> None:
        ids = [new_id() for _ in range(3)]
        mongo.webhook_messages.create_index([("kind", 1), ("evidence.key", 1)], unique=True, name="refusing")
        try:
            with hearer.app.app_context(), webhook_messages.tell_of_new_accounts("account.imported", ids) as made:
                for one in ids:
                    import_account(mongo, _id=one, email=f"{one}@example.com")
                made.update(ids)
        finally:
            mongo.webhook_messages.drop_index("refusing")
        assert mongo.webhook_messages.count_documents({"evidence": {"$exists": True}}) >= 2
        with time_machine.travel(clock.now() + timedelta(seconds=62)):
            hearer.deliver()
        assert len(hearer.heard()) == 3

    def test_what_it_looked_at_before_a_change_it_does_not_withdraw_after_it(
        self, hearer: Hearer, alice: Person, mongo: Database
    ) -> None:
        with hearer.app.app_context():
            with happening(ProfileChanged(actor=alice.id, target=alice.id, changed=["name"])):
                seen = WebhookMessage.lease(clock.now() + timedelta(seconds=61), timedelta(minutes=3))
                assert seen is not None
                assert seen.evidence is not None
                assert not seen.evidence.shows_a_change()
                mongo.users.update_one({"_id": ObjectId(alice.id)}, {"$set": {"name": "Alicia"}})
            assert not seen.withdraw()
        hearer.deliver()
        assert [one["type"] for one in hearer.heard()] == ["profile.changed"]

    def test_it_withdraws_nothing_that_another_looks_at_by_now(self, hearer: Hearer, alice: Person) -> None:
        """Who was stopped between two steps of theirs may know what was true minutes ago."""
        later = clock.now() + timedelta(minutes=5)
        with hearer.app.app_context():
            with happening(ProfileChanged(actor=alice.id, target=alice.id, changed=["name"])):
                first = WebhookMessage.lease(later, timedelta(minutes=3))
                second = WebhookMessage.lease(later + timedelta(minutes=4), timedelta(minutes=3))
            assert first is not None
            assert second is not None
            assert not first.withdraw()


class TestSignOut:
    def test_one_that_the_database_refuses_is_not_told(self, hearer: Hearer, alice: Person, mongo: Database) -> None:
        mongo.sessions.insert_one({"endReason": "logout"})
        mongo.sessions.create_index("endReason", unique=True, sparse=True, name="refusing")
        try:
            answer = alice.client.delete("/auth/sessions?scope=all", headers=alice.headers)
        finally:
            mongo.sessions.drop_index("refusing")
        assert answer.status_code == 503
        assert mongo.sessions.count_documents({"user": ObjectId(alice.id), "endedAt": None}) == 1
        with time_machine.travel(clock.now() + timedelta(seconds=62)):
            hearer.deliver()
        assert hearer.heard() == []


class TestFailureAfterwards:
    def test_what_follows_from_a_change_fails_and_the_change_is_told(
        self, hearer: Hearer, alice: Person, mongo: Database
    ) -> None:
        """A session that opened meanwhile ends with the change, and that can't be told: but the change was made."""
        mongo.users.update_one({"_id": ObjectId(alice.id)}, {"$set": {"emailVerifiedAt": clock.now()}})
        changed = PasswordChanged(actor=alice.id, target=alice.id, email=alice.email)

        def change() -> None:
            with hearer.app.app_context(), happening(changed):
                alice.login()
                mongo.users.update_one({"_id": ObjectId(alice.id)}, {"$set": {"password": "another"}})
                assert mongo.webhook_messages.count_documents({"kind": "session.ended"}) == 1
                mongo.webhook_messages.create_index("kind", unique=True, name="refusing")

        try:
            with pytest.raises(OutcomeUnknown):
                change()
        finally:
            mongo.webhook_messages.drop_index("refusing")
        assert mongo.audit.count_documents({"action": "password.changed"}) == 1
        assert mongo.letters.count_documents({"kind": "password_changed"}) == 1
        with time_machine.travel(clock.now() + timedelta(seconds=62)):
            hearer.deliver()
        assert "password.changed" in [one["type"] for one in hearer.heard()]


class TestRefusal:
    def test_r123_what_is_refused_is_not_told(self, hearer: Hearer, client: FlaskClient, alice: Person) -> None:
        assert register(client, email=alice.email).status_code == 409
        assert client.patch("/auth/me", json={"name": ""}, headers=alice.headers).status_code == 422
        wrong = {"currentPassword": "not the right phrase", "newPassword": "a brand new passphrase"}
        assert client.post("/auth/me/password", json=wrong, headers=alice.headers).status_code == 403
        hearer.deliver()
        assert {one["type"] for one in hearer.heard()} <= {"password.incorrect"}

    def test_r123_of_two_who_register_one_address_one_is_told(
        self, hearer: Hearer, client: FlaskClient, mongo: Database
    ) -> None:
        answers = [register(client, email="carol@example.com").status_code for _ in range(3)]
        assert sorted(answers) == [201, 409, 409]
        hearer.deliver()
        assert [one["type"] for one in hearer.heard()].count("account.registered") == 1
        assert stored(mongo, "carol@example.com") is not None
        assert mongo.webhook_messages.count_documents({"dueAt": {"$ne": None}}) == 0

    def test_r18_who_registers_a_known_address_makes_a_decoy_that_nobody_hears_of(
        self, hearer: Hearer, client: FlaskClient, mongo: Database
    ) -> None:
        hearer.app.config["EMAIL_VERIFICATION"] = "required"
        try:
            assert [register(client, email="carol@example.com").status_code for _ in range(2)] == [202, 202]
        finally:
            hearer.app.config["EMAIL_VERIFICATION"] = "optional"
        (decoy,) = mongo.webhook_messages.find({"to": "-"})
        assert "dueAt" not in decoy
        assert decoy["expiresAt"] <= clock.now()
        with time_machine.travel(clock.now() + timedelta(seconds=62)):
            hearer.deliver()
        assert [one["type"] for one in hearer.heard()] == ["account.registered"]

    def test_what_can_not_be_stored_is_not_done(self, hearer: Hearer, alice: Person, mongo: Database) -> None:
        """Nobody is told too little: a change fails that could not be told of."""
        mongo.webhook_messages.create_index("kind", unique=True, name="refusing")
        try:
            mongo.webhook_messages.insert_one({"kind": "profile.changed", "to": "-", "attempts": 0})
            answer = alice.client.patch("/auth/me", json={"name": "Alicia"}, headers=alice.headers)
        finally:
            mongo.webhook_messages.drop_index("refusing")
            mongo.webhook_messages.delete_many({"to": "-"})
        assert answer.status_code == 503
        assert stored(mongo, alice.email)["name"] == "Alice"
        assert mongo.audit.count_documents({"action": "profile.changed"}) == 0
        assert hearer.deliver() == 0

    def test_a_sign_in_is_told_with_its_session(self, hearer: Hearer, client: FlaskClient, mongo: Database) -> None:
        assert login(client, "alice@example.com").status_code == 200
        hearer.deliver()
        (message,) = hearer.heard()
        assert (message["type"], message["data"]["details"]["methods"]) == ("login.succeeded", ["pwd"])
        assert mongo.sessions.count_documents({}) >= 2
