"""The `email_codes` collection: challenges that are answered by a code in a letter, or by the link beside it."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Self, cast

from bson import ObjectId
from mongoengine.fields import BooleanField, IntField, ObjectIdField, StringField

from authsvc.models.base import EXPIRY, Document, bounded, object_id, utc_field


class CodePurpose(StrEnum):
    """What a code does: sign in, verify an address, set a password, or re-authenticate in the session that asked."""

    SIGN_IN = "sign_in"
    VERIFY = "verify"
    RESET = "reset"
    REAUTHENTICATE = "reauthenticate"


class EmailCode(Document):
    """A challenge: who asked for it has its id, of which this is the digest, and the mailbox has code and link.

    `code` is a fingerprint that tells nothing without SECRET_KEY, `link` the digest of the link's secret. `counter` is
    whose wrong codes are counted together: an account's, or an address's without one. `browser` is the one that asked,
    if it keeps cookies, or the session of somebody signed in. `name` is that of an account that is still to be made.
    `registered` says that whoever asked had just registered the account.

    A decoy has neither code nor link that anybody could have.
    """

    meta = {
        "collection": "email_codes",
        "indexes": [
            {"fields": ["user"], "name": "user"},
            {"fields": ["link"], "name": "link", "unique": True},
            EXPIRY,
        ],
    }

    digest: str = StringField(primary_key=True)
    purpose: str = StringField(required=True)
    user: ObjectId = ObjectIdField(required=True)
    counter: str = StringField(required=True)
    email: str = StringField(required=True)
    name: str | None = StringField()
    code: str = StringField(required=True)
    link: str = StringField(required=True)
    browser: str | None = StringField()
    registered: bool = BooleanField(default=False)
    tries: int = IntField(default=0)
    code_expires_at: datetime = utc_field(db_field="codeExpiresAt", required=True)
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @classmethod
    @bounded
    def find_by_digest(cls, digest: str, now: datetime) -> Self | None:
        """Return the challenge with this digest, unless its code has expired."""
        return cast(Self | None, cls.objects(digest=digest, code_expires_at__gt=now).first())

    @classmethod
    @bounded
    def find_by_link(cls, digest: str, now: datetime) -> Self | None:
        """Return the challenge with this link, unless it has expired; wrong codes end no link."""
        return cast(Self | None, cls.objects(link=digest, expires_at__gt=now).first())

    @classmethod
    @bounded
    def take_try(cls, digest: str, most: int) -> bool:
        """Count a try at a code before it is compared; tell whether there were fewer than `most`."""
        return bool(cls.objects(digest=digest, tries__lt=most).update_one(inc__tries=1))

    @classmethod
    @bounded
    def give_back_try(cls, digest: str) -> None:
        """Count a try less, since the code was right."""
        cls.objects(digest=digest, tries__gt=0).update_one(dec__tries=1)

    @bounded
    def put(self) -> None:
        """Store a challenge again, in place of the one that it was."""
        self._get_collection().replace_one({"_id": self.digest}, self.to_mongo(), upsert=True)

    @classmethod
    @bounded
    def redeem(cls, digest: str) -> bool:
        """Remove a challenge for what it does; tell whether this call did."""
        return cls.objects(digest=digest).modify(remove=True) is not None

    @classmethod
    @bounded
    def remove_all(cls, owner: str, purposes: Sequence[str]) -> None:
        """Delete an account's challenges for these purposes."""
        cls.objects(user=object_id(owner), purpose__in=purposes).delete()
