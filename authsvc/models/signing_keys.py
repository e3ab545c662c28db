"""The `signing_keys` collection: the private keys (sealed) that sign tokens, and from when each signs."""

from datetime import datetime
from typing import Self, cast

from mongoengine.errors import NotUniqueError
from mongoengine.fields import IntField, StringField

from authsvc import clock
from authsvc.models.base import Document, bounded, utc_field


class SigningKey(Document):
    """An ES256 key, numbered from 1: the number is the `_id`, so two who rotate can't both make the next one.

    One without `signsFrom` signs since it was made. A key signs until the next one does: nothing else is stored, so
    that a rotation is one insert.
    """

    meta = {"collection": "signing_keys"}

    serial: int = IntField(primary_key=True)
    kid: str = StringField(required=True)
    sealed: str = StringField(required=True)
    created_at: datetime = utc_field(db_field="createdAt", default=clock.now)
    signs_from: datetime | None = utc_field(db_field="signsFrom")

    @classmethod
    @bounded
    def add(cls, serial: int, kid: str, sealed: str, signs_from: datetime | None = None) -> bool:
        """Insert the key with this number; False where somebody else was first."""
        try:
            cls(serial=serial, kid=kid, sealed=sealed, signs_from=signs_from).save(force_insert=True)
        except NotUniqueError:
            return False
        return True

    @classmethod
    @bounded
    def all(cls) -> list[Self]:
        """Return all keys, oldest first."""
        return cast(list[Self], list(cls.objects.order_by("serial")))

    @classmethod
    @bounded
    def hasten(cls, serial: int, signs_from: datetime) -> None:
        """Let a key sign from an earlier time on; a later one is no change."""
        cls.objects(serial=serial, signs_from__gt=signs_from).modify(set__signs_from=signs_from)

    @classmethod
    @bounded
    def reseal(cls, serial: int, old: str, new: str) -> bool:
        """Put another envelope where `old` still stands; tell whether it did."""
        return cls.objects(serial=serial, sealed=old).modify(set__sealed=new) is not None

    @classmethod
    @bounded
    def remove(cls, serial: int) -> None:
        """Delete a key for good."""
        cls.objects(serial=serial).delete()
