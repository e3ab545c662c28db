"""Identities at other providers that sign in to an account; stored with it, so that each change is one write.

See docs/decisions/0048-identities-are-stored-with-the-account.md.
"""

import hashlib
from datetime import datetime
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine import EmbeddedDocument
from mongoengine.errors import NotUniqueError
from mongoengine.fields import EmbeddedDocumentListField, ObjectIdField, StringField

from authsvc import clock
from authsvc.errors.overtaken import Overtaken
from authsvc.models.base import bounded, unhurried, utc_field
from authsvc.models.ids import new_id
from authsvc.models.users.factors import Factors

WITHOUT_IDENTITIES = {"unset__linked_identities": True}
"""The change after which no identity signs the account in."""


def key_of(issuer: str, subject: str) -> str:
    """Return what stands for an identity: its issuer and its subject there, never an address or a name (R109)."""
    return hashlib.sha256(f"{issuer}\0{subject}".encode()).hexdigest()


class Identity(EmbeddedDocument):
    """Somebody as another provider knows them: `issuer` and `subject`, and `key` for both.

    `provider` is the name of the provider in our settings by which it was linked. `email` is the address that the
    provider last told, for its owner to see; nothing is decided by it.
    """

    meta = {"strict": False}

    id: ObjectId = ObjectIdField(required=True)
    key: str = StringField(required=True)
    issuer: str = StringField(required=True)
    subject: str = StringField(required=True)
    provider: str = StringField(required=True)
    email: str | None = StringField()
    created_at: datetime = utc_field(db_field="createdAt", required=True)
    last_used_at: datetime | None = utc_field(db_field="lastUsedAt")

    @classmethod
    def of(cls, provider: str, issuer: str, subject: str, email: str | None = None) -> Self:
        """Return a new identity."""
        key, now = key_of(issuer, subject), clock.now()
        return cls(
            id=new_id(),
            key=key,
            issuer=issuer,
            subject=subject,
            provider=provider,
            email=email,
            created_at=now,
        )


class Identities(Factors):
    """The identities of an account, and their atomic transitions; each returns None if the account was not as expected.

    No two accounts have the same one: an index decides that. So whether one is the last way in is decided in one
    document, and one write removes them together with what else goes. They share the `factor_epoch` of the second
    factors: of two changes at once one has to look again.
    """

    meta = {"abstract": True}

    linked_identities: list[Identity] | None = EmbeddedDocumentListField(
        Identity, db_field="linkedIdentities", default=None
    )

    @property
    def all_identities(self) -> list[Identity]:
        """Return the identities, in the order in which they were linked."""
        return list(self.linked_identities or [])

    @property
    def identities(self) -> list[ObjectId]:
        """Return the ids of the identities."""
        return [one.id for one in self.all_identities]

    def identity_by(self, key: str) -> Identity | None:
        """Return the account's identity with this key."""
        return next((one for one in self.all_identities if one.key == key), None)

    @classmethod
    @bounded
    def find_by_identity(cls, key: str) -> Self | None:
        """Return the account that an identity signs in to."""
        return cast(Self | None, cls.objects(linked_identities__key=key).first())

    @classmethod
    @bounded
    def add_identity(cls, user: Self, identity: Identity) -> Self | None:
        """Link an identity. Raises Overtaken if another account has it."""
        try:
            return cls._change_current(user, {"push__linked_identities": identity, "inc__factor_epoch": 1})
        except NotUniqueError as error:
            raise Overtaken from error

    @classmethod
    @bounded
    def remove_identity(cls, user: Self, identity: ObjectId) -> Self | None:
        """Let an identity sign in no longer."""
        others = [one for one in user.all_identities if one.id != identity]
        return cls._change_current(user, {**_only(others), "inc__factor_epoch": 1})

    @classmethod
    @bounded
    def clear_identities(cls, user: Self) -> Self | None:
        """Let no identity sign in any longer, of a disabled account too."""
        expected = {"factor_epoch": user.factor_epoch, "link_epoch": user.link_epoch}
        return cls._change_where(str(user.id), expected, {**WITHOUT_IDENTITIES, "inc__factor_epoch": 1})

    @classmethod
    @unhurried
    def with_identities_only(cls) -> list[Self]:
        """Return the accounts that have identities, and neither a password nor a passkey; reads all accounts."""
        linked = cls.objects(linked_identities__0__exists=True, password=None, disabled_at=None)
        return [user for user in linked if not user.passkeys]

    @classmethod
    @bounded
    def note_identity_use(cls, user_id: ObjectId, key: str, email: str | None, now: datetime) -> None:
        """Note that an identity has just signed in, and the address that its provider told."""
        changes: dict[str, Any] = {"set__linked_identities__S__last_used_at": now}
        changes |= (
            {"set__linked_identities__S__email": email}
            if email is not None
            else {"unset__linked_identities__S__email": True}
        )
        cls.objects(id=user_id, linked_identities__key=key).update_one(**changes)


def without_identities_since(user: Identities, moment: datetime) -> dict[str, Any]:
    """Return the changes that remove the identities linked at or after a moment."""
    return _only([one for one in user.all_identities if one.created_at < moment])


def _only(identities: list[Identity]) -> dict[str, Any]:
    """Return the changes after which an account has only these; no empty list, which the index would hold."""
    return {"set__linked_identities": identities} if identities else WITHOUT_IDENTITIES
