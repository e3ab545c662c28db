"""Answers to health probes."""

from marshmallow import Schema, fields


class HealthSchema(Schema):
    """The process is alive."""

    status = fields.String(required=True)
    version = fields.String(required=True)


class ReadinessSchema(Schema):
    """The service is ready."""

    status = fields.String(required=True)
