"""Tokens, for services that verify them."""

from marshmallow import EXCLUDE, fields
from marshmallow import Schema as PlainSchema

from authsvc.schemas.base import Schema, Text, length, one_of
from authsvc.services import app_scopes, resources


class JwkSchema(PlainSchema):
    """A public key (RFC 7517): `crv`, `x` and `y` of an EC key, or `n` and `e` of an RSA key."""

    kty = fields.String(required=True, metadata={"enum": ["EC", "RSA"]})
    crv = fields.String()
    x = fields.String()
    y = fields.String()
    n = fields.String()
    e = fields.String()
    kid = fields.String(required=True)
    use = fields.String(required=True)
    alg = fields.String(required=True)


class JwkSetSchema(PlainSchema):
    """The keys that access tokens (ES256) and ID tokens are signed with, including the next ones."""

    keys = fields.List(fields.Nested(JwkSchema), required=True)


class ConditionSchema(Schema):
    """What to require of the caller: this role and, of a token with scopes, this scope.

    A token of an app counts only if `resource` names what it is for, and there is a `scope`; it never has a role.
    """

    role = Text(validate=length(1, 64))
    scope = Text(validate=one_of(*app_scopes.ALL))
    resource = Text(validate=length(1, resources.LONGEST))


class IntrospectionRequestSchema(Schema):
    """A token to introspect (RFC 7662 section 2.1). Other parameters are ignored."""

    class Meta:
        unknown = EXCLUDE

    token = Text(required=True)


class IntrospectionSchema(PlainSchema):
    """What a token is valid for (RFC 7662 section 2.2). For an invalid token only `active` is returned."""

    active = fields.Boolean(required=True)
    token_type = fields.String(
        metadata={"description": "`Bearer`, or `refresh_token`, which only this service accepts"}
    )
    iss = fields.String()
    aud = fields.String()
    sub = fields.String(metadata={"description": "the user's id"})
    sid = fields.String(metadata={"description": "the session's id; personal access tokens have none"})
    jti = fields.String()
    username = fields.String(metadata={"description": "the user's current email address"})
    role = fields.String(metadata={"description": "the user's current role"})
    scope = fields.String(
        metadata={"description": "only for personal access tokens; a session may do whatever its user may"}
    )
    iat = fields.Integer()
    exp = fields.Integer()
    auth_time = fields.Integer()
    amr = fields.List(fields.String())
    ext = fields.Dict(
        keys=fields.String(), metadata={"description": "what the hook of HOOK_TOKEN added, if it added something"}
    )
