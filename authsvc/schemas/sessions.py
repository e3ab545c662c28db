"""Sessions as their user sees them."""

from marshmallow import fields

from authsvc.schemas.base import Schema, Text, UtcDateTime, one_of
from authsvc.schemas.paging import NextCursor


class SessionSchema(Schema):
    """One live session; `expiresAt` is the earlier of the idle and the absolute limit."""

    id = fields.String(required=True)
    current = fields.Boolean(required=True)
    created_at = UtcDateTime(required=True)
    last_used_at = UtcDateTime(required=True)
    expires_at = UtcDateTime(required=True)
    ip = fields.String(required=True, allow_none=True)
    user_agent = fields.String(required=True, allow_none=True)
    methods = fields.List(fields.String(), required=True)


class SessionPageSchema(Schema):
    """A page of sessions."""

    items = fields.List(fields.Nested(SessionSchema), required=True)
    next = NextCursor(required=True, allow_none=True)


class ScopeSchema(Schema):
    """Which sessions to end."""

    scope = Text(required=True, validate=one_of("others", "all"))
