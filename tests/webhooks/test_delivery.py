"""Webhooks: what they are told, how it is signed, in which order, and what becomes of what they do not take."""

import base64
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from authsvc import clock
from authsvc.errors.overtaken import Overtaken
from authsvc.models.webhook_messages import AccountSequence
from authsvc.services import webhook_deliveries, webhook_messages, webhook_outboxes
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import Database, login, register
from tests.support.factors import verified
from tests.support.hearers import Hearer, deliver, parsed
from tests.support.letters import sent
from tests.support.outside import Server, dripping, saying, silent
from tests.support.races import race

NEW = "a brand new passphrase"


def rename(person: Person, name: str) -> None:
    """Change a person's name."""
    assert person.client.patch("/auth/me", json={"name": name}, headers=person.headers).status_code == 200


class TestMessage:
    def test_it_says_what_happened_to_whom(self, hearer: Hearer, alice: Person):
        rename(alice, "Alicia")
        assert hearer.deliver() == 1
        (message,) = hearer.heard()
        assert set(message) == {"type", "timestamp", "data"}
        assert message["type"] == "profile.changed"
        assert set(message["data"]) == {"account", "sequence", "actor", "details"}
        account = message["data"]["account"]
        assert account == {
            "id": alice.id,
            "name": "Alicia",
            "email": alice.email,
            "emailVerified": False,
            "role": "user",
            "locale": None,
            "mfaEnabled": False,
            "disabled": False,
            "createdAt": account["createdAt"],
        }
        assert (message["data"]["actor"], message["data"]["details"]) == (alice.id, {"changed": ["name"]})

    def test_times_are_in_utc(self, hearer: Hearer, alice: Person):
        """R122."""
        rename(alice, "Alicia")
        hearer.deliver()
        (message,) = hearer.heard()
        assert message["timestamp"].endswith("Z")
        assert message["data"]["account"]["createdAt"].endswith("Z")

    def test_no_password_hash_no_secret_and_no_token_is_in_it(self, hearer: Hearer, client: FlaskClient, alice: Person):
        body = {"currentPassword": PASSWORD, "newPassword": NEW}
        assert client.post("/auth/me/password", json=body, headers=alice.headers).status_code == 204
        token = {"name": "t", "scopes": ["account:read"]}
        made = client.post("/auth/access-tokens", json=token, headers=alice.headers)
        hearer.deliver()
        told = b"".join(hearer.server.requests)
        assert b"$2b$" not in told
        assert NEW.encode() not in told
        assert made.get_json()["token"].encode() not in told
        assert alice.tokens["refreshToken"].encode() not in told

    def test_once_it_is_delivered_nobody_keeps_what_it_says(self, hearer: Hearer, alice: Person, mongo: Database):
        hearer.server.behaviour = saying("500 Internal Server Error")
        rename(alice, "Alicia")
        hearer.deliver()
        assert "Alicia" in repr(mongo.webhook_deliveries.find_one())
        hearer.server.behaviour = saying()
        hearer.ask("POST", f"/deliveries/{hearer.deliveries()[0]['id']}/retry")
        hearer.deliver()
        assert (hearer.deliveries()[0]["state"], hearer.heard()[-1]["data"]["account"]["name"]) == (
            "delivered",
            "Alicia",
        )
        assert "Alicia" not in repr([*mongo.webhook_deliveries.find(), *mongo.webhook_messages.find()])

    def test_a_deleted_account_is_told_as_it_was(self, hearer: Hearer, alice: Person):
        assert alice.client.delete("/auth/me", headers=alice.headers).status_code == 204
        hearer.deliver()
        (message,) = [one for one in hearer.heard() if one["type"] == "account.deleted"]
        assert (message["data"]["account"]["email"], message["data"]["account"]["name"]) == (alice.email, "Alice")

    def test_the_numbers_of_a_deleted_account_go(self, hearer: Hearer, alice: Person, mongo: Database):
        rename(alice, "Alicia")
        hearer.deliver()
        assert "expiresAt" not in (mongo.webhook_sequences.find_one({"_id": alice.id}) or {"expiresAt": None})
        assert alice.client.delete("/auth/me", headers=alice.headers).status_code == 204
        hearer.deliver()
        expiry = (mongo.webhook_sequences.find_one({"_id": alice.id}) or {})["expiresAt"]
        assert timedelta(days=29) < expiry - clock.now() <= timedelta(days=30)

    def test_what_is_about_no_account_has_none(self, hearer: Hearer, client: FlaskClient):
        assert login(client, "nobody@example.com").status_code == 401
        hearer.deliver()
        (message,) = hearer.heard()
        assert (message["type"], message["data"]["account"], message["data"]["sequence"]) == (
            "login.failed",
            None,
            None,
        )

    def test_only_what_it_hears(self, new_hearer: Callable[..., Hearer], alice: Person):
        hearer = new_hearer("password.changed")
        rename(alice, "Alicia")
        assert hearer.deliver() == 0
        assert hearer.deliveries() == []

    def test_each_webhook_gets_it_under_the_same_id(self, app: Flask, alice: Person, admin: Person):
        with Server() as one, Server() as other:
            hearers = [Hearer(app, admin, server, ["*"]) for server in (one, other)]
            rename(alice, "Alicia")
            assert deliver(app) == 2
            first, second = (hearer.heard() for hearer in hearers)
            assert first == second
            ids = {parsed(server.requests[0])[0]["webhook-id"] for server in (one, other)}
            assert len(ids) == 1


