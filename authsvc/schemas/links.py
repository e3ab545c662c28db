"""Links in letters."""

from marshmallow import fields

from authsvc.schemas.base import Schema


class LinkFactsSchema(Schema):
    """What a link does, `verify`, `change`, `revert`, `reset` or `invite`, and the email address that it is about.

    That is the one that it was sent to, except for `revert`, which restores it.
    """

    purpose = fields.String(required=True)
    email = fields.String(required=True)
