"""Recorded events, as users see those of their own account."""

from marshmallow import fields

from authsvc.schemas.base import Schema, UtcDateTime
from authsvc.schemas.paging import PageSchema


class ActivitySchema(Schema):
    """One event in the caller's account. `action` names it, and `details` depend on it."""

    id = fields.String(required=True)
    action = fields.String(required=True)
    at = UtcDateTime(required=True)
    ip = fields.String(required=True, allow_none=True)
    user_agent = fields.String(required=True, allow_none=True)
    details = fields.Dict(keys=fields.String(), required=True)


class ActivityPageSchema(PageSchema):
    """A page of events."""

    items = fields.List(fields.Nested(ActivitySchema), required=True)
