"""Webhooks: which addresses are told of what, and the secrets that sign it (Standard Webhooks 1.0)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from bson import ObjectId
from flask import current_app

from authsvc import clock, logs
from authsvc.clients.connector import Connector
from authsvc.clients.lookups import Lookups
from authsvc.errors import FieldError, NotFound, ValidationFailed
from authsvc.errors.not_reached import NotReached
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happening
from authsvc.events.catalogue import (
    WebhookChanged,
    WebhookCreated,
    WebhookDeleted,
    WebhookDisabled,
    WebhookEnabled,
    WebhookSecretAdded,
)
from authsvc.models.ids import new_id
from authsvc.models.webhook_deliveries import WebhookDelivery
from authsvc.models.webhooks import DisabledReason, Webhook, host_of
from authsvc.public_addresses import address_of, is_loopback
from authsvc.security import names
from authsvc.services import callers, step_up, webhook_secrets, webhook_table
from authsvc.services.callers import Caller
from authsvc.services.retries import retried

_log = logs.get(__name__)

KEPT = timedelta(hours=24)
"""How long the former secret signs beside the new one."""
_SECONDS = 10.0

_look_up = Lookups(webhook_table.MOST, _SECONDS)
_MOST_SECRETS = 2
_WELL = dict.fromkeys(("failing_since", "failed_at", "resumes_at"))
LONGEST_URL = 2000
LONGEST_DESCRIPTION = 200


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook and its new secret, which is shown only now."""

    webhook: Webhook
    secret: str


def create(url: str, events: Sequence[str], description: str = "", *, by: Caller | None = None) -> NewWebhook:
    """Add a webhook that is told of these events from now on; `by` is None for a command.

    Raises ValidationFailed, FreshLoginRequired.
    """
    require_possible(url)
    description = _in_a_line(description)
    step_up.require_fresh_of(by)
    _require_room(webhook_table.MOST - 1)
    webhook = Webhook(id=new_id(), url=url, events=sorted({*events}), description=description, created_at=clock.now())
    secret, text = webhook_secrets.new_secret(webhook.id)
    webhook.secrets = [secret]
    with happening(WebhookCreated(actor=callers.id_of(by), webhook=str(webhook.id), host=webhook.host)):
        webhook.insert()
        try:
            _require_room(webhook_table.MOST)  # of several at once none may be one too many
        except ValidationFailed:
            Webhook.remove(webhook.id)
            raise
    webhook_table.settle()
    _tell_if_local(webhook)
    return NewWebhook(webhook, text)


def everything() -> list[Webhook]:
    """Return all webhooks, oldest first."""
    return Webhook.all(webhook_table.MOST)


def look_up(webhook_id: str) -> Webhook:
    """Return the webhook with this id. Raises NotFound."""
    webhook = Webhook.find(webhook_id)
    if webhook is None:
        raise NotFound(f"There is no webhook {webhook_id}.")
    return webhook


@retried
def change(by: Caller | None, webhook_id: str, values: dict[str, Any]) -> Webhook:
    """Change address, events or description of a webhook, or stop it and let it go on (`disabled`).

    Raises NotFound, ValidationFailed, FreshLoginRequired.
    """
    webhook = look_up(webhook_id)
    if "url" in values:
        require_possible(values["url"])
    if "description" in values:
        values = {**values, "description": _in_a_line(values["description"])}
    step_up.require_fresh_of(by)
    changed = _different(webhook, values)
    disabled = values.get("disabled", webhook.is_disabled)
    if disabled and not webhook.is_disabled:  # first: what is changed besides is not to be told anything
        webhook = _disable(webhook, by)
    if changed:
        webhook = _change(webhook, by, changed)
    if webhook.is_disabled and not disabled:
        webhook = _enable(webhook, by)
    webhook_table.settle()
    if "url" in changed:
        _tell_if_local(webhook)
    return webhook


@retried
def delete(by: Caller | None, webhook_id: str) -> None:
    """Delete a webhook, and what it has not been told yet. Raises NotFound, FreshLoginRequired."""
    webhook = look_up(webhook_id)
    step_up.require_fresh_of(by)
    with happening(WebhookDeleted(actor=callers.id_of(by), webhook=str(webhook.id), host=webhook.host)):
        if not Webhook.remove(webhook.id):
            raise NotFound(f"There is no webhook {webhook_id}.")
    webhook_table.settle()
    WebhookDelivery.remove_all(str(webhook.id))


