"""The steps of signing in to an app on a device without a browser."""

from marshmallow import fields

from authsvc.schemas.base import Schema, Text, UtcDateTime, length, one_of


class DeviceAdvanceSchema(Schema):
    """The code that the device shows, in any case and with any separators, and what the person says."""

    user_code = Text(required=True, validate=length(1, 100))
    decision = Text(validate=one_of("allow", "deny"))


class DeviceAppSchema(Schema):
    """The app that asks. `verified`: the operator says that it is theirs.

    `document` is the host where the app describes itself, null if it is registered.
    """

    name = fields.String(required=True)
    verified = fields.Boolean(required=True)
    document = fields.String(required=True, allow_none=True)


class DevicePlaceSchema(Schema):
    """Where and when it began. `near`: in the network of whoever asks now, null if nobody can tell."""

    ip = fields.String(required=True, allow_none=True)
    user_agent = fields.String(required=True, allow_none=True)
    started_at = UtcDateTime(required=True)
    near = fields.Boolean(required=True, allow_none=True)


class DeviceStepSchema(Schema):
    """What to do next.

    `prove` (confirm who is signed in) and `consent` need the person; then ask again. After `allowed` and `denied` the
    device does the rest.
    """

    step = fields.String(required=True, metadata={"enum": ["prove", "consent", "allowed", "denied"]})
    user_code = fields.String(required=True, metadata={"description": "as the device shows it"})
    app = fields.Nested(DeviceAppSchema, required=True)
    device = fields.Nested(DevicePlaceSchema, required=True)
    scopes = fields.List(fields.String(), required=True)
    resources = fields.List(
        fields.String(), required=True, metadata={"description": "where it wants to do that, besides userinfo"}
    )
    email = fields.String(required=True)
