"""Second factors, as far as they are kept with the account: what a sign-in has to ask for is read in one document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine import EmbeddedDocument
from mongoengine.fields import EmbeddedDocumentField, IntField, ListField, ObjectIdField, StringField

from authsvc.models.base import bounded, object_id, utc_field

_OF_FACTORS = ("totp", "recovery_code_hashes", "recovery_codes_at", "passkeys", "copied_passkeys")

WITHOUT_FACTORS = {**{f"unset__{name}": True for name in _OF_FACTORS}, "inc__factor_epoch": 1}
"""The changes that leave an account with its password alone."""


def without_those_since(found: Any, moment: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is expected of the account, and the changes that remove factors set up at or after a moment.

    A passkey's id tells when it was made, to the second.
    """
    second = moment.replace(microsecond=0)
    app = found.totp is not None and found.totp.confirmed_at is not None and found.totp.confirmed_at < moment
    left = _Left(
        app=app,
        passkeys=[one for one in found.passkeys or [] if one.generation_time < second],
        copied=[one for one in found.copied_passkeys or [] if one.generation_time < second],
        codes=found.recovery_codes_at is not None and found.recovery_codes_at < moment,
    )
    return {"factor_epoch": found.factor_epoch}, left.as_changes()


@dataclass(frozen=True, slots=True)
class _Left:
    """The factors that are to stay. Recovery codes stand in for another factor, so they go with the last of those."""

    app: bool
    passkeys: list[ObjectId]
    copied: list[ObjectId]
    codes: bool = True

    def as_changes(self) -> dict[str, Any]:
        """Return the changes that remove all others."""
        kept = {"passkeys": self.passkeys, "copied_passkeys": self.copied}
        changes: dict[str, Any] = {"inc__factor_epoch": 1}
        for name, ids in kept.items():
            changes |= {f"set__{name}": ids} if ids else {f"unset__{name}": True}
        if not self.app:
            changes["unset__totp"] = True
        if not self.codes or not (self.app or self.passkeys or self.copied):
            changes |= {"unset__recovery_code_hashes": True, "unset__recovery_codes_at": True}
        return changes


class Totp(EmbeddedDocument):
    """An authenticator app (RFC 6238): its sealed secret, and the last step whose code was taken.

    It counts for nothing before `confirmed_at` is set.
    """

    meta = {"strict": False}

    sealed: str = StringField(required=True)
    created_at: datetime = utc_field(db_field="createdAt", required=True)
    confirmed_at: datetime | None = utc_field(db_field="confirmedAt")
    step: int | None = IntField()


