"""The `throttles` collection: counters of attempts, one document for each limit and key."""

from datetime import datetime, timedelta
from typing import cast

from mongoengine.errors import NotUniqueError
from mongoengine.fields import BooleanField, IntField, StringField

from authsvc.models.base import EXPIRY, Document, bounded, utc_field

_TURNS = 8
RETENTION = timedelta(minutes=5)
_SKEW = timedelta(minutes=1)
"""How far clocks may differ: that of another machine, or of a request that began later."""


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
    def take(cls, digest: str, most: int, window: timedelta, now: datetime) -> datetime | None:
        """Count one more, if there are fewer than `most` in this window; else return when that ends.

        However many requests come at once, on however many machines, no more than `most` are counted. A clock that went
        back also ends a window.
        """
        end = now + window
        for _ in range(_TURNS):
            counter = cls.objects(digest=digest).first()
            if counter is None:
                try:
                    cls(digest=digest, count=1, ends_at=end, expires_at=end + RETENTION).save(force_insert=True)
                except NotUniqueError:
                    continue  # another request made it
                return None
            same = cls.objects(digest=digest, ends_at=counter.ends_at)
            if not now < counter.ends_at <= end + _SKEW:
                renewal = {
                    "set__count": 1,
                    "set__has_refusals": False,
                    "set__ends_at": end,
                    "set__expires_at": end + RETENTION,
                }
                if same.update_one(**renewal):
                    return None
            elif counter.count >= most:
                return cast(datetime, counter.ends_at)  # no write: refusals must not contend for the document
            elif same.filter(count__lt=most).update_one(inc__count=1):
                return None
        return end

    @classmethod
    @bounded
    def take_in_row(cls, digest: str, most: int, each: timedelta, now: datetime) -> datetime | None:
        """Count one more, if there are fewer than `most` in this row; else return when it is forgotten.

        Each attempt prolongs the row by `each`: many are remembered for long, single ones are soon forgotten.
        """
        for _ in range(_TURNS):
            counter = cls.objects(digest=digest).first()
            if counter is None:
                end = now + each
                try:
                    cls(digest=digest, count=1, ends_at=end, expires_at=end + RETENTION).save(force_insert=True)
                except NotUniqueError:
                    continue  # another request made it
                return None
            if counter.ends_at <= now:
                cls.objects(digest=digest, ends_at=counter.ends_at).delete()
                continue
            if counter.count >= most:
                return cast(datetime, counter.ends_at)
            end = now + each * (counter.count + 1)
            room = cls.objects(digest=digest, count__lt=most)
            if room.update_one(inc__count=1, max__ends_at=end, max__expires_at=end + RETENTION):
                return None
        return now + each

    @classmethod
    @bounded
    def remove_all(cls, digests: list[str]) -> None:
        """Forget counters."""
        cls.objects(digest__in=digests).delete()

    @classmethod
    @bounded
    def first_refusal(cls, digest: str) -> bool:
        """Note a refusal; tell whether it is the first of the window."""
        # Only the first writes: refusals must not contend for the document.
        counter = cls.objects(digest=digest).only("has_refusals").first()
        if counter is None or counter.has_refusals:
            return False
        return bool(cls.objects(digest=digest, has_refusals__ne=True).update_one(set__has_refusals=True))

    @classmethod
    @bounded
    def give_back(cls, digest: str) -> None:
        """Count one less."""
        cls.objects(digest=digest, count__gt=0).update_one(dec__count=1)
