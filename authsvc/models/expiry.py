"""What has expired: the database deletes it by itself, unless it is a server that does not."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from mongoengine.connection import get_db

from authsvc.models import readiness
from authsvc.models.base import bounded, unhurried
from authsvc.models.readiness import Index


def overdue(now: datetime, grace: timedelta) -> Iterator[tuple[str, datetime]]:
    """Yield the collections with something that expired longer than `grace` ago, and since when it is expired."""
    for index, field, lifetime in _expiries():
        oldest = _oldest(index, field, now - grace - lifetime)
        if oldest is not None:
            yield index.collection, oldest + lifetime


def prune(now: datetime) -> Iterator[tuple[str, int]]:
    """Delete what has expired; yield how many documents of which collection."""
    for index, field, lifetime in _expiries():
        count = _delete(index, field, now - lifetime)
        if count:
            yield index.collection, count


def _expiries() -> Iterator[tuple[Index, str, timedelta]]:
    for index in readiness.declarations():
        seconds = index.options.get("expireAfterSeconds")
        if seconds is not None:
            yield index, index.keys[0][0], timedelta(seconds=seconds)


@bounded
def _oldest(index: Index, field: str, before: datetime) -> datetime | None:
    one = get_db()[index.collection].find_one(_expired(index, field, before), {field: 1}, sort=[(field, 1)])
    return None if one is None else one[field]


@unhurried
def _delete(index: Index, field: str, before: datetime) -> int:
    return int(get_db()[index.collection].delete_many(_expired(index, field, before)).deleted_count)


def _expired(index: Index, field: str, before: datetime) -> dict[str, Any]:
    return {**index.options.get("partialFilterExpression", {}), field: {"$lt": before}}
