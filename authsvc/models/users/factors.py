"""Second factors, as far as they are kept with the account: what a sign-in has to ask for is read in one document."""

from datetime import datetime
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine import EmbeddedDocument, Q
from mongoengine.fields import EmbeddedDocumentField, IntField, ListField, ObjectIdField, StringField

from authsvc.models.base import bounded, object_id, utc_field

WITHOUT_FACTORS = {f"unset__{name}": True for name in ("totp", "recovery_code_hashes", "recovery_codes_at", "passkeys")}
"""The changes that leave an account with its password alone."""

_WITHOUT_CODES = {f"unset__{name}": True for name in ("recovery_code_hashes", "recovery_codes_at")}
_HAS_PASSKEY = {"passkeys.0": {"$exists": True}}
_HAS_NO_PASSKEY = {"passkeys.0": {"$exists": False}}
_HAS_TWO_PASSKEYS = {"passkeys.1": {"$exists": True}}


def without_those_since(found: Any, moment: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the changes that remove the factors which were set up at or after a moment, and what they expect.

    A passkey's id tells when it was made, to the second.
    """
    changes: dict[str, Any] = {}
    sealed = found.totp.sealed if found.totp is not None else None
    if found.totp is not None and (found.totp.confirmed_at is None or found.totp.confirmed_at >= moment):
        changes["unset__totp"] = True
    if found.recovery_codes_at is not None and found.recovery_codes_at >= moment:
        changes |= _WITHOUT_CODES
    if found.passkeys:
        changes["set__passkeys"] = [
            one for one in found.passkeys if one.generation_time < moment.replace(microsecond=0)
        ]
    return {"totp__sealed": sealed}, changes


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

    `passkeys` are the ids of those that are good: a passkey that is stored and not among them counts for nothing.
    Recovery codes stand in for another factor, so they go with the last of the others.
    """

    totp: Totp | None = EmbeddedDocumentField(Totp)
    recovery_code_hashes: list[str] | None = ListField(StringField(), db_field="recoveryCodeHashes", default=None)
    recovery_codes_at: datetime | None = utc_field(db_field="recoveryCodesAt")
    passkeys: list[ObjectId] | None = ListField(ObjectIdField(), default=None)

    @property
    def totp_enabled(self) -> bool:
        """Tell whether an authenticator app is enrolled and confirmed."""
        return self.totp is not None and self.totp.confirmed_at is not None

    @property
    def mfa_enabled(self) -> bool:
        """Tell whether a password alone is not enough."""
        return self.totp_enabled or bool(self.passkeys)

    @classmethod
    @bounded
    def begin_totp(cls, user_id: str, totp: Totp) -> Self | None:
        """Put an app's secret in the place of an earlier one that was never confirmed."""
        return cls._change(user_id, {"totp__confirmed_at": None}, {"set__totp": totp})

    @classmethod
    @bounded
    def confirm_totp(cls, user_id: str, totp: Totp, step: int, code_hashes: list[str], now: datetime) -> Self | None:
        """Enable an app whose first code was right, and spend that code; the recovery codes are new."""
        changes = {
            "set__totp__confirmed_at": now,
            "set__totp__step": step,
            "set__recovery_code_hashes": code_hashes,
            "set__recovery_codes_at": now,
        }
        return cls._change(user_id, {"totp__sealed": totp.sealed, "totp__confirmed_at": None}, changes)

    @classmethod
    @bounded
    def spend_totp(cls, user_id: str, totp: Totp, step: int) -> Self | None:
        """Take the code of a step later than the last one taken: of several who show it one succeeds."""
        same = {"totp__sealed": totp.sealed, "totp__confirmed_at__ne": None, "totp__step__lt": step}
        return cls._change(user_id, same, {"set__totp__step": step})

    @classmethod
    @bounded
    def reseal_totp(cls, user_id: str, totp: Totp, sealed: str) -> Self | None:
        """Put the same secret, sealed anew, where the old seal still stands."""
        return cls._change(user_id, {"totp__sealed": totp.sealed}, {"set__totp__sealed": sealed})

    @classmethod
    @bounded
    def remove_totp(cls, user_id: str) -> Self | None:
        """Remove the app, and the recovery codes where no passkey is left for them to stand in for."""
        enabled = {"totp__confirmed_at__ne": None}
        alone = {**enabled, "__raw__": _HAS_NO_PASSKEY}
        return cls._change(user_id, alone, {"unset__totp": True, **_WITHOUT_CODES}) or cls._change(
            user_id, {**enabled, "__raw__": _HAS_PASSKEY}, {"unset__totp": True}
        )

    @classmethod
    @bounded
    def replace_recovery_codes(cls, user_id: str, code_hashes: list[str], now: datetime) -> Self | None:
        """Put a new set of codes in the place of the old one."""
        changes = {"set__recovery_code_hashes": code_hashes, "set__recovery_codes_at": now}
        any_factor = Q(totp__confirmed_at__ne=None) | Q(__raw__=_HAS_PASSKEY)
        found = cast(Any, cls).objects(any_factor, id=object_id(user_id))
        return cast(Self | None, found.modify(**changes, new=True))

    @classmethod
    @bounded
    def spend_recovery_code(cls, user_id: str, code_hash: str) -> Self | None:
        """Take a code out of the set: of several who show it one succeeds."""
        return cls._change(user_id, {"recovery_code_hashes": code_hash}, {"pull__recovery_code_hashes": code_hash})

    @classmethod
    @bounded
    def add_passkey(cls, user_id: str, passkey: ObjectId) -> Self | None:
        """Let a passkey that is stored count."""
        return cls._change(user_id, {"disabled_at": None}, {"add_to_set__passkeys": passkey})

    @classmethod
    @bounded
    def drop_passkey(cls, user_id: str, passkey: ObjectId, *, leave_a_way_in: bool) -> Self | None:
        """Let a passkey count no more; the recovery codes go where no other factor is left.

        `leave_a_way_in` refuses (None) where it is the last passkey of an account without a password.
        """
        way_in = Q(password__ne=None) | Q(__raw__=_HAS_TWO_PASSKEYS) if leave_a_way_in else Q()
        last = Q(__raw__={"passkeys": [passkey]}) & Q(totp__confirmed_at=None)
        owned = cast(Any, cls).objects(way_in, id=object_id(user_id), passkeys=passkey)
        gone = owned.filter(last).modify(unset__passkeys=True, **_WITHOUT_CODES, new=True)
        return cast(Self | None, gone or owned.modify(pull__passkeys=passkey, new=True))

    @classmethod
    @bounded
    def clear_factors(cls, user_id: str) -> Self | None:
        """Leave the account with its password alone."""
        return cls._change(user_id, {}, WITHOUT_FACTORS)

    @classmethod
    @bounded
    def with_totp(cls) -> list[Self]:
        """Return the accounts that have an app, confirmed or not; reads all accounts."""
        return list(cast(Any, cls).objects(totp__ne=None).only("totp"))

    @classmethod
    def _change(cls, user_id: str, expected: dict[str, Any], changes: dict[str, Any]) -> Self | None:
        found = cast(Any, cls).objects(id=object_id(user_id), **expected)
        return cast(Self | None, found.modify(**changes, new=True))
