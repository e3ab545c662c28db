"""The one place that says what time it is."""

import time
from datetime import UTC, datetime

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> datetime:
    """Return the current time in UTC, cut to milliseconds, which is all that the database keeps."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def elapsed() -> float:
    """Return the seconds since this machine started, asleep or awake: for durations, since nobody can set them."""
    return time.clock_gettime(_STEADY)
