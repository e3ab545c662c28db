"""The `letters` collection: the outbox of letters."""

import re
from enum import StrEnum
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine.fields import ObjectIdField, StringField

from authsvc.models.base import EXPIRY, bounded, object_id, unhurried
from authsvc.models.deliveries import NOBODY, Delivery, DeliveryState


class LetterKind(StrEnum):
    """Every kind of letter; each has a template of its name."""

    ACCESS_TOKEN_MADE = "access_token_made"  # noqa: S105 - a kind of letter
    ACCOUNT_DELETED = "account_deleted"
    CHANGE = "change"
    EMAIL_CHANGE_REQUESTED = "email_change_requested"
    EMAIL_CHANGED = "email_changed"
    EMAIL_RESTORED = "email_restored"
    EMAIL_TAKEN_BACK = "email_taken_back"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    FACTORS_RESET = "factors_reset"
    IDENTITY_LINKED = "identity_linked"
    IDENTITY_UNLINKED = "identity_unlinked"
    INVITATION = "invitation"
    KNOWN = "known"
    NEW_SIGN_IN = "new_sign_in"
    PASSKEY_COPIED = "passkey_copied"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a kind of letter
    PASSWORD_KNOWN = "password_known"  # noqa: S105 - a kind of letter
    PASSWORD_SET = "password_set"  # noqa: S105 - a kind of letter
    REAUTHENTICATION = "reauthentication"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_REPLACED = "recovery_codes_replaced"
    RESET = "reset"
    SESSION_STOLEN = "session_stolen"
    SIGN_IN = "sign_in"
    SIGN_IN_STOPPED = "sign_in_stopped"
    SIGN_UP = "sign_up"
    TAKEN = "taken"
    VERIFY = "verify"
    WEBHOOK_DISABLED = "webhook_disabled"


_STATES: dict[DeliveryState, dict[str, Any]] = {
    DeliveryState.WAITING: {"due_at__ne": None},
    DeliveryState.DEAD: {"failed_at__ne": None},
    DeliveryState.DELIVERED: {"delivered_at__ne": None},
}


class Letter(Delivery):
    """A letter: its kind, the address that it goes to, and, sealed, its contents."""

    meta = {
        "collection": "letters",
        "indexes": [
            {"fields": ["due_at"], "name": "due"},
            {"fields": ["user", "-id"], "name": "user"},
            EXPIRY,
        ],
    }

    user: ObjectId = ObjectIdField(required=True)
    sealed: str = StringField(required=True)

    @classmethod
    @bounded
    def drop_due(cls, owner: ObjectId, *, but: str) -> None:
        """Delete the undelivered letters to a user, except those of a kind."""
        cls.objects(user=owner, due_at__ne=None, kind__ne=but).delete()

    @classmethod
    @bounded
    def refused(cls) -> list[str]:
        """Return the errors of letters that wait because the mail server answered with a 5xx code."""
        waiting = cls.objects(due_at__ne=None, error=re.compile(r" 5\d\d( |$)"))
        return list(waiting.scalar("error"))

    @bounded
    def reseal(self, sealed: str) -> int:
        """Replace the seal of the contents, if it is still the old one; return 1 or 0."""
        return cast(int, type(self).objects(id=self.id, sealed=self.sealed).update_one(set__sealed=sealed))

    @classmethod
    @bounded
    def latest(cls, most: int, owner: str | None = None, *, to: str = "") -> list[Self]:
        """Return the newest letters, or the newest to `owner`, or to an address that contains `to`, newest first."""
        letters = cls.objects(to__ne=NOBODY) if owner is None else cls.objects(user=object_id(owner))
        if to:  # decoys are to nobody, and stay hidden
            letters = letters.filter(__raw__={"to": {"$ne": NOBODY, "$regex": re.escape(to), "$options": "i"}})
        return cast(list[Self], letters.newest(most))

    @classmethod
    @bounded
    def in_state(cls, state: DeliveryState, limit: int, *, before: str | None = None) -> list[Self]:
        """Return the newest letters in a state, newest first, from after the one with the id `before`."""
        return cast(list[Self], cls.objects(to__ne=NOBODY, **_STATES[state]).newest(limit, before=before))

    @classmethod
    @unhurried
    def due(cls) -> list[Self]:
        """Return the undelivered letters that are not dead."""
        return list(cls.objects(due_at__ne=None))
