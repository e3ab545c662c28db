"""Operations: what the probes answer."""

from marshmallow import Schema, fields


class HealthSchema(Schema):
    """The process lives."""

    status = fields.String(required=True)
    version = fields.String(required=True)


class ReadinessSchema(Schema):
    """The service serves."""

    status = fields.String(required=True)
