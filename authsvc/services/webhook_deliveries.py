"""Telling webhooks: signed, in order for each account, and again until they take it (Standard Webhooks 1.0)."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId
from flask import Flask

from authsvc import clock
from authsvc.clients.connector import Connector
from authsvc.errors import NotFound
from authsvc.errors.not_delivered import NotDelivered, NotYet
from authsvc.errors.not_reached import NotAsked, NotReached
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happened
from authsvc.events.catalogue import WebhookDeliveryRetried
from authsvc.models.deliveries import DeliveryState
from authsvc.models.webhook_deliveries import WebhookDelivery
from authsvc.models.webhooks import DisabledReason, Webhook
from authsvc.security import standard_webhooks
from authsvc.security.envelope import SealBroken
from authsvc.services import callers, webhook_messages, webhook_secrets, webhook_table, webhooks
from authsvc.services.callers import Caller
from authsvc.services.paging import Page
from authsvc.services.webhook_outboxes import LEASE, deliveries
from authsvc.services.webhook_turns import require_turn

FAILING_FOR = timedelta(days=5)
"""After so long without a success a webhook is disabled."""

_PATIENT_WITH = 5
"""So many attempts in a row may fail before a webhook gets a pause: one in a hundred that fails is no reason."""
_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600))
_A_MOMENT = timedelta(seconds=1)
_GONE = 410
_OPEN_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class ShownDelivery:
    """A delivery, and the webhook that it is for, by which it is known when it is tried."""

    delivery: WebhookDelivery
    webhook: Webhook

    @property
    def message(self) -> str:
        """Return the `webhook-id` that it is sent with."""
        return message_id(self.delivery)

    @property
    def next_try_at(self) -> datetime | None:
        """Return when it is tried next, if nothing happens: never while the webhook is disabled, nor in its pause."""
        due_at, resumes_at = self.delivery.due_at, self.webhook.resumes_at
        if due_at is None or self.webhook.is_disabled:
            return None
        return max(due_at, resumes_at or due_at)


def start_delivery(app: Flask, stop: threading.Event) -> None:
    """Tell webhooks in the background until `stop` is set.

    At most four requests are open at a webhook, of all workers together as long as there are no more of them than that.
    There are as many hands as all webhooks can occupy: none waits for another.
    """
    deliveries.at_once = max(1, _OPEN_AT_ONCE // int(app.config["WEB_CONCURRENCY"]))

    def work() -> None:
        with app.app_context():
            connector = webhooks.connector()
            deliveries.work(lambda delivery: _deliver(delivery, connector), stop)

    for number in range(webhook_table.MOST * deliveries.at_once):
        threading.Thread(target=work, name=f"authsvc-webhook-{number}", daemon=True).start()


def deliver(connector: Connector) -> bool:
    """Try a delivery that is due; tell whether there was one."""
    return deliveries.try_next(lambda delivery: _deliver(delivery, connector))


def list_of(webhook_id: str, limit: int, cursor: str | None, state: DeliveryState | None = None) -> Page:
    """Return a page of the deliveries to a webhook, all or those in one state, newest first. Raises NotFound."""
    webhook = webhooks.look_up(webhook_id)
    newest = WebhookDelivery.page(str(webhook.id), limit + 1, cursor, state)
    return Page.of(newest, limit, lambda delivery: ShownDelivery(delivery, webhook))


def post_test(by: Caller | None, webhook_id: str) -> ShownDelivery:
    """Tell one webhook something that means nothing, at once, whatever it hears otherwise. Raises NotFound."""
    webhook = webhooks.look_up(webhook_id)
    delivery = webhook_messages.new_test(webhook, ObjectId(by.user_id) if by is not None else None)
    delivery.insert()
    _try_at_once(webhook)
    return ShownDelivery(delivery, webhook)


def retry(by: Caller | None, webhook_id: str, delivery_id: str) -> ShownDelivery:
    """Let a delivery that waits or was given up be tried at once, and for another three days. Raises NotFound."""
    webhook = webhooks.look_up(webhook_id)
    delivery = WebhookDelivery.find_of(str(webhook.id), delivery_id)
    if delivery is None or not delivery.retry(clock.now()):
        raise NotFound(f"There is no undelivered delivery {delivery_id}.")
    happened(WebhookDeliveryRetried(actor=callers.id_of(by), webhook=str(webhook.id), delivery=str(delivery.id)))
    _try_at_once(webhook)
    return ShownDelivery(WebhookDelivery.find_of(str(webhook.id), delivery_id) or delivery, webhook)


def retry_dead(by: Caller | None, webhook_id: str) -> int:
    """Let all that a webhook was to be told, and was given up, be tried at once; return how many. Raises NotFound."""
    webhook = webhooks.look_up(webhook_id)
    count = WebhookDelivery.retry_dead(str(webhook.id), clock.now())
    happened(WebhookDeliveryRetried(actor=callers.id_of(by), webhook=str(webhook.id), deliveries="dead"))
    _try_at_once(webhook)
    return count


def message_id(delivery: WebhookDelivery) -> str:
    """Return the `webhook-id`: the same at each attempt, and at each webhook."""
    return f"msg_{delivery.message}"


def _try_at_once(webhook: Webhook) -> None:
    """Let a webhook be told what is due, even in a pause: somebody wants to see whether it is well again."""
    if webhook.resumes_at is not None:
        Webhook.end_pause(webhook.id)
        webhook.resumes_at = None
    webhook_table.forget()
    deliveries.wake()


def _deliver(delivery: WebhookDelivery, connector: Connector) -> None:
    """Tell a webhook, unless it has to wait. Raises NotDelivered, NotYet."""
    webhook = Webhook.find(delivery.to)
    if webhook is None:
        raise NotDelivered("the webhook was deleted", for_good=True)
    _require_turn(delivery, webhook)
    try:
        status = _post(delivery, webhook, connector)
    except NotDelivered:
        delivery.note_answer(None, clock.now(), webhook.enabled_at)
        _note_failure(webhook)
        raise
    delivery.note_answer(status, clock.now(), webhook.enabled_at)
    if status == _GONE:
        _disable(webhook, DisabledReason.GONE)
        raise NotDelivered(f"the webhook answered {status}")
    if not 200 <= status < 300:
        _note_failure(webhook)
        raise NotDelivered(f"the webhook answered {status}")
    _note_success(webhook)


def _require_turn(delivery: WebhookDelivery, webhook: Webhook) -> None:
    """Let a delivery wait for its webhook, and for those about the same account that come first. Raises NotYet."""
    now = clock.now()
    if not webhook.may_be_told(now):  # since the table was read; it is not asked for any more
        raise NotYet(now)
    require_turn(delivery.earlier())


def _post(delivery: WebhookDelivery, webhook: Webhook, connector: Connector) -> int:
    """Send a delivery with a fresh signature; return the status of the answer, of which nothing else is kept (R121).

    Raises NotDelivered, NotYet.
    """
    body = delivery.body.encode()
    try:
        keys = webhook_secrets.keys_of(webhook)
        headers = standard_webhooks.headers(keys, message_id(delivery), int(clock.now().timestamp()), body)
        return connector.post(webhook.url, body, headers).status
    except NotAsked as error:  # too many names are looked up at this moment, and that is no fault of this webhook
        raise NotYet(clock.now() + _A_MOMENT) from error
    except SealBroken as error:
        raise NotDelivered("its secret can't be opened: SECRET_KEY is another") from error
    except NotReached as error:
        raise NotDelivered(str(error)) from error


def _note_success(webhook: Webhook) -> None:
    now = clock.now()
    if webhook.failures or webhook.delivered_at is None or now - webhook.delivered_at > _A_MOMENT:
        webhook.note_delivered(now)
    if webhook.failures >= _PATIENT_WITH:
        webhook_table.forget()
        if WebhookDelivery.hasten(str(webhook.id), now + LEASE, now):
            deliveries.wake()


def _note_failure(webhook: Webhook) -> None:
    """Note that a webhook was not reached: after a few times it gets a pause, after five days it is disabled."""
    now = clock.now()
    failing = webhook.note_failure(now, _PATIENT_WITH, _PAUSES)
    webhook_table.forget()
    if failing is None or failing.failing_since is None or failing.failures < _PATIENT_WITH:
        return
    if now - failing.failing_since >= FAILING_FOR:
        _disable(failing, DisabledReason.FAILED)


def _disable(webhook: Webhook, reason: DisabledReason) -> None:
    try:
        webhooks.disable_failing(webhook, reason)
    except Overtaken:
        return  # somebody has just changed it, or another attempt has disabled it
