"""Documents of apps over the two workers of a real gunicorn: many at once, changes at the same moment, slow servers.

R103, R105, O33.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import trustme
from flask import Flask
from pymongo.database import Database as MongoDatabase

import config
from authsvc.services import app_changes, apps
from tests.support.app_documents import CALLBACK, LIMITS, DocumentServer, described, trusting
from tests.support.oauth import Answer, AppClient, challenge_of, send
from tests.support.outside import dripping, saying
from tests.support.races import ROUNDS, race
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.race

Mongo = MongoDatabase[dict[str, Any]]


@pytest.fixture(scope="module")
def documents() -> Iterator[DocumentServer]:
    """Return a server with documents."""
    with DocumentServer(trustme.CA(), "localhost") as running:
        yield running


@pytest.fixture(scope="module")
def service(
    app: Flask, settings: dict[str, str], documents: DocumentServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Return a running service that admits them."""
    trusted = trusting(documents, tmp_path_factory.mktemp("authority"))
    with Service(**{**settings, **trusted, "WEB_CONCURRENCY": 2}) as running:
        yield running


@pytest.fixture
def visitor(service: Service, served: Mongo) -> Visitor:
    """Return a client of that service."""
    return Visitor(service.url)


def somebody(visitor: Visitor) -> str:
    """Return the access token of somebody new."""
    return str(visitor.register(f"{secrets.token_hex(6)}@example.com").json()["accessToken"])


def new(documents: DocumentServer, visitor: Visitor) -> AppClient:
    """Return an app with a new document."""
    return described(visitor, documents.show(f"/{secrets.token_hex(4)}"))


def ask(assistant: AppClient) -> Answer:
    """Begin to sign somebody in."""
    query = {
        "client_id": assistant.id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "code_challenge": challenge_of("v" * 43),
        "code_challenge_method": "S256",
    }
    return send(assistant.client, "GET", f"/oauth2/authorize?{urlencode(query)}")


