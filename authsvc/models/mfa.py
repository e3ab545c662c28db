"""The `mfa_tickets` collection: sign-ins that wait for a second factor."""

from datetime import datetime
from typing import Self, cast

from bson import ObjectId
from mongoengine.fields import ListField, ObjectIdField, StringField

from authsvc.models.base import EXPIRY, Document, bounded, object_id, utc_field


class MfaTicket(Document):
    """A pending sign-in: its user, and a digest of the account's password hash. Its id is the ticket's hash.

    `methods` are those of RFC 8176 by which it began; one of before has none, and began by a password. `identity` is
    the one that it was by, if any.
    """

    meta = {
        "collection": "mfa_tickets",
        "indexes": [
            {"fields": ["user"], "name": "user"},
            EXPIRY,
        ],
    }

    digest: str = StringField(primary_key=True)
    user: ObjectId = ObjectIdField(required=True)
    state: str = StringField(required=True)
    methods: list[str] = ListField(StringField())
    identity: ObjectId | None = ObjectIdField()
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @classmethod
    @bounded
    def find(cls, digest: str, now: datetime) -> Self | None:
        """Return the ticket with this hash, unless it has expired."""
        return cast(Self | None, cls.objects(digest=digest, expires_at__gt=now).first())

    @classmethod
    @bounded
    def redeem(cls, digest: str, now: datetime) -> bool:
        """Remove a ticket for its one sign-in; tell whether this call did."""
        return cls.objects(digest=digest, expires_at__gt=now).modify(remove=True) is not None

    @classmethod
    @bounded
    def remove_all(cls, owner: str) -> None:
        """Delete a user's tickets."""
        cls.objects(user=object_id(owner)).delete()
