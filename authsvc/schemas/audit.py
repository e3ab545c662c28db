"""What happened, as those see it whom it concerns."""

from marshmallow import fields

from authsvc.schemas.base import Schema, UtcDateTime
from authsvc.schemas.paging import NextCursor


class ActivitySchema(Schema):
    """One event of the caller's account: `action` is a verb in the past tense, `details` depend on it."""

    id = fields.String(required=True)
    action = fields.String(required=True)
    at = UtcDateTime(required=True)
    ip = fields.String(required=True, allow_none=True)
    user_agent = fields.String(required=True, allow_none=True)
    details = fields.Dict(keys=fields.String(), required=True)


class ActivityPageSchema(Schema):
    """A page of events."""

    items = fields.List(fields.Nested(ActivitySchema), required=True)
    next = NextCursor(required=True, allow_none=True)
