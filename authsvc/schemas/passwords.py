"""Passwords: changing one, and setting one with a link."""

from authsvc.schemas.base import Schema, Text, length
from authsvc.schemas.emails import ShownSchema
from authsvc.security.passwords import MAX_LENGTH


class NewPassword(Text):
    """A new password. The schema limits its length, and `security.password_policy` decides."""

    bounds = {"format": "password"}
    set_bounds = {"minLength": "PASSWORD_MIN_LENGTH"}

    def __init__(self) -> None:
        super().__init__(required=True, validate=length(1, MAX_LENGTH))


class PasswordChangeSchema(Schema):
    """The current password, left out if the account has none, and the new one."""

    current_password = Text(validate=length(1, MAX_LENGTH))
    new_password = NewPassword()


class PasswordResetSchema(ShownSchema):
    """The secret of a link, or the code beside it, and the new password."""

    new_password = NewPassword()
