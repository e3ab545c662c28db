"""Which webhooks can't be told, and what an operator does about it."""

from collections.abc import Iterator, Mapping
from typing import Any

from authsvc.models.webhook_deliveries import WebhookDelivery
from authsvc.models.webhooks import DisabledReason, Webhook
from authsvc.services import webhook_secrets, webhook_table
from authsvc.services.findings import Finding

_WHY = {
    DisabledReason.FAILED: ("it was not reached for five days", "mend it"),
    DisabledReason.GONE: ("it answered that it is gone (410)", "delete it; or mend it"),
    DisabledReason.LOST: ("its secret was lost with SECRET_KEY", "give it a new secret"),
}


def webhooks(_config: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the webhooks that fail, or are disabled for another reason than that an administrator wants it.

    And of each what was given up: nobody would look for it.
    """
    lost = {webhook.id for webhook in webhook_secrets.lost()}
    for webhook in Webhook.all(webhook_table.MOST):
        yield from _given_up(webhook)
        if webhook.is_disabled:
            yield from _disabled(webhook)
        elif webhook.id in lost:
            remedy = f"put the former SECRET_KEY into SECRET_KEY_FALLBACKS, or run `flask webhooks secret {webhook.id}`"
            yield Finding(_name_of(webhook), "SECRET_KEY does not open its secret, so it is told nothing", remedy)
        elif webhook.resumes_at is not None and webhook.failing_since is not None:
            since = f"since {webhook.failing_since:%Y-%m-%d %H:%M} UTC"
            what = f"{webhook.failures} attempts in a row did not reach it, {since}"
            yield Finding(_name_of(webhook), what, f"see `flask webhooks deliveries {webhook.id}`")


def _disabled(webhook: Webhook) -> Iterator[Finding]:
    reason = _WHY.get(DisabledReason(webhook.disabled_reason or DisabledReason.ADMIN))
    if reason is not None:
        what, remedy = reason
        remedy = f"{remedy}, then run `flask webhooks enable {webhook.id}`"
        yield Finding(_name_of(webhook), f"{what}, and is told nothing", remedy)


def _given_up(webhook: Webhook) -> Iterator[Finding]:
    count = WebhookDelivery.count_dead(str(webhook.id))
    if count:
        see = f"see `flask webhooks deliveries {webhook.id} --state dead`"
        remedy = f"{see}, mend it, then run `flask webhooks retry {webhook.id} --all`"
        yield Finding(_name_of(webhook), f"{count} {'message was' if count == 1 else 'messages were'} given up", remedy)


def _name_of(webhook: Webhook) -> str:
    return f"webhook {webhook.id} ({webhook.host})"
