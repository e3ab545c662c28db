"""Codes in letters: asking for one, and typing it."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, post_load

from authsvc.schemas.auth import TransportSchema
from authsvc.schemas.base import Schema, Text, Truth
from authsvc.schemas.codes import Code
from authsvc.schemas.return_targets import LetterTarget
from authsvc.schemas.users import EmailAddress, KnownAddress, Name


class LoginRequestSchema(Schema):
    """Whose mailbox to send a code to. With a `name`, it makes an account if there is none.

    `returnTo` is where the page that the link beside the code opens leads on to.
    """

    email = KnownAddress(required=True)
    name = Name()
    return_to = LetterTarget(load_default=None)

    @post_load
    def _require_registrable(self, data: dict[str, Any], **_: Any) -> Mapping[str, Any]:
        if "name" in data:
            data["email"] = EmailAddress().deserialize(data["email"], "email")
        return data


class LoginCodeSchema(TransportSchema):
    """The code from the letter, and the challenge that it was sent for."""

    challenge_id = Text(required=True)
    code = Code(required=True)


class LoginLinkSchema(TransportSchema):
    """The secret of the link from the letter: the part after `#token=`. `confirm` says that its user was asked."""

    token = Text(required=True)
    confirm = Truth(load_default=False)


class OwnerSchema(Schema):
    """Whose account it is."""

    email = fields.String(required=True)


class AfterLinkSchema(Schema):
    """What a link asks for before it signs in: to `confirm` whose account it is, or a second factor."""

    json_schema = {"oneOf": [{"required": ["confirm"]}, {"required": ["mfaRequired", "mfaToken", "methods"]}]}

    confirm = fields.Nested(OwnerSchema)
    mfa_required = fields.Boolean()
    mfa_token = fields.String()
    methods = fields.List(fields.String())
    expires_in = fields.Integer()
