"""Lists of accounts, for administrators."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId

from authsvc.errors import FieldError, ValidationFailed
from authsvc.models.sessions import Session
from authsvc.models.users import Mark, User
from authsvc.security import names, passwords, stored_addresses
from authsvc.services.paging import Page

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LATEST = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND


@dataclass(frozen=True, slots=True)
class UserRow:
    """An account as administrators see it."""

    user: User
    last_login_at: datetime | None
    last_seen_at: datetime | None

    @property
    def hash_scheme(self) -> str | None:
        """Return by what the password is hashed, None without one."""
        return passwords.scheme_of(self.user.password) if self.user.password is not None else None

    @property
    def providers(self) -> list[str]:
        """Return the names of the providers that the account is connected to, each once."""
        return list(dict.fromkeys(one.provider for one in self.user.all_identities))


def row_of(user: User) -> UserRow:
    """Return an account with what else administrators see of it."""
    return rows_of([user])[0]


def rows_of(users: Sequence[User]) -> list[UserRow]:
    """Return accounts likewise."""
    latest = Session.latest_of(user.id for user in users)
    return [UserRow(user, *latest.get(user.id, (None, None))) for user in users]


def search(
    limit: int,
    cursor: str | None,
    q: str | None,
    role: str | None,
    status: str | None,
    *,
    verified: str | None = None,
    second_factor: str | None = None,
) -> Page:
    """Return a page of accounts whose address or name begins with `q`, or of all; see `User.search` for their order.

    Raises ValidationFailed for the cursor of another list.
    """
    q = _as_stored(q) if q is not None else None
    after = _decode(cursor) if cursor is not None else None
    disabled = None if status is None else status == "disabled"
    if after is not None and after.field not in User.order_of(q, disabled):
        raise ValidationFailed([FieldError("bad_format", "This is the cursor of another list.", parameter="cursor")])
    state = {
        name: None if text is None else text == "true"
        for name, text in {"verified": verified, "second_factor": second_factor}.items()
    }
    accounts = User.search(q, role=role, disabled=disabled, after=after, limit=limit + 1, **state)
    rows = rows_of([user for user, _ in accounts[:limit]])
    return Page(list[Any](rows), _encode(accounts[limit - 1][1]) if len(accounts) > limit else None)


def _as_stored(q: str) -> str:
    """Return what somebody looks for in the form in which it is stored, if that is a whole address, or a name."""
    user = User.find_by_typed(q) if "@" in q and stored_addresses.has_forms(q) else None
    return str(user.email) if user is not None else names.spaced(q)


def _encode(mark: Mark) -> str:
    """Return a mark as a cursor, a JSON list: the field, the id, and the value unless that is the id (dates in ms)."""
    if mark.field == "id":
        parts = [mark.field, str(mark.id)]
    elif mark.field == "disabled_at":
        parts = [mark.field, str(mark.id), (mark.value - _EPOCH) // _MILLISECOND]
    else:
        parts = [mark.field, str(mark.id), mark.value]
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def _decode(cursor: str) -> Mark:
    """Return the mark that a cursor (see `DirectoryCursor`) was made of."""
    field, text, *values = json.loads(cursor)
    user_id = ObjectId(text)
    if field == "id":
        return Mark(field, user_id, user_id)
    if field == "disabled_at":
        return Mark(field, _EPOCH + min(values[0], _LATEST) * _MILLISECOND, user_id)
    return Mark(field, values[0], user_id)
