"""Tokens as other services ask about them."""

from marshmallow import EXCLUDE, fields
from marshmallow import Schema as PlainSchema

from authsvc.schemas.access_tokens import SCOPES
from authsvc.schemas.base import Schema, Text, length, one_of


class JwkSchema(PlainSchema):
    """A public key (RFC 7517): ES256, P-256."""

    kty = fields.String(required=True)
    crv = fields.String(required=True)
    x = fields.String(required=True)
    y = fields.String(required=True)
    kid = fields.String(required=True)
    use = fields.String(required=True)
    alg = fields.String(required=True)


class JwkSetSchema(PlainSchema):
    """The keys that access tokens are signed with, the next one among them."""

    keys = fields.List(fields.Nested(JwkSchema), required=True)


class ConditionSchema(Schema):
    """What the caller must have: this role, and a personal access token this scope."""

    role = Text(validate=length(1, 64))
    scope = Text(validate=one_of(*SCOPES))


class IntrospectionRequestSchema(Schema):
    """A token to look at (RFC 7662 section 2.1); other parameters are ignored."""

    class Meta:
        unknown = EXCLUDE

    token = Text(required=True)


class IntrospectionSchema(PlainSchema):
    """What a token is good for (RFC 7662 section 2.2); of one that is good for nothing, `active` alone."""

    active = fields.Boolean(required=True)
    token_type = fields.String(metadata={"description": "`Bearer`; or `refresh_token`, for this service alone"})
    iss = fields.String()
    aud = fields.String()
    sub = fields.String(metadata={"description": "the user's id"})
    sid = fields.String(metadata={"description": "the session's id; not of a personal access token"})
    jti = fields.String()
    username = fields.String(metadata={"description": "the user's address, as it is now"})
    role = fields.String(metadata={"description": "the user's role, as it is now"})
    scope = fields.String(metadata={"description": "of a personal access token; a session may do all its user may"})
    iat = fields.Integer()
    exp = fields.Integer()
    auth_time = fields.Integer()
    amr = fields.List(fields.String())
