"""What a webhook is told although something fails, or somebody dies, in between. R123."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from pymongo.errors import AutoReconnect

from authsvc import clock
from authsvc.models.audit import AuditEvent
from authsvc.models.webhook_deliveries import WebhookDelivery
from authsvc.models.webhook_messages import AccountSequence, WebhookMessage
from authsvc.models.webhooks import Webhook
from authsvc.services import audit, webhook_health, webhook_messages, webhooks
from tests.conftest import Person
from tests.support.accounts import Database, login
from tests.support.hearers import Hearer, rename, retry, sequences, telling
from tests.support.outside import saying

DOWN = "503 Service Unavailable"
PAUSES = (timedelta(seconds=5), timedelta(seconds=15), timedelta(minutes=1))


def fail_once(monkeypatch: pytest.MonkeyPatch, kind: type, name: str) -> None:
    """Let a query fail once, as by a primary that steps down."""
    real: Callable[..., Any] = getattr(kind, name)
    left = [AutoReconnect("primary stepped down")]

    def query(*arguments: Any) -> Any:
        if left:
            raise left.pop()
        return real(*arguments)

    monkeypatch.setattr(kind, name, query)


def wait(hearer: Hearer, *seconds: float) -> None:
    """Deliver what is due after so many seconds, and then after so many more."""
    begin = clock.now()
    for more in seconds:
        begin += timedelta(seconds=more)
        with time_machine.travel(begin):
            hearer.deliver()


class TestADatabaseThatFails:
    def test_r123_a_delivery_that_waited_for_days_is_not_given_up_by_it(
        self, hearer: Hearer, alice: Person, monkeypatch: pytest.MonkeyPatch
    ):
        rename(alice, "A")
        hearer.ask("PATCH", json={"disabled": True})
        hearer.deliver()
        with time_machine.travel(clock.now() + timedelta(days=4)), hearer.app.app_context():
            webhooks.change(None, hearer.made["id"], {"disabled": False})
            fail_once(monkeypatch, Webhook, "find")
            wait(hearer, 0, 30)
            assert sequences(hearer) == [1]

    def test_r123_a_message_that_nobody_gave_out_for_days_is_not_given_up_by_it(
        self, hearer: Hearer, alice: Person, monkeypatch: pytest.MonkeyPatch
    ):
        """As where the service was stopped for a weekend."""
        rename(alice, "A")
        with time_machine.travel(clock.now() + timedelta(hours=49)):
            fail_once(monkeypatch, Webhook, "all")
            wait(hearer, 0, 30)
            assert sequences(hearer) == [1]


class TestOrder:
    """One message is numbered and not given out; then comes one of a machine whose clock is behind."""

    @staticmethod
    def tell_from_the_past(hearer: Hearer, alice: Person) -> None:
        with (
            hearer.app.app_context(),
            time_machine.travel(clock.now() - timedelta(milliseconds=200)),
            telling("profile.changed", alice),
        ):
            pass

    def test_whoever_numbered_it_died(self, hearer: Hearer, alice: Person):
        with hearer.app.app_context():
            with telling("password.changed", alice):
                pass
            leased = WebhookMessage.lease(clock.now(), timedelta(seconds=30))
            assert leased is not None
            AccountSequence.number_of(leased.to, leased.id)
        self.tell_from_the_past(hearer, alice)
        wait(hearer, 0, 32, 3)
        assert [(one["type"], one["data"]["sequence"]) for one in hearer.heard()] == [
            ("password.changed", 1),
            ("profile.changed", 2),
        ]

    def test_the_database_failed(self, hearer: Hearer, alice: Person, monkeypatch: pytest.MonkeyPatch):
        with hearer.app.app_context():
            with telling("password.changed", alice):
                pass
            fail_once(monkeypatch, WebhookDelivery, "insert_once")
            webhook_messages.give_next()
        self.tell_from_the_past(hearer, alice)
        wait(hearer, 0, 32, 3)
        assert sequences(hearer) == [1, 2]


class TestALane:
    def test_what_is_retried_after_it_was_given_up_stops_nobody(self, hearer: Hearer, alice: Person):
        """Once what comes first is taken, the next is, though the one from before waits again."""
        refused = {1}

        def moody(connection: Any, request: bytes) -> None:
            bad = any(b'"sequence":%d,' % number in request for number in refused)
            saying(DOWN if bad else "204 No Content")(connection, request)

        hearer.server.behaviour = moody
        rename(alice, "A")
        wait(hearer, 0, *[6 * 3600] * 13)
        (dead,) = hearer.deliveries()
        assert dead["state"] == "dead"
        with time_machine.travel(clock.now() + timedelta(days=4)):
            refused.add(2)
            retry(hearer, dead)
            for _ in range(3):
                with hearer.app.app_context(), telling("password.changed", alice):
                    pass
            hearer.deliver()
            refused.discard(2)
            with hearer.app.app_context():
                waiting = WebhookDelivery.objects(order=2).get()
            retry(hearer, {"id": str(waiting.id)})
            hearer.server.requests.clear()
            hearer.deliver()
            assert sequences(hearer) == [2, 3, 4]

    def test_what_is_done_leaves_it_and_the_next_is_the_first(self, hearer: Hearer, mongo: Database):
        """What that costs in a long one is measured with the other steps (tests/models/test_growth.py)."""
        now, to = clock.now(), hearer.made["id"]
        stored: dict[str, Any] = {"kind": "x", "createdAt": now, "dueAt": now, "body": "{}", "attempts": 0, "to": to}
        mongo.webhook_deliveries.insert_many(
            {**stored, "message": ObjectId(), "lane": "a", "order": order} for order in range(1, 100)
        )
        with hearer.app.app_context():
            last = WebhookDelivery.objects(order=99).get()
            first = last.earlier()
            assert first is not None
            assert first.order == 1
            first.settle(due_at=None, delivered_at=now)
            second = last.earlier()
            assert second is not None
            assert second.order == 2
        done = mongo.webhook_deliveries.find_one({"order": 1})
        assert done is not None
        assert "lane" not in done

    def test_those_that_wait_behind_others_hide_no_other_lane(self, hearer: Hearer, mongo: Database):
        """All that was tried in vain comes forward once the webhook is reached: of hundreds of lanes."""
        now, to = clock.now(), hearer.made["id"]
        stored: dict[str, Any] = {"kind": "x", "createdAt": now, "body": "{}", "attempts": 3, "to": to}
        soon, late = now + timedelta(hours=1), now + timedelta(hours=5)
        behind = [
            {**stored, "message": ObjectId(), "lane": "a", "order": order, "behind": True, "dueAt": soon}
            for order in range(2, 252)
        ]
        tried = [
            {**stored, "message": ObjectId(), "lane": lane, "order": 1, "posted": 9, "dueAt": due}
            for lane, due in (("a", soon), ("b", late))
        ]
        mongo.webhook_deliveries.insert_many([*behind, *tried])
        with hearer.app.app_context():
            assert WebhookDelivery.hasten(to, now + timedelta(seconds=30), now) == 2


class TestAnAccountThatComesBack:
    def test_under_its_former_id_it_keeps_its_numbers(self, hearer: Hearer, alice: Person, mongo: Database):
        """Otherwise it began anew at 1 a month later, and who remembers the latest number would ignore it for good."""
        rename(alice, "A")
        kept = mongo.users.find_one({"_id": ObjectId(alice.id)})
        assert kept is not None
        assert alice.client.delete("/auth/me", headers=alice.headers).status_code == 204
        hearer.deliver()
        sequence = mongo.webhook_sequences.find_one({"_id": alice.id})
        assert sequence is not None
        assert "expiresAt" in sequence
        account = ObjectId(alice.id)
        with (
            hearer.app.app_context(),
            webhook_messages.tell_of_new_accounts("account.imported", [account]) as made,
        ):
            mongo.users.insert_one(kept)
            made.add(account)
        hearer.deliver()
        back = mongo.webhook_sequences.find_one({"_id": alice.id})
        assert back is not None
        assert back["number"] == sequence["number"] + 1
        assert "expiresAt" not in back


class TestFailures:
    @staticmethod
    def failing(hearer: Hearer, times: int) -> Webhook:
        """Return the webhook as it is after so many failures, each after the pause of the one before."""
        at = clock.now()
        webhook = Webhook.find(hearer.made["id"])
        for _ in range(times):
            assert webhook is not None
            webhook = webhook.note_failure(at, 5, PAUSES)
            assert webhook is not None
            at = max(at, webhook.resumes_at or at)
        assert webhook is not None
        return webhook

    def test_those_under_way_when_a_pause_begins_make_it_no_longer(self, hearer: Hearer, alice: Person):
        at = clock.now()
        with hearer.app.app_context():
            webhook = Webhook.find(hearer.made["id"])
            assert webhook is not None
            for _ in range(8):  # four at once, and four more were sent before the fifth failed
                failing = webhook.note_failure(at, 5, PAUSES)
        assert failing is not None
        assert failing.resumes_at is not None
        assert abs(failing.resumes_at - at - PAUSES[0]) < timedelta(milliseconds=1)

    def test_a_success_at_the_same_time_leaves_no_pause(
        self, hearer: Hearer, alice: Person, monkeypatch: pytest.MonkeyPatch
    ):
        """It comes between the two commands of a failure; what operators read of it makes sense."""
        with hearer.app.app_context():
            webhook = self.failing(hearer, 7)
            queries = type(Webhook.objects(id=webhook.id))
            real = queries.modify

            def modify(self: Any, *arguments: Any, **changes: Any) -> Any:
                if "max__resumes_at" in changes:
                    webhook.note_delivered(clock.now())
                return real(self, *arguments, **changes)

            monkeypatch.setattr(queries, "modify", modify)
            assert webhook.resumes_at is not None
            webhook.note_failure(webhook.resumes_at, 5, PAUSES)
            well = Webhook.find(hearer.made["id"])
            assert well is not None
            assert (well.failures, well.failing_since, well.resumes_at) == (0, None, None)
            assert list(webhook_health.webhooks({})) == []

    def test_one_that_was_reached_meanwhile_is_not_disabled(self, hearer: Hearer, alice: Person):
        with hearer.app.app_context():
            failing = self.failing(hearer, 7)
            failing.note_delivered(clock.now())
            assert not failing.disable(webhooks.DisabledReason.FAILED, clock.now())
        assert hearer.show()["disabledAt"] is None

    def test_another_address_has_its_own_five_days(self, hearer: Hearer, alice: Person):
        hearer.server.behaviour = saying(DOWN)
        login(alice.client)
        wait(hearer, 0, *[6 * 3600] * 19)
        begin = clock.now()
        with hearer.app.app_context(), time_machine.travel(begin + timedelta(hours=119)):
            webhooks.change(None, hearer.made["id"], {"url": hearer.server.url("/elsewhere")})
        hearer.server.requests.clear()
        with time_machine.travel(begin + timedelta(hours=121)):
            login(alice.client)
            hearer.deliver()
        assert hearer.server.requests[0].startswith(b"POST /elsewhere ")
        assert hearer.show()["disabledAt"] is None


class TestRecords:
    def test_one_that_was_confirmed_meanwhile_is_kept(self, app: Any, alice: Person, mongo: Database):
        """Between the reading of its evidence and its withdrawal the change may be made."""
        with app.app_context():
            rename(alice, "A")
            record = mongo.audit.find_one({"action": "profile.changed"})
            assert record is not None
            assert not AuditEvent.withdraw_unconfirmed(record["_id"])
            audit.settle()
        assert mongo.audit.count_documents({"action": "profile.changed"}) == 1
