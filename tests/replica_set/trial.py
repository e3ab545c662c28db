"""People who use two services while the primary of their replica set fails, and what must be so afterwards."""

import secrets
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from tempfile import mkdtemp
from typing import Any, Self

from bson import ObjectId
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from requests import RequestException, Response

from tests.support.service import Service, Visitor

Client = MongoClient[dict[str, Any]]
Fault = Callable[[Client], AbstractContextManager[None]]

PEOPLE = 6
_CALM = 2.0
_PATIENCE = 120.0


def step_down(seconds: int) -> Fault:
    """Return the fault that the primary hands over to another one, for so many seconds at least."""

    @contextmanager
    def fault(client: Client) -> Iterator[None]:
        with suppress(PyMongoError):  # it closes its connections, this one too
            client.admin.command(
                "replSetStepDown", seconds, secondaryCatchUpPeriodSecs=min(10, seconds - 1), force=True
            )
        yield

    return fault


def shell(fail: str, repair: str) -> Fault:
    """Return the fault that a command of the operator makes, and another one repairs."""

    @contextmanager
    def fault(client: Client) -> Iterator[None]:
        host, port = client.primary or ("", 0)
        subprocess.run(fail.format(host=host, port=port), shell=True, check=True)
        try:
            yield
        finally:
            subprocess.run(repair.format(host=host, port=port), shell=True, check=True)

    return fault


class Person(threading.Thread):
    """Somebody who signs up, refreshes and signs out, again and again, at one service or the other.

    They remember what was acknowledged: `accounts`, and the sessions that they `ended`, by a token of each.
    """

    def __init__(self, visitors: list[Visitor]) -> None:
        super().__init__(daemon=True)
        self._visitors = visitors
        self.accounts: list[str] = []
        self.ended: list[dict[str, Any]] = []
        self.live: dict[str, Any] | None = None
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []
        self.answered = time.monotonic()
        self.stopping = threading.Event()

    def run(self) -> None:
        """Go on until told to stop; whatever is refused is tried again, as a client does."""
        while not self.stopping.is_set():
            self.live = tokens = self._get(lambda visitor: visitor.register(f"{secrets.token_hex(8)}@example.com"), 201)
            if tokens is None:
                continue
            self.accounts.append(tokens["user"]["id"])
            for _ in range(3):
                fresh = self._get(lambda visitor, shown=tokens["refreshToken"]: visitor.refresh(shown), 200)
                tokens = self.live = fresh or tokens
            self._sign_out(tokens)

    def _sign_out(self, tokens: dict[str, Any]) -> None:
        self.live = None
        if self._get(lambda visitor: visitor.logout(tokens["accessToken"]), 204) is None:
            return
        self.ended.append(tokens)
        for visitor in self._visitors:
            with suppress(RequestException):
                if visitor.home(tokens["accessToken"]).status_code == 200:
                    self.wrong.append(f"a session that had ended was accepted at {visitor.url}")

    def _get(self, call: Callable[[Visitor], Response], status: int) -> dict[str, Any] | None:
        """Return what a call answers, from whichever service answers; None if nobody does before this is to stop."""
        while not self.stopping.is_set():
            with suppress(RequestException):
                answer = call(secrets.choice(self._visitors))
                self.statuses[answer.status_code] += 1
                if answer.status_code == status:
                    self.answered = time.monotonic()
                    return dict(answer.json()) if answer.content else {}
                if answer.status_code == 401 and status == 204:  # the answer to an earlier try was lost
                    return {}
                if answer.status_code != 503:
                    self.wrong.append(f"{answer.request.method} {answer.request.url}: {answer.text[:200]}")
                    return None
            time.sleep(0.1)
        return None


class Trial:
    """Two services on a replica set, and people who use them."""

    def __init__(self, uri: str, client: Client) -> None:
        self._client = client
        settings = {
            "APP_ENV": "production",
            "MONGODB_URI": uri,
            "SECRET_KEY": secrets.token_urlsafe(48),
            "PUBLIC_URL": "http://localhost:8000",
            "MAIL_URL": f"file:{mkdtemp(prefix='authsvc-trial-')}",
            "BCRYPT_ROUNDS": 10,
            "RATE_LIMITS": "off",
            "REFRESH_REUSE_GRACE": 300,  # whoever waits for a new primary tries the same token again
        }
        self._services = [Service(fresh=True, **settings) for _ in range(2)]
        self._people: list[Person] = []

    def __enter__(self) -> Self:
        try:
            for service in self._services:
                service.start(ready=False)
            for service in self._services:
                service.wait_ready(_PATIENCE)
        except BaseException:
            self.__exit__()
            raise
        self._people = [
            Person([Visitor(service.url, patience=10) for service in self._services]) for _ in range(PEOPLE)
        ]
        for person in self._people:
            person.start()
        time.sleep(_CALM)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        for service in self._services:
            service.stop()

    def outage(self, fault: Fault) -> float:
        """Let something fail; return the longest time that anybody waited, once all are answered again."""
        longest, end = 0.0, time.monotonic() + _PATIENCE
        with fault(self._client):
            calm = time.monotonic()
            while time.monotonic() - calm < _CALM and time.monotonic() < end:
                waited = max(time.monotonic() - person.answered for person in self._people)
                longest = max(longest, waited)
                calm = time.monotonic() if waited > 1 else calm
                time.sleep(0.05)
        return longest

    def verdict(self) -> list[str]:
        """Return what is wrong: something acknowledged that is lost, or forgotten, or an answer that should not be."""
        self._stop()
        database = self._client.get_default_database()
        wrong = [fault for person in self._people for fault in person.wrong]
        kept = {str(user["_id"]) for user in database.users.find({}, {"_id": 1})}
        wrong += [f"account {lost} is lost" for person in self._people for lost in person.accounts if lost not in kept]
        for service in self._services:
            visitor = Visitor(service.url)
            for person in self._people:
                for tokens in person.ended[-50:]:
                    if visitor.home(tokens["accessToken"]).status_code != 401:
                        wrong.append(f"the sign-out of {tokens['user']['id']} is forgotten")
                if person.live is not None and visitor.home(person.live["accessToken"]).status_code != 200:
                    session = database.sessions.find_one({"user": ObjectId(person.live["user"]["id"])})
                    wrong.append(f"a session that nobody ended is not accepted: {session}")
        return wrong

    def summary(self) -> str:
        """Return how much was done, and how it was answered."""
        statuses = sum((person.statuses for person in self._people), Counter())
        accounts, ended = (
            sum(map(len, lists)) for lists in zip(*((p.accounts, p.ended) for p in self._people), strict=True)
        )
        return f"{accounts} accounts, {ended} sign-outs; answers: {dict(sorted(statuses.items()))}"

    def _stop(self) -> None:
        for person in self._people:
            person.stopping.set()
        for person in self._people:
            if person.is_alive():
                person.join(30)
