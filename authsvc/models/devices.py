"""The `devices` collection: from where a user has signed in before."""

from contextlib import suppress
from datetime import datetime
from typing import Self, cast

import bson
from bson import ObjectId
from mongoengine.errors import NotUniqueError
from mongoengine.fields import ObjectIdField, StringField

from authsvc import clock
from authsvc.models.base import Document, bounded, object_id, utc_field

_NOWHERE = bson.encode({"_id": "0" * 64, "user": ObjectId(b"\0" * 12), "expiresAt": clock.now()})
"""A place as the database would send it."""


class Device(Document):
    """A browser, or a network, and the user who signed in there. Its id is a digest of both: neither can be read."""

    meta = {
        "collection": "devices",
        "indexes": [
            {"fields": ["user"], "name": "user"},
            {"fields": ["expires_at"], "name": "expiry", "expireAfterSeconds": 0},
        ],
    }

    digest: str = StringField(primary_key=True)
    user: ObjectId = ObjectIdField(required=True)
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @classmethod
    @bounded
    def known(cls, digests: list[str], now: datetime) -> dict[str, datetime]:
        """Return those of the digests that stand for a place of an earlier sign-in, and until when they do.

        As much is read whether they do or not.
        """
        found = cls.objects(digest__in=digests, expires_at__gt=now).scalar("digest", "expires_at")
        known = dict(cast(list[tuple[str, datetime]], list(found)))
        for _ in range(len(set(digests)) - len(known)):
            cls.read_in_vain(_NOWHERE)
        return known

    @classmethod
    @bounded
    def any_of(cls, user: ObjectId, now: datetime) -> bool:
        """Tell whether the user is known anywhere."""
        return cls.objects(user=user, expires_at__gt=now).first() is not None

    @classmethod
    @bounded
    def all_of(cls, owner: str, most: int) -> list[Self]:
        """Return where a user is known."""
        return list(cls.objects(user=object_id(owner)).limit(most))

    @classmethod
    @bounded
    def remove_all(cls, user_id: str) -> None:
        """Forget where a user is known."""
        cls.objects(user=object_id(user_id)).delete()

    @classmethod
    @bounded
    def remember(cls, digest: str, user: ObjectId, expires_at: datetime) -> None:
        """Note a sign-in, or that there was one more."""
        with suppress(NotUniqueError):  # the same sign-in at the same moment: noted
            cls.objects(digest=digest).update_one(set__user=user, set__expires_at=expires_at, upsert=True)
