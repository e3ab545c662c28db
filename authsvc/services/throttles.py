"""Throttles: how often something may be tried, counted before the work and over all workers and machines.

The limits and their settings are those of `config.LIMITS`; a limit of 10/60 lets 10 pass in the minute that begins with
the first of them.
"""

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from bson import ObjectId
from flask import current_app

from authsvc import clock, metrics, origin
from authsvc.errors import Problem, TooManyAttempts
from authsvc.models.audit import Action
from authsvc.models.throttles import Throttle
from authsvc.security.networks import network_of
from authsvc.services import audit


@dataclass(frozen=True, slots=True)
class Key:
    """Whose attempts are counted together under a limit; `user` is the account they concern, where one is known."""

    limit: str
    whose: str
    user: str | ObjectId | None = None


def by_network(limit: str) -> Key:
    """Return the key of whoever asks, by network address."""
    return Key(limit, network_of(origin.current().ip))


def count(*keys: Key) -> None:
    """Count an attempt under each key. Raises TooManyAttempts, and counts nothing, where one has had enough."""
    _take(keys)


def has_room(*keys: Key) -> bool:
    """Count an attempt under each key, and tell whether there was room: for what is left out in silence."""
    try:
        _take(keys)
    except TooManyAttempts:
        return False
    return True


@contextmanager
def counting(*keys: Key, failures: tuple[type[Problem], ...]) -> Iterator[None]:
    """Count an attempt before it is made, and give it back unless it ends in one of `failures`.

    Raises TooManyAttempts.
    """
    taken = _take(keys)
    try:
        yield
    except failures:
        raise
    except BaseException:
        _give_back(taken)
        raise
    _give_back(taken)


def _take(keys: tuple[Key, ...]) -> list[str]:
    taken: list[str] = []
    if not current_app.config["RATE_LIMITS"]:
        return taken
    now = clock.now()
    for key in keys:
        most, seconds = current_app.config["LIMITS"][key.limit]
        digest = hashlib.sha256(f"{key.limit}\0{key.whose}\0{seconds}".encode()).hexdigest()
        end = Throttle.take(digest, most, timedelta(seconds=seconds), now)
        if end is not None:
            _give_back(taken)
            metrics.THROTTLED.labels(key.limit).inc()
            if Throttle.tell(digest):  # once in a window: who floods does not fill the records
                audit.record(Action.ATTEMPTS_THROTTLED, target=key.user, limit=key.limit)
            raise TooManyAttempts(key.limit, most, seconds, math.ceil((end - now).total_seconds()))
        taken.append(digest)
    return taken


def _give_back(taken: list[str]) -> None:
    for digest in taken:
        Throttle.give_back(digest)
