"""The `locks` collection: work for one process at a time, over all machines."""

from datetime import datetime

from mongoengine.errors import NotUniqueError
from mongoengine.fields import StringField

from authsvc.models.base import Document, bounded, utc_field


class Lock(Document):
    """A lock, its holder, and until when at most: a process that died does not hold it for long."""

    meta = {"collection": "locks"}

    name: str = StringField(primary_key=True)
    holder: str = StringField(required=True)
    until: datetime = utc_field(required=True)

    @classmethod
    @bounded
    def take(cls, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """Take a lock that is free or has expired; tell whether this call took it."""
        if cls.objects(name=name, until__lte=now).update_one(set__holder=holder, set__until=until):
            return True
        try:
            cls(name=name, holder=holder, until=until).save(force_insert=True)
        except NotUniqueError:
            return False
        return True

    @classmethod
    @bounded
    def extend(cls, name: str, holder: str, until: datetime) -> bool:
        """Extend a lock; tell whether it is still the holder's."""
        return bool(cls.objects(name=name, holder=holder).update_one(set__until=until))

    @classmethod
    @bounded
    def release(cls, name: str, holder: str) -> None:
        """Release a lock, if it is still the holder's."""
        cls.objects(name=name, holder=holder).delete()
