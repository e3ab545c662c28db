"""Accounts: names and email addresses."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, pre_dump, validates_schema

from authsvc import languages
from authsvc.schemas.base import REQUIRED, Schema, Text, UtcDateTime
from authsvc.security import addresses, names, stored_addresses

_BAD_ADDRESS = {
    "not_ascii": "not_ascii: The part before the @ must be ASCII.",
    "too_long": f"too_long: An email address can have at most {addresses.MAX_LENGTH} characters.",
    "bad_format": "bad_format: This is not an email address.",
}


class Name(Text):
    """The name of a person or a thing, in canonical form (see `security.names`)."""

    default_error_messages = {
        "too_short": "too_short: A name needs at least 1 character.",
        "too_long": f"too_long: A name can have at most {names.MAX_LENGTH} characters.",
        "blank": "bad_format: This name has no visible characters.",
        "bad_format": "bad_format: A name can contain only printable characters.",
    }
    bounds = {"minLength": 1, "maxLength": names.MAX_LENGTH, "pattern": names.PATTERN}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return names.canonical(text)
        except names.NotAName as error:
            raise self.make_error(error.code) from error


class EmailAddress(Text):
    """An email address that can be registered, in canonical form."""

    default_error_messages = {**_BAD_ADDRESS}
    bounds = {"format": "email", "maxLength": addresses.MAX_LENGTH}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return addresses.canonical(text)
        except addresses.NotAnAddress as error:
            raise self.make_error(error.code) from error


class KnownAddress(Text):
    """An email address that an account may have, even if new ones are stricter (see `security.stored_addresses`)."""

    default_error_messages = {**_BAD_ADDRESS}
    bounds = {"format": "email", "maxLength": stored_addresses.LONGEST}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            stored_addresses.require_possible(text)
        except addresses.NotAnAddress as error:
            raise self.make_error(error.code) from error
        return text


class Locale(Text):
    """A language that people are addressed in. One of a region, such as `de-AT`, stands for the language."""

    bounds = {"pattern": languages.pattern()}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        known = languages.match(text) if re.fullmatch(languages.pattern(), text, re.ASCII) else None
        if known is None:
            raise ValidationError(f"not_allowed: This must be one of {', '.join(languages.known())}.")
        return known


class UserSchema(Schema):
    """An account as its owner sees it.

    `locale` is the language in which they are written to, null for that of the service. `createdAt` is null if another
    program created it and did not say when.
    """

    id = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)
    email = fields.String(required=True)
    email_verified = fields.Boolean(required=True)
    role = fields.String(required=True)
    locale = fields.String(required=True, allow_none=True)
    mfa_enabled = fields.Boolean(required=True)
    created_at = UtcDateTime(required=True, allow_none=True)

    @pre_dump
    def _derive(self, user: Any, **_: Any) -> dict[str, Any]:
        member = {name: getattr(user, name) for name in ("id", "name", "email", "role", "created_at")}
        member["locale"] = user.language
        return {**member, "email_verified": user.email_verified_at is not None, "mfa_enabled": user.mfa_enabled}


class ProfileChangeSchema(Schema):
    """What users may change in their own account: at least one of it."""

    json_schema = {"anyOf": [{"required": ["name"]}, {"required": ["locale"]}]}

    name = Name()
    locale = Locale()

    @validates_schema(skip_on_field_errors=True)
    def _require_one(self, data: Mapping[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError(REQUIRED, "name")
