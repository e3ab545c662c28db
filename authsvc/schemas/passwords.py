"""Passwords: changing one, and setting one by a link."""

from authsvc.schemas.base import Schema, Text, length
from authsvc.schemas.emails import LinkSchema
from authsvc.security.passwords import MAX_LENGTH


class PasswordChangeSchema(Schema):
    """The password there is, and the one to be."""

    current_password = Text(required=True, validate=length(1, MAX_LENGTH))
    new_password = Text(required=True, validate=length(1, MAX_LENGTH))


class PasswordResetSchema(LinkSchema):
    """A link's secret, and the password to be."""

    new_password = Text(required=True, validate=length(1, MAX_LENGTH))
