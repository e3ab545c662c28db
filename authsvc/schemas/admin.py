"""Requests and answers for administrators."""

import json
import re
from datetime import datetime
from ipaddress import ip_network
from typing import Any

from marshmallow import ValidationError, fields, pre_dump

from authsvc.events import catalogue
from authsvc.schemas.audit import ActivitySchema
from authsvc.schemas.base import Schema, Text, Truth, UtcDateTime, length, one_of
from authsvc.schemas.paging import Cursor, PageSchema, PagingSchema
from authsvc.schemas.return_targets import LetterTarget
from authsvc.schemas.users import EmailAddress, Name, UserSchema

_ID = re.compile(r"[0-9a-fA-F]{24}", re.ASCII)
_BEYOND_MILLISECONDS = 10**14
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class UserId(Text):
    """The id of an account."""

    bounds = {"pattern": "^[0-9a-fA-F]{24}$"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if not _ID.fullmatch(text):
            raise ValidationError("bad_format: This is not the id of an account.")
        return text


class Role(Text):
    """The role of an account, one of the setting `ROLES`."""

    set_bounds = {"enum": "ROLES"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=length(1, 64), **kwargs)


class Moment(Text):
    """A time in RFC 3339 format, with its offset."""

    bounds = {"format": "date-time"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        try:
            moment = datetime.fromisoformat(text.upper()) if _RFC_3339.fullmatch(text) else None
        except ValueError:
            moment = None
        if moment is None:
            raise ValidationError("bad_format: This is not a time such as 2026-11-23T12:00:00Z.")
        return moment


class DirectoryCursor(Cursor):
    """Where a page of accounts starts: the `next` of the previous page."""

    shape = re.compile(r"\[.+\]", re.DOTALL)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            parts = json.loads(text)
        except (ValueError, RecursionError):
            parts = []
        # Exactly as a list writes it: nothing else means the same.
        if not _is_mark(parts) or json.dumps(parts, ensure_ascii=False, separators=(",", ":")) != text:
            raise ValidationError("bad_format: This is not a cursor from a list.")
        return text


def _is_mark(parts: Any) -> bool:
    """Tell whether these are the field, the id and the value that a page of accounts may end with."""
    match parts:
        case ["id", str(user_id)]:
            pass
        case ["email", str(user_id), str(email)] if email:
            pass
        case ["name", str(user_id), str()]:
            pass
        case ["disabled_at", str(user_id), int(at)] if type(at) is int and 0 <= at < _BEYOND_MILLISECONDS:
            pass
        case _:
            return False
    return Cursor.shape.fullmatch(user_id) is not None


class DirectoryQuerySchema(PagingSchema):
    """Which accounts to list: those whose email address or name begins with `q`, ignoring case."""

    q = Text(validate=length(1, 254), load_default=None)
    role = Text(validate=length(1, 64), load_default=None)
    status = Text(validate=one_of("active", "disabled"), load_default=None)
    verified = Text(validate=one_of("true", "false"), load_default=None)
    second_factor = Text(validate=one_of("true", "false"), load_default=None)
    cursor = DirectoryCursor(load_default=None)


class InvitationSchema(Schema):
    """A user to invite. `returnTo` is where the sign-in that follows leads on to."""

    name = Name(required=True)
    email = EmailAddress(required=True)
    role = Role(required=True)
    return_to = LetterTarget(load_default=None)


class AccountChangeSchema(Schema):
    """What an administrator may change in an account: never its password or email address."""

    name = Name()
    role = Role()
    disabled = Truth()


class AdminUserSchema(UserSchema):
    """An account as administrators see it.

    `lastLoginAt` and `lastSeenAt`, the last sign-in or refresh, are forgotten 30 days after the last session ended.
    """

    disabled_at = UtcDateTime(required=True, allow_none=True)
    last_login_at = UtcDateTime(required=True, allow_none=True)
    last_seen_at = UtcDateTime(required=True, allow_none=True)
    has_password = fields.Boolean(required=True)
    hash_scheme = fields.String(required=True, allow_none=True)

    @pre_dump
    def _derive(self, account: Any, **_: Any) -> dict[str, Any]:
        more = {
            "disabled_at": account.user.disabled_at,
            "last_login_at": account.last_login_at,
            "last_seen_at": account.last_seen_at,
            "has_password": account.user.password is not None,
            "hash_scheme": account.hash_scheme,
        }
        return {**super()._derive(account.user), **more}


class AdminUserPageSchema(PageSchema):
    """A page of accounts."""

    items = fields.List(fields.Nested(AdminUserSchema), required=True)


class Network(Text):
    """An address, or a network such as `203.0.113.0/24` or `2001:db8::/48`."""

    bounds = {"pattern": r"^[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?$"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        try:
            return ip_network(text)
        except ValueError:
            raise ValidationError("bad_format: This is not an address, nor a network such as 203.0.113.0/24.") from None


class AuditQuerySchema(PagingSchema):
    """Which events to list: about or by a user, of one kind, recorded at or after `from` and before `to`, and asked for
    from a `network`.
    """

    user = UserId(load_default=None)
    action = Text(validate=one_of(*catalogue.names()), load_default=None)
    since = Moment(data_key="from", load_default=None)
    until = Moment(data_key="to", load_default=None)
    network = Network(load_default=None)


class AuditEntrySchema(ActivitySchema):
    """One event: `actor` did `action` to the account `target`. Both are ids of accounts, or null if not known."""

    actor = fields.String(required=True, allow_none=True)
    target = fields.String(required=True, allow_none=True)
    request_id = fields.String(required=True)
    outcome = fields.String(required=True)


class AuditPageSchema(PageSchema):
    """A page of events."""

    items = fields.List(fields.Nested(AuditEntrySchema), required=True)
