"""The export: everything that is stored about a user."""

from marshmallow import fields

from authsvc.schemas.access_tokens import AccessTokenSchema
from authsvc.schemas.audit import ActivitySchema
from authsvc.schemas.base import Schema, UtcDateTime
from authsvc.schemas.federation import FullIdentitySchema
from authsvc.schemas.grants import GrantSchema
from authsvc.schemas.mfa import MfaStatusSchema
from authsvc.schemas.users import UserSchema


class ExportedSessionSchema(Schema):
    """A session, ended or not."""

    id = fields.String(required=True)
    created_at = UtcDateTime(required=True)
    last_used_at = UtcDateTime(required=True)
    expires_at = UtcDateTime(required=True)
    ended_at = UtcDateTime(required=True, allow_none=True)
    end_reason = fields.String(required=True, allow_none=True)
    ip = fields.String(required=True, allow_none=True)
    user_agent = fields.String(required=True, allow_none=True)
    methods = fields.List(fields.String(), required=True)
    app = fields.String(required=True, allow_none=True)
    scopes = fields.List(fields.String(), required=True, allow_none=True)


class LetterSchema(Schema):
    """A letter without its text."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    to = fields.String(required=True)
    created_at = UtcDateTime(required=True)
    delivered_at = UtcDateTime(required=True, allow_none=True)
    failed_at = UtcDateTime(required=True, allow_none=True)
    attempts = fields.Integer(required=True)
    error = fields.String(required=True, allow_none=True)


class ExportedDeviceSchema(Schema):
    """A browser or network that the user signed in from. Only its expiry is exported."""

    expires_at = UtcDateTime(required=True)


class ExportedLinkSchema(Schema):
    """A link that was mailed and can still be used."""

    purpose = fields.String(required=True)
    expires_at = UtcDateTime(required=True)


class ExportSchema(Schema):
    """Everything. `stored` is the account as it is in the database, including fields of other programs."""

    account = fields.Nested(UserSchema, required=True)
    stored = fields.Dict(keys=fields.String(), required=True)
    sessions = fields.List(fields.Nested(ExportedSessionSchema), required=True)
    access_tokens = fields.List(fields.Nested(AccessTokenSchema), required=True)
    grants = fields.List(fields.Nested(GrantSchema), required=True)
    mfa = fields.Nested(MfaStatusSchema, required=True)
    identities = fields.List(fields.Nested(FullIdentitySchema), required=True)
    devices = fields.List(fields.Nested(ExportedDeviceSchema), required=True)
    links = fields.List(fields.Nested(ExportedLinkSchema), required=True)
    letters = fields.List(fields.Nested(LetterSchema), required=True)
    activity = fields.List(fields.Nested(ActivitySchema), required=True)


class SentLetterSchema(LetterSchema):
    """A letter with its text: only in development."""

    subject = fields.String(required=True)
    text = fields.String(required=True)
    html = fields.String(required=True)


class OutboxSchema(Schema):
    """The latest letters."""

    items = fields.List(fields.Nested(SentLetterSchema), required=True)
