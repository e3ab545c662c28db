"""Signing up and signing in."""

from marshmallow import fields

from authsvc.schemas.base import Schema, Text, Truth, length, one_of
from authsvc.schemas.emails import ChallengeSchema
from authsvc.schemas.passwords import NewPassword
from authsvc.schemas.return_targets import LetterTarget
from authsvc.schemas.users import EmailAddress, Name, UserSchema
from authsvc.security.passwords import MAX_LENGTH


class TransportSchema(Schema):
    """How to return the refresh token: in the body or in a cookie."""

    transport = Text(load_default="body", validate=one_of("body", "cookie"))


class RegistrationSchema(TransportSchema):
    """A new account. With `challenge`, the letter that verifies its address has a six-digit code beside the link.

    `returnTo` is where the page that the link opens leads on to.
    """

    name = Name(required=True)
    email = EmailAddress(required=True)
    password = NewPassword()
    challenge = Truth(load_default=False)
    return_to = LetterTarget(load_default=None)


class CredentialsSchema(TransportSchema):
    """A sign-in. The rules for new email addresses and passwords do not apply."""

    email = Text(required=True)
    password = Text(required=True, validate=length(1, MAX_LENGTH))


class FreshTokenSchema(Schema):
    """An access token of the session, which is now fresh."""

    access_token = fields.String(required=True)
    expires_in = fields.Integer(required=True)


class RefreshTokenSchema(Schema):
    """A refresh token, if it is not in the cookie."""

    refresh_token = Text()


class TokenResponseSchema(Schema):
    """An access token (RFC 6750), its lifetime in seconds, and the refresh token unless it is in the cookie."""

    access_token = fields.String(required=True)
    refresh_token = fields.String()
    token_type = fields.String(required=True)
    expires_in = fields.Integer(required=True)
    user = fields.Nested(UserSchema, required=True)


class RegisteredSchema(TokenResponseSchema):
    """Likewise, and the challenge if one was asked for; it is null if there is no letter, or `EMAIL_CODES` is off."""

    email_challenge = fields.Nested(ChallengeSchema, allow_none=True)


class GreetingSchema(Schema):
    """The answer of the Express service's protected route."""

    message = fields.String(required=True)
