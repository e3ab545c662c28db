"""Recorded events, as users see those of their own account."""

from marshmallow import fields

from authsvc.schemas.base import Schema, Text, UtcDateTime, one_of
from authsvc.schemas.paging import PageSchema, PagingSchema


class ActivitySchema(Schema):
    """One event in the caller's account. `action` names it, and `details` depend on it."""

    id = fields.String(required=True)
    action = fields.String(required=True)
    at = UtcDateTime(required=True)
    ip = fields.String(required=True, allow_none=True)
    user_agent = fields.String(required=True, allow_none=True)
    details = fields.Dict(keys=fields.String(), required=True)


class ActivityQuerySchema(PagingSchema):
    """Which events to list: all, or those about signing in, about how one signs in, or about apps and tokens."""

    about = Text(load_default=None, validate=one_of("sign_in", "security", "apps"))


class ActivityPageSchema(PageSchema):
    """A page of events."""

    items = fields.List(fields.Nested(ActivitySchema), required=True)
