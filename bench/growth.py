"""The cost of a request among a thousand sessions, links, letters, tickets, … of others, and among GROWN of each."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import requests
from pymongo import MongoClient

from authsvc.devdb import Database
from bench.harness import PASSWORD, Row, on
from tests.support import growth
from tests.support.service import Service, Visitor

FEW, MANY = 1_000, int(os.environ.get("GROWN", "100000"))
CALLS = 60
MOST = 1.5
EMAIL = "bench@example.com"


def growth_figures() -> list[Row]:
    """Fill two databases, then make each request in turns on both services and compare the medians."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="authsvc-bench-")))
        people = []
        for name, others in (("few", FEW), ("many", MANY)):
            with Database(folder / name) as database:
                _fill(database.uri, others)
            database = stack.enter_context(Database(folder / name))  # a server that was just started, on the same data
            people.append(Person(stack.enter_context(Service(**on(database.uri)))))
        return [_compare(name, request, *people) for name, request in REQUESTS.items()]


def _fill(uri: str, count: int) -> None:
    with MongoClient[dict[str, Any]](uri) as client:
        growth.fill(client.get_default_database(), count)
    growth.index(uri)


def _timed(call: Callable[[], requests.Response]) -> float:
    begin = perf_counter()
    answer = call()
    seconds = perf_counter() - begin
    assert answer.ok, answer.text
    return seconds


class Person:
    """A signed-in user of one of the services; each method makes a request and returns its seconds."""

    def __init__(self, service: Service) -> None:
        self._visitor = Visitor(service.url, keep_alive=True)
        self._numbers = count()
        answer = self._visitor.register(EMAIL, PASSWORD)
        assert answer.ok, answer.text
        self._tokens = answer.json()

    def register(self) -> float:
        """Make an account: a session, a link, a letter, a device."""
        return _timed(lambda: self._visitor.register(f"new-{next(self._numbers)}@example.com", PASSWORD))

    def login(self) -> float:
        """Sign in."""
        return _timed(lambda: self._visitor.login(EMAIL, PASSWORD))

    def home(self) -> float:
        """Call the protected route."""
        return _timed(lambda: self._visitor.home(self._tokens["accessToken"]))

    def refresh(self) -> float:
        """Exchange the refresh token."""
        answers: list[requests.Response] = []

        def call() -> requests.Response:
            answers.append(self._visitor.refresh(self._tokens["refreshToken"]))
            return answers[0]

        seconds = _timed(call)
        self._tokens = answers[0].json()
        return seconds

    def logout(self) -> float:
        """End a session that was just opened."""
        token = self._visitor.login(EMAIL, PASSWORD).json()["accessToken"]
        return _timed(lambda: self._visitor.logout(token))

    def forgot(self) -> float:
        """Ask for a reset link: a link and a letter, in place of those before."""
        return _timed(lambda: self._visitor.request("POST", "/auth/password/forgot", json={"email": EMAIL}))

    def sessions(self) -> float:
        """List the sessions."""
        return _timed(lambda: self._ask("GET", "/auth/sessions?limit=1"))

    def challenge(self) -> float:
        """Ask for the options of a sign-in by passkey."""
        return _timed(lambda: self._visitor.request("POST", "/auth/login/passkey/options", json={}))

    def script(self) -> float:
        """Make a personal access token."""
        body = {"name": "bench", "scopes": ["account:read"], "expiresInDays": 1}
        answers: list[requests.Response] = []

        def call() -> requests.Response:
            answers.append(self._ask("POST", "/auth/access-tokens", body))
            return answers[0]

        seconds = _timed(call)
        assert self._ask("DELETE", f"/auth/access-tokens/{answers[0].json()['id']}").ok
        return seconds

    def _ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        bearer = {"Authorization": f"Bearer {self._tokens['accessToken']}"}
        return self._visitor.request(method, path, json=body, headers=bearer)


REQUESTS: dict[str, Callable[[Person], float]] = {
    "GET /": Person.home,
    "refresh": Person.refresh,
    "logout": Person.logout,
    "login": Person.login,
    "register": Person.register,
    "forgot": Person.forgot,
    "GET /auth/sessions": Person.sessions,
    "passkey options": Person.challenge,
    "POST /auth/access-tokens": Person.script,
}


def _compare(name: str, request: Callable[[Person], float], few: Person, many: Person) -> Row:
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(CALLS):
        for person, times in zip((few, many), seconds, strict=True):
            times.append(request(person))
    less, more = median(seconds[0]), median(seconds[1])
    figure = f"{less * 1e3:.1f} ms, {more * 1e3:.1f} ms = {more / less:.2f}"
    return f"{name}, beside {FEW:,} and {MANY:,} of each", figure, more / less <= MOST
