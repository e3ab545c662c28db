"""Which webhooks there are, as this process knows it: read a few times a second, and only where something happens."""

import threading
import time

from authsvc import clock
from authsvc.models.webhooks import Webhook

MOST = 20
"""How many webhooks there can be."""
LEASE = 0.25
"""Seconds for which a reading counts. Whoever changes a webhook waits as long before it is said to be done."""

_lock = threading.Lock()
_reading = threading.Lock()
_known: list[Webhook] = []
_read_at = float("-inf")


def listening(event: str) -> bool:
    """Tell whether any webhook is told of events of this name. Raises a database error."""
    return any(webhook.hears(event) for webhook in _current())


def everything() -> list[Webhook]:
    """Return the webhooks, as they were a quarter of a second ago or later. Raises a database error."""
    return _current()


def forget() -> None:
    """Read the table again next time."""
    global _read_at  # noqa: PLW0603 - one table in a process
    with _lock:
        _read_at = float("-inf")


def settle() -> None:
    """Wait until every process knows of a change that has just been made."""
    forget()
    time.sleep(LEASE)


def _current() -> list[Webhook]:
    asked = clock.elapsed()
    known = _known_at(asked)
    if known is not None:
        return known
    # One reads at a time, and those who wait use that reading. Where the database takes longer than a reading counts,
    # each reads on their own: nobody waits for several others in turn.
    mine = _reading.acquire(timeout=LEASE)
    try:
        known = _known_at(asked)
        return known if known is not None else _read()
    finally:
        if mine:
            _reading.release()


def _known_at(moment: float) -> list[Webhook] | None:
    with _lock:
        return _known if moment - _read_at < LEASE else None


def _read() -> list[Webhook]:
    global _known, _read_at
    began = clock.elapsed()
    webhooks = Webhook.all(MOST)
    with _lock:
        if began > _read_at:
            _known, _read_at = webhooks, began
        return webhooks
