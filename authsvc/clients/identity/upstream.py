"""The way to the servers of one provider, which is the only one that kinds of providers use.

A visit takes a few seconds in all, however many questions it has and however slowly each is answered. Only so many
visits to a provider go on at once: if it is slow, no more of the service wait for it.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from authsvc import clock, logs, metrics
from authsvc.clients.connector import Answer, Connector
from authsvc.errors import ProviderRefused, UpstreamUnavailable
from authsvc.errors.not_believed import NotBelieved
from authsvc.errors.not_reached import NotReached
from authsvc.security import strict_json

SECONDS = 6.0
MOST_BYTES = 262_144
MOST_AT_ONCE = 32
"""Visits to one provider, in one worker."""
KEPT = timedelta(minutes=10)
PAUSE = timedelta(minutes=1)
"""How often what is kept is asked for again before that time."""

_JSON = {"Accept": "application/json"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded", **_JSON}

T = TypeVar("T")

_log = logs.get(__name__)


class Visit:
    """Questions that share one deadline. Each raises NotReached."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._deadline = time.monotonic() + connector.seconds

    def seconds(self) -> float:
        """Return how many seconds are left."""
        return max(0.0, self._deadline - time.monotonic())

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
        """Return the JSON value at an address."""
        answer = self._connector.get(url, {**_JSON, **(headers or {})}, seconds=self.seconds())
        if answer.status != 200:
            raise NotReached(f"it was answered with {answer.status}")
        return json_of(answer)

    def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to a form."""
        body = urlencode(form).encode()
        return self._connector.post(url, body, {**_FORM, **(headers or {})}, seconds=self.seconds())


class Upstream:
    """Visits to the servers of one provider."""

    def __init__(self, name: str, connector: Connector) -> None:
        self._name = name
        self._connector = connector
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)

    def open(self) -> Visit:
        """Begin a visit of an operator, who is told why something failed."""
        return Visit(self._connector)

    @contextmanager
    def visit(self) -> Iterator[Visit]:
        """Let somebody ask. Raises ProviderRefused and UpstreamUnavailable for what comes of it; the log has why."""
        if not self._free.acquire(blocking=False):
            raise self._unavailable("too many wait for it")
        try:
            yield Visit(self._connector)
        except NotReached as error:
            raise self._unavailable(str(error)) from error
        except NotBelieved as refusal:
            _log.warning("provider.refused", provider=self._name, cause=str(refusal))
            self._count("refused")
            raise ProviderRefused from refusal
        else:
            self._count("answered")
        finally:
            self._free.release()

    def _unavailable(self, cause: str) -> UpstreamUnavailable:
        _log.warning("provider.unavailable", provider=self._name, cause=cause)
        self._count("unavailable")
        return UpstreamUnavailable()

    def _count(self, outcome: str) -> None:
        metrics.PROVIDER_VISITS.labels(self._name, outcome).inc()


class Kept(Generic[T]):
    """Something that is asked for once in a while; while one asks, others wait for what it gets, or that it fails."""

    def __init__(self, ask: Callable[[Visit], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._value: T | None = None
        self._until: datetime | None = None
        self._renewed: datetime | None = None
        self._failure: tuple[float, str] | None = None

    def get(self, visit: Visit) -> T:
        """Return it. Raises NotReached."""
        value = self._fresh()
        if value is not None:
            return value
        with self._alone(visit):
            value = self._fresh()
            return self._asked(visit) if value is None else value

    def renewed(self, visit: Visit, outdated: T) -> T:
        """Return it as it is now, since it turned out to be outdated; the same if that was done a short while ago."""
        with self._alone(visit):
            if self._value is not None and self._value is not outdated:
                return self._value
            now = clock.now()
            if self._renewed is not None and now < self._renewed + PAUSE:
                return outdated
            self._renewed = now
            return self._asked(visit)

    def _fresh(self) -> T | None:
        until = self._until
        return self._value if until is not None and clock.now() < until else None

    def _asked(self, visit: Visit) -> T:
        try:
            self._value = self._ask(visit)
        except NotReached as error:
            self._failure = (time.monotonic(), str(error))
            raise
        self._until = clock.now() + KEPT
        return self._value

    @contextmanager
    def _alone(self, visit: Visit) -> Iterator[None]:
        began = time.monotonic()
        if not self._lock.acquire(timeout=visit.seconds()):
            raise NotReached("it took too long")
        try:
            if self._failure is not None and self._failure[0] > began:
                raise NotReached(self._failure[1])
            yield
        finally:
            self._lock.release()


def json_of(answer: Answer) -> Any:
    """Return the JSON value of an answer. Raises NotReached."""
    try:
        return strict_json.parse(answer.body)
    except ValueError as error:
        raise NotReached("the answer is not JSON") from error
