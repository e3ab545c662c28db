"""All accounts, as administrators look through them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId

from authsvc.errors import FieldError, ValidationFailed
from authsvc.models.sessions import Session
from authsvc.models.users import Mark, User
from authsvc.security import passwords
from authsvc.services.paging import Page

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LATEST = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND


@dataclass(frozen=True, slots=True)
class Seen:
    """An account as administrators see it."""

    user: User
    last_login_at: datetime | None

    @property
    def hash_scheme(self) -> str | None:
        """Return by what the password is hashed, None without one."""
        return passwords.scheme_of(self.user.password) if self.user.password is not None else None


def seen(*found: User) -> list[Seen]:
    """Return accounts with what else is shown of them."""
    return [Seen(user, Session.last_opened(user.id)) for user in found]


def search(limit: int, cursor: str | None, q: str | None, role: str | None, status: str | None) -> Page:
    """Return a page of accounts whose address or name begins with `q`, or of all; see `User.search` for their order.

    Raises ValidationFailed for a cursor that another list gave.
    """
    after = _mark(cursor) if cursor is not None else None
    disabled = None if status is None else status == "disabled"
    if after is not None and after.field not in User.order_of(q, disabled):
        raise ValidationFailed([FieldError("bad_format", "This is the cursor of another list.", parameter="cursor")])
    found = User.search(q, role=role, disabled=disabled, after=after, limit=limit + 1)
    shown = seen(*(user for user, _ in found[:limit]))
    return Page(list[Any](shown), _text(found[limit - 1][1]) if len(found) > limit else None)


def _text(mark: Mark) -> str:
    """Return a mark as a cursor: the field, whose value it is, and the value where that is another than the id."""
    value = (mark.value - _EPOCH) // _MILLISECOND if isinstance(mark.value, datetime) else mark.value
    return f"{mark.field} {mark.id}" + ("" if mark.field == "id" else f" {value}")


def _mark(cursor: str) -> Mark:
    field, user_id, value = [*cursor.split(" ", 2), ""][:3]
    at = ObjectId(user_id)
    if field == "disabled_at":
        return Mark(field, _EPOCH + min(int(value), _LATEST) * _MILLISECOND, at)
    return Mark(field, at if field == "id" else value, at)
