"""Passkeys: options for browsers, their answers, and the list of passkeys."""

from typing import Any

from marshmallow import fields

from authsvc.schemas.auth import TransportSchema
from authsvc.schemas.base import REQUIRED, Schema, Text, UtcDateTime
from authsvc.schemas.paging import PageSchema
from authsvc.schemas.users import Name


class CredentialField(fields.Field[dict[str, Any]]):
    """What the browser's `credential.toJSON()` returns (WebAuthn level 3 section 5.1). Members are checked later."""

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
    """Options for `navigator.credentials`, and the id to send back with its answer within five minutes."""

    challenge_id = fields.String(required=True)
    public_key = fields.Dict(keys=fields.String(), required=True)


class NewPasskeySchema(Schema):
    """A new passkey, and the name that its owner gives it."""

    challenge_id = Text(required=True)
    name = Name(required=True)
    credential = CredentialField(required=True)


class PasskeyNameSchema(Schema):
    """A new name for a passkey."""

    name = Name(required=True)


class PasskeySchema(Schema):
    """A passkey as its owner sees it. `backedUp` tells whether it is synced."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    created_at = UtcDateTime(required=True)
    last_used_at = UtcDateTime(required=True, allow_none=True)
    backed_up = fields.Boolean(required=True)


class PasskeyPageSchema(PageSchema):
    """A page of passkeys."""

    items = fields.List(fields.Nested(PasskeySchema), required=True)


class MfaTokenSchema(Schema):
    """The `mfaToken` of the sign-in to complete. Without one, any passkey can sign in."""

    mfa_token = Text()


class PasskeySignInSchema(TransportSchema):
    """A passkey's answer to a sign-in challenge."""

    challenge_id = Text(required=True)
    credential = CredentialField(required=True)
