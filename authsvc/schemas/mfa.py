"""Second factors: proofs, enrolment, and status."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from authsvc.schemas.auth import TransportSchema
from authsvc.schemas.base import Schema, Text, UtcDateTime, camel_case, length
from authsvc.schemas.codes import LONGEST, Code
from authsvc.schemas.passkeys import CredentialField, PasskeySchema
from authsvc.security.passwords import MAX_LENGTH


class ProofSchema(Schema):
    """Exactly one proof: those that `PROOFS` names; a `credential` comes with its `challengeId`."""

    PROOFS: tuple[str, ...] = ("code", "credential")
    CHALLENGED: tuple[str, ...] = ("credential",)
    """Which of them may come with a `challengeId`."""

    code = Code()
    challenge_id = Text()
    credential = CredentialField()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.json_schema = {
            "oneOf": [{"required": [camel_case(name)]} for name in cls.PROOFS],
            "dependentRequired": {"credential": ["challengeId"]},
            "dependentSchemas": {"challengeId": {"anyOf": [{"required": [name]} for name in cls.CHALLENGED]}},
        }

    @validates_schema(skip_on_field_errors=True)
    def _require_one(self, data: Mapping[str, Any], **_: Any) -> None:
        proofs = [name for name in self.PROOFS if name in data]
        if not proofs:
            raise ValidationError("required: One proof is required.", self.PROOFS[0])
        if len(proofs) > 1:
            raise ValidationError("not_allowed: Only one proof is allowed.", proofs[1])
        is_challenged = any(name in data for name in self.CHALLENGED)
        if ("credential" in data and "challenge_id" not in data) or ("challenge_id" in data and not is_challenged):
            missing = "challenge_id" if "credential" in data else "credential"
            raise ValidationError(
                "required: A credential and its challenge must be sent together.", _JSON_NAMES[missing]
            )


_JSON_NAMES = {"challenge_id": "challengeId", "credential": "credential"}


class SecondFactorSchema(ProofSchema, TransportSchema):
    """A second factor, and the `mfaToken` that the sign-in was answered with."""

    PROOFS = ("code", "recovery_code", "credential")

    mfa_token = Text(required=True)
    recovery_code = Text(validate=length(1, LONGEST))


class ReauthenticationSchema(ProofSchema):
    """A proof that the caller is still the same person. A `code` with a `challengeId` is one from a letter."""

    PROOFS = ("password", "code", "credential")
    CHALLENGED = ("credential", "code")

    password = Text(validate=length(1, MAX_LENGTH))


class MfaRequiredSchema(Schema):
    """A sign-in that needs a second factor: one of `methods`, within `expiresIn` seconds."""

    mfa_required = fields.Constant(True, required=True, metadata={"type": "boolean"})
    mfa_token = fields.String(required=True)
    methods = fields.List(fields.String(), required=True)
    expires_in = fields.Integer(required=True)


class CodeSchema(Schema):
    """The first code of an authenticator app."""

    code = Code(required=True)


class TotpEnrolmentSchema(Schema):
    """What sets up an app: a secret in base32, the `otpauth:` URI with it, and that URI as a QR code in SVG."""

    secret = fields.String(required=True)
    uri = fields.String(required=True)
    qr_svg = fields.String(required=True)


class RecoveryCodesSchema(Schema):
    """New recovery codes, which are shown only now; none if the account has some that stay."""

    recovery_codes = fields.List(fields.String(), required=True)


class TotpStatusSchema(Schema):
    """Whether an authenticator app is set up, and since when."""

    enabled = fields.Boolean(required=True)
    confirmed_at = UtcDateTime(required=True, allow_none=True)


class RecoveryStatusSchema(Schema):
    """How many recovery codes are left."""

    remaining = fields.Integer(required=True)


class MfaStatusSchema(Schema):
    """The factors of an account, and whether a sign-in needs one of them besides the password."""

    has_password = fields.Boolean(required=True)
    required = fields.Boolean(required=True)
    totp = fields.Nested(TotpStatusSchema, required=True)
    recovery_codes = fields.Nested(RecoveryStatusSchema, required=True)
    passkeys = fields.List(fields.Nested(PasskeySchema), required=True)
