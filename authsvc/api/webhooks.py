"""Administration of webhooks: which addresses are told what happens, and what became of it."""

from typing import Any

from authsvc.errors import FreshLoginRequired, NotFound
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import current_user, requires_role
from authsvc.models.deliveries import DeliveryState
from authsvc.models.webhooks import Webhook
from authsvc.schemas.webhooks import (
    IssuedWebhookSchema,
    NewWebhookSchema,
    WebhookChangeSchema,
    WebhookDeliveryPageSchema,
    WebhookDeliverySchema,
    WebhookQuerySchema,
    WebhookSchema,
    WebhooksSchema,
)
from authsvc.services import webhook_deliveries, webhook_kinds, webhooks
from authsvc.services.paging import Page
from authsvc.services.webhook_deliveries import ShownDelivery
from authsvc.services.webhooks import NewWebhook

blp = Blueprint("webhooks", __name__, description="For administrators: the addresses that are told what happens.")

manages = requires_role("admin", "webhooks:write")


@blp.get("/admin/webhooks")
@manages
@blp.response(200, WebhooksSchema)
def index() -> dict[str, Any]:
    """List the webhooks."""
    return {"items": webhooks.everything(), "events": webhook_kinds.heard_names()}


@blp.post("/admin/webhooks")
@manages
@blp.arguments(NewWebhookSchema)
@blp.response(201, IssuedWebhookSchema)
@blp.problems(FreshLoginRequired)
def create(new: dict[str, Any]) -> NewWebhook:
    """Add a webhook. Its secret is shown only now. It is told what happens from the answer on.

    It needs a fresh sign-in.
    """
    return webhooks.create(**new, by=current_user)


@blp.get("/admin/webhooks/<id:webhook_id>")
@manages
@blp.response(200, WebhookSchema)
@blp.problems(NotFound)
def show(webhook_id: str) -> Webhook:
    """Show a webhook."""
    return webhooks.look_up(webhook_id)


@blp.patch("/admin/webhooks/<id:webhook_id>")
@manages
@blp.arguments(WebhookChangeSchema)
@blp.response(200, WebhookSchema)
@blp.problems(NotFound, FreshLoginRequired)
def change(changes: dict[str, Any], webhook_id: str) -> Webhook:
    """Change a webhook. While it is disabled it is told nothing; what already waited for it waits on.

    It needs a fresh sign-in.
    """
    return webhooks.change(current_user, webhook_id, changes)


@blp.delete("/admin/webhooks/<id:webhook_id>")
@manages
@blp.response(204)
@blp.problems(NotFound, FreshLoginRequired)
def remove(webhook_id: str) -> None:
    """Delete a webhook, and what it has not been told yet. It needs a fresh sign-in."""
    webhooks.delete(current_user, webhook_id)


@blp.post("/admin/webhooks/<id:webhook_id>/secret")
@manages
@blp.response(201, IssuedWebhookSchema)
@blp.problems(NotFound, FreshLoginRequired)
def rotate_secret(webhook_id: str) -> NewWebhook:
    """Give a webhook a new secret, shown only now. The former one signs as well for another 24 hours.

    Two sign at most: an older one than that stops at once, which is how one that leaked is got rid of. It needs a fresh
    sign-in.
    """
    return webhooks.rotate_secret(current_user, webhook_id)


@blp.post("/admin/webhooks/<id:webhook_id>/test")
@manages
@blp.response(202, WebhookDeliverySchema)
@blp.problems(NotFound)
def test(webhook_id: str) -> ShownDelivery:
    """Tell a webhook something that means nothing, `webhook.test`, whatever it hears otherwise.

    While the webhook is disabled this waits, as everything does.
    """
    return webhook_deliveries.post_test(current_user, webhook_id)


@blp.get("/admin/webhooks/<id:webhook_id>/deliveries")
@manages
@blp.arguments(WebhookQuerySchema, location="query")
@blp.response(200, WebhookDeliveryPageSchema)
@blp.problems(NotFound)
def deliveries(query: dict[str, Any], webhook_id: str) -> Page:
    """List what a webhook was told, and is to be told, newest first. What it answered is not kept."""
    state = DeliveryState(query.pop("state")) if "state" in query else None
    return webhook_deliveries.list_of(webhook_id, **query, state=state)


@blp.post("/admin/webhooks/<id:webhook_id>/deliveries/<id:delivery_id>/retry")
@manages
@blp.response(202, WebhookDeliverySchema)
@blp.problems(NotFound)
def retry(webhook_id: str, delivery_id: str) -> ShownDelivery:
    """Try a delivery that waits or was given up at once, and for another three days.

    While the webhook is disabled this waits, as everything does.
    """
    return webhook_deliveries.retry(current_user, webhook_id, delivery_id)
