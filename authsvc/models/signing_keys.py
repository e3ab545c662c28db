"""The sealed private keys, and from when each signs: `signing_keys` for tokens, `id_signing_keys` for ID tokens.

Two collections, so that a worker of the version before goes on reading the one that it knows.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self, cast

from mongoengine.errors import NotUniqueError
from mongoengine.fields import IntField, StringField

from authsvc import clock
from authsvc.models.base import Document, bounded, utc_field


class Ring(StrEnum):
    """What a ring of keys signs: access and refresh tokens, or ID tokens and logout tokens."""

    TOKENS = "tokens"
    IDS = "ids"


class SigningKey(Document):
    """A key, numbered from 1. The number is the `_id`, so two processes can't both make the next key.

    A key without `signsFrom` signs since it was made. It signs until the next one does, so a rotation is one insert.
    """

    meta: dict[str, Any] = {"abstract": True}

    serial: int = IntField(primary_key=True)
    kid: str = StringField(required=True)
    sealed: str = StringField(required=True)
    created_at: datetime = utc_field(db_field="createdAt", default=clock.now)
    signs_from: datetime | None = utc_field(db_field="signsFrom")

    @classmethod
    @bounded
    def add(cls, serial: int, kid: str, sealed: str, signs_from: datetime | None = None) -> bool:
        """Insert the key with this number; tell whether this call was the first."""
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
        """Let a key sign from an earlier time on; a later time changes nothing."""
        cls.objects(serial=serial, signs_from__gt=signs_from).modify(set__signs_from=signs_from)

    @classmethod
    @bounded
    def reseal(cls, serial: int, old: str, new: str) -> bool:
        """Replace the envelope `old`; tell whether it was still stored."""
        return cls.objects(serial=serial, sealed=old).modify(set__sealed=new) is not None

    @classmethod
    @bounded
    def remove(cls, serial: int) -> bool:
        """Delete a key for good; tell whether it was there."""
        return bool(cls.objects(serial=serial).delete())


class TokenKey(SigningKey):
    """An ES256 key."""

    meta = {"collection": "signing_keys"}


class IdTokenKey(SigningKey):
    """An RS256 key and an ES256 key, in one envelope; `kid` is that of the first."""

    meta = {"collection": "id_signing_keys"}


RINGS: dict[Ring, type[SigningKey]] = {Ring.TOKENS: TokenKey, Ring.IDS: IdTokenKey}
"""The documents of each ring."""

COLLECTIONS = {Ring.TOKENS: "signing_keys", Ring.IDS: "id_signing_keys"}
