"""The `throttles` collection: counters of attempts, one document for each limit and key."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mongoengine.fields import BooleanField, IntField, StringField
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from authsvc.models.base import EXPIRY, Document, bounded, utc_field

RETENTION = timedelta(minutes=5)
_DUPLICATE_KEY = 11000
_SKEW = timedelta(minutes=1)
"""How far clocks may differ: that of another machine, or of a request that began later."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many attempts may be counted in a counter: `most` in each window of `span`.

    In a row there is no window: each attempt prolongs the time for which it is remembered by `span`, so many are
    remembered for long, and single ones are soon forgotten.
    """

    digest: str
    most: int
    span: timedelta
    in_row: bool = False


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter as it was read."""

    count: int
    ends_at: datetime
    has_refusals: bool

    def is_over(self, allowance: Allowance, now: datetime) -> bool:
        """Tell whether the window, or the row, is over. A clock that went back also ends a window."""
        return self.ends_at <= now or (not allowance.in_row and self.ends_at > _latest_end(allowance, now))

    def is_full(self, allowance: Allowance, now: datetime) -> bool:
        """Tell whether there is no room for another attempt."""
        return self.count >= allowance.most and not self.is_over(allowance, now)


class Throttle(Document):
    """A counter, and when its window ends. Its id is a digest of limit and key, which does not reveal whose it is.

    A window begins with the first attempt, so one burst never falls into two windows.
    """

    meta = {
        "collection": "throttles",
        "indexes": [EXPIRY],
    }

    digest: str = StringField(primary_key=True)
    count: int = IntField(required=True)
    has_refusals: bool = BooleanField(db_field="told", default=False)
    ends_at: datetime = utc_field(db_field="endsAt", required=True)
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @classmethod
    @bounded
    def read(cls, digests: Iterable[str]) -> dict[str, Counter]:
        """Return the counters that there are, by digest."""
        counters = cls._get_collection().find({"_id": {"$in": list(digests)}})
        return {one["_id"]: Counter(one["count"], one["endsAt"], one.get("told", False)) for one in counters}

    @classmethod
    @bounded
    def take(cls, allowances: Sequence[Allowance], read: Mapping[str, Counter] | None, now: datetime) -> int:
        """Count one more under each of these in turn, up to the first without room; return how many were counted.

        One command, however many they are. However many requests come at once, on however many machines, no more than
        `most` are counted. What was `read` before, if anything, spares work; a row needs it. A counter that has changed
        since may pass for one without room: look again.
        """
        steps = [(number, step) for number, one in enumerate(allowances) for step in _steps(one, read, now)]
        try:
            cls._get_collection().bulk_write([step for _, step in steps])
        except BulkWriteError as error:
            failures = error.details["writeErrors"]
            if not failures or failures[0]["code"] != _DUPLICATE_KEY:
                raise
            return int(steps[failures[0]["index"]][0])
        return len(allowances)

    @classmethod
    @bounded
    def settle(cls, given_back: Iterable[str], forgotten: Iterable[str], now: datetime) -> None:
        """Count one less in the counters that are given back, and nothing in those that are forgotten."""
        nothing = {"count": 0, "told": False, "endsAt": now, "expiresAt": now + RETENTION}
        steps = [UpdateOne({"_id": one, "count": {"$gt": 0}}, {"$inc": {"count": -1}}) for one in given_back]
        steps += [UpdateOne({"_id": one}, {"$set": nothing}) for one in forgotten]
        if steps:
            cls._get_collection().bulk_write(steps, ordered=False)

    @classmethod
    @bounded
    def note_refusal(cls, digest: str) -> bool:
        """Note a refusal; tell whether it is the first of the window."""
        return bool(cls.objects(digest=digest, has_refusals__ne=True).update_one(set__has_refusals=True))


def _steps(allowance: Allowance, read: Mapping[str, Counter] | None, now: datetime) -> Iterator[UpdateOne]:
    """Return the steps that count an attempt if there is room.

    If there is none, the last is an insert with the key of the counter that is there, which fails.
    """
    if allowance.in_row:
        yield _step_of_row(allowance, read[allowance.digest] if read and allowance.digest in read else None, now)
        return
    key, end = allowance.digest, now + allowance.span
    counter = read.get(key) if read is not None else None
    window = {"endsAt": end, "expiresAt": end + RETENTION, "told": False}
    live = {"$gt": now, "$lte": _latest_end(allowance, now)}
    if read is None or (counter is not None and counter.is_over(allowance, now)):
        yield UpdateOne({"_id": key, "endsAt": {"$not": live}}, {"$set": {"count": 0, **window}})
    room = {"_id": key, "endsAt": live, "count": {"$lt": allowance.most}}
    yield UpdateOne(room, {"$inc": {"count": 1}, "$setOnInsert": window}, upsert=True)


def _step_of_row(allowance: Allowance, counter: Counter | None, now: datetime) -> UpdateOne:
    key, each = allowance.digest, allowance.span
    if counter is None or counter.is_over(allowance, now):
        end = now + each
        begun = {"count": 1, "endsAt": end, "expiresAt": end + RETENTION, "told": False}
        return UpdateOne({"_id": key, "endsAt": {"$lte": now}}, {"$set": begun}, upsert=True)
    end = now + each * (counter.count + 1)
    room = {"_id": key, "count": {"$gte": counter.count, "$lt": allowance.most}}
    changes = {"$inc": {"count": 1}, "$max": {"endsAt": end, "expiresAt": end + RETENTION}}
    return UpdateOne(room, changes, upsert=True)


def _latest_end(allowance: Allowance, now: datetime) -> datetime:
    return now + allowance.span + _SKEW
