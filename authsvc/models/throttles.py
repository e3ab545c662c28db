"""The `throttles` collection: how often something was tried, one document per limit and key."""

from datetime import datetime, timedelta
from typing import cast

from mongoengine.errors import NotUniqueError
from mongoengine.fields import BooleanField, IntField, StringField

from authsvc.models.base import Document, bounded, utc_field

_TURNS = 8
KEPT = timedelta(minutes=5)
_SKEW = timedelta(minutes=1)
"""How far clocks may be apart: that of another machine, or of a request that began later."""


class Throttle(Document):
    """A counter, and when its window ends. Its id is a digest of limit and key: whose it is can't be read from it.

    A window begins with the first attempt, so no two windows lie side by side for one burst.
    """

    meta = {
        "collection": "throttles",
        "indexes": [{"fields": ["expires_at"], "name": "expiry", "expireAfterSeconds": 0}],
    }

    digest: str = StringField(primary_key=True)
    count: int = IntField(required=True)
    told: bool = BooleanField(default=False)
    ends_at: datetime = utc_field(db_field="endsAt", required=True)
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @classmethod
    @bounded
    def take(cls, digest: str, most: int, window: timedelta, now: datetime) -> datetime | None:
        """Count one more, if there are fewer than `most` in this window; else return when that ends.

        However many ask at once, on however many machines, no more than `most` are counted. Who is refused writes
        nothing: all who flood would wait for one another at the one document. A clock that went back ends a window too.
        """
        end = now + window
        for _ in range(_TURNS):
            found = cls.objects(digest=digest).first()
            if found is None:
                try:
                    cls(digest=digest, count=1, ends_at=end, expires_at=end + KEPT).save(force_insert=True)
                except NotUniqueError:
                    continue  # somebody else made it
                return None
            same = cls.objects(digest=digest, ends_at=found.ends_at)
            if not now < found.ends_at <= end + _SKEW:
                begun = {"set__count": 1, "set__told": False, "set__ends_at": end, "set__expires_at": end + KEPT}
                if same.update_one(**begun):
                    return None
            elif found.count >= most:
                return cast(datetime, found.ends_at)
            elif same.filter(count__lt=most).update_one(inc__count=1):
                return None
        return end

    @classmethod
    @bounded
    def tell(cls, digest: str) -> bool:
        """Note that somebody was refused; tell whether this is the first of the window."""
        found = cls.objects(digest=digest).only("told").first()
        first = found is not None and not found.told
        return first and bool(cls.objects(digest=digest, told__ne=True).update_one(set__told=True))

    @classmethod
    @bounded
    def give_back(cls, digest: str) -> None:
        """Count one less."""
        cls.objects(digest=digest, count__gt=0).update_one(dec__count=1)
