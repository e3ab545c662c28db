"""The `throttles` collection: how often something was tried, one document per limit, key and window."""

from datetime import datetime

from mongoengine import Document
from mongoengine.errors import NotUniqueError
from mongoengine.fields import BooleanField, IntField, StringField

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
    told: bool = BooleanField(default=False)
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @classmethod
    @bounded
    def take(cls, digest: str, most: int, expires_at: datetime) -> bool:
        """Count one more and tell so, if there are fewer than `most`.

        However many ask at once, on however many machines, no more than `most` are counted. Who is refused writes
        nothing: all who flood would wait for one another at the one document.
        """
        for _ in range(_TURNS):
            found = cls.objects(digest=digest).first()
            if found is None:
                try:
                    cls(digest=digest, count=1, expires_at=expires_at).save(force_insert=True)
                except NotUniqueError:
                    continue  # somebody else made it
                return True
            if found.count >= most:
                return False
            if cls.objects(digest=digest, count__lt=most).update_one(inc__count=1):
                return True
        return False

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
