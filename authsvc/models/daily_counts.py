"""The `daily_counts` collection: how often something happened on a day, for the console."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import cast

from mongoengine.errors import NotUniqueError
from mongoengine.fields import DictField, IntField, StringField

from authsvc.models.base import EXPIRY, Document, bounded, utc_field

_TURNS = 8


class DailyCount(Document):
    """A day in UTC, `2026-11-30`, and how often each thing happened on it."""

    meta = {"collection": "daily_counts", "indexes": [EXPIRY]}

    day: str = StringField(primary_key=True)
    counts: dict[str, int] = DictField(IntField())
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @classmethod
    @bounded
    def add(cls, day: str, counts: Mapping[str, int], expires_at: datetime) -> None:
        """Add to the counts of a day; of many at once none is lost."""
        changes = {f"inc__counts__{name}": count for name, count in counts.items()}
        for _ in range(_TURNS):
            if cls.objects(day=day).update_one(**changes):
                return
            try:
                cls(day=day, counts=dict(counts), expires_at=expires_at).save(force_insert=True)
            except NotUniqueError:
                continue  # another worker made it
            return

    @classmethod
    @bounded
    def of(cls, days: Iterable[str]) -> dict[str, dict[str, int]]:
        """Return the counts of those days of which there are some."""
        return {cast(str, one.day): dict(one.counts) for one in cls.objects(day__in=list(days))}
