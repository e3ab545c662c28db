"""Signing in: what is asked and what is answered."""

from marshmallow import fields

from authsvc.schemas.base import Schema, Text, length, one_of
from authsvc.schemas.users import EmailAddress, Name, UserSchema
from authsvc.security.passwords import MAX_LENGTH


class TransportSchema(Schema):
    """How the refresh token is to come back."""

    transport = Text(load_default="body", validate=one_of("body", "cookie"))


class RegistrationSchema(TransportSchema):
    """A new account."""

    name = Name(required=True)
    email = EmailAddress(required=True)
    password = Text(required=True, validate=length(1, MAX_LENGTH))


class CredentialsSchema(TransportSchema):
    """A sign-in: no rule about addresses or passwords is told here."""

    email = Text(required=True)
    password = Text(required=True, validate=length(1, MAX_LENGTH))


class FreshTokenSchema(Schema):
    """An access token of the session, which is fresh now."""

    access_token = fields.String(required=True)
    expires_in = fields.Integer(required=True)


class RefreshTokenSchema(Schema):
    """A refresh token, where it does not come in the cookie."""

    refresh_token = Text()


class TokenResponseSchema(Schema):
    """An access token (RFC 6750), its life in seconds, and the refresh token unless it went into the cookie."""

    access_token = fields.String(required=True)
    refresh_token = fields.String()
    token_type = fields.String(required=True)
    expires_in = fields.Integer(required=True)
    user = fields.Nested(UserSchema, required=True)


class GreetingSchema(Schema):
    """What the protected route of the Express service says."""

    message = fields.String(required=True)
