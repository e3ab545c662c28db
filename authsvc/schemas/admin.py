"""What administrators ask for, and what they are shown."""

import re
from datetime import datetime
from typing import Any

from marshmallow import ValidationError, fields, pre_dump

from authsvc.models.audit import Action
from authsvc.schemas.audit import ActivitySchema
from authsvc.schemas.base import Schema, Text, UtcDateTime, length, one_of
from authsvc.schemas.paging import Cursor, NextCursor, PagingSchema
from authsvc.schemas.users import EmailAddress, Name, UserSchema

_ID = re.compile(r"[0-9a-fA-F]{24}", re.ASCII)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class UserId(Text):
    """The id of an account."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if not _ID.fullmatch(text):
            raise ValidationError("bad_format: This is not the id of an account.")
        return text


class Moment(Text):
    """A time as RFC 3339 has it, with its offset."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        try:
            moment = datetime.fromisoformat(text.upper()) if _RFC_3339.fullmatch(text) else None
        except ValueError:
            moment = None
        if moment is None:
            raise ValidationError("bad_format: This is not a time: 2026-11-23T12:00:00Z.")
        return moment


class Truth(fields.Field[bool]):
    """A JSON boolean."""

    default_error_messages = {"null": "wrong_type: This must be true or false."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if type(value) is not bool:
            raise ValidationError("wrong_type: This must be true or false.")
        return value


class DirectoryCursor(Cursor):
    """Where a page of accounts starts: the `next` of the page before."""

    shape = re.compile(
        r"email [0-9a-f]{24} .+|name [0-9a-f]{24} .*|id [0-9a-f]{24}|disabled_at [0-9a-f]{24} [0-9]{1,14}",
        re.DOTALL,
    )


class DirectoryQuerySchema(PagingSchema):
    """Which accounts to list: `q` is how their address or their name begins, in any case."""

    q = Text(validate=length(1, 254), load_default=None)
    role = Text(validate=length(1, 64), load_default=None)
    status = Text(validate=one_of("active", "disabled"), load_default=None)
    cursor = DirectoryCursor(load_default=None)


class InvitationSchema(Schema):
    """Somebody to be invited."""

    name = Name(required=True)
    email = EmailAddress(required=True)
    role = Text(required=True, validate=length(1, 64))


class AccountChangeSchema(Schema):
    """What an administrator may change about an account: never its password, nor its address."""

    name = Name()
    role = Text(validate=length(1, 64))
    disabled = Truth()


class AdminUserSchema(UserSchema):
    """An account as administrators see it; `lastLoginAt` is of the sessions that are still known, a year at most."""

    disabled_at = UtcDateTime(required=True, allow_none=True)
    last_login_at = UtcDateTime(required=True, allow_none=True)
    has_password = fields.Boolean(required=True)
    hash_scheme = fields.String(required=True, allow_none=True)

    @pre_dump
    def _derive(self, seen: Any, **_: Any) -> dict[str, Any]:
        more = {
            "disabled_at": seen.user.disabled_at,
            "last_login_at": seen.last_login_at,
            "has_password": seen.user.password is not None,
            "hash_scheme": seen.hash_scheme,
        }
        return {**super()._derive(seen.user), **more}


class AdminUserPageSchema(Schema):
    """A page of accounts."""

    items = fields.List(fields.Nested(AdminUserSchema), required=True)
    next = NextCursor(required=True, allow_none=True)


class AuditQuerySchema(PagingSchema):
    """Which events to list: about a user or by them, of one kind, recorded at or after `from` and before `to`."""

    user = UserId(load_default=None)
    action = Text(validate=one_of(*sorted(Action)), load_default=None)
    since = Moment(data_key="from", load_default=None)
    until = Moment(data_key="to", load_default=None)


class AuditEntrySchema(ActivitySchema):
    """One event: `actor` did `action` to the account `target`, ids of accounts where they are known."""

    actor = fields.String(required=True, allow_none=True)
    target = fields.String(required=True, allow_none=True)
    request_id = fields.String(required=True)
    outcome = fields.String(required=True)


class AuditPageSchema(Schema):
    """A page of events."""

    items = fields.List(fields.Nested(AuditEntrySchema), required=True)
    next = NextCursor(required=True, allow_none=True)
