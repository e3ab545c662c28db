"""Accounts: names, addresses, and how a user is shown."""

from typing import Any

from marshmallow import fields, pre_dump

from authsvc.schemas.base import Schema, Text, UtcDateTime, length
from authsvc.security import addresses

_BAD_ADDRESS = {
    "not_ascii": "not_ascii: The part before the @ must be ASCII.",
    "too_long": f"too_long: An address has at most {addresses.MAX_LENGTH} characters.",
    "bad_format": "bad_format: This is not an email address.",
}


class Name(Text):
    """What a person is called: 1 to 100 printable characters, not all of them blank."""

    default_error_messages = {"unprintable": "bad_format: A name is made of printable characters."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=length(1, 100), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        name = super()._deserialize(value, attr, data, **kwargs)
        if name and (not name.strip() or not name.isprintable()):
            raise self.make_error("unprintable")
        return name


class EmailAddress(Text):
    """An address that can be registered, in its canonical form."""

    default_error_messages = {**_BAD_ADDRESS}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return addresses.canonical(text)
        except addresses.NotAnAddress as error:
            raise self.make_error(error.code) from error


class UserSchema(Schema):
    """An account as its owner sees it."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    email = fields.String(required=True)
    email_verified = fields.Boolean(required=True)
    role = fields.String(required=True)
    mfa_enabled = fields.Boolean(required=True)
    created_at = UtcDateTime(required=True)

    @pre_dump
    def _derive(self, user: Any, **_: Any) -> dict[str, Any]:
        shown = {name: getattr(user, name) for name in ("id", "name", "email", "role", "created_at")}
        return {**shown, "email_verified": user.email_verified_at is not None, "mfa_enabled": user.mfa_enabled}


class ProfileChangeSchema(Schema):
    """What a user may change about the own account."""

    name = Name(required=True)
