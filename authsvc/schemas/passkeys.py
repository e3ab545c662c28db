"""Passkeys: what a browser is asked, what it answers, and how they are shown."""

from typing import Any

from marshmallow import fields

from authsvc.schemas.auth import TransportSchema
from authsvc.schemas.base import REQUIRED, Schema, Text, UtcDateTime
from authsvc.schemas.paging import NextCursor
from authsvc.schemas.users import Name


class CredentialField(fields.Field[dict[str, Any]]):
    """What the browser's `credential.toJSON()` gives (WebAuthn level 3 section 5.1): its members are checked later."""

    default_error_messages = {
        "required": REQUIRED,
        "null": "wrong_type: This must be a JSON object.",
        "invalid": "wrong_type: This must be a JSON object.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"type": "object", "additionalProperties": True}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        return value


class PasskeyOptionsSchema(Schema):
    """Options for `navigator.credentials`, and the id that goes back with its answer within five minutes."""

    challenge_id = fields.String(required=True)
    public_key = fields.Dict(keys=fields.String(), required=True)


class NewPasskeySchema(Schema):
    """A passkey that was just made, and what its owner calls it."""

    challenge_id = Text(required=True)
    name = Name(required=True)
    credential = CredentialField(required=True)


class PasskeyNameSchema(Schema):
    """What a passkey is to be called."""

    name = Name(required=True)


class PasskeySchema(Schema):
    """A passkey as its owner sees it; `backedUp` tells whether it is synced."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    created_at = UtcDateTime(required=True)
    last_used_at = UtcDateTime(required=True, allow_none=True)
    backed_up = fields.Boolean(required=True)


class PasskeyPageSchema(Schema):
    """A page of passkeys."""

    items = fields.List(fields.Nested(PasskeySchema), required=True)
    next = NextCursor(required=True, allow_none=True)


class MfaTokenSchema(Schema):
    """The ticket of a sign-in that a passkey is to complete; without one any passkey signs in."""

    mfa_token = Text()


class PasskeySignInSchema(TransportSchema):
    """A passkey's answer to the challenge of a sign-in."""

    challenge_id = Text(required=True)
    credential = CredentialField(required=True)
