"""What waits for a webhook: for what comes before it, for the end of a pause, for somebody to enable it again."""

import threading
from datetime import timedelta
from typing import Any

import time_machine
from bson import ObjectId
from flask import Flask

from authsvc import clock
from authsvc.models.webhook_deliveries import WAITS_FOR, WebhookDelivery
from authsvc.outbox.news import News
from authsvc.services import webhook_messages, webhooks
from tests.conftest import Person
from tests.support.accounts import Database, login
from tests.support.hearers import Hearer, rename, retry, sequences, telling
from tests.support.outside import saying

DOWN = "503 Service Unavailable"


class TestInTurn:
    def test_what_is_done_within_another_change_comes_right_after_it(self, app: Flask, hearer: Hearer, alice: Person):
        """It is there first, and has to wait for one that is held until its change is made."""
        with app.app_context(), telling("password.changed", alice):
            with telling("session.ended", alice):
                pass
            while webhook_messages.give_next():
                pass
        hearer.deliver()
        assert [one["type"] for one in hearer.heard()] == ["password.changed", "session.ended"]

    def test_it_does_not_wait_long_for_what_was_refused(self, app: Flask, hearer: Hearer, alice: Person):
        class Refused(Exception):
            pass

        with app.app_context():
            try:
                with telling("password.changed", alice):
                    with telling("session.ended", alice):
                        pass
                    while webhook_messages.give_next():
                        pass
                    raise Refused
            except Refused:
                pass
        with time_machine.travel(clock.now() + timedelta(seconds=2)):
            hearer.deliver()
            assert [one["type"] for one in hearer.heard()] == ["session.ended"]

    def test_the_rest_follows_as_soon_as_the_first_is_taken(self, hearer: Hearer, alice: Person):
        hearer.server.behaviour = saying(DOWN)
        rename(alice, "A", "B", "C")
        begin = clock.now()
        for minutes in (0, 1, 10, 30, 60, 240):
            with time_machine.travel(begin + timedelta(minutes=minutes)):
                hearer.deliver()
        first = hearer.deliveries()[-1]
        assert first["attempts"] == 6
        hearer.server.behaviour = saying()
        hearer.server.requests.clear()
        with time_machine.travel(begin + timedelta(minutes=241)):
            retry(hearer, first)
            hearer.deliver()
            assert sequences(hearer) == [1, 2, 3]

    def test_it_is_their_number_that_orders_them(self, app: Flask, hearer: Hearer, alice: Person, mongo: Database):
        """Not the time of the machine that made them, of which another may be ahead."""
        with app.app_context():
            rename(alice, "A")
            while webhook_messages.give_next():
                pass
            rename(alice, "B")
            earlier = clock.now() - timedelta(minutes=1)
            behind = mongo.webhook_messages.find_one({"kind": "profile.changed"})
            assert behind is not None
            mongo.webhook_messages.delete_one({"_id": behind["_id"]})
            mongo.webhook_messages.insert_one({**behind, "_id": ObjectId.from_datetime(earlier)})
        hearer.deliver()
        assert sequences(hearer) == [1, 2]

    def test_what_has_been_given_out_is_not_kept(self, hearer: Hearer, alice: Person, mongo: Database):
        rename(alice, "A", "B")
        hearer.deliver()
        assert len(hearer.heard()) == 2
        assert mongo.webhook_messages.count_documents({}) == 0


class TestPatience:
    def test_it_begins_when_something_is_tried_and_not_while_it_waits(self, hearer: Hearer, alice: Person):
        hearer.server.behaviour = saying(DOWN)
        rename(alice, "A", "B")
        begin = clock.now()
        for hours in range(0, 5 * 24, 6):
            with time_machine.travel(begin + timedelta(hours=hours)):
                hearer.deliver()
        second, first = hearer.deliveries()
        assert first["state"] == "dead"
        assert (second["state"], second["attempts"] > 3) == ("waiting", True)

    def test_it_begins_anew_once_the_webhook_is_enabled(self, hearer: Hearer, alice: Person):
        hearer.server.behaviour = saying("410 Gone")
        rename(alice, "A", "B")
        hearer.deliver()
        assert hearer.show()["disabledReason"] == "gone"
        hearer.server.behaviour = saying(DOWN)
        with time_machine.travel(clock.now() + timedelta(days=4)):
            with hearer.app.app_context():
                webhooks.change(None, hearer.made["id"], {"disabled": False})
            hearer.deliver()
        assert {one["state"] for one in hearer.deliveries()} == {"waiting"}
        hearer.server.behaviour = saying()
        hearer.server.requests.clear()
        with time_machine.travel(clock.now() + timedelta(days=4, hours=1)):
            hearer.deliver()
            assert sequences(hearer) == [1, 2]

    def test_one_that_was_offered_nothing_for_weeks_has_not_failed_for_weeks(self, hearer: Hearer, alice: Person):
        hearer.server.behaviour = saying("413 Content Too Large")
        rename(alice, "A")
        begin = clock.now()
        for hours in range(0, 3 * 24 + 7, 6):
            with time_machine.travel(begin + timedelta(hours=hours)):
                hearer.deliver()
        assert hearer.deliveries()[0]["state"] == "dead"
        with time_machine.travel(begin + timedelta(days=30)):
            login(alice.client)
            hearer.deliver()
        shown = hearer.show()
        assert (shown["disabledReason"], shown["failures"], shown["resumesAt"]) == (None, 1, None)


