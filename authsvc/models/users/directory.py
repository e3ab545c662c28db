"""All accounts: looking them up by the beginning of an address or a name, and who administers."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Self, cast

from bson import ObjectId

from authsvc import clock
from authsvc.models.base import bounded

ADMIN = "admin"
DEFAULT = "user"
ANY_CASE = {"locale": "en", "strength": 2}
"""Addresses that Express stored in capitals are found, and taken, in any case: the index decides, the data stays."""

_LAST = "\U0010ffff"
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a list was read: in the order of which field, up to which value, and whose that was."""

    field: str
    value: Any
    id: ObjectId


class Directory:
    """How accounts are looked up; every list is read from a range of an index, in its order."""

    @property
    def is_active_admin(self) -> bool:
        """Tell whether the account administers, and is not disabled."""
        found = cast(Any, self)
        return found.role == ADMIN and found.disabled_at is None

    @classmethod
    def order_of(cls, begins: str | None, disabled: bool | None) -> list[str]:
        """Return in the order of which fields, one after the other, a list is read."""
        return ["email", "name"] if begins else ["disabled_at" if disabled else "id"]

    @classmethod
    @bounded
    def search(
        cls, begins: str | None, *, role: str | None, disabled: bool | None, after: Mark | None, limit: int
    ) -> list[tuple[Self, Mark]]:
        """Return accounts whose address or, after those, name begins so, or all; each with how far that was.

        In the order of addresses and names; all accounts in the order in which they were made, disabled ones in that
        in which they were disabled. Who is found by both is listed by the address.
        """
        rest: dict[str, Any] = {} if role is None else {"role__in": [role, None]} if role == DEFAULT else {"role": role}
        if disabled is not None and (begins or not disabled):
            rest |= {"disabled_at__gt": _EVER} if disabled else {"disabled_at": None}
        fields = cls.order_of(begins, disabled)
        found: list[tuple[Self, Mark]] = []
        for field in fields[fields.index(after.field) if after is not None else 0 :]:
            start = after if after is not None and after.field == field else None
            for one in chain.from_iterable(cls.ranges(field, begins, rest, start)):
                if begins and field == "name" and str(one.email or "").lower().startswith(begins.lower()):
                    continue
                found.append((one, Mark(field, getattr(one, field), one.id)))
                if len(found) == limit:
                    return found
        return found

    @classmethod
    def ranges(cls, field: str, begins: str | None, rest: dict[str, Any], after: Mark | None) -> list[Any]:
        """Return the queries that read a list in the order of a field, one after the other, each a range of an index.

        From a mark on they are two: what has the same value and a later id, and what is later.
        """
        within: dict[str, Any] = {} if begins is None else {f"{field}__gte": begins, f"{field}__lt": begins + _LAST}
        within = {"disabled_at__gt": _EVER} if field == "disabled_at" else within
        accounts = cast(Any, cls).objects(**rest)
        if begins is not None:
            accounts = accounts.collation(ANY_CASE)
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
    def other_admins(cls, but: ObjectId | None) -> list[Self]:
        """Return who else administers, and is not disabled."""
        return list(cast(Any, cls).objects(role=ADMIN, disabled_at=None, id__ne=but))

    @classmethod
    @bounded
    def disable(cls, found: Any) -> Self | None:
        """Disable an account that is as it was found, as far as administering goes; None where it is not."""
        return cast(Self | None, cls._as_it_was(found).modify(set__disabled_at=clock.now(), new=True))

    @classmethod
    @bounded
    def enable(cls, user_id: ObjectId) -> Self | None:
        """Enable an account; None where it is not disabled."""
        disabled = cast(Any, cls).objects(id=user_id, disabled_at__ne=None)
        return cast(Self | None, disabled.modify(unset__disabled_at=True, new=True))

    @classmethod
    @bounded
    def set_role(cls, found: Any, role: str) -> Self | None:
        """Give a role to an account that is as it was found, as far as administering goes; None where it is not."""
        return cast(Self | None, cls._as_it_was(found).modify(set__role=role, new=True))

    @classmethod
    @bounded
    def remove(cls, found: Any) -> bool:
        """Delete an account that is as it was found, as far as administering goes; tell whether it was."""
        return bool(cls._as_it_was(found).delete())

    @classmethod
    def _as_it_was(cls, found: Any) -> Any:
        role = {"role": ADMIN} if found.role == ADMIN else {"role__ne": ADMIN}
        state = {"disabled_at": None} if found.disabled_at is None else {"disabled_at__ne": None}
        return cast(Any, cls).objects(id=found.id, **role, **state)