class TestMany:
    def test_r105_each_worker_asks_once_and_one_app_is_kept(
        self, visitor: Visitor, documents: DocumentServer, served: Mongo
    ):
        for _ in range(ROUNDS):
            assistant = new(documents, visitor)
            good, documents.requests = documents.behaviour, []

            def slow(connection: Any, request: bytes, good: Any = good) -> None:
                time.sleep(0.5)
                good(connection, request)

            documents.behaviour = slow
            answers = race(*[lambda assistant=assistant: ask(assistant)] * 24)
            assert {answer.status for answer in answers} == {303}
            assert 1 <= len(documents.requests) <= 2
            assert served.apps.count_documents({"_id": assistant.id}) == 1

    def test_r105_a_server_that_drips_holds_nobody_up(self, visitor: Visitor, documents: DocumentServer):
        """Each of sixteen takes its three seconds; everything else is answered meanwhile, and as fast as ever."""
        documents.behaviour = dripping(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{", b" ", 0.2)
        apart = [described(visitor, documents.address(f"/drip/{number}")) for number in range(16)]

        def others() -> float:
            time.sleep(0.3)
            slowest = 0.0
            for _ in range(20):
                begun = time.monotonic()
                assert visitor.request("GET", "/.well-known/jwks.json").status_code == 200
                slowest = max(slowest, time.monotonic() - begun)
                time.sleep(0.05)
            return slowest

        def timed(one: AppClient) -> tuple[int, float]:
            begun = time.monotonic()
            return ask(one).status, time.monotonic() - begun

        slowest, *outcomes = race(others, *[lambda one=one: timed(one) for one in apart])
        assert slowest < 1.5
        assert {status for status, _ in outcomes} == {400}
        assert all(2.9 <= took < 8 for _, took in outcomes), outcomes


MANY, MOST = 50, 7


class TestLimits:
    """Over all workers, exactly so many pass of fifty at once."""

    @pytest.mark.parametrize("name", LIMITS)
    def test_of_fifty_at_once_exactly_so_many_pass(
        self, settings: dict[str, str], documents: DocumentServer, served: Mongo, tmp_path: Path, name: str
    ):
        limits = {f"LIMIT_{each.upper()}": "100000/86400" for each in config.LIMITS}
        own = {**limits, f"LIMIT_{name.upper()}": f"{MOST}/86400", "RATE_LIMITS": "on", "WEB_CONCURRENCY": 2}
        with Service(**{**settings, **trusting(documents, tmp_path), **own}) as running:
            answers = race(*self.steps(name, Visitor(running.url), documents))
        passing = 200 if name == "document_account" else 400
        assert Counter(answer.status for answer in answers) == {passing: MOST, 429: MANY - MOST}
        assert MOST in served.throttles.distinct("count")
        assert served.grants.count_documents({}) == (MOST if passing == 200 else 0)

    def steps(self, name: str, visitor: Visitor, documents: DocumentServer) -> list[Callable[[], Answer]]:
        """Return what is limited, many times."""
        if name == "document_account":
            return self.allowing(visitor, documents)
        documents.behaviour = saying("404 Not Found")
        apart = [described(visitor, documents.address(f"/{secrets.token_hex(8)}")) for _ in range(MANY)]
        return [partial(ask, one) for one in apart]

    def allowing(self, visitor: Visitor, documents: DocumentServer) -> list[Callable[[], Answer]]:
        """Return how somebody allows many apps that they never met."""
        who, steps = somebody(visitor), []
        for _ in range(MANY):
            assistant = new(documents, visitor)
            request, cookie, _verifier = assistant.begin()
            headers = {**cookie, "Authorization": f"Bearer {who}"}
            steps.append(partial(assistant.advance, request, headers, "allow"))
        return steps


def disable(app: Flask, assistant: AppClient) -> None:
    """Block an app."""
    with app.test_request_context():
        app_changes.disable(None, assistant.id)


def delete(app: Flask, assistant: AppClient) -> None:
    """Delete an app."""
    with app.test_request_context():
        apps.delete(assistant.id)


class TestBlock:
    @pytest.fixture(autouse=True)
    def _operator(self, app: Flask, documents: DocumentServer) -> Iterator[None]:
        """Let the operator's application know what the service admits."""
        before = app.config["APP_DOCUMENTS"]
        app.config["APP_DOCUMENTS"] = [f"localhost:{documents.port}"]
        yield
        app.config["APP_DOCUMENTS"] = before

    @pytest.mark.parametrize("end", [disable, delete])
    @pytest.mark.parametrize("step", ["consent", "exchange", "refresh"])
    def test_r103_o33_nothing_works_that_was_given_at_the_same_moment(
        self,
        app: Flask,
        visitor: Visitor,
        documents: DocumentServer,
        served: Mongo,
        end: Callable[..., None],
        step: str,
    ):
        for _ in range(ROUNDS):
            assistant, who = new(documents, visitor), somebody(visitor)
            given = self.race(app, assistant, who, end, step)
            live = {"app": assistant.id, "endedAt": None}
            assert served.sessions.count_documents(live) == 0
            for tokens in given:
                assert assistant.userinfo(tokens["access_token"]).status == 401
                assert assistant.refresh(tokens["refresh_token"]).status in (400, 401)
            known = served.apps.find_one({"_id": assistant.id})
            if end is disable:
                assert known is not None
                assert (known["disabledAt"] is not None, known.get("expiresAt")) == (True, None)
                assert ask(assistant).status == 400

    def race(
        self, app: Flask, assistant: AppClient, who: str, end: Callable[..., None], step: str
    ) -> list[dict[str, Any]]:
        """Run a step and the end at once; return what tokens the step gave."""
        tokens = assistant.sign_in(who)
        code = assistant.authorize(who)
        request, cookie, _ = assistant.begin()
        steps: dict[str, Callable[[], Answer]] = {
            "consent": lambda: assistant.advance(request, {**cookie, "Authorization": f"Bearer {who}"}, "allow"),
            "exchange": lambda: assistant.exchange(code),
            "refresh": lambda: assistant.refresh(tokens["refresh_token"]),
        }
        answer, _ = race(steps[step], lambda: end(app, assistant))
        assert answer.status in (200, 400, 401, 410), answer.text
        return [tokens, *([answer.json] if answer.status == 200 and step != "consent" else [])]

    def test_r105_one_that_is_blocked_while_its_document_is_fetched_stays_blocked(
        self, app: Flask, visitor: Visitor, documents: DocumentServer, served: Mongo
    ):
        for _ in range(ROUNDS):
            assistant, who = new(documents, visitor), somebody(visitor)
            assistant.sign_in(who)
            served.apps.update_one({"_id": assistant.id}, {"$currentDate": {"document.freshUntil": True}})
            race(*[lambda assistant=assistant: ask(assistant)] * 4, lambda assistant=assistant: disable(app, assistant))
            known = served.apps.find_one({"_id": assistant.id})
            assert known is not None
            assert known["disabledAt"] is not None
            assert known.get("expiresAt") is None
            assert ask(assistant).status == 400
