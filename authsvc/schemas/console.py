"""What the console shows of the service as a whole."""

from marshmallow import fields

from authsvc.models.deliveries import DeliveryState
from authsvc.models.signing_keys import Ring
from authsvc.schemas.base import Schema, Text, UtcDateTime, one_of
from authsvc.schemas.letters import Language
from authsvc.schemas.paging import PageSchema, PagingSchema


class ConsoleSchema(Schema):
    """What the console has to know before it shows anything."""

    name = fields.String(required=True)
    version = fields.String(required=True)
    roles = fields.List(fields.String(), required=True)
    verification = fields.String(required=True)
    codes = fields.Boolean(required=True)


class DaySchema(Schema):
    """A day in UTC, and how often each thing happened on it, as far as it was counted."""

    day = fields.String(required=True, metadata={"format": "date"})
    registered = fields.Integer(required=True)
    sign_ins = fields.Integer(required=True)
    failed_sign_ins = fields.Integer(required=True)
    throttled = fields.Integer(required=True)


class LetterCountsSchema(Schema):
    """How many letters are to go, and how many could not be delivered."""

    waiting = fields.Integer(required=True)
    dead = fields.Integer(required=True)


class FirstStepSchema(Schema):
    """Something to do before a deployment is used, and whether it is done."""

    name = fields.String(required=True)
    is_done = fields.Boolean(required=True)


class StatsSchema(Schema):
    """About how many accounts there are, the last 14 days, the last of which is today, the letters, the first steps.

    `lastBackupAt` is when an operator noted one by `flask db note-backup`, null if nobody has in 400 days.
    """

    accounts = fields.Integer(required=True)
    days = fields.List(fields.Nested(DaySchema), required=True)
    letters = fields.Nested(LetterCountsSchema, required=True)
    last_backup_at = UtcDateTime(required=True, allow_none=True)
    first_steps = fields.List(fields.Nested(FirstStepSchema), required=True)


class FindingSchema(Schema):
    """Something that is wrong with the deployment: about what, what it means, and how to mend it."""

    subject = fields.String(required=True, attribute="about")
    problem = fields.String(required=True, attribute="what")
    remedy = fields.String(required=True)


class FindingsSchema(Schema):
    """Everything that is wrong. An empty list: all is well. `sound` names what was examined, and is as it should be."""

    items = fields.List(fields.Nested(FindingSchema), required=True)
    sound = fields.List(fields.String(), required=True)


class LetterQuerySchema(PagingSchema):
    """Which letters to list: those that wait, that could not be delivered, or that were."""

    state = Text(validate=one_of(*DeliveryState), load_default=DeliveryState.WAITING.value)


class OutgoingLetterSchema(Schema):
    """A letter without what it says; `error` is what the mail server answered last."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    to = fields.String(required=True)
    created_at = UtcDateTime(required=True)
    due_at = UtcDateTime(required=True, allow_none=True)
    delivered_at = UtcDateTime(required=True, allow_none=True)
    failed_at = UtcDateTime(required=True, allow_none=True)
    attempts = fields.Integer(required=True)
    error = fields.String(required=True, allow_none=True)


class OutgoingLetterPageSchema(PageSchema):
    """A page of letters."""

    items = fields.List(fields.Nested(OutgoingLetterSchema), required=True)


class LetterKindsSchema(Schema):
    """All kinds of letter, and the languages in which there are letters."""

    items = fields.List(fields.String(), required=True)
    languages = fields.List(fields.String(), required=True)


class LanguageSchema(Schema):
    """A language in which to write a letter; without one that of `MAIL_LANGUAGE`."""

    language = Language(load_default="")


class WordingSchema(Schema):
    """A letter with sample data: its subject, and its text."""

    subject = fields.String(required=True)
    text = fields.String(required=True)


class ResetLinkSchema(Schema):
    """A link to set a password, to be handed to the user."""

    link = fields.String(required=True)


class SettingSchema(Schema):
    """A setting: its value and its default as texts, and what it means. A secret is only said to be set."""

    name = fields.String(required=True)
    meaning = fields.String(required=True)
    value = fields.String(required=True, allow_none=True)
    default = fields.String(required=True, allow_none=True)
    is_set = fields.Boolean(required=True)
    is_secret = fields.Boolean(required=True)


class SettingsSchema(Schema):
    """All settings, as the service runs with them."""

    items = fields.List(fields.Nested(SettingSchema), required=True)


class SigningKeySchema(Schema):
    """A pair of a signing key, which is `next`, `signs`, or only `verifies` until its last token has expired."""

    ring = fields.String(required=True)
    key = fields.Integer(required=True)
    kid = fields.String(required=True)
    alg = fields.String(required=True)
    state = fields.String(required=True)
    created_at = UtcDateTime(required=True)
    signs_from = UtcDateTime(required=True, allow_none=True)
    verifies_until = UtcDateTime(required=True, allow_none=True)


class SigningKeysSchema(Schema):
    """The signing keys of both rings, oldest first."""

    items = fields.List(fields.Nested(SigningKeySchema), required=True)


class RingSchema(Schema):
    """Whose key: that of access and refresh tokens, or that of ID tokens."""

    ring = Text(validate=one_of(*Ring), required=True)