class TestSignature:
    def test_r122_the_library_verifies_it(self, hearer: Hearer, alice: Person):
        rename(alice, "Alicia")
        hearer.deliver()
        (request,) = hearer.server.requests
        headers, body = parsed(request)
        assert headers["content-type"] == "application/json"
        assert headers["webhook-id"].startswith("msg_")
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
        assert Webhook(hearer.made["secret"]).verify(body, headers)["type"] == "profile.changed"

    def test_r122_another_id_body_or_time_has_another_signature(self, hearer: Hearer, alice: Person):
        rename(alice, "Alicia")
        hearer.deliver()
        headers, body = parsed(hearer.server.requests[0])
        verifier = Webhook(hearer.made["secret"])
        later = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
        for changed, text in (({**headers, "webhook-id": "msg_x"}, body), (later, body), (headers, body + b" ")):
            with pytest.raises(WebhookVerificationError):
                verifier.verify(text, changed)

    def test_r122_the_former_secret_signs_too_for_a_day(self, hearer: Hearer, alice: Person):
        new = hearer.ask("POST", "/secret").get_json()["secret"]
        assert new != hearer.made["secret"]
        hearer.secrets = [hearer.made["secret"], new]
        rename(alice, "Alicia")
        hearer.deliver()
        assert len(hearer.heard()) == 1
        with time_machine.travel(clock.now() + timedelta(hours=25)):
            rename(alice.login(), "Ally")
            hearer.deliver()
            headers, body = parsed(hearer.server.requests[-1])
            assert len(headers["webhook-signature"].split()) == 1
            Webhook(new).verify(body, headers)
            with pytest.raises(WebhookVerificationError):
                Webhook(hearer.made["secret"]).verify(body, headers)

    def test_r122_each_try_has_a_fresh_time_and_the_same_id(self, hearer: Hearer, alice: Person):
        hearer.server.behaviour = saying("503 Service Unavailable")
        rename(alice, "Alicia")
        assert hearer.deliver() == 1
        with time_machine.travel(clock.now() + timedelta(minutes=1)):
            hearer.server.behaviour = saying()
            assert hearer.deliver() == 1
            first, second = (parsed(request)[0] for request in hearer.server.requests)
        assert first["webhook-id"] == second["webhook-id"]
        assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) >= 59
        assert first["webhook-signature"] != second["webhook-signature"]

    def test_its_secret_has_256_bits_and_is_shown_only_once(self, hearer: Hearer, mongo: Database):
        secret = hearer.made["secret"]
        assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
        assert secret not in json.dumps(hearer.show())
        assert secret.removeprefix("whsec_") not in str(mongo.webhooks.find_one({}))


