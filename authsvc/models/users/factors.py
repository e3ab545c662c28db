"""Second factors that are stored with the account, so that a sign-in reads one document to know what to ask for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from bson import ObjectId
from mongoengine import EmbeddedDocument
from mongoengine.fields import BooleanField, EmbeddedDocumentField, IntField, ListField, ObjectIdField, StringField

from authsvc.models.base import bounded, object_id, unhurried, utc_field
from authsvc.models.users.account import Account

_OF_FACTORS = (
    *("totp", "recovery_code_hashes", "recovery_codes_at", "passkeys", "copied_passkeys"),
    "passkeys_optional",
)

WITHOUT_FACTORS = {**{f"unset__{name}": True for name in _OF_FACTORS}, "inc__factor_epoch": 1}
"""The changes that leave an account with only its password."""


@dataclass(frozen=True, slots=True)
class _Remainder:
    """The factors that stay. Recovery codes stand in for another factor, so they go with the last of those."""

    app: bool
    passkeys: list[ObjectId]
    copied: list[ObjectId]
    codes: bool = True

    def as_changes(self) -> dict[str, Any]:
        """Return the changes that remove all others."""
        changes: dict[str, Any] = {"inc__factor_epoch": 1}
        for name, ids in {"passkeys": self.passkeys, "copied_passkeys": self.copied}.items():
            changes |= {f"set__{name}": ids} if ids else {f"unset__{name}": True}
        if not self.app:
            changes["unset__totp"] = True
        if not self.codes or not (self.app or self.passkeys or self.copied):
            changes |= {"unset__recovery_code_hashes": True, "unset__recovery_codes_at": True}
        if not (self.app or self.passkeys or self.copied):
            changes["unset__passkeys_optional"] = True
        return changes


LOST = "lost"
"""Replaces a sealed secret that no key opens any longer; no key opens this either."""


class Totp(EmbeddedDocument):
    """An authenticator app (RFC 6238): its sealed secret, and the last step whose code was accepted.

    It counts for nothing before `confirmed_at` is set.
    """

    meta = {"strict": False}

    sealed: str = StringField(required=True)
    created_at: datetime = utc_field(db_field="createdAt", required=True)
    confirmed_at: datetime | None = utc_field(db_field="confirmedAt")
    step: int | None = IntField()


class Factors(Account):
    """The second factors of an account, and their atomic transitions.

    Each transition returns None if the account was not as expected. `passkeys` are the ids of the valid ones: a passkey
    that is stored and not among them signs nobody in. `copied_passkeys` are revoked, since their keys were copied, but
    still count as a factor; otherwise presenting a copy would make a password enough. While `passkeys_optional` is
    set, passkeys sign in and a password is enough without them: nobody has saved recovery codes yet, or asked for more.
    It is set with the first passkey only, so accounts from before this rule keep what they had. `factor_epoch` grows
    with each change: a change that was prepared for other factors, another password or another address (`link_epoch`)
    fails.
    """

    meta = {"abstract": True}

    totp: Totp | None = EmbeddedDocumentField(Totp)
    recovery_code_hashes: list[str] | None = ListField(StringField(), db_field="recoveryCodeHashes", default=None)
    recovery_codes_at: datetime | None = utc_field(db_field="recoveryCodesAt")
    passkeys: list[ObjectId] | None = ListField(ObjectIdField(), default=None)
    copied_passkeys: list[ObjectId] | None = ListField(ObjectIdField(), db_field="copiedPasskeys", default=None)
    passkeys_optional: bool | None = BooleanField(db_field="passkeysOptional", default=None)
    factor_epoch: int | None = IntField(db_field="factorEpoch")

    @property
    def totp_enabled(self) -> bool:
        """Tell whether an authenticator app is enrolled and confirmed."""
        return self.totp is not None and self.totp.confirmed_at is not None

    @property
    def mfa_enabled(self) -> bool:
        """Tell whether a sign-in needs more than a password."""
        return self.totp_enabled or (bool(self.all_passkeys) and not self.passkeys_optional)

    @property
    def has_factor(self) -> bool:
        """Tell whether an authenticator app or a passkey is set up, whether or not a sign-in needs it."""
        return self.totp_enabled or bool(self.all_passkeys)

    @property
    def saved_codes(self) -> list[str]:
        """Return the digests of the recovery codes that are left, if their owner has them for sure."""
        return (self.recovery_code_hashes or []) if self.mfa_enabled else []

    @property
    def all_passkeys(self) -> list[ObjectId]:
        """Return the ids of all passkeys, valid or not."""
        return [*(self.passkeys or []), *(self.copied_passkeys or [])]

    @classmethod
    @bounded
    def begin_totp(cls, user: Self, totp: Totp) -> Self | None:
        """Store an app's secret, in place of an earlier one that was never confirmed."""
        return cls._change_current(user, {"set__totp": totp}, totp__confirmed_at=None)

    @classmethod
    @bounded
    def confirm_totp(cls, user: Self, step: int, code_hashes: list[str], now: datetime) -> Self | None:
        """Enable an app whose first code was right, and spend that code; codes that were saved stay."""
        if user.totp is None:
            return None
        changes: dict[str, Any] = {
            "set__totp__confirmed_at": now,
            "set__totp__step": step,
            "unset__passkeys_optional": True,
            "inc__factor_epoch": 1,
        }
        if not user.saved_codes:
            changes |= {"set__recovery_code_hashes": code_hashes, "set__recovery_codes_at": now}
        return cls._change_current(user, changes, totp__sealed=user.totp.sealed, totp__confirmed_at=None)

    @classmethod
    @bounded
    def spend_totp(cls, user_id: str, totp: Totp, step: int) -> Self | None:
        """Accept the code of a step later than the last one; if several present it, one succeeds."""
        expected = {"totp__sealed": totp.sealed, "totp__confirmed_at__ne": None, "totp__step__lt": step}
        return cls._change_where(user_id, expected, {"set__totp__step": step})

    @classmethod
    @bounded
    def reseal_totp(cls, user_id: str, totp: Totp, sealed: str) -> Self | None:
        """Replace the seal of a secret, if it is still the old one."""
        return cls._change_where(user_id, {"totp__sealed": totp.sealed}, {"set__totp__sealed": sealed})

    @classmethod
    @bounded
    def forget_totp(cls, user_id: str, totp: Totp) -> Self | None:
        """Forget a secret that no key opens. A confirmed app still counts as a factor, without codes."""
        change = {"set__totp__sealed": LOST} if totp.confirmed_at is not None else {"unset__totp": True}
        return cls._change_where(user_id, {"totp__sealed": totp.sealed}, change)

    @classmethod
    @bounded
    def replace_recovery_codes(cls, user: Self, code_hashes: list[str], now: datetime) -> Self | None:
        """Replace the set of recovery codes."""
        changes = {"set__recovery_code_hashes": code_hashes, "set__recovery_codes_at": now, "inc__factor_epoch": 1}
        return cls._change_current(user, changes)

    @classmethod
    @bounded
    def require_passkeys(cls, user: Self) -> Self | None:
        """Let a password be enough no longer: its owner can show a passkey, or one of the codes."""
        return cls._change_current(user, {"unset__passkeys_optional": True, "inc__factor_epoch": 1})

    @classmethod
    @bounded
    def spend_recovery_code(cls, user_id: str, code_hash: str) -> Self | None:
        """Remove a code from the set; if several present it, one succeeds."""
        return cls._change_where(
            user_id, {"recovery_code_hashes": code_hash}, {"pull__recovery_code_hashes": code_hash}
        )

    @classmethod
    @bounded
    def add_passkey(cls, user: Self, passkey: ObjectId) -> Self | None:
        """Make a stored passkey valid; the first factor of an account leaves its password enough.

        Remove the secret of an app that was never confirmed.
        """
        changes: dict[str, Any] = {"push__passkeys": passkey, "inc__factor_epoch": 1}
        if not user.totp_enabled:
            changes["unset__totp"] = True
        if not user.has_factor:
            changes |= {"unset__recovery_code_hashes": True, "unset__recovery_codes_at": True}
            changes["set__passkeys_optional"] = True
        return cls._change_current(user, changes)

    @classmethod
    @bounded
    def end_copied(cls, user_id: str, passkey: ObjectId) -> Self | None:
        """Revoke a passkey that was copied; it still counts as a factor."""
        changes = {"pull__passkeys": passkey, "push__copied_passkeys": passkey, "inc__factor_epoch": 1}
        return cls._change_where(user_id, {"passkeys": passkey}, changes)

    @classmethod
    @bounded
    def remove_factor(cls, user: Self, passkey: ObjectId | None = None) -> Self | None:
        """Remove a passkey, or the app if none is named; recovery codes go with the last factor."""
        passkeys, copied = user.passkeys or [], user.copied_passkeys or []
        remainder = _Remainder(
            app=user.totp_enabled and passkey is not None,
            passkeys=[one for one in passkeys if one != passkey],
            copied=[one for one in copied if one != passkey],
        )
        return cls._change_current(user, remainder.as_changes())

    @classmethod
    @bounded
    def clear_factors(cls, user_id: str) -> Self | None:
        """Remove all second factors."""
        return cls._change_where(user_id, {}, WITHOUT_FACTORS)

    @classmethod
    @unhurried
    def with_totp(cls) -> list[Self]:
        """Return the accounts that have an app, confirmed or not; reads all accounts."""
        return list(cls.objects(totp__ne=None).only("totp"))

    @classmethod
    def _change_current(cls, user: Self, changes: dict[str, Any], **expected: Any) -> Self | None:
        """Change an account if its factors, password, address and state are still those of `user`."""
        epochs = {"factor_epoch": user.factor_epoch, "link_epoch": user.link_epoch}
        return cls._change_where(str(user.id), {**epochs, "disabled_at": None, **expected}, changes)

    @classmethod
    def _change_where(cls, user_id: str, expected: dict[str, Any], changes: dict[str, Any]) -> Self | None:
        return cls.change({"id": object_id(user_id), **expected}, changes)


def without_those_since(user: Factors, moment: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is expected of the account, and the changes that remove factors set up at or after a moment.

    A passkey's id tells when it was made, to the second.
    """
    second = moment.replace(microsecond=0)
    remainder = _Remainder(
        app=user.totp is not None and user.totp.confirmed_at is not None and user.totp.confirmed_at < moment,
        passkeys=[one for one in user.passkeys or [] if one.generation_time < second],
        copied=[one for one in user.copied_passkeys or [] if one.generation_time < second],
        codes=user.recovery_codes_at is not None and user.recovery_codes_at < moment,
    )
    return {"factor_epoch": user.factor_epoch}, remainder.as_changes()
