"""What people have allowed apps, as they see it."""

from marshmallow import fields

from authsvc.schemas.base import Schema, UtcDateTime
from authsvc.schemas.paging import PageSchema


class AppNameSchema(Schema):
    """An app, by its id and name."""

    id = fields.String(required=True)
    name = fields.String(required=True)


class GrantSchema(Schema):
    """What a user allows an app: scopes, and the resources that they hold for."""

    id = fields.String(required=True)
    app = fields.Nested(AppNameSchema, required=True)
    scopes = fields.List(fields.String(), required=True)
    resources = fields.List(fields.String(), required=True)
    created_at = UtcDateTime(required=True)
    last_used_at = UtcDateTime(required=True, allow_none=True)


class GrantPageSchema(PageSchema):
    """A page of grants."""

    items = fields.List(fields.Nested(GrantSchema), required=True)