class TestByHand:
    def paused(self, hearer: Hearer, client: Any) -> None:
        """Let a webhook fail until it has a pause."""
        hearer.server.behaviour = saying(DOWN)
        for turn in range(6):
            login(client, f"nobody-{turn}@example.com")
        hearer.deliver()
        assert hearer.show()["resumesAt"] is not None
        hearer.server.behaviour = saying()
        hearer.server.requests.clear()

    def test_a_test_comes_at_once_in_a_pause_too(self, hearer: Hearer, alice: Person):
        self.paused(hearer, alice.client)
        hearer.ask("POST", "/test")
        hearer.deliver()
        assert "webhook.test" in [one["type"] for one in hearer.heard()]

    def test_what_is_retried_comes_at_once_in_a_pause_too(self, hearer: Hearer, alice: Person):
        self.paused(hearer, alice.client)
        delivery = hearer.deliveries()[0]
        assert hearer.ask("POST", f"/deliveries/{delivery['id']}/retry").status_code == 202
        hearer.deliver()
        assert len(hearer.heard()) >= 1

    def test_another_address_has_no_pause(self, hearer: Hearer, alice: Person):
        self.paused(hearer, alice.client)
        hearer.ask("PATCH", json={"url": hearer.server.url("/elsewhere")})
        login(alice.client, "somebody@example.com")
        hearer.deliver()
        assert hearer.server.requests[0].startswith(b"POST /elsewhere ")

    def test_what_was_given_up_holds_up_nothing_newer(self, hearer: Hearer, alice: Person):
        hearer.server.behaviour = saying(DOWN)
        rename(alice, "A")
        begin = clock.now()
        for hours in range(0, 3 * 24 + 7, 6):
            with time_machine.travel(begin + timedelta(hours=hours)):
                hearer.deliver()
        (dead,) = hearer.deliveries()
        assert dead["state"] == "dead"

        def moody(connection: Any, request: bytes) -> None:
            refused = b'"sequence":1,' in request
            saying(DOWN if refused else "204 No Content")(connection, request)

        hearer.server.behaviour = moody
        with time_machine.travel(begin + timedelta(days=4)):
            retry(hearer, dead)
            hearer.deliver()
            login(alice.client)
            hearer.deliver()
        newest, retried = hearer.deliveries()
        assert (newest["state"], retried["state"]) == ("delivered", "waiting")


class TestDisabled:
    def test_what_happened_before_it_was_disabled_waits_for_it(self, hearer: Hearer, alice: Person):
        """Though nobody had given it to the webhook by then."""
        rename(alice, "A")
        hearer.ask("PATCH", json={"disabled": True})
        rename(alice, "B")
        hearer.deliver()
        assert hearer.server.requests == []
        hearer.ask("PATCH", json={"disabled": False})
        hearer.deliver()
        assert [one["data"]["account"]["id"] for one in hearer.heard()] == [alice.id]

    def test_it_waits_for_thirty_days(self, hearer: Hearer, alice: Person, mongo: Database):
        rename(alice, "A")
        hearer.ask("PATCH", json={"disabled": True})
        hearer.deliver()
        (waiting,) = mongo.webhook_deliveries.find({})
        assert timedelta(days=30) == WAITS_FOR
        assert abs(waiting["expiresAt"] - waiting["createdAt"] - WAITS_FOR) < timedelta(seconds=1)

    def test_nothing_that_waits_for_it_is_touched(self, hearer: Hearer, alice: Person, mongo: Database):
        rename(alice, "A")
        hearer.ask("PATCH", json={"disabled": True})
        hearer.deliver()
        before = list(mongo.webhook_deliveries.find({}))
        for _ in range(3):
            hearer.deliver()
        assert list(mongo.webhook_deliveries.find({})) == before


class TestHands:
    def test_news_wake_one_hand(self):
        news, woken = News(), []

        def wait() -> None:
            woken.append(news.wait(0.5))

        hands = [threading.Thread(target=wait) for _ in range(8)]
        for hand in hands:
            hand.start()
        news.notify()
        for hand in hands:
            hand.join()
        assert sorted(woken) == [False] * 7 + [True]

    def test_news_from_before_are_not_lost(self):
        news = News()
        news.notify()
        assert news.wait(0)
        assert not news.wait(0)

    def test_a_backlog_of_one_is_not_read_for_another(self, app: Flask, clean: None, mongo: Database):
        now = clock.now()
        stored: dict[str, Any] = {"kind": "x", "createdAt": now, "dueAt": now, "body": "{}", "attempts": 0, "order": 1}
        busy, quiet = str(ObjectId()), str(ObjectId())
        backlog = [{**stored, "to": busy, "message": ObjectId(), "lane": f"{busy} {one}"} for one in range(3)]
        mongo.webhook_deliveries.insert_many(backlog)
        mongo.webhook_deliveries.insert_one({**stored, "to": quiet, "message": ObjectId(), "lane": quiet})
        leased = [WebhookDelivery.lease(clock.now(), timedelta(minutes=1), only=to) for to in (quiet, quiet, busy)]
        assert [one.to if one is not None else None for one in leased] == [quiet, None, busy]
