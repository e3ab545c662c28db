"""The `links` collection: one-time secrets that travel by mail, of which only the hash is kept."""

from datetime import datetime
from typing import Self, cast

from bson import ObjectId
from mongoengine.errors import NotUniqueError
from mongoengine.fields import ObjectIdField, StringField

from authsvc.models.base import Document, bounded, object_id, utc_field

_TURNS = 4


class Link(Document):
    """A secret that was mailed: for what, whose, to which address, and what must still be so when it is used.

    There is one for each key (purpose and account), so a newer one takes the place of the older. A link is not marked
    as used: what it does changes what it was made for (`state`), in one step that only one can win. `session` is the
    one that asked for it, where it is to die with that.
    """

    meta = {
        "collection": "links",
        "indexes": [
            {"fields": ["digest"], "name": "digest", "unique": True},
            {"fields": ["user"], "name": "user"},
            {"fields": ["email"], "name": "email"},
            {"fields": ["expires_at"], "name": "expiry", "expireAfterSeconds": 0},
        ],
    }

    key: str = StringField(primary_key=True)
    digest: str = StringField(required=True)
    purpose: str = StringField(required=True)
    user: ObjectId = ObjectIdField(required=True)
    email: str = StringField(required=True)
    state: str = StringField(required=True)
    session: str = StringField(default="")
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @bounded
    def put(self) -> None:
        """Store the link in the place of an earlier one with its key."""
        names = ("digest", "purpose", "user", "email", "state", "session", "expires_at")
        values = {f"set__{name}": getattr(self, name) for name in names}
        for turn in range(_TURNS):
            try:
                type(self).objects(key=self.key).update_one(**values, upsert=True)
            except NotUniqueError:  # another one with this key was made at the same moment
                if turn == _TURNS - 1:
                    raise
            else:
                return

    @classmethod
    @bounded
    def find_by_digest(cls, digest: str, now: datetime) -> Self | None:
        """Return the link with this hash, unless it has expired."""
        return cast(Self | None, cls.objects(digest=digest, expires_at__gt=now).first())

    @classmethod
    @bounded
    def find_by_email(cls, purpose: str, email: str, now: datetime) -> Self | None:
        """Return a link for this purpose that went to this address, unless it has expired."""
        return cast(Self | None, cls.objects(email=email, purpose=purpose, expires_at__gt=now).first())

    @classmethod
    @bounded
    def remove(cls, digest: str) -> bool:
        """Delete the link with this hash, but not one that took its place; tell whether it was this call that did."""
        return cls.objects(digest=digest).modify(remove=True) is not None

    @classmethod
    @bounded
    def all_of(cls, owner: str, most: int) -> list[Self]:
        """Return a user's links."""
        return list(cls.objects(user=object_id(owner)).limit(most))

    @classmethod
    @bounded
    def remove_all(cls, owner: str, *purposes: str) -> None:
        """Delete a user's links for these purposes."""
        cls.objects(user=object_id(owner), purpose__in=purposes).delete()
