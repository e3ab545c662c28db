"""The `throttles` collection: how often something was tried, one document per limit, key and window."""

from datetime import datetime

from mongoengine import Document
from mongoengine.errors import NotUniqueError
from mongoengine.fields import IntField, StringField

from authsvc.models.base import bounded, utc_field

_TURNS = 8


class Throttle(Document):
    """A counter. Its id is a digest of limit, key and window: whose it is can't be read from it."""

    meta = {
        "collection": "throttles",
        "strict": False,
        "auto_create_index": False,
        "indexes": [{"fields": ["expires_at"], "name": "expiry", "expireAfterSeconds": 0}],
    }

    digest: str = StringField(primary_key=True)
    count: int = IntField(required=True)
    refused: int = IntField(default=0)
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @classmethod
    @bounded
    def take(cls, digest: str, most: int, expires_at: datetime) -> int:
        """Count one more, if there are fewer than `most`: 0 where it was counted, else how many were refused so far.

        However many ask at once, on however many machines, no more than `most` are counted.
        """
        for _ in range(_TURNS):
            if cls.objects(digest=digest, count__lt=most).modify(inc__count=1) is not None:
                return 0
            full = cls.objects(digest=digest, count__gte=most).modify(inc__refused=1, new=True)
            if full is not None:
                return int(full.refused)
            try:
                cls(digest=digest, count=1, expires_at=expires_at).save(force_insert=True)
            except NotUniqueError:
                continue  # somebody else made it, or gave one back just now
            return 0
        return _TURNS

    @classmethod
    @bounded
    def give_back(cls, digest: str) -> None:
        """Count one less."""
        cls.objects(digest=digest, count__gt=0).modify(dec__count=1)
