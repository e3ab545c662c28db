"""The `mfa_tickets` collection: sign-ins whose password was right and whose second factor is to come."""

from datetime import datetime
from typing import Self, cast

from bson import ObjectId
from mongoengine.fields import ObjectIdField, StringField

from authsvc.models.base import Document, bounded, object_id, utc_field


class MfaTicket(Document):
    """A pending sign-in: whose, and a digest of the password hash that was verified. Its id is the ticket's hash."""

    meta = {
        "collection": "mfa_tickets",
        "indexes": [
            {"fields": ["user"], "name": "user"},
            {"fields": ["expires_at"], "name": "expiry", "expireAfterSeconds": 0},
        ],
    }

    digest: str = StringField(primary_key=True)
    user: ObjectId = ObjectIdField(required=True)
    state: str = StringField(required=True)
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @bounded
    def insert(self) -> None:
        """Store a new ticket."""
        self.save(force_insert=True)

    @classmethod
    @bounded
    def find(cls, digest: str, now: datetime) -> Self | None:
        """Return the ticket with this hash, unless it has expired."""
        return cast(Self | None, cls.objects(digest=digest, expires_at__gt=now).first())

    @classmethod
    @bounded
    def redeem(cls, digest: str, now: datetime) -> bool:
        """Take a ticket out for its one sign-in; tell whether it was this call that did."""
        return cls.objects(digest=digest, expires_at__gt=now).modify(remove=True) is not None

    @classmethod
    @bounded
    def remove_all(cls, owner: str) -> None:
        """Delete a user's tickets."""
        cls.objects(user=object_id(owner)).delete()
