"""Email addresses, and the links that verify them."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from authsvc.schemas.base import REQUIRED, Schema, Text, Truth, UtcDateTime
from authsvc.schemas.codes import Code
from authsvc.schemas.return_targets import LetterTarget
from authsvc.schemas.users import EmailAddress, KnownAddress


class AddressSchema(Schema):
    """A new email address for an account."""

    email = EmailAddress(required=True)


class KnownAddressSchema(Schema):
    """The email address of an account, in the form in which it was stored."""

    email = KnownAddress(required=True)


class LinkSchema(Schema):
    """The secret of a link: the part after `#token=`."""

    token = Text(required=True)


class LetterRequestSchema(KnownAddressSchema):
    """Whose letter to send. With `challenge`, the letter has a six-digit code beside the link.

    `returnTo` is where the page that the link opens leads on to.
    """

    challenge = Truth(load_default=False)
    return_to = LetterTarget(load_default=None)


class ShownSchema(Schema):
    """The secret of a link, or the code beside it with the `challengeId` that was returned when it was sent."""

    json_schema = {
        "oneOf": [{"required": ["token"]}, {"required": ["challengeId"]}],
        "dependentRequired": {"challengeId": ["code"], "code": ["challengeId"]},
    }

    token = Text()
    challenge_id = Text()
    code = Code()

    @validates_schema(skip_on_field_errors=True)
    def _require_one(self, data: Mapping[str, Any], **_: Any) -> None:
        members = {"challenge_id": "challengeId", "code": "code"}
        if "token" in data:
            extra = [name for member, name in members.items() if member in data]
            if extra:
                raise ValidationError("not_allowed: Send a token, or a code with its challenge.", extra[0])
            return
        missing = [name for member, name in members.items() if member not in data]
        if missing:
            raise ValidationError(REQUIRED, "token" if len(missing) == len(members) else missing[0])


class AskedSchema(Schema):
    """An empty object; with `challenge`, the id that the code is valid with, and for how many seconds.

    The request is carried out if possible.
    """

    challenge_id = fields.String()
    expires_in = fields.Integer()


class ChallengeSchema(Schema):
    """What was sent: the id that the code is valid with, and for how many seconds."""

    challenge_id = fields.String(required=True)
    expires_in = fields.Integer(required=True)


class WaitingChangeSchema(Schema):
    """A change of address that waits for the link in the letter to the new one."""

    email = fields.String(required=True)
    requested_at = UtcDateTime(required=True)
    expires_at = UtcDateTime(required=True)


class AddressChangeSchema(Schema):
    """The change of address that waits; null if there is none, or the session that asked for it has ended."""

    waiting = fields.Nested(WaitingChangeSchema, required=True, allow_none=True)


class AcceptedSchema(Schema):
    """An empty object. The request is carried out if possible."""