class TestOrder:
    def test_an_account_s_messages_are_numbered_and_come_in_order(self, hearer: Hearer, alice: Person):
        for turn in range(5):
            rename(alice, f"Alice {turn}")
        assert hearer.deliver() == 5
        heard = [one["data"] for one in hearer.heard()]
        assert [one["sequence"] for one in heard] == [1, 2, 3, 4, 5]

    def test_what_is_not_taken_holds_up_its_account_and_no_other(self, hearer: Hearer, alice: Person, admin: Person):
        def moody(connection: Any, request: bytes) -> None:
            refused = b'"Alice 0"' in request and len(hearer.server.requests) < 3
            saying("500 Internal Server Error" if refused else "204 No Content")(connection, request)

        hearer.server.behaviour = moody
        rename(alice, "Alice 0")
        assert hearer.deliver() == 1
        for turn in (1, 2):
            rename(alice, f"Alice {turn}")
        rename(admin, "Bobby")
        hearer.deliver()
        assert len(hearer.server.requests) == 2
        assert hearer.heard()[-1]["data"]["account"]["name"] == "Bobby"
        with time_machine.travel(clock.now() + timedelta(minutes=1)):
            hearer.deliver()
            heard = hearer.heard()
        assert [one["data"]["sequence"] for one in heard if one["data"]["account"]["id"] == alice.id] == [1, 1, 2, 3]

    def test_events_of_one_step_come_in_the_order_of_that_step(self, hearer: Hearer, client: FlaskClient):
        assert register(client, email="carol@example.com").status_code == 201
        hearer.deliver()
        assert [one["type"] for one in hearer.heard()][:2] == ["account.registered", "login.succeeded"]

    def test_sixteen_that_number_at_once_leave_no_gap(self, app: Flask, clean: None):
        account, messages = str(ObjectId()), [ObjectId() for _ in range(16)]

        def number(message: ObjectId) -> int:
            while True:
                with suppress(Overtaken):  # as the outbox does, which tries again
                    return AccountSequence.number_of(account, message)[0]

        numbers = race(*(lambda one=one: number(one) for one in messages))
        assert sorted(numbers) == list(range(1, 17))
        assert [AccountSequence.number_of(account, one)[0] for one in messages] == numbers


class TestLane:
    def test_at_most_so_many_requests_are_open_at_a_webhook(self, hearer: Hearer, client: FlaskClient):
        """Several about different accounts at once; one after the other about one account."""
        open_now, most, lock = [0], [0], threading.Lock()

        def slow(connection: Any, request: bytes) -> None:
            with lock:
                open_now[0] += 1
                most[0] = max(most[0], open_now[0])
            time.sleep(0.2)
            with lock:
                open_now[0] -= 1
            saying()(connection, request)

        hearer.server.behaviour = slow
        for number in range(6):
            login(client, f"nobody-{number}@example.com")
        webhook_outboxes.deliveries.at_once = 3
        try:
            with hearer.app.app_context():
                while webhook_messages.give_next():
                    pass
            race(*[lambda: deliver(hearer.app)] * 6)
        finally:
            webhook_outboxes.deliveries.at_once = 1
        assert most[0] == 3
        assert len(hearer.server.requests) == 6


