"""The two outboxes of webhooks: what happened, and what is told to each webhook."""

from datetime import timedelta

from authsvc import metrics
from authsvc.models.webhook_deliveries import WebhookDelivery
from authsvc.models.webhook_messages import WebhookMessage
from authsvc.outbox import Outbox
from authsvc.outbox.turns import Turns
from authsvc.services.webhook_turns import LEASE, WebhookTurns

PATIENCE = timedelta(days=3)
LONGEST = timedelta(hours=6)
"""The longest pause between two attempts."""

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
