"""What a worker keeps of sessions and access tokens, so that most requests need not ask the database (`SESSION_CACHE`).

What is kept counts for as long as no notice can have been posted that names it: under a lease, which counts from when
the worker last began to ask for notices, or by asking again. Whoever changes a session posts a notice, and answers
when all leases are over that began before it. What is kept never refuses anybody: then it is read.
See docs/decisions/0058-sessions-are-kept-under-a-lease.md.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any, Protocol, TypeVar, cast

from bson import ObjectId
from flask import Flask, current_app

from authsvc import clock
from authsvc.models.base import deadline
from authsvc.models.connection import STEP_SECONDS
from authsvc.models.driver_errors import DATABASE_ERRORS
from authsvc.models.notices import LEASE_SECONDS, News, Notices, take_end_of_leases

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

MOST = 4096
"""How many of them a worker keeps, at 1 to 2 kB each."""

KEPT_SECONDS = 10.0
"""How long one is used at most: what nobody posts, such as a change by hand, is noticed within this time."""

_READING_SECONDS = STEP_SECONDS / 2
"""Limit of a reading: a request may wait for the end of one before its own begins."""
_RENEWED_AFTER = 0.1
_EXTENSION = "authsvc.standings"


class Load(Protocol[T_co]):
    """Reads something as it is stored; `to_keep` is stricter."""

    def __call__(self, *, to_keep: bool) -> T_co | None:
        """Return it, None if there is nothing."""


def init_app(app: Flask) -> None:
    """Let an application keep what it may, if SESSION_CACHE says so."""
    app.extensions[_EXTENSION] = Standings() if app.config["SESSION_CACHE"] else None


def of(key: str) -> Any:
    """Return what is kept under a key, if that is how it is at this moment; None if nothing is.

    Never to refuse anything.
    """
    own = _own()
    return None if own is None else own.find(key)


def read(key: str, load: Load[T], names_of: Callable[[T], Collection[ObjectId]]) -> T | None:
    """Return what `load` reads, and keep it until a notice has one of its names; without any it is not kept."""
    own = _own()
    return load(to_keep=False) if own is None else own.fill(key, load, names_of)


def forget() -> None:
    """Let all workers keep nothing of what they have kept: somebody has changed the database by hand."""
    Notices.forget()


def settle() -> None:
    """Wait until no worker accepts any longer what this request, or command, has changed; it is not answered before."""
    over = take_end_of_leases()
    if over is None or _own() is None:
        return
    while (rest := over - clock.elapsed()) > 0:
        time.sleep(rest)


def _own() -> "Standings | None":
    return cast(Standings | None, current_app.extensions[_EXTENSION])


@dataclass(frozen=True, slots=True)
class _Kept:
    value: Any
    names: Collection[ObjectId]
    until: float


class _Reading:
    """A reading of the notices, which all share who came before it began."""

    def __init__(self) -> None:
        self.is_over = False
        self.error: Exception | None = None


class Standings:
    """What one worker keeps, by key. Requests are threads, or take turns as those of gevent do."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._mark: ObjectId | None = None
        self._until = 0.0
        self._change = Lock()  # held while what is kept and the mark are changed together
        self._next = _Reading()
        self._turn = Lock()  # held while notices are read: an older answer must not overtake a newer one
        self._is_renewing = False

    def find(self, key: str) -> Any:
        """Return what is kept under a key, None if nothing is that counts at this moment."""
        until = self._until  # before the look-up: whoever applies a notice renews the lease last
        kept, now = self._kept.get(key), clock.elapsed()
        if kept is not None and now >= until:
            self.ask()
            kept, now = self._kept.get(key), clock.elapsed()
        elif now >= until - LEASE_SECONDS + _RENEWED_AFTER:
            self._renew_soon()
        return kept.value if kept is not None and now < kept.until else None

    def fill(self, key: str, load: Load[T], names_of: Callable[[T], Collection[ObjectId]]) -> T | None:
        """Do what `read` does."""
        mark, began = self._mark, clock.elapsed()
        value = load(to_keep=True)
        names = () if value is None else names_of(value)
        with self._change:
            if names and self._mark == mark:  # else a notice may be about what was read before it
                self._kept.pop(key, None)
                self._kept[key] = _Kept(value, names, began + KEPT_SECONDS)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return value

    def ask(self) -> None:
        """Read the notices, together with all that want to at this moment. Raises a database error."""
        reading = self._next  # has not begun
        with self._turn:
            if not reading.is_over:
                self._next = _Reading()
                Context().run(self._carry_out, reading)  # without the deadline of one of those who wait
        if reading.error is not None:
            raise reading.error

    def _carry_out(self, reading: _Reading) -> None:
        began = clock.elapsed()
        try:
            with deadline(_READING_SECONDS):
                news = Notices.since(self._mark)
        except DATABASE_ERRORS as error:
            reading.error = error
        else:
            self._apply(news, began)
        reading.is_over = True

    def _apply(self, news: News | None, began: float) -> None:
        with self._change:
            if news is not None:
                self._mark = news.mark
                for key in [key for key, kept in self._kept.items() if _is_named(kept, news)]:
                    del self._kept[key]
            self._until = began + LEASE_SECONDS

    def _renew_soon(self) -> None:
        """Renew the lease in the background, before a request has to wait for it."""
        if not self._is_renewing:
            self._is_renewing = True
            try:
                Thread(target=self._renew, name="authsvc-notices", daemon=True).start()
            except RuntimeError:  # no more threads: a request will wait for it
                self._is_renewing = False

    def _renew(self) -> None:
        try:
            with suppress(*DATABASE_ERRORS):  # the next request that needs it asks again, and fails
                self.ask()
        finally:
            self._is_renewing = False


def _is_named(kept: _Kept, news: News) -> bool:
    return news.of is None or not news.of.isdisjoint(kept.names)
