"""Second factors: what proves them, what they are set up with, and which there are."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from authsvc.schemas.auth import TransportSchema
from authsvc.schemas.base import Schema, Text, UtcDateTime, length
from authsvc.schemas.passkeys import CredentialField, PasskeySchema
from authsvc.security.passwords import MAX_LENGTH

_CODE = re.compile(r"[0-9]{6}", re.ASCII)
_LONGEST_RECOVERY_CODE = 64


class Code(Text):
    """A code of an authenticator app: six digits, as a string."""

    default_error_messages = {"no_code": "bad_format: This must be six digits."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if not _CODE.fullmatch(text):
            raise self.make_error("no_code")
        return text


class ProofSchema(Schema):
    """One proof: `code`, or `challengeId` with `credential`, or what else a subclass names in `PROOFS`."""

    PROOFS: tuple[str, ...] = ("code", "credential")

    code = Code()
    challenge_id = Text()
    credential = CredentialField()

    @validates_schema(skip_on_field_errors=True)
    def _require_one(self, data: Mapping[str, Any], **_: Any) -> None:
        given = [name for name in self.PROOFS if name in data]
        if not given:
            raise ValidationError("required: This needs one proof.", self.PROOFS[0])
        if len(given) > 1:
            raise ValidationError("not_allowed: There may be one proof alone.", given[1])
        if ("credential" in data) != ("challenge_id" in data):
            missing = "challenge_id" if "credential" in data else "credential"
            raise ValidationError("required: A credential comes with its challenge.", _JSON_NAMES[missing])


_JSON_NAMES = {"challenge_id": "challengeId", "credential": "credential"}


class SecondFactorSchema(ProofSchema, TransportSchema):
    """A second factor, and the ticket that the sign-in was answered with."""

    PROOFS = ("code", "recovery_code", "credential")

    mfa_token = Text(required=True)
    recovery_code = Text(validate=length(1, _LONGEST_RECOVERY_CODE))


class ReauthenticationSchema(ProofSchema):
    """The proof that it is still the same person."""

    PROOFS = ("password", "code", "credential")

    password = Text(validate=length(1, MAX_LENGTH))


class MfaRequiredSchema(Schema):
    """A sign-in that a second factor completes: by which `methods`, and within how many seconds."""

    mfa_required = fields.Constant(True, required=True, metadata={"type": "boolean"})
    mfa_token = fields.String(required=True)
    methods = fields.List(fields.String(), required=True)
    expires_in = fields.Integer(required=True)


class CodeSchema(Schema):
    """The first code of an authenticator app."""

    code = Code(required=True)


class TotpEnrolmentSchema(Schema):
    """What an app is set up with: a secret in base32, as an `otpauth:` address, and that as an SVG element."""

    secret = fields.String(required=True)
    uri = fields.String(required=True)
    qr_svg = fields.String(required=True)


class RecoveryCodesSchema(Schema):
    """New recovery codes: the only time that they are shown."""

    recovery_codes = fields.List(fields.String(), required=True)


class TotpStatusSchema(Schema):
    """Whether an authenticator app is enrolled, and since when."""

    enabled = fields.Boolean(required=True)
    confirmed_at = UtcDateTime(required=True, allow_none=True)


class RecoveryStatusSchema(Schema):
    """How many recovery codes are left."""

    remaining = fields.Integer(required=True)


class MfaStatusSchema(Schema):
    """Which factors an account has."""

    has_password = fields.Boolean(required=True)
    totp = fields.Nested(TotpStatusSchema, required=True)
    recovery_codes = fields.Nested(RecoveryStatusSchema, required=True)
    passkeys = fields.List(fields.Nested(PasskeySchema), required=True)
