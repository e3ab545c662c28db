"""The `challenges` collection: challenges for authenticators, until they are answered."""

from datetime import datetime
from enum import StrEnum
from typing import Self, cast

from bson import ObjectId
from mongoengine.fields import BinaryField, StringField

from authsvc.models.base import EXPIRY, Document, bounded, object_id, utc_field


class ChallengePurpose(StrEnum):
    """The purpose of an authenticator's answer."""

    REGISTER = "passkey.register"
    LOGIN = "passkey.login"
    MFA = "passkey.mfa"
    REAUTHENTICATE = "passkey.reauthenticate"


class Challenge(Document):
    """A random challenge for one purpose, valid only for whom or what it is bound to."""

    meta = {
        "collection": "challenges",
        "indexes": [EXPIRY],
    }

    id: ObjectId
    challenge: bytes = BinaryField(required=True)
    purpose: str = StringField(required=True)
    bound_to: str = StringField(db_field="boundTo", default="")
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @classmethod
    @bounded
    def redeem(cls, challenge_id: str, purpose: str, bound_to: str, now: datetime) -> Self | None:
        """Remove a challenge for its one answer; None if it is gone, or for something else."""
        valid = cls.objects(id=object_id(challenge_id), purpose=purpose, bound_to=bound_to, expires_at__gt=now)
        return cast(Self | None, valid.modify(remove=True))
