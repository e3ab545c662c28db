"""Values as other programs write them: times, and true or false. An unknown form is refused, never guessed."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from bson import ObjectId
from bson.datetime_ms import DatetimeMS

_TRUE = frozenset({"true", "t", "1", "yes", "y", "on"})
_FALSE = frozenset({"false", "f", "0", "no", "n", "off"})
_ISO = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d|\d{4}/\d\d/\d\d)(?:[Tt ]+(?P<time>\d\d:\d\d(?::\d\d)?)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?P<zone>[Zz]|UTC|GMT|(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?(?: ?UTC)?)?",
    re.ASCII,
)
_MAIL = re.compile(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (?:GMT|UTC|[+-]\d{4})", re.ASCII)
_NUMBER = re.compile(r"\d{9,13}(?:\.\d{1,9})?", re.ASCII)
_OBJECT_ID = re.compile(r"""ObjectId\(\s*["']?([0-9a-fA-F]{24})["']?\s*\)""", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FROM, _TO = 10**8, 10**10
"""Seconds: from 1973 to 2286. In milliseconds that is from 10^11 on: no number is both."""


class NotUnderstood(ValueError):
    """A value that stands for nothing known; the message quotes nothing of it."""


def truth(value: Any) -> bool | None:
    """Tell whether a value is true: `true`, 1, `t`, `yes` …; None if it is empty. Raises NotUnderstood."""
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else "?"
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    if word == "":
        return None
    raise NotUnderstood("neither true nor false")


def truth_or_none(value: Any) -> bool | None:
    """Tell whether a value is true, None if it is neither true nor false."""
    try:
        return truth(value)
    except NotUnderstood:
        return None


def time(value: Any) -> datetime | DatetimeMS | None:
    """Return a time, None for an empty value.

    Understood are ISO 8601, RFC 5322, and seconds or milliseconds since 1970. A time without a
    zone is taken for UTC. Raises NotUnderstood.
    """
    if value is None or isinstance(value, datetime | DatetimeMS):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _counted(float(value))
    if not isinstance(value, str):
        raise NotUnderstood("not a time")
    return _read(value.strip()) if value.strip() else None


def object_id(value: Any) -> ObjectId | None:
    """Return a value as an id, `ObjectId(5ccd…)` of MongoDB's tools included; None for any other value."""
    if isinstance(value, ObjectId):
        return value
    if not isinstance(value, str):
        return None
    match = _OBJECT_ID.fullmatch(value.strip())
    text = match[1] if match is not None else value
    return ObjectId(text) if ObjectId.is_valid(text) and len(text) == 24 else None


def _read(text: str) -> datetime:
    if _NUMBER.fullmatch(text):
        return _counted(float(text))
    match = _ISO.fullmatch(text)
    try:
        if match is not None:
            return _of(match)
        if _MAIL.fullmatch(text):
            return parsedate_to_datetime(text.replace("UTC", "GMT")).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotUnderstood("not a time such as 2026-01-31T12:00:00Z") from error
    raise NotUnderstood("not a time such as 2026-01-31T12:00:00Z")


def _counted(number: float) -> datetime:
    """Return the time that is so many seconds or milliseconds after 1970 began."""
    if _FROM <= number < _TO:
        return _EPOCH + timedelta(milliseconds=round(number * 1000))
    if 1000 * _FROM <= number < 1000 * _TO:
        return _EPOCH + timedelta(milliseconds=int(number))
    raise NotUnderstood("neither seconds nor milliseconds since 1970")


def _of(match: re.Match[str]) -> datetime:
    date, clock = match["date"].replace("/", "-"), match["time"] or "00:00"
    moment = datetime.fromisoformat(f"{date}T{clock}").replace(tzinfo=UTC)
    moment += timedelta(microseconds=int((match["fraction"] or "").ljust(6, "0")[:6]))
    if match["sign"]:
        shift = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
        if shift > timedelta(hours=18) or int(match["minutes"] or 0) > 59:
            raise ValueError("no zone")
        moment += shift if match["sign"] == "-" else -shift
    return moment
