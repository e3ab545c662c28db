"""Webhooks, as administrators add, change and see them."""

from typing import Any

from marshmallow import fields, pre_dump

from authsvc.models.deliveries import DeliveryState
from authsvc.models.webhooks import EVERYTHING, DisabledReason
from authsvc.schemas.base import Schema, Text, TextList, Truth, UtcDateTime, length, one_of
from authsvc.schemas.paging import Cursor, PageSchema, PagingSchema
from authsvc.services.webhook_kinds import heard_names
from authsvc.services.webhooks import LONGEST_DESCRIPTION, LONGEST_URL


class WebhookQuerySchema(PagingSchema):
    """Which deliveries to list: all, or those that wait, were delivered, or were given up (`dead`)."""

    cursor = Cursor(load_default=None)
    state = Text(validate=one_of(*DeliveryState))


class WebhookChangeSchema(Schema):
    """What may be changed in a webhook. The list replaces the one before; `*` in it stands for every event."""

    url = Text(validate=length(1, LONGEST_URL))
    events = TextList(Text(validate=one_of(EVERYTHING, *heard_names())), most=len(heard_names()) + 1)
    description = Text(validate=length(0, LONGEST_DESCRIPTION))
    disabled = Truth()


class NewWebhookSchema(WebhookChangeSchema):
    """A webhook to add. It is told every event that `events` names, from now on."""

    class Meta:
        exclude = ("disabled",)

    url = Text(validate=length(1, LONGEST_URL), required=True)
    events = TextList(Text(validate=one_of(EVERYTHING, *heard_names())), most=len(heard_names()) + 1, required=True)


class WebhookSecretSchema(Schema):
    """A secret, by its id. It signs until `expiresAt`, or until it is replaced if that is null."""

    id = fields.String(required=True)
    created_at = UtcDateTime(required=True)
    expires_at = UtcDateTime(required=True, allow_none=True)


class WebhookSchema(Schema):
    """A webhook. It is told nothing while it is disabled.

    `disabledReason` says why: an administrator wants it so, it could not be reached for five days (`failed`), it
    answered 410 (`gone`), or its secret was lost with `SECRET_KEY`. `failures` counts the attempts in a row that did
    not reach it, the first of them at `failingSince`; nothing is tried before `resumesAt`.
    """

    id = fields.String(required=True)
    url = fields.String(required=True)
    events = fields.List(fields.String(), required=True)
    description = fields.String(required=True)
    secrets = fields.List(fields.Nested(WebhookSecretSchema), required=True)
    created_at = UtcDateTime(required=True)
    disabled_at = UtcDateTime(required=True, allow_none=True)
    disabled_reason = fields.String(required=True, allow_none=True, validate=one_of(*DisabledReason))
    delivered_at = UtcDateTime(required=True, allow_none=True)
    failures = fields.Integer(required=True)
    failing_since = UtcDateTime(required=True, allow_none=True)
    resumes_at = UtcDateTime(required=True, allow_none=True)


class IssuedWebhookSchema(WebhookSchema):
    """A webhook with its new secret, which is shown only now."""

    secret = fields.String(required=True)

    @pre_dump
    def _join(self, new: Any, **_: Any) -> dict[str, Any]:
        names = set(WebhookSchema._declared_fields)
        return {**{name: getattr(new.webhook, name) for name in names}, "secret": new.secret}


class WebhooksSchema(Schema):
    """All webhooks, oldest first, and the names of the events that one can be told of."""

    items = fields.List(fields.Nested(WebhookSchema), required=True)
    events = fields.List(fields.String(), required=True)


class WebhookDeliverySchema(Schema):
    """What a webhook was told, or is to be told. `state` is waiting, delivered or dead.

    `message` is the `webhook-id` that it is sent with. `status` is that of its last answer, of which nothing else is
    kept; null if there was none. `error` says in words why the last attempt failed. `nextAttemptAt` is null while the
    webhook is disabled, and not before the end of its pause.
    """

    id = fields.String(required=True, attribute="delivery.id")
    message = fields.String(required=True)
    event = fields.String(required=True, attribute="delivery.kind")
    state = fields.String(required=True, attribute="delivery.state", validate=one_of(*DeliveryState))
    attempts = fields.Integer(required=True, attribute="delivery.tries")
    status = fields.Integer(required=True, allow_none=True, attribute="delivery.status")
    error = fields.String(required=True, allow_none=True, attribute="delivery.error")
    created_at = UtcDateTime(required=True, attribute="delivery.created_at")
    next_attempt_at = UtcDateTime(required=True, allow_none=True, attribute="next_try_at")
    delivered_at = UtcDateTime(required=True, allow_none=True, attribute="delivery.delivered_at")
    failed_at = UtcDateTime(required=True, allow_none=True, attribute="delivery.failed_at")


class WebhookDeliveryPageSchema(PageSchema):
    """A page of deliveries."""

    items = fields.List(fields.Nested(WebhookDeliverySchema), required=True)