class TestRefused:
    @pytest.mark.parametrize(
        ("status", "error"),
        [
            ("500 Internal Server Error", "the webhook answered 500"),
            ("404 Not Found", "the webhook answered 404"),
            ("302 Found", "the webhook answered 302"),
        ],
    )
    def test_it_is_tried_again_later(self, hearer: Hearer, alice: Person, status: str, error: str):
        hearer.server.behaviour = saying(status, b"a secret of theirs", Location="http://169.254.169.254/")
        rename(alice, "Alicia")
        assert hearer.deliver() == 1
        (delivery,) = hearer.deliveries()
        assert (delivery["state"], delivery["attempts"], delivery["status"]) == ("waiting", 1, int(status[:3]))
        assert delivery["error"] == error
        assert len(hearer.server.requests) == 1

    def test_r121_nothing_of_an_answer_is_kept(self, hearer: Hearer, alice: Person, mongo: Database):
        hearer.server.behaviour = saying("500 Internal Server Error", b"canary-of-theirs", X_Canary="canary-of-theirs")
        rename(alice, "Alicia")
        hearer.deliver()
        stored = [str(document) for name in mongo.list_collection_names() for document in mongo[name].find()]
        assert "canary-of-theirs" not in "".join(stored)
        assert "canary-of-theirs" not in hearer.ask("GET", "/deliveries").text

    def test_pauses_grow_for_three_days_and_then_it_is_dead(self, hearer: Hearer, alice: Person):
        hearer.server.behaviour = saying("500 Internal Server Error")
        rename(alice, "Alicia")
        hearer.deliver()
        begin = clock.now()
        tried = [begin]
        while hearer.deliveries()[0]["state"] == "waiting":
            due = clock.now() + timedelta(minutes=1) if len(tried) < 3 else tried[-1] + timedelta(hours=7)
            with time_machine.travel(max(due, tried[-1] + timedelta(seconds=1))):
                hearer.deliver()
                tried.append(clock.now())
            assert tried[-1] - begin < timedelta(days=4)
        (delivery,) = hearer.deliveries()
        assert (delivery["state"], delivery["nextAttemptAt"]) == ("dead", None)
        assert timedelta(days=3) <= tried[-1] - begin
        hearer.server.behaviour = saying()
        with time_machine.travel(tried[-1] + timedelta(hours=2)):  # the pause of the webhook is over too
            with hearer.app.app_context():
                webhook_deliveries.retry(None, hearer.made["id"], delivery["id"])
            hearer.deliver()
        assert hearer.deliveries()[0]["state"] == "delivered"

    def test_after_a_few_in_a_row_it_gets_a_pause_and_then_gets_everything(self, hearer: Hearer, admin: Person):
        hearer.server.behaviour = saying("503 Service Unavailable")
        for turn in range(12):
            login(admin.client, f"nobody-{turn}@example.com")
        tries = hearer.deliver()
        assert tries < 12 + 12
        assert 5 <= len(hearer.server.requests) < 12
        assert hearer.show()["resumesAt"] is not None
        hearer.server.behaviour = saying()
        hearer.server.requests.clear()
        with time_machine.travel(clock.now() + timedelta(seconds=90)):
            hearer.deliver()
            assert {one["state"] for one in hearer.deliveries()} == {"delivered"}
        shown = hearer.show()
        assert (shown["failures"], shown["failingSince"], shown["resumesAt"]) == (0, None, None)

    def test_one_that_failed_for_five_days_is_disabled(self, hearer: Hearer, alice: Person, mongo: Database):
        verified(mongo, hearer.admin)
        hearer.server.behaviour = saying("500 Internal Server Error")
        begin = clock.now()
        for hours in range(0, 5 * 24 + 7, 6):
            with time_machine.travel(begin + timedelta(hours=hours)):
                if hours % 48 == 0:
                    login(alice.client)
                hearer.deliver()
            assert hearer.show()["disabledReason"] is None or hours >= 5 * 24
        shown = hearer.show()
        assert shown["disabledReason"] == "failed"
        (record,) = mongo.audit.find({"action": "webhook.disabled"})
        assert record["details"]["reason"] == "failed"
        with time_machine.travel(clock.now() + timedelta(days=5, minutes=2)):
            (letter,) = sent(hearer.app, "webhook_disabled")
        assert (letter["to"], hearer.made["url"].partition("://")[2] in letter["text"]) == (hearer.admin.email, True)
        before = len(hearer.server.requests)
        rename(alice.login(), "Ally")
        hearer.deliver()
        assert len(hearer.server.requests) == before

    def test_one_that_is_gone_is_disabled(self, hearer: Hearer, alice: Person):
        hearer.server.behaviour = saying("410 Gone")
        rename(alice, "Alicia")
        hearer.deliver()
        assert hearer.show()["disabledReason"] == "gone"

    def test_what_waited_comes_once_it_is_enabled_again(self, hearer: Hearer, alice: Person):
        hearer.server.behaviour = saying("410 Gone")
        for turn in range(3):
            rename(alice, f"Alice {turn}")
        hearer.deliver()
        hearer.server.behaviour = saying()
        hearer.server.requests.clear()
        assert hearer.ask("PATCH", json={"disabled": False}).get_json()["disabledAt"] is None
        with time_machine.travel(clock.now() + timedelta(minutes=1)):
            hearer.deliver()
        assert [one["data"]["sequence"] for one in hearer.heard()] == [1, 2, 3]

    @pytest.mark.parametrize(
        "behaviour",
        [silent, dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"x", 0.4), dripping(b"", b"\r\n", 0.2)],
        ids=["silent", "drips its body", "never begins"],
    )
    def test_one_that_takes_too_long(self, hearer: Hearer, alice: Person, behaviour: Any):
        hearer.server.behaviour = behaviour
        rename(alice, "Alicia")
        begin = time.monotonic()
        hearer.deliver(seconds=1)
        assert time.monotonic() - begin < 5
        assert hearer.deliveries()[0]["error"] in ("it took too long", "the answer can't be read")
        assert hearer.deliveries()[0]["status"] is None

    @pytest.mark.parametrize(
        "behaviour",
        [
            dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536, 0.001),
            dripping(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", b"\0" * 65_536, 0.001),
            saying("200 OK", b"x" * 70_000),
        ],
        ids=["without an end", "a gzip bomb", "70 kB"],
    )
    def test_one_that_answers_too_much(self, hearer: Hearer, alice: Person, behaviour: Any):
        hearer.server.behaviour = behaviour
        rename(alice, "Alicia")
        hearer.deliver()
        assert hearer.deliveries()[0]["error"] == "the answer is too long"


