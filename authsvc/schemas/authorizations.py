"""The steps of signing in to an app."""

from marshmallow import fields

from authsvc.schemas.base import Schema, Text, length, one_of


class AdvanceSchema(Schema):
    """Which request, and what the person says."""

    request = Text(required=True, validate=length(1, 200))
    decision = Text(validate=one_of("allow", "deny"))


class AskingAppSchema(Schema):
    """The app that asks. `verified`: the operator says that it is theirs. `host` is where the answer goes.

    `document` is the host where the app describes itself, null if it is registered.
    """

    name = fields.String(required=True)
    verified = fields.Boolean(required=True)
    host = fields.String(required=True)
    document = fields.String(required=True, allow_none=True)


class StepSchema(Schema):
    """What to do next.

    `sign_in`, `create`, `switch` (the app expects another account than the one that is signed in), `prove` (confirm who
    is signed in) and `consent` need the person; then ask again. `other` is what somebody does who wants to use another
    account. `done` says where to go: `redirect`, or a form with `fields` to
    be sent to `action`; with `confirm`, only if the person wants that.
    """

    step = fields.String(required=True, metadata={"enum": ["sign_in", "create", "switch", "prove", "consent", "done"]})
    app = fields.Nested(AskingAppSchema, required=True)
    scopes = fields.List(fields.String())
    resources = fields.List(fields.String(), metadata={"description": "where it wants to do that, besides userinfo"})
    email = fields.String()
    other = fields.String(metadata={"enum": ["sign_in", "create"]})
    confirm = fields.Boolean()
    redirect = fields.String()
    action = fields.String()
    fields_ = fields.Dict(keys=fields.String(), values=fields.String(), data_key="fields", attribute="fields")
