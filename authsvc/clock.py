"""The one place that says what time it is."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time in UTC, cut to milliseconds, which is all that the database keeps."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