@retried
def rotate_secret(by: Caller | None, webhook_id: str) -> NewWebhook:
    """Give a webhook a new secret, shown only now. The former one signs as well for another 24 hours.

    Of several former ones only the latest does. Raises NotFound, FreshLoginRequired.
    """
    webhook = look_up(webhook_id)
    step_up.require_fresh_of(by)
    now = clock.now()
    former = webhook_secrets.valid(webhook, now)[-_MOST_SECRETS + 1 :]
    for one in former:
        one.expires_at = min(now + KEPT, one.expires_at or now + KEPT)
    secret, text = webhook_secrets.new_secret(webhook.id)
    event = WebhookSecretAdded(actor=callers.id_of(by), webhook=str(webhook.id), secret_id=str(secret.id))
    return NewWebhook(_apply(webhook, event, secrets=[*former, secret]), text)


def disable_failing(webhook: Webhook, reason: DisabledReason) -> None:
    """Disable a webhook that can't be reached. Raises Overtaken if somebody has just changed it."""
    with happening(WebhookDisabled(webhook=str(webhook.id), reason=reason.value)):
        if not webhook.disable(reason, clock.now()):
            raise Overtaken
    webhook_table.forget()


def disable_lost() -> None:
    """Stop the webhooks whose secret can't be opened. A new secret, and they can be enabled again."""
    for webhook in webhook_secrets.lost():
        _disable_lost(webhook.id)


def connector() -> Connector:
    """Return what reaches webhooks: nothing but the internet, and outside production this machine."""
    return Connector(local=current_app.config["APP_ENV"] != "production", seconds=_SECONDS, resolve=_look_up)


def require_possible(url: str) -> None:
    """Refuse an address that can never be told anything, or is too long. Raises ValidationFailed."""
    if len(url) > LONGEST_URL:
        raise ValidationFailed([FieldError("too_long", f"An address has at most {LONGEST_URL} characters.", "/url")])
    try:
        connector().require_possible(url)
    except NotReached as error:
        raise ValidationFailed([FieldError("not_allowed", f"This can't be told anything: {error}.", "/url")]) from error


def _in_a_line(description: str) -> str:
    """Return a description as it is stored: one visible line, or nothing. Raises ValidationFailed."""
    try:
        return description and names.canonical(description, longest=LONGEST_DESCRIPTION)
    except names.NotAName as error:
        detail = f"A description is one line of at most {LONGEST_DESCRIPTION} visible characters."
        raise ValidationFailed([FieldError(error.code, detail, "/description")]) from error


def _tell_if_local(webhook: Webhook) -> None:
    """Log that a webhook is on this machine, which is told something outside production only."""
    parts = urlsplit(webhook.url)
    host = parts.hostname or ""
    if parts.scheme == "http" or host == "localhost" or is_loopback(address_of(host) or host):
        _log.warning("webhook.on_this_machine", webhook=str(webhook.id), cause="it is not reached in production")


def _apply(webhook: Webhook, event: Any, **values: Any) -> Webhook:
    with happening(event):
        changed = webhook.change(**values)
        if changed is None:
            raise Overtaken
    return changed


def _change(webhook: Webhook, by: Caller | None, values: dict[str, Any]) -> Webhook:
    host = host_of(values["url"]) if "url" in values else None
    event = WebhookChanged(actor=callers.id_of(by), webhook=str(webhook.id), fields=sorted(values), host=host)
    another = {"failures": 0, **_WELL} if "url" in values else {}  # it was not this address that was not reached
    return _apply(webhook, event, **values, **another)


def _different(webhook: Webhook, values: dict[str, Any]) -> dict[str, Any]:
    wanted = {name: value for name, value in values.items() if name != "disabled"}
    if "events" in wanted:
        wanted["events"] = sorted({*wanted["events"]})
    return {name: value for name, value in wanted.items() if getattr(webhook, name) != value}


def _disable(webhook: Webhook, by: Caller | None) -> Webhook:
    event = WebhookDisabled(actor=callers.id_of(by), webhook=str(webhook.id), reason=DisabledReason.ADMIN.value)
    return _apply(webhook, event, disabled_at=clock.now(), disabled_reason=DisabledReason.ADMIN.value)


@retried
def _disable_lost(webhook_id: ObjectId) -> None:
    webhook = Webhook.find(webhook_id)
    if webhook is not None and not webhook.is_disabled:
        disable_failing(webhook, DisabledReason.LOST)


def _enable(webhook: Webhook, by: Caller | None) -> Webhook:
    event = WebhookEnabled(actor=callers.id_of(by), webhook=str(webhook.id))
    return _apply(webhook, event, enabled_at=clock.now(), failures=0, disabled_at=None, disabled_reason=None, **_WELL)


def _require_room(most: int) -> None:
    """Refuse more webhooks than that. Raises ValidationFailed."""
    if Webhook.count() > most:
        detail = f"There can be at most {webhook_table.MOST} webhooks. Delete one first."
        raise ValidationFailed([FieldError("not_allowed", detail, "")])
