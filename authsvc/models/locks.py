"""The `locks` collection: what may be done by one process at a time, over all machines."""

from datetime import datetime

from mongoengine.errors import NotUniqueError
from mongoengine.fields import StringField

from authsvc.models.base import Document, bounded, utc_field


class Lock(Document):
    """Who holds what, and until when at most: a process that died holds nothing for long."""

    meta = {"collection": "locks"}

    name: str = StringField(primary_key=True)
    holder: str = StringField(required=True)
    until: datetime = utc_field(required=True)

    @classmethod
    @bounded
    def take(cls, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """Take a lock that nobody holds, or whose holder let its time pass; tell whether it was this call that did."""
        if cls.objects(name=name, until__lte=now).update_one(set__holder=holder, set__until=until):
            return True
        try:
            cls(name=name, holder=holder, until=until).save(force_insert=True)
        except NotUniqueError:
            return False
        return True

    @classmethod
    @bounded
    def release(cls, name: str, holder: str) -> None:
        """Give a lock back, if it is still the holder's."""
        cls.objects(name=name, holder=holder).delete()
