"""Webhooks on real workers: nothing that was answered is lost, and none that hangs is in anybody's way (R123)."""

import json
import random
import secrets
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import requests
from bson import ObjectId
from standardwebhooks import Webhook

from tests.support.accounts import Database
from tests.support.hearers import parsed
from tests.support.outside import Server, saying, silent
from tests.support.races import ROUNDS, eventually
from tests.support.service import Service, Visitor

EVENT = "profile.changed"
CHANGES = max(200, 50 * ROUNDS)
"""So many: ten thousand in `make soak`."""
BEFORE_ANYBODY_WAITS = 5.0
"""Seconds within which a webhook hears of something, whatever others do: an attempt at one that hangs takes ten."""


class Receiver:
    """A program that fails at random, is killed and comes back; it verifies what it gets, and notes what it took."""

    def __init__(self, rate: float) -> None:
        self.secret = ""
        self.taken: dict[str, list[int]] = defaultdict(list)
        self.ids: dict[tuple[str, int], set[str]] = defaultdict(set)
        self._chance = random.Random(19)
        self._rate = rate
        self._lock = threading.Lock()
        self._server = Server(self.answer)
        self._server.__enter__()

    @property
    def url(self) -> str:
        """Return its address."""
        return self._server.url("/hear")

    def answer(self, connection: Any, request: bytes) -> None:
        """Take a message, or fail: before it is noted, or after that and before anybody is told."""
        headers, body = parsed(request)
        data = Webhook(self.secret).verify(body, headers)["data"]
        with self._lock:
            chance = self._chance.random() / self._rate
            key = (data["account"]["id"], data["sequence"])
            if chance >= 0.5:
                self.taken[key[0]].append(key[1])
                self.ids[key].add(headers["webhook-id"])
        if chance >= 1.0:
            saying()(connection, request)
        elif chance < 0.25:
            saying("500 Internal Server Error")(connection, request)

    def die(self) -> None:
        """Accept no connection any more."""
        self._server.__exit__()

    def come_back(self) -> None:
        """Accept connections again, at the same address."""
        self._server = Server(self.answer, port=self._server.port)
        self._server.__enter__()


def administrator(service: Service, served: Database) -> dict[str, str]:
    """Return the headers of an administrator who has just signed in."""
    visitor, email = Visitor(service.url), f"{secrets.token_hex(6)}@example.com"
    visitor.register(email)
    served.users.update_one({"email": email}, {"$set": {"role": "admin"}})
    return {"Authorization": f"Bearer {visitor.login(email).json()['accessToken']}"}


def hear(service: Service, headers: dict[str, str], url: str, *events: str) -> dict[str, Any]:
    """Add a webhook; return it with its secret."""
    body = {"url": url, "events": list(events)}
    answer = Visitor(service.url).request("POST", "/admin/webhooks", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def signed_up(visitor: Visitor) -> dict[str, Any]:
    """Sign up, again with another address if the worker was killed meanwhile; return the answer."""
    while True:
        with suppress(requests.RequestException):
            answer = visitor.register(f"{secrets.token_hex(6)}@example.com")
            if answer.status_code == 201:
                return dict(answer.json())


def change(service: Service, count: int) -> tuple[str, int]:
    """Sign up, and change one's name so often; return the account, and how many changes were answered."""
    visitor = Visitor(service.url, patience=10)
    made = signed_up(visitor)
    headers, answered = {"Authorization": f"Bearer {made['accessToken']}"}, 0
    while answered < count:
        with suppress(requests.RequestException):
            body = {"name": secrets.token_hex(8)}
            answer = visitor.request("PATCH", "/auth/me", json=body, headers=headers)
            answered += answer.status_code == 200
    return made["user"]["id"], answered


class TestNothingIsLost:
    @pytest.mark.slow
    @pytest.mark.race
    @pytest.mark.timeout(3600)
    def test_r123_each_change_arrives_in_order_and_under_one_id(
        self, service_to_kill: Service, served: Database
    ) -> None:
        """Workers are killed in the midst of it, and so is the receiver, which besides fails at random."""
        changes, people = CHANGES, max(8, CHANGES // 100)
        receiver = Receiver(rate=0.1)
        webhook = hear(service_to_kill, administrator(service_to_kill, served), receiver.url, EVENT)
        receiver.secret = webhook["secret"]
        with ThreadPoolExecutor(min(people, 16)) as pool:
            begun = [pool.submit(change, service_to_kill, changes // people) for _ in range(people)]
            for _ in range(4):
                time.sleep(1.5)
                for worker in service_to_kill.workers()[:1]:
                    worker.kill()
                receiver.die()
                time.sleep(0.5)
                receiver.come_back()
            answered = dict(one.result() for one in begun)
        patience = 480 + changes / 5
        end = time.monotonic() + patience
        while self.left(served) and time.monotonic() < end:
            time.sleep(0.2)
        receiver.die()
        assert self.left(served) == []
        for account, count in answered.items():
            numbers = list(dict.fromkeys(receiver.taken[account]))
            assert numbers == list(range(1, len(numbers) + 1)), (account, receiver.taken[account])
            recorded = served.audit.count_documents(
                {"action": EVENT, "details.changed": "name", "target": ObjectId(account)}
            )
            # A record, and a message, of a change that a killed worker only announced may be kept if another one came.
            assert count <= len(numbers) <= recorded
        assert {len(ids) for ids in receiver.ids.values()} == {1}

    def left(self, served: Database) -> list[Any]:
        """Return what still waits: to be settled, to be given to the webhook, to be told to it."""
        waiting = {"dueAt": {"$ne": None}}
        return [
            *served.audit.find({"evidence": {"$exists": True}}),
            *served.webhook_messages.find(waiting),
            *served.webhook_deliveries.find(waiting),
        ]


class TestOneThatHangs:
    @pytest.mark.slow
    def test_four_are_in_nobody_s_way(self, service: Service, served: Database) -> None:
        """Neither in that of the fifth, nor of sign-ins, nor of letters."""
        headers, heard_at = administrator(service, served), dict[str, float]()

        def note(connection: Any, request: bytes) -> None:
            heard_at[json.loads(parsed(request)[1])["data"]["account"]["email"]] = time.monotonic()
            saying()(connection, request)

        hanging = [Server(silent) for _ in range(4)]
        with Server(note) as quick:
            for server in hanging:
                server.__enter__()
                hear(service, headers, server.url("/hear"), "*")
            hear(service, headers, quick.url("/hear"), "account.registered")
            signed_up: dict[str, float] = {}
            for _ in range(12):
                visitor, email = Visitor(service.url), f"{secrets.token_hex(6)}@example.com"
                begin = time.monotonic()
                assert visitor.register(email).status_code == 201
                signed_up[email] = time.monotonic()
                assert signed_up[email] - begin < BEFORE_ANYBODY_WAITS
            eventually(lambda: {*signed_up} <= {*heard_at}, 60)
            eventually(lambda: served.letters.count_documents({"deliveredAt": None}) == 0, 60)
            sent = {one["to"]: one for one in served.letters.find({"to": {"$in": [*signed_up]}})}
        for server in hanging:
            server.__exit__()
        assert all(server.connections for server in hanging)
        assert max(heard_at[email] - moment for email, moment in signed_up.items()) < BEFORE_ANYBODY_WAITS
        waits = [(one["deliveredAt"] - one["createdAt"]).total_seconds() for one in sent.values()]
        assert len(waits) == 12
        assert max(waits) < BEFORE_ANYBODY_WAITS
