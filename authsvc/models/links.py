"""The `links` collection: one-time secrets that are sent by mail, of which only the hash is stored."""

from datetime import datetime
from enum import StrEnum
from typing import Self, cast

from bson import ObjectId
from mongoengine.errors import NotUniqueError
from mongoengine.fields import ObjectIdField, StringField

from authsvc.models.base import EXPIRY, Document, bounded, object_id, utc_field

_TURNS = 4


class LinkPurpose(StrEnum):
    """What a link does: verify an address or a new one, undo a change, reset a password or set the first one."""

    VERIFY = "verify"
    CHANGE = "change"
    REVERT = "revert"
    RESET = "reset"
    INVITE = "invite"


class Link(Document):
    """A secret that was mailed: its purpose, owner and address, and the state of the account that it is valid for.

    There is one for each key (purpose and account), so a newer link replaces the older. A link is not marked as used:
    its use changes the state that it was made for, in one step that only one request can win. `session` is the one that
    asked for it, if the link ends with that. In a link that undoes a change of address, `since` is when an intruder may
    first have been there, and `made_at` when the change was made; links of version 0.1 have neither.
    """

    meta = {
        "collection": "links",
        "indexes": [
            {"fields": ["digest"], "name": "digest", "unique": True},
            {"fields": ["user"], "name": "user"},
            {"fields": ["email"], "name": "email"},
            EXPIRY,
        ],
    }

    key: str = StringField(primary_key=True)
    digest: str = StringField(required=True)
    purpose: str = StringField(required=True)
    user: ObjectId = ObjectIdField(required=True)
    email: str = StringField(required=True)
    state: str = StringField(required=True)
    session: str = StringField(default="")
    since: datetime | None = utc_field()
    made_at: datetime | None = utc_field(db_field="madeAt")
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @bounded
    def put(self) -> None:
        """Store the link, in place of an earlier one with its key."""
        names = ("digest", "purpose", "user", "email", "state", "session", "expires_at")
        values = {f"set__{name}": getattr(self, name) for name in names}
        optional = {"set__since": self.since, "set__made_at": self.made_at}
        values.update({name: value for name, value in optional.items() if value is not None})
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
    def live(cls, owner: ObjectId, purpose: str, now: datetime) -> list[Self]:
        """Return a user's links for a purpose, without those that have expired."""
        return list(cls.objects(user=owner, purpose=purpose, expires_at__gt=now))

    @classmethod
    @bounded
    def prolong(cls, owner: ObjectId, digests: list[str], until: datetime) -> None:
        """Keep a user's links with these hashes valid until then at least."""
        cls.objects(user=owner, digest__in=digests, expires_at__lt=until).update(set__expires_at=until)

    @classmethod
    @bounded
    def remove(cls, digest: str) -> bool:
        """Delete the link with this hash, and not one that replaced it; tell whether this call did."""
        return cls.objects(digest=digest).modify(remove=True) is not None

    @classmethod
    @bounded
    def all_of(cls, owner: str, most: int) -> list[Self]:
        """Return a user's links."""
        return list(cls.objects(user=object_id(owner)).limit(most))

    @classmethod
    @bounded
    def remove_but(cls, owner: ObjectId, purpose: str, state: str) -> None:
        """Delete a user's links for a purpose that were made for another state than this."""
        cls.objects(user=owner, purpose=purpose, state__ne=state).delete()

    @classmethod
    @bounded
    def remove_all(cls, owner: str, *purposes: str) -> None:
        """Delete a user's links for these purposes."""
        cls.objects(user=object_id(owner), purpose__in=purposes).delete()
