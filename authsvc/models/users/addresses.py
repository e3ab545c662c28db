"""The address of an account: verifying it, changing it, and undoing a change."""

from datetime import datetime
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine.errors import NotUniqueError
from mongoengine.fields import ListField, StringField

from authsvc import clock
from authsvc.errors import EmailTaken
from authsvc.errors.overtaken import Overtaken
from authsvc.models.base import bounded, utc_field
from authsvc.models.users import keys
from authsvc.models.users.factors import WITHOUT_FACTORS, without_those_since
from authsvc.models.users.identities import WITHOUT_IDENTITIES, Identities, Identity, without_identities_since

NEW_EPOCH = {"inc__link_epoch": 1}
"""Part of every change of password or address: it invalidates links that were made before."""

_WITHOUT_CREDENTIALS = {"unset__password": True, **WITHOUT_FACTORS, **WITHOUT_IDENTITIES}
"""The changes that leave an account with only its address: its owner sets a password by a link in the mailbox."""


class Addresses(Identities):
    """The address of an account, and its atomic transitions; each returns None if the account was not as expected.

    `undo_links` are the digests of the links that undo a change of address, in the order of the changes; a link that is
    not in the list is not valid.
    """

    meta = {"abstract": True}

    email_verified_at: datetime | None = utc_field(db_field="emailVerifiedAt")
    undo_links: list[str] | None = ListField(StringField(), db_field="undoLinks", default=None)

    @property
    def is_verified(self) -> bool:
        """Tell whether somebody has proved to own the address."""
        return self.email_verified_at is not None

    @classmethod
    @bounded
    def verify_email(cls, user_id: ObjectId, email: str, *, keep: bool) -> Self | None:
        """Note that the address is verified; None if it already was, or has changed.

        Remove password, second factors and identities unless `keep`: somebody else may have set them up.
        """
        expected = {"id": user_id, "email": email, "email_verified_at": None, "disabled_at": None}
        removals = {} if keep else _WITHOUT_CREDENTIALS
        return cls.change(expected, {"set__email_verified_at": clock.now(), **NEW_EPOCH, **removals})

    @classmethod
    @bounded
    def vouch_for_email(cls, user: Self) -> Self | None:
        """Note that the address is verified because somebody says so; None if it already was, or has changed.

        Nothing was proved: what waits for its owner goes on, an invitation too.
        """
        expected = {"id": user.id, "email": user.email, "email_verified_at": None, "disabled_at": None}
        return cls.change(expected, {"set__email_verified_at": clock.now()})

    @classmethod
    @bounded
    def prove_email(cls, user: Self, identity: Identity) -> Self | None:
        """Note that the provider of an identity has verified the address, and leave this identity as the only way in.

        Raises Overtaken if another account has the identity.
        """
        expected = {"id": user.id, "email": user.email, "email_verified_at": None, "disabled_at": None}
        changes = {"set__email_verified_at": clock.now(), "set__linked_identities": [identity], **NEW_EPOCH}
        removals = {name: value for name, value in _WITHOUT_CREDENTIALS.items() if name not in WITHOUT_IDENTITIES}
        try:
            return cls.change({**expected, "link_epoch": user.link_epoch}, {**changes, **removals})
        except NotUniqueError as error:
            raise Overtaken from error

    @classmethod
    @bounded
    def change_email(cls, user: Self, new: str, undos: list[str], *, keep: bool) -> Self | None:
        """Replace the address by a verified one.

        `undos` are the links that can undo changes from now on. Remove password, second factors and identities unless
        `keep`. Raises EmailTaken.
        """
        removals = {} if keep else _WITHOUT_CREDENTIALS
        changes = {"set__email": new, "set__email_verified_at": clock.now(), "set__undo_links": undos, **removals}
        return cls._move(user, {}, changes)

    @classmethod
    @bounded
    def change_email_back(cls, user: Self, before: Self) -> Self | None:
        """Restore the address of `before`, verified or not as it was then. Raises EmailTaken."""
        verified_at, undos = before.email_verified_at, before.undo_links
        changes = {
            "set__email": before.email,
            **({"set__email_verified_at": verified_at} if verified_at else {"unset__email_verified_at": True}),
            **({"set__undo_links": undos} if undos else {"unset__undo_links": True}),
        }
        return cls._move(user, {}, changes)

    @classmethod
    @bounded
    def revert_email(cls, user: Self, former: str, undo: str, since: datetime) -> Self | None:
        """Restore the former address, and remove every way in that the author of the change may know.

        These are the password, second factors and identities that were set up `since` the change, and the links that
        undo later changes. Raises EmailTaken.
        """
        undos = user.undo_links or []
        expected, removals = without_those_since(user, since)
        changes = {
            "set__email": former,
            "set__email_verified_at": clock.now(),
            "set__undo_links": undos[: undos.index(undo)],
            "unset__password": True,
            **removals,
            **without_identities_since(user, since),
        }
        return cls._move(user, {"undo_links": undos, **expected}, changes)

    @classmethod
    def _free(cls, email: str) -> None:
        """Take the key of an address from an account that has the address no more: see `keys`."""
        holder = None if keys.are_of_all() else cls.objects(email_key=keys.of_email(email)).first()
        if holder is not None and keys.of_email(str(holder.email)) != keys.of_email(email):
            cls.mend_key(holder)

    @classmethod
    def _move(cls, user: Self, expected: dict[str, Any], changes: dict[str, Any]) -> Self | None:
        accounts = cls.objects
        cls._free(changes["set__email"])
        same = accounts(id=user.id, email=user.email, link_epoch=user.link_epoch, disabled_at=None, **expected)
        try:
            count = same.update_one(**changes, **NEW_EPOCH)
        except NotUniqueError as error:
            raise EmailTaken from error
        return cast(Self | None, accounts(id=user.id).first()) if count else None
