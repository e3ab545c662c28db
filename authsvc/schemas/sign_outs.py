"""The steps of a sign-out that an app asks for."""

from marshmallow import fields

from authsvc.schemas.base import Schema, Text, length


class SignOutRequestSchema(Schema):
    """Which request."""

    request = Text(required=True, validate=length(1, 200))


class SigningOutAppSchema(Schema):
    """The app that asks."""

    name = fields.String(required=True)


class SignOutStepSchema(Schema):
    """What to do next.

    `ask` whether the person wants that, or just `sign_out`; then ask again. Once nobody is signed in it is `done`, and
    `redirect` is where to go, if anywhere. `app` is null if nobody knows which one asks.
    """

    step = fields.String(required=True, metadata={"enum": ["ask", "sign_out", "done"]})
    app = fields.Nested(SigningOutAppSchema, required=True, allow_none=True)
    email = fields.String(required=True, allow_none=True)
    redirect = fields.String(required=True, allow_none=True)
