"""Webhooks that hang, and what they cost the others: sign-ins, letters, and a webhook that answers."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from pymongo import MongoClient

from bench import closed_loop, load
from bench.harness import PASSWORD, Row, database
from bench.sides import ratio
from tests.support.hearers import parsed
from tests.support.outside import Server, saying, silent
from tests.support.service import Service, Visitor

HANGING = 4
COST = 10
PEOPLE = 32
CONNECTIONS = 8
TURNS, SECONDS = 4, 5.0
SIGN_UPS = 8
"""In each turn, one after another."""
PATIENCE = 30.0


@dataclass
class Figures:
    """By turn: `rates` are sign-ins a second; seconds until a `letter` is sent, and until a webhook has `heard`."""

    rates: list[float] = field(default_factory=list)
    letters: list[float] = field(default_factory=list)
    heard: list[float] = field(default_factory=list)


class Hearer(Server):
    """A webhook that answers at once; it notes when it first hears of an account."""

    def __init__(self) -> None:
        self.heard_at: dict[str, float] = {}
        super().__init__(self._note)

    def _note(self, connection: Any, request: bytes) -> None:
        saying()(connection, request)
        account = json.loads(parsed(request)[1])["data"]["account"]
        self.heard_at.setdefault(account["email"], time.monotonic())


def webhooks() -> list[Row]:
    """Let turns with four webhooks that hang and turns without them alternate."""
    without, beside = Figures(), Figures()
    with ExitStack() as stack:
        settings = stack.enter_context(database())
        service = stack.enter_context(Service(**{**settings, "BCRYPT_ROUNDS": str(COST)}))
        client = stack.enter_context(MongoClient[dict[str, Any]](settings["MONGODB_URI"], tz_aware=True))
        scene = _Scene(service, client.get_default_database(), stack.enter_context(Hearer()))
        for turn in range(TURNS):
            for figures in (without, beside) if turn % 2 else (beside, without):
                with _hanging(scene, HANGING if figures is beside else 0):
                    _take_turn(scene, figures)
    share = ratio(beside.rates, without.rates)
    return [
        (
            f"sign-ins beside {HANGING} webhooks that hang",
            f"{median(beside.rates):.1f}/s = {share:.0%} of {median(without.rates):.1f}/s without, at least 90%",
            share >= 0.9,
        ),
        _delay("  until a letter is sent", beside.letters, without.letters),
        _delay("  until a webhook that answers has heard", beside.heard, without.heard),
    ]


class _Scene:
    """A service with people, an administrator, and a webhook that answers."""

    def __init__(self, service: Service, mongo: Any, hearer: Hearer) -> None:
        self.service, self.mongo, self.hearer = service, mongo, hearer
        emails = [f"bench-{number}@example.com" for number in range(PEOPLE)]
        for email in emails:
            assert Visitor(service.url).register(email, PASSWORD).ok
        mongo.users.update_one({"email": emails[0]}, {"$set": {"role": "admin"}})
        token = Visitor(service.url).login(emails[0], PASSWORD).json()["accessToken"]
        self.texts = [load.http("POST", "/auth/login", body={"email": one, "password": PASSWORD}) for one in emails]
        self._headers = {"Authorization": f"Bearer {token}"}
        self.add(hearer.url("/hear"))

    def add(self, url: str) -> str:
        """Add a webhook that is told everything; return its id."""
        answer = self._ask("POST", "/admin/webhooks", json={"url": url, "events": ["*"]})
        return str(answer.json()["id"])

    def remove(self, webhook: str) -> None:
        """Delete a webhook, and what waits for it."""
        self._ask("DELETE", f"/admin/webhooks/{webhook}")

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        answer = Visitor(self.service.url).request(method, path, headers=self._headers, **options)
        assert answer.ok, answer.text
        return answer


@contextmanager
def _hanging(scene: _Scene, count: int) -> Iterator[None]:
    """Let so many webhooks be there that take each message, and never answer."""
    with ExitStack() as stack:
        for _ in range(count):
            server = stack.enter_context(Server(silent))
            stack.callback(scene.remove, scene.add(server.url("/hear")))
        yield


def _take_turn(scene: _Scene, figures: Figures) -> None:
    """Sign people in as fast as it goes, then sign some up, one after another."""
    result = closed_loop.run(port=scene.service.port, connections=CONNECTIONS, seconds=SECONDS, texts=scene.texts)
    assert result.refused == 0, result.statuses
    figures.rates.append(result.rate)
    for _ in range(SIGN_UPS):
        email = f"bench-{secrets.token_hex(6)}@example.com"
        assert Visitor(scene.service.url).register(email, PASSWORD).ok
        answered = time.monotonic()
        figures.heard.append(_first(scene.hearer.heard_at.get, email) - answered)
        letter = _first(scene.mongo.letters.find_one, {"to": email, "deliveredAt": {"$ne": None}})
        figures.letters.append((letter["deliveredAt"] - letter["createdAt"]).total_seconds())


def _first(look: Callable[[Any], Any], key: Any) -> Any:
    """Look again and again; return what is there at last."""
    end = time.monotonic() + PATIENCE
    while (document := look(key)) is None:
        assert time.monotonic() < end, f"nothing came: {key}"
        time.sleep(0.01)
    return document


def _delay(what: str, beside: list[float], without: list[float]) -> Row:
    """Return a row on seconds that something takes: at most twice as many as without."""
    ours, theirs = median(beside), median(without)
    figure = f"{ours * 1e3:.0f} ms, at most twice {theirs * 1e3:.0f} ms without"
    return what, figure, ours <= 2 * theirs
