"""The `challenges` collection: what an authenticator was asked to sign, until it answers."""

from datetime import datetime
from typing import Self, cast

from bson import ObjectId
from mongoengine.fields import BinaryField, StringField

from authsvc.models.base import Document, bounded, object_id, utc_field


class Challenge(Document):
    """A random challenge: for what (`purpose`), and for whom or what alone (`bound_to`)."""

    meta = {
        "collection": "challenges",
        "indexes": [{"fields": ["expires_at"], "name": "expiry", "expireAfterSeconds": 0}],
    }

    id: ObjectId
    challenge: bytes = BinaryField(required=True)
    purpose: str = StringField(required=True)
    bound_to: str = StringField(db_field="boundTo", default="")
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @bounded
    def insert(self) -> None:
        """Store a new challenge."""
        self.save(force_insert=True)

    @classmethod
    @bounded
    def redeem(cls, challenge_id: str, purpose: str, bound_to: str, now: datetime) -> Self | None:
        """Take a challenge out for its one answer; None where it is gone, or for something else."""
        found = cls.objects(id=object_id(challenge_id), purpose=purpose, bound_to=bound_to, expires_at__gt=now)
        return cast(Self | None, found.modify(remove=True))
