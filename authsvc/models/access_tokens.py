"""The `access_tokens` collection: personal access tokens, of which only the hash is stored."""

from datetime import datetime, timedelta
from typing import Self, cast

from bson import ObjectId
from mongoengine.fields import ListField, ObjectIdField, StringField

from authsvc.models.base import EXPIRY, Document, bounded, linearizable, object_id, utc_field
from authsvc.models.notices import with_notice


class AccessToken(Document):
    """A token that its owner made for a script: its scopes, its expiry, and its last use.

    It is deleted when it is revoked. Role and address are not copied but read from the user at each use.
    """

    meta = {
        "collection": "access_tokens",
        "indexes": [
            {"fields": ["digest"], "name": "digest", "unique": True},
            {"fields": ["user", "-id"], "name": "user"},
            EXPIRY,
        ],
    }

    user: ObjectId = ObjectIdField(required=True)
    name: str = StringField(required=True)
    scopes: list[str] = ListField(StringField(), required=True)
    digest: str = StringField(required=True)
    created_at: datetime = utc_field(db_field="createdAt", required=True)
    expires_at: datetime | None = utc_field(db_field="expiresAt")
    last_used_at: datetime | None = utc_field(db_field="lastUsedAt")

    @classmethod
    @bounded
    def find_by_digest(cls, digest: str, *, to_keep: bool = False) -> Self | None:
        """Return the token with this hash, expired or not."""
        collection = cls._get_collection()
        stored = (linearizable(collection) if to_keep else collection).find_one({"digest": digest})
        return None if stored is None else cast(Self, cls._from_son(stored))

    @classmethod
    @bounded
    def touch(cls, token_id: ObjectId, now: datetime, at_most_every: timedelta) -> None:
        """Note a use, unless one was noted within `at_most_every`."""
        cls.objects(id=token_id, last_used_at__not__gt=now - at_most_every).update_one(set__last_used_at=now)

    @classmethod
    @bounded
    def live(cls, owner: str, now: datetime, *, limit: int, before: str | None = None) -> list[Self]:
        """Return a user's tokens that have not expired, newest first, from after the one with the id `before`."""
        return cast(
            list[Self], cls.objects(user=object_id(owner), expires_at__not__lte=now).newest(limit, before=before)
        )

    @classmethod
    @bounded
    def count(cls, owner: str, now: datetime) -> int:
        """Count the tokens of a user that have not expired."""
        return cast(int, cls.objects(user=object_id(owner), expires_at__not__lte=now).count())

    @classmethod
    @with_notice
    @bounded
    def remove(cls, token_id: str | ObjectId, owner: str) -> bool:
        """Delete a token of this owner; tell whether it was there."""
        key = object_id(token_id) if isinstance(token_id, str) else token_id
        return cast(int, cls.objects(id=key, user=object_id(owner)).delete()) > 0

    @classmethod
    @with_notice
    @bounded
    def remove_all(cls, owner: str) -> int:
        """Delete all tokens of a user; return how many there were."""
        return cast(int, cls.objects(user=object_id(owner)).delete())