class TestAdministration:
    def test_whoever_is_no_administrator_sees_nothing(self, hearer: Hearer, alice: Person):
        for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/secret"), ("GET", "/deliveries")):
            answer = alice.client.open(hearer.path + path, method=method, headers=alice.headers, json={})
            problem(answer, 403, "forbidden")
        assert hearer.show()["id"] == hearer.made["id"]

    def test_a_test_comes_whatever_it_hears(self, new_hearer: Callable[..., Hearer]):
        hearer = new_hearer("password.changed")
        made = hearer.ask("POST", "/test")
        assert (made.status_code, made.get_json()["event"]) == (202, "webhook.test")
        hearer.deliver()
        (message,) = hearer.heard()
        assert (message["type"], message["data"]["account"]) == ("webhook.test", None)

    def test_it_can_be_changed(self, hearer: Hearer, alice: Person):
        answer = hearer.ask("PATCH", json={"events": ["password.changed"], "description": "less"})
        assert (answer.get_json()["events"], answer.get_json()["description"]) == (["password.changed"], "less")
        rename(alice, "Alicia")
        assert hearer.deliver() == 0

    def test_once_it_is_deleted_it_is_told_nothing(self, hearer: Hearer, alice: Person, mongo: Database):
        rename(alice, "Alicia")
        assert hearer.ask("DELETE").status_code == 204
        assert hearer.deliver() == 0
        assert hearer.server.requests == []
        problem(hearer.ask("GET"), 404, "not_found")
        assert mongo.webhook_deliveries.count_documents({}) == 0

    def test_there_are_at_most_twenty(self, app: Flask, admin: Person, mongo: Database):
        body = {"url": "https://hear.example.com/", "events": ["*"]}
        race(*(lambda: admin.client.post("/admin/webhooks", json=body, headers=admin.headers) for _ in range(8)))
        statuses = [admin.client.post("/admin/webhooks", json=body, headers=admin.headers).status_code]
        while statuses[-1] == 201 and len(statuses) < 30:
            statuses.append(admin.client.post("/admin/webhooks", json=body, headers=admin.headers).status_code)
        assert statuses[-1] == 422
        assert mongo.webhooks.count_documents({}) == 20

    def test_it_needs_a_fresh_sign_in(self, admin: Person, mongo: Database):
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(hours=1)}})
        body = {"url": "https://hear.example.com/", "events": ["*"]}
        problem(admin.client.post("/admin/webhooks", json=body, headers=admin.headers), 403, "fresh_login_required")

    @pytest.mark.parametrize(
        ("member", "value", "code"),
        [
            ("url", "", "too_short"),
            ("url", "not a url", "not_allowed"),
            ("url", "ftp://hear.example.com/", "not_allowed"),
            ("url", "https://user:pw@hear.example.com/", "not_allowed"),
            ("url", "https://10.0.0.1/", "not_allowed"),
            ("url", "https://169.254.169.254/latest/meta-data", "not_allowed"),
            ("url", "https://[fd00:ec2::254]/", "not_allowed"),
            ("url", "https://[::ffff:10.0.0.1]/", "not_allowed"),
            ("url", "https://[64:ff9b::a00:1]/", "not_allowed"),
            ("url", "https://0x0a.1/", "not_allowed"),
            ("url", "https://167772161/", "not_allowed"),
            ("url", "https://224.0.0.1/", "not_allowed"),
            ("url", 7, "wrong_type"),
            ("events", [], "too_short"),
            ("events", ["nothing.known"], "not_allowed"),
            ("events", ["*", "*"], "not_allowed"),
            ("events", "*", "wrong_type"),
            ("description", "x" * 201, "too_long"),
        ],
        ids=str,
    )
    def test_what_makes_no_sense_is_refused_at_once(self, admin: Person, member: str, value: Any, code: str):
        body = {"url": "https://hear.example.com/", "events": ["*"], member: value}
        answer = problem(
            admin.client.post("/admin/webhooks", json=body, headers=admin.headers), 422, "validation_failed"
        )
        assert [(one["pointer"].split("/")[1], one["code"]) for one in answer["errors"]] == [(member, code)]

    def test_deliveries_come_a_page_at_a_time(self, hearer: Hearer, alice: Person):
        for turn in range(5):
            rename(alice, f"Alice {turn}")
        hearer.deliver()
        first = hearer.ask("GET", "/deliveries?limit=3").get_json()
        second = hearer.ask("GET", f"/deliveries?limit=3&cursor={first['next']}").get_json()
        ids = [one["id"] for one in (*first["items"], *second["items"])]
        assert len(set(ids)) == 5
        assert all(one > other for one, other in pairwise(ids))
        assert second["next"] is None

    def test_deliveries_in_one_state(self, hearer: Hearer, alice: Person, mongo: Database):
        for turn in range(6):
            rename(alice, f"Alice {turn}")
        hearer.deliver()
        ids = [ObjectId(one["id"]) for one in hearer.deliveries()]
        undone = {"$unset": {"deliveredAt": True}}
        for state, member, some in (("dead", "failedAt", ids[1:4]), ("waiting", "dueAt", ids[4:])):
            change = {**undone, "$set": {member: clock.now() + timedelta(hours=1)}}
            mongo.webhook_deliveries.update_many({"_id": {"$in": some}}, change)
            first = hearer.ask("GET", f"/deliveries?state={state}&limit=2").get_json()
            second = hearer.ask("GET", f"/deliveries?state={state}&limit=2&cursor={first['next']}").get_json()
            shown = first["items"] if first["next"] is None else [*first["items"], *second["items"]]
            assert [(one["id"], one["state"]) for one in shown] == [(str(one), state) for one in some]
        delivered = hearer.ask("GET", "/deliveries?state=delivered").get_json()["items"]
        assert [one["id"] for one in delivered] == [str(ids[0])]
        problem(hearer.ask("GET", "/deliveries?state=gone"), 422, "validation_failed")

    def test_a_delivery_is_listed_by_the_id_that_was_sent(self, hearer: Hearer, alice: Person):
        rename(alice, "Alicia")
        hearer.deliver()
        sent_id = parsed(hearer.server.requests[0])[0]["webhook-id"]
        assert hearer.deliveries()[0]["message"] == sent_id

    def test_the_next_attempt_is_after_the_pause_and_none_while_it_is_disabled(
        self, hearer: Hearer, alice: Person, mongo: Database
    ):
        hearer.server.behaviour = saying("500 Internal Server Error")
        rename(alice, "Alicia")
        hearer.deliver()
        due = hearer.deliveries()[0]["nextAttemptAt"]
        mongo.webhooks.update_one({}, {"$set": {"resumesAt": clock.now() + timedelta(hours=1)}})
        assert hearer.deliveries()[0]["nextAttemptAt"] == hearer.show()["resumesAt"] > due
        mongo.webhooks.update_one({}, {"$set": {"resumesAt": clock.now() - timedelta(hours=1)}})
        assert hearer.deliveries()[0]["nextAttemptAt"] == due
        hearer.ask("PATCH", json={"disabled": True})
        assert hearer.deliveries()[0]["nextAttemptAt"] is None
        tried = hearer.ask("POST", f"/deliveries/{hearer.deliveries()[0]['id']}/retry").get_json()
        assert (tried["state"], tried["nextAttemptAt"]) == ("waiting", None)

    def test_a_delivery_of_another_webhook_is_not_found(self, new_hearer: Callable[..., Hearer], alice: Person):
        one, other = new_hearer("*"), new_hearer("password.changed")
        one.server.behaviour = saying("500 Internal Server Error")
        rename(alice, "Alicia")
        one.deliver()
        (delivery,) = one.deliveries()
        problem(other.ask("POST", f"/deliveries/{delivery['id']}/retry"), 404, "not_found")
        retried = one.ask("POST", f"/deliveries/{delivery['id']}/retry")
        assert (retried.status_code, retried.get_json()["id"]) == (202, delivery["id"])
