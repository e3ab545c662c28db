"""The `audit` collection: what happened to accounts, by whom and from where."""

import secrets
import struct
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine import Document
from mongoengine.fields import DictField, ObjectIdField, StringField

from authsvc.models.base import bounded, object_id, utc_field

KEPT_FOR = timedelta(days=400)


class Action(StrEnum):
    """Everything that is put on record, in the past tense (ASVS 16.3)."""

    ACCOUNT_REGISTERED = "account.registered"
    REGISTRATION_REPEATED = "account.registration_repeated"
    ACCOUNT_DISABLED = "account.disabled"
    ACCOUNT_DELETED = "account.deleted"
    ACCOUNT_EXPORTED = "account.exported"
    PROFILE_CHANGED = "profile.changed"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - an action, no password
    PASSWORD_INCORRECT = "password.incorrect"  # noqa: S105
    PASSWORD_RESET_REQUESTED = "password.reset_requested"  # noqa: S105
    PASSWORD_RESET = "password.reset"  # noqa: S105
    EMAIL_VERIFIED = "email.verified"
    EMAIL_CHANGE_REQUESTED = "email.change_requested"
    EMAIL_CHANGED = "email.changed"
    EMAIL_CHANGE_REVERTED = "email.change_reverted"
    VERIFICATION_REQUESTED = "email.verification_requested"
    REAUTHENTICATED = "session.reauthenticated"
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    ATTEMPTS_THROTTLED = "attempts.throttled"
    SESSION_ENDED = "session.ended"
    REFRESH_TOKEN_REUSED = "refresh_token.reused"  # noqa: S105
    ACCESS_TOKEN_ISSUED = "access_token.issued"  # noqa: S105
    ACCESS_TOKEN_REVOKED = "access_token.revoked"  # noqa: S105
    SECOND_FACTOR_ASKED = "login.second_factor_asked"
    SECOND_FACTOR_FAILED = "second_factor.failed"
    TOTP_ENABLED = "totp.enabled"
    TOTP_DISABLED = "totp.disabled"
    RECOVERY_CODES_REPLACED = "recovery_codes.replaced"
    RECOVERY_CODE_USED = "recovery_code.used"
    PASSKEY_ADDED = "passkey.added"
    PASSKEY_RENAMED = "passkey.renamed"
    PASSKEY_REMOVED = "passkey.removed"
    PASSKEY_COPIED = "passkey.copied"
    SECOND_FACTORS_RESET = "second_factors.reset"
    SIGNING_KEY_ROTATED = "signing_key.rotated"
    SIGNING_KEY_RETIRED = "signing_key.retired"
    SIGNING_KEYS_RESEALED = "signing_keys.resealed"
    USERS_IMPORTED = "users.imported"
    USERS_EXPORTED = "users.exported"

    @property
    def outcome(self) -> str:
        """Return `success`, or `failure` for what was tried and refused."""
        return "failure" if self in _REFUSED else "success"


_REFUSED = {
    Action.REGISTRATION_REPEATED,
    Action.LOGIN_FAILED,
    Action.ATTEMPTS_THROTTLED,
    Action.REFRESH_TOKEN_REUSED,
    Action.PASSWORD_INCORRECT,
    Action.SECOND_FACTOR_FAILED,
    Action.PASSKEY_COPIED,
}


class AuditEvent(Document):
    """One event: `actor` did `action` to the account `target`, both ids of users where they are known."""

    meta = {
        "collection": "audit",
        "strict": False,
        "auto_create_index": False,
        "indexes": [
            {"fields": ["target", "-id"], "name": "target"},
            {"fields": ["at"], "name": "expiry", "expireAfterSeconds": int(KEPT_FOR.total_seconds())},
        ],
    }

    action: str = StringField(required=True, choices=[action.value for action in Action])
    at: datetime = utc_field(required=True)
    actor: ObjectId | None = ObjectIdField()
    target: ObjectId | None = ObjectIdField()
    ip: str | None = StringField()
    user_agent: str | None = StringField(db_field="userAgent")
    request_id: str = StringField(db_field="requestId", required=True)
    outcome: str = StringField(required=True)
    details: dict[str, Any] = DictField()

    @bounded
    def insert(self) -> None:
        """Store a new event, under an id that sorts by its time whichever worker makes it."""
        seconds, rest = divmod(self.at.timestamp(), 1)
        self.id = ObjectId(struct.pack(">IH", int(seconds), int(rest * 1000)) + secrets.token_bytes(6))
        self.save(force_insert=True)

    @classmethod
    @bounded
    def withdraw(cls, event_id: ObjectId | None) -> None:
        """Delete an event: what it tells of did not happen."""
        cls.objects(id=event_id).delete()

    @classmethod
    @bounded
    def about(cls, target: str, since: datetime, *, limit: int, before: str | None = None) -> list[Self]:
        """Return what happened to an account since then, newest first, from after the event with the id `before`."""
        found = cls.objects(target=object_id(target), at__gt=since)
        later = found if before is None else found.filter(id__lt=object_id(before))
        return list(cast(Any, later.order_by("-id").limit(limit)))
