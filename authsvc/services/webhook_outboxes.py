"""The two outboxes of webhooks: what happened, and what is told to each webhook."""

from datetime import timedelta

from authsvc import clock, metrics
from authsvc.models.webhook_deliveries import WebhookDelivery
from authsvc.models.webhook_messages import WebhookMessage
from authsvc.outbox import Outbox
from authsvc.outbox.turns import Turns
from authsvc.services import webhook_table

LEASE = timedelta(seconds=30)
"""How long whoever tries a delivery has it."""
PATIENCE = timedelta(days=3)
LONGEST = timedelta(hours=6)
"""The longest pause between two attempts."""


class WebhookTurns(Turns[WebhookDelivery]):
    """Asks for each webhook by itself what is due: what waits for one costs the others nothing, however much it is.

    One that is disabled or has a pause is not asked for, so nothing that waits for it is touched meanwhile.
    """

    def next(self, at_once: int = 1) -> WebhookDelivery | None:
        """Return a delivery to a webhook that may be told something, to the one that was told longest ago."""
        with self._lock:
            now = clock.now()
            free = [str(one.id) for one in webhook_table.everything() if one.may_be_told(now)]
            latest = list(self._latest)
            for webhook in sorted(free, key=lambda one: latest.index(one) if one in self._latest else -1):
                if self._busy[webhook] >= at_once:
                    continue
                delivery = WebhookDelivery.lease(now, self._lease, only=webhook)
                if delivery is not None:
                    self._latest.pop(webhook, None)
                    self._note(delivery)
                    return delivery
            return None


messages = Outbox(
    WebhookMessage,
    "webhook_message",
    lambda outcome: metrics.WEBHOOK_MESSAGES.labels(outcome).inc(),
    turns=Turns(WebhookMessage, LEASE, in_turn=False),
)
deliveries = Outbox(
    WebhookDelivery,
    "webhook_delivery",
    lambda outcome: metrics.WEBHOOK_DELIVERIES.labels(outcome).inc(),
    patience=PATIENCE,
    longest=LONGEST,
    turns=WebhookTurns(WebhookDelivery, LEASE),
)
