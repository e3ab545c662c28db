"""Counts by day: each process gathers what happens in it, and adds it to the database every few seconds.

A sign-in waits for no further write by that. What a process had not added yet when it was killed is missing.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from authsvc import clock, logs, metrics
from authsvc.models.daily_counts import DailyCount
from authsvc.models.driver_errors import DATABASE_ERRORS

NAMES = ("registered", "sign_ins", "failed_sign_ins", "throttled")
DAYS = 14
_KEPT_FOR = timedelta(days=90)
_log = logs.get(__name__)
_lock = threading.Lock()
_gathered: Counter[tuple[str, str]] = Counter()


def note(name: str) -> None:
    """Count one of `NAMES` today."""
    with _lock:
        _gathered[_text(0), name] += 1


def flush() -> None:
    """Add to the database what this process has gathered; what can't be added is kept."""
    with _lock:
        batch = _gathered.copy()
        _gathered.clear()
    by_day: dict[str, dict[str, int]] = {}
    for (day, name), count in batch.items():
        by_day.setdefault(day, {})[name] = count
    for day, counts in by_day.items():
        try:
            DailyCount.add(day, counts, clock.now() + _KEPT_FOR)
        except DATABASE_ERRORS as error:
            metrics.DATABASE_ERRORS.inc()
            _log.warning("daily_counts.not_added", cause=logs.where(error))
            with _lock:
                _gathered.update({(day, name): count for name, count in counts.items()})


def latest() -> Sequence[dict[str, Any]]:
    """Return the counts of the last 14 days, oldest first; the last is today, in UTC."""
    flush()
    days = [_text(ago) for ago in reversed(range(DAYS))]
    stored = DailyCount.of(days)
    return [{"day": day, **{name: stored.get(day, {}).get(name, 0) for name in NAMES}} for day in days]


def _text(ago: int) -> str:
    return f"{clock.now() - timedelta(days=ago):%Y-%m-%d}"
