"""The address of an account: proving it, changing it, and taking a change back."""

from datetime import datetime
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine.errors import NotUniqueError
from mongoengine.fields import IntField, ListField, StringField

from authsvc import clock
from authsvc.errors import EmailTaken
from authsvc.models.base import bounded, utc_field
from authsvc.models.users.factors import WITHOUT_FACTORS, without_those_since

NEW_EPOCH = {"inc__link_epoch": 1}
"""What goes with every change of password or address: links that were made before are good no more."""

_MOST_UNDOS = 20


class Addresses:
    """How an account is reached, and the atomic transitions of that; each returns None where it was not as expected.

    `link_epoch` only grows: links are bound to it, and not to values that may come back. `undo_links` are the digests
    of the links that take a change of address back, in the order of the changes: one that is not there is good no more.
    """

    email_verified_at: datetime | None = utc_field(db_field="emailVerifiedAt")
    link_epoch: int | None = IntField(db_field="linkEpoch")
    undo_links: list[str] | None = ListField(StringField(), db_field="undoLinks", default=None)

    @property
    def is_proved(self) -> bool:
        """Tell whether somebody has proved to own the address."""
        return self.email_verified_at is not None

    @classmethod
    @bounded
    def prove_email(cls, user_id: ObjectId, email: str, *, keep_factors: bool) -> Self | None:
        """Note that the address is proved; None where it was, or is another now.

        Second factors that were set up before may be those of somebody else, and go unless they are to be kept.
        """
        unproved = cast(Any, cls).objects(id=user_id, email=email, email_verified_at=None, disabled_at=None)
        stripped = {} if keep_factors else WITHOUT_FACTORS
        proved = unproved.modify(set__email_verified_at=clock.now(), **NEW_EPOCH, **stripped, new=True)
        return cast(Self | None, proved)

    @classmethod
    @bounded
    def change_email(cls, found: Any, new: str, undo: str | None) -> Self | None:
        """Put a proved address in the place of the one that was found; `undo` is the link that takes that back, if any.

        Raises EmailTaken.
        """
        undos = [*(found.undo_links or []), *([] if undo is None else [undo])][-_MOST_UNDOS:]
        return cls._move(
            found, {}, {"set__email": new, "set__email_verified_at": clock.now(), "set__undo_links": undos}
        )

    @classmethod
    @bounded
    def revert_email(cls, found: Any, kept: str, undo: str, since: datetime) -> Self | None:
        """Put the former address back, and end every way in that whoever changed it may know.

        The password goes, second factors that were set up `since` the change, and the links that take later changes
        back. Raises EmailTaken.
        """
        undos: list[str] = found.undo_links or []
        earlier = undos[: undos.index(undo)]
        expected, stripped = without_those_since(found, since)
        changes = {
            "set__email": kept,
            "set__email_verified_at": clock.now(),
            "set__undo_links": earlier,
            "unset__password": True,
            **stripped,
        }
        return cls._move(found, {"undo_links": undos, **expected}, changes)

    @classmethod
    def _move(cls, found: Any, expected: dict[str, Any], changes: dict[str, Any]) -> Self | None:
        accounts = cast(Any, cls).objects
        same = accounts(id=found.id, email=found.email, link_epoch=found.link_epoch, disabled_at=None, **expected)
        try:
            changed = same.update_one(**changes, **NEW_EPOCH)
        except NotUniqueError as error:
            raise EmailTaken from error
        return cast(Self | None, accounts(id=found.id).first()) if changed else None