class Factors:
    """The second factors of an account, and their atomic transitions; each returns None where it was not as expected.

    `passkeys` are the ids of those that are good: a passkey that is stored and not among them signs nobody in.
    `copied_passkeys` are good no more, since their keys were copied; they count on as a factor, so that showing a copy
    does not make a password enough. `factor_epoch` grows with each change: one that was prepared for other factors, for
    another password or another address (`link_epoch`) is not made.
    """

    totp: Totp | None = EmbeddedDocumentField(Totp)
    recovery_code_hashes: list[str] | None = ListField(StringField(), db_field="recoveryCodeHashes", default=None)
    recovery_codes_at: datetime | None = utc_field(db_field="recoveryCodesAt")
    passkeys: list[ObjectId] | None = ListField(ObjectIdField(), default=None)
    copied_passkeys: list[ObjectId] | None = ListField(ObjectIdField(), db_field="copiedPasskeys", default=None)
    factor_epoch: int | None = IntField(db_field="factorEpoch")

    @property
    def totp_enabled(self) -> bool:
        """Tell whether an authenticator app is enrolled and confirmed."""
        return self.totp is not None and self.totp.confirmed_at is not None

    @property
    def mfa_enabled(self) -> bool:
        """Tell whether a password alone is not enough."""
        return self.totp_enabled or bool(self.passkeys or self.copied_passkeys)

    @property
    def all_passkeys(self) -> list[ObjectId]:
        """Return the ids of all passkeys, good or not."""
        return [*(self.passkeys or []), *(self.copied_passkeys or [])]

    @classmethod
    @bounded
    def begin_totp(cls, found: Any, totp: Totp) -> Self | None:
        """Put an app's secret in the place of an earlier one that was never confirmed."""
        return cls._as_found(found, {"set__totp": totp}, totp__confirmed_at=None)

    @classmethod
    @bounded
    def confirm_totp(cls, found: Any, step: int, code_hashes: list[str], now: datetime) -> Self | None:
        """Enable an app whose first code was right, and spend that code; the recovery codes are new."""
        changes = {
            "set__totp__confirmed_at": now,
            "set__totp__step": step,
            "set__recovery_code_hashes": code_hashes,
            "set__recovery_codes_at": now,
            "inc__factor_epoch": 1,
        }
        return cls._as_found(found, changes, totp__sealed=found.totp.sealed, totp__confirmed_at=None)

    @classmethod
    @bounded
    def spend_totp(cls, user_id: str, totp: Totp, step: int) -> Self | None:
        """Take the code of a step later than the last one taken: of several who show it one succeeds."""
        same = {"totp__sealed": totp.sealed, "totp__confirmed_at__ne": None, "totp__step__lt": step}
        return cls._where(user_id, same, {"set__totp__step": step})

    @classmethod
    @bounded
    def reseal_totp(cls, user_id: str, totp: Totp, sealed: str) -> Self | None:
        """Put the same secret, sealed anew, where the old seal still stands."""
        return cls._where(user_id, {"totp__sealed": totp.sealed}, {"set__totp__sealed": sealed})

    @classmethod
    @bounded
    def replace_recovery_codes(cls, found: Any, code_hashes: list[str], now: datetime) -> Self | None:
        """Put a new set of codes in the place of the old one."""
        changes = {"set__recovery_code_hashes": code_hashes, "set__recovery_codes_at": now, "inc__factor_epoch": 1}
        return cls._as_found(found, changes)

    @classmethod
    @bounded
    def spend_recovery_code(cls, user_id: str, code_hash: str) -> Self | None:
        """Take a code out of the set: of several who show it one succeeds."""
        return cls._where(user_id, {"recovery_code_hashes": code_hash}, {"pull__recovery_code_hashes": code_hash})

    @classmethod
    @bounded
    def add_passkey(cls, found: Any, passkey: ObjectId) -> Self | None:
        """Let a passkey that is stored count. A secret that was never confirmed goes, whosever it was."""
        changes: dict[str, Any] = {"push__passkeys": passkey, "inc__factor_epoch": 1}
        if not found.totp_enabled:
            changes["unset__totp"] = True
        if not found.mfa_enabled:
            changes |= {"unset__recovery_code_hashes": True, "unset__recovery_codes_at": True}
        return cls._as_found(found, changes)

    @classmethod
    @bounded
    def end_copied(cls, user_id: str, passkey: ObjectId) -> Self | None:
        """Let a passkey be good no more and count on."""
        changes = {"pull__passkeys": passkey, "push__copied_passkeys": passkey, "inc__factor_epoch": 1}
        return cls._where(user_id, {"passkeys": passkey}, changes)

    @classmethod
    @bounded
    def remove_factor(cls, found: Any, passkey: ObjectId | None = None) -> Self | None:
        """Remove a passkey, or the app where none is named; recovery codes go with the last."""
        passkeys, copied = found.passkeys or [], found.copied_passkeys or []
        left = _Left(
            app=found.totp_enabled and passkey is not None,
            passkeys=[one for one in passkeys if one != passkey],
            copied=[one for one in copied if one != passkey],
        )
        return cls._as_found(found, left.as_changes())

    @classmethod
    @bounded
    def clear_factors(cls, user_id: str) -> Self | None:
        """Leave the account with its password alone."""
        return cls._where(user_id, {}, WITHOUT_FACTORS)

    @classmethod
    @bounded
    def with_totp(cls) -> list[Self]:
        """Return the accounts that have an app, confirmed or not; reads all accounts."""
        return list(cast(Any, cls).objects(totp__ne=None).only("totp"))

    @classmethod
    def _as_found(cls, found: Any, changes: dict[str, Any], **more: Any) -> Self | None:
        """Change an account whose factors, password, address and state are what was found."""
        epochs = {"factor_epoch": found.factor_epoch, "link_epoch": found.link_epoch}
        return cls._where(str(found.id), {**epochs, "disabled_at": None, **more}, changes)

    @classmethod
    def _where(cls, user_id: str, expected: dict[str, Any], changes: dict[str, Any]) -> Self | None:
        found = cast(Any, cls).objects(id=object_id(user_id), **expected)
        return cast(Self | None, found.modify(**changes, new=True))
