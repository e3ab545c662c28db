"""The `passkeys` collection: WebAuthn credentials. The account lists which of them are valid."""

from datetime import datetime
from typing import Self, cast

from bson import ObjectId
from mongoengine.errors import NotUniqueError
from mongoengine.fields import BinaryField, BooleanField, IntField, ListField, ObjectIdField, StringField

from authsvc.errors import PasskeyKnown
from authsvc.models.base import Document, bounded, object_id, utc_field


class Passkey(Document):
    """A public key (COSE) whose private key an authenticator holds; `credential` is its id there, in base64url.

    `sign_count` is the highest counter so far; it stays 0 for authenticators without one.
    """

    meta = {
        "collection": "passkeys",
        "indexes": [
            {"fields": ["credential"], "name": "credential", "unique": True},
            {"fields": ["user", "-id"], "name": "user"},
        ],
    }

    user: ObjectId = ObjectIdField(required=True)
    credential: str = StringField(required=True)
    public_key: bytes = BinaryField(db_field="publicKey", required=True)
    sign_count: int = IntField(db_field="signCount", required=True)
    transports: list[str] = ListField(StringField())
    backed_up: bool = BooleanField(db_field="backedUp", required=True)
    name: str = StringField(required=True)
    created_at: datetime = utc_field(db_field="createdAt", required=True)
    last_used_at: datetime | None = utc_field(db_field="lastUsedAt")

    def insert(self) -> Self:
        """Store a new passkey. Raises PasskeyKnown."""
        try:
            return super().insert()
        except NotUniqueError as error:
            raise PasskeyKnown from error

    @classmethod
    @bounded
    def find_by_credential(cls, credential: str) -> Self | None:
        """Return the passkey with this credential id."""
        return cast(Self | None, cls.objects(credential=credential).first())

    @classmethod
    @bounded
    def among(cls, ids: list[ObjectId], *, limit: int = 0, before: str | None = None) -> list[Self]:
        """Return the passkeys with these ids, newest first, from after the one with the id `before`; 0 is no limit."""
        start = None if before is None else object_id(before)
        later = [one for one in ids if start is None or one < start]  # a range beside the list would cost the index
        return list(cls.objects(id__in=later).order_by("-id").limit(limit))

    @classmethod
    @bounded
    def rename(cls, passkey_id: str, owner: str, name: str) -> Self | None:
        """Set the name of a passkey of `owner`; None for any other."""
        own = cls.objects(id=object_id(passkey_id), user=object_id(owner))
        return cast(Self | None, own.modify(set__name=name, new=True))

    @classmethod
    @bounded
    def advance(cls, passkey_id: ObjectId, sign_count: int, *, backed_up: bool, now: datetime) -> bool:
        """Note a use; tell whether the counter grew: with a copy of the key it does not (WebAuthn 6.1.1)."""
        expected = {"sign_count__lt": sign_count} if sign_count else {"sign_count": 0}
        changes = {"set__sign_count": sign_count, "set__backed_up": backed_up, "set__last_used_at": now}
        return bool(cls.objects(id=passkey_id, **expected).update_one(**changes))

    @classmethod
    @bounded
    def remove(cls, passkey_id: ObjectId) -> None:
        """Delete a passkey."""
        cls.objects(id=passkey_id).delete()

    @classmethod
    @bounded
    def remove_all(cls, owner: str, *, but: list[ObjectId]) -> None:
        """Delete a user's passkeys, except these."""
        cls.objects(user=object_id(owner), id__nin=but).delete()
