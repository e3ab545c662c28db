"""Sessions as their user sees them."""

from marshmallow import fields

from authsvc.schemas.base import Schema, Text, UtcDateTime, one_of
from authsvc.schemas.grants import AppNameSchema
from authsvc.schemas.paging import PageSchema


class SessionSchema(Schema):
    """One live session. `app` is whose it is, null for one's own; `expiresAt` the earlier of both limits."""

    id = fields.String(required=True)
    app = fields.Nested(AppNameSchema, required=True, allow_none=True)
    current = fields.Boolean(required=True)
    created_at = UtcDateTime(required=True)
    last_used_at = UtcDateTime(required=True)
    expires_at = UtcDateTime(required=True)
    ip = fields.String(required=True, allow_none=True)
    user_agent = fields.String(required=True, allow_none=True)
    methods = fields.List(fields.String(), required=True)


class SessionPageSchema(PageSchema):
    """A page of sessions."""

    items = fields.List(fields.Nested(SessionSchema), required=True)


class ScopeSchema(Schema):
    """Which sessions to end."""

    scope = Text(required=True, validate=one_of("others", "all"))
