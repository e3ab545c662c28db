"""Lists of accounts: search by the beginning of an address or a name, and administrators."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Self, cast

from bson import ObjectId

from authsvc import clock
from authsvc.models.base import bounded
from authsvc.models.users import keys
from authsvc.models.users.account import ADMIN, DEFAULT, Account

_LAST = "\U0010ffff"
_EVER = datetime(1970, 1, 1, tzinfo=UTC)

_FOLDED = {"email": ("email_key", keys.of_email), "name": ("name_key", keys.of_name)}
"""The fields that are searched, with the field that has the key of each, and how that is made."""

_WITH_FACTOR: list[dict[str, Any]] = [
    {"totp.confirmedAt": {"$exists": True}},
    {"passkeys.0": {"$exists": True}, "passkeysOptional": {"$ne": True}},
    {"copiedPasskeys.0": {"$exists": True}, "passkeysOptional": {"$ne": True}},
]
"""The accounts whose password is not enough: `mfa_enabled`, as a query."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a list was read: the field that it is ordered by, and the value and id of the last account."""

    field: str
    value: Any
    id: ObjectId


class Listing(Account):
    """Lists of accounts, each read from a range of an index, in its order; and the state that lists filter by."""

    meta = {"abstract": True}

    @property
    def is_active_admin(self) -> bool:
        """Tell whether the account is an administrator, and not disabled."""
        return self.role == ADMIN and self.disabled_at is None

    @classmethod
    def order_of(cls, begins: str | None, disabled: bool | None) -> list[str]:
        """Return the fields that a list is ordered by, one after the other."""
        if begins:
            return ["email", "name"]
        return ["disabled_at"] if disabled else ["id"]

    @classmethod
    @bounded
    def search(
        cls,
        begins: str | None,
        *,
        role: str | None,
        disabled: bool | None,
        after: Mark | None,
        limit: int,
        verified: bool | None = None,
        second_factor: bool | None = None,
    ) -> list[tuple[Self, Mark]]:
        """Return the accounts whose address begins so, then those whose name does, or all; each with its mark.

        The first are ordered by address and by name, all accounts by age, disabled ones by when they were disabled. An
        account that matches by both is listed by its address.
        """
        conditions = {**_conditions(begins, role, disabled), **_state(verified, second_factor)}
        fields = cls.order_of(begins, disabled)
        page: list[tuple[Self, Mark]] = []
        for field in fields[fields.index(after.field) if after is not None else 0 :]:
            start = after if after is not None and after.field == field else None
            for user in chain.from_iterable(cls.ranges(field, begins, conditions, start)):
                if begins and field == "name" and keys.of_email(str(user.email)).startswith(keys.of_email(begins)):
                    continue
                page.append((user, Mark(field, getattr(user, _FOLDED.get(field, (field,))[0]), user.id)))
                if len(page) == limit:
                    return page
        return page

    @classmethod
    def ranges(cls, field: str, begins: str | None, conditions: dict[str, Any], after: Mark | None) -> list[Any]:
        """Return the queries that read a list ordered by a field, one after the other, each a range of an index.

        After a mark there are two: accounts with the same value and a later id, and accounts with a later value.
        """
        within: dict[str, Any] = {"disabled_at__gt": _EVER} if field == "disabled_at" else {}
        accounts = cls.objects(**conditions)
        if begins is not None:
            field, fold = _FOLDED[field]
            within = {f"{field}__gte": fold(begins), f"{field}__lt": fold(begins) + _LAST}
            after = None if after is None else Mark(field, fold(after.value), after.id)
        if field == "id":
            later = accounts if after is None else accounts.filter(id__gt=after.id)
            return [later.order_by("id")]
        if after is None:
            return [accounts.filter(**within).order_by(field, "id")]
        same = accounts.filter(**{field: after.value, "id__gt": after.id})
        within.pop(f"{field}__gte", None)
        later = accounts.filter(**{**within, f"{field}__gt": after.value})
        return [same.order_by("id"), later.order_by(field, "id")]

    @classmethod
    @bounded
    def estimated_count(cls) -> int:
        """Count all accounts, by what the database knows without reading them."""
        return cast(int, cls._get_collection().estimated_document_count())

    @classmethod
    @bounded
    def other_admins(cls, but: ObjectId | None) -> list[Self]:
        """Return the active administrators except one."""
        admins = cls.objects(role=ADMIN, disabled_at=None, id__ne=but)
        return [one for one in admins if one.is_active_admin]  # the query also matches a list of roles

    @classmethod
    @bounded
    def disable(cls, user: Self) -> Self | None:
        """Disable an account; None if its role or state has changed."""
        return cls.change(_same_rank(user), {"set__disabled_at": clock.now()})

    @classmethod
    @bounded
    def enable(cls, user_id: ObjectId) -> Self | None:
        """Enable an account; None if it is not disabled."""
        return cls.change({"id": user_id, "disabled_at__ne": None}, {"unset__disabled_at": True})

    @classmethod
    @bounded
    def set_role(cls, user: Self, role: str) -> Self | None:
        """Give an account a role; None if its role or state has changed."""
        return cls.change(_same_rank(user), {"set__role": role})

    @classmethod
    @bounded
    def remove(cls, user: Self) -> bool:
        """Delete an account, unless its role or state has changed; tell whether it was deleted."""
        return bool(cls.objects(**_same_rank(user)).delete())


def _conditions(begins: str | None, role: str | None, disabled: bool | None) -> dict[str, Any]:
    """Return what a list filters by, beside the range of its index."""
    conditions: dict[str, Any] = {}
    if role == DEFAULT:
        conditions["role__in"] = [role, None]
    elif role is not None:
        conditions["role"] = role
    if disabled is False:
        conditions["disabled_at"] = None
    elif disabled and begins:
        conditions["disabled_at__gt"] = _EVER
    return conditions


def _state(verified: bool | None, second_factor: bool | None) -> dict[str, Any]:
    """Return what a list filters by of the address and the factors; no index has these."""
    conditions: dict[str, Any] = {}
    if verified is not None:
        conditions["email_verified_at__ne" if verified else "email_verified_at"] = None
    if second_factor is not None:
        conditions["__raw__"] = {"$or": _WITH_FACTOR} if second_factor else {"$nor": _WITH_FACTOR}
    return conditions


def _same_rank(user: Account) -> dict[str, Any]:
    """Return the conditions under which an account still is, or is not, an active administrator."""
    role = {"role": ADMIN} if user.role == ADMIN else {"role__ne": ADMIN}
    state = {"disabled_at": None} if user.disabled_at is None else {"disabled_at__ne": None}
    return {"id": user.id, **role, **state}
