"""`flask webhooks`: which addresses are told what happens, and what became of it."""

from typing import Any

import click
from flask.cli import AppGroup

from authsvc import clock
from authsvc.cli.output import as_json_option, plainly, say, show, show_one
from authsvc.models.deliveries import DeliveryState
from authsvc.models.webhooks import EVERYTHING, Webhook
from authsvc.services import webhook_deliveries, webhook_kinds, webhook_secrets, webhooks
from authsvc.services.webhook_deliveries import ShownDelivery
from authsvc.services.webhooks import NewWebhook

group = AppGroup("webhooks", help="Addresses of yours that are told what happens.", short_help="Webhooks.")

_MOST = 100

_event_option = click.option(
    "--event",
    "events",
    multiple=True,
    type=click.Choice([EVERYTHING, *webhook_kinds.heard_names()]),
    metavar="EVENT",
    help="An event that it is told of, or * for all. Repeatable.",
)
_description_option = click.option("--description", help="What it is for, in your words.")


@group.command("list")
@as_json_option
@plainly
def list_webhooks(as_json: bool) -> None:
    """List the webhooks."""
    show([_row(webhook) for webhook in webhooks.everything()], as_json=as_json)


@group.command()
@click.argument("url")
@_event_option
@_description_option
@as_json_option
@plainly
def create(url: str, events: tuple[str, ...], description: str | None, as_json: bool) -> None:
    """Tell URL of events from now on. The secret that signs what it is told is shown only now."""
    if not events:
        raise click.UsageError("Say what it is told: --event EVENT, or --event '*' for everything.")
    _show_secret(webhooks.create(url, events, description or ""), as_json=as_json)


@group.command("show")
@click.argument("webhook_id")
@as_json_option
@plainly
def show_webhook(webhook_id: str, as_json: bool) -> None:
    """Show the webhook with this id, and its secrets by their ids."""
    webhook = webhooks.look_up(webhook_id)
    show_one({**_row(webhook), **_more(webhook)}, as_json=as_json)


@group.command()
@click.argument("webhook_id")
@click.option("--url", help="The address that is told.")
@_event_option
@_description_option
@plainly
def change(webhook_id: str, **values: Any) -> None:
    """Change the webhook with this id. The events that you name replace those before."""
    changes = {name: value for name, value in values.items() if value not in (None, ())}
    if not changes:
        raise click.UsageError("Say what to change.")
    webhooks.change(None, webhook_id, changes)
    say(f"{webhook_id} is changed.")


@group.command()
@click.argument("webhook_id")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@as_json_option
@plainly
def secret(webhook_id: str, yes: bool, as_json: bool) -> None:
    """Give the webhook another secret, shown only now. The one before it signs as well for another 24 hours.

    Two sign at most: an older one than that stops at once.
    """
    if not yes and webhook_secrets.is_rotating(webhooks.look_up(webhook_id)):
        what = "Two secrets sign now. The older one stops at once, and what knows only that one takes nothing any more."
        click.confirm(f"{what} Continue?", abort=True, err=True)
    _show_secret(webhooks.rotate_secret(None, webhook_id), as_json=as_json)


@group.command()
@click.argument("webhook_id")
@plainly
def disable(webhook_id: str) -> None:
    """Tell the webhook with this id nothing any more. What happens meanwhile it never hears of."""
    webhooks.change(None, webhook_id, {"disabled": True})
    say(f"{webhook_id} is disabled.")


@group.command()
@click.argument("webhook_id")
@plainly
def enable(webhook_id: str) -> None:
    """Tell the webhook with this id again, first what waited for it when it was disabled."""
    webhooks.change(None, webhook_id, {"disabled": False})
    say(f"{webhook_id} is enabled.")


@group.command()
@click.argument("webhook_id")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@plainly
def delete(webhook_id: str, yes: bool) -> None:
    """Delete the webhook with this id, and what it has not been told yet."""
    if not yes:
        click.confirm("What it has not been told yet will be lost. Continue?", abort=True)
    webhooks.delete(None, webhook_id)
    say(f"{webhook_id} is deleted.")


@group.command("test")
@click.argument("webhook_id")
@plainly
def send_test(webhook_id: str) -> None:
    """Tell the webhook with this id something that means nothing, to see whether it arrives."""
    delivery = webhook_deliveries.post_test(None, webhook_id).delivery
    now = _unless_disabled(webhook_id, "The service is telling it now.")
    say(f"{now} What becomes of it: flask webhooks deliveries {webhook_id} ({delivery.id})")


@group.command()
@click.argument("webhook_id")
@click.option("--limit", type=click.IntRange(1, _MOST), default=20, show_default=True, help="How many to list at most.")
@click.option("--state", type=click.Choice([*map(str, DeliveryState)]), help="Only those that have come so far.")
@as_json_option
@plainly
def deliveries(webhook_id: str, limit: int, state: str | None, as_json: bool) -> None:
    """List what the webhook was told, and is to be told, newest first."""
    page = webhook_deliveries.list_of(webhook_id, limit, None, DeliveryState(state) if state is not None else None)
    show([_row_of_delivery(one) for one in page.items], as_json=as_json)


@group.command()
@click.argument("webhook_id")
@click.argument("delivery_id", required=False)
@click.option("--all", "everything", is_flag=True, help="All that were given up.")
@plainly
def retry(webhook_id: str, delivery_id: str | None, *, everything: bool) -> None:
    """Try a delivery (its id in the list) that waits or was given up now, and for another three days if that fails."""
    if (delivery_id is None) is not everything:
        raise click.UsageError("Give either a delivery or --all.")
    if delivery_id is None:
        count = webhook_deliveries.retry_dead(None, webhook_id)
        are = "delivery is" if count == 1 else "deliveries are"
        tried = f"{count} {are} being tried now."
        say(_unless_disabled(webhook_id, tried) if count else "Nothing was given up.")
        return
    delivery = webhook_deliveries.retry(None, webhook_id, delivery_id).delivery
    say(_unless_disabled(webhook_id, f"The delivery of {delivery.kind} ({delivery.id}) is being tried now."))


def _unless_disabled(webhook_id: str, text: str) -> str:
    """Return this text, or that nothing is sent while the webhook is disabled."""
    if not webhooks.look_up(webhook_id).is_disabled:
        return text
    return f"The webhook is disabled: this waits until you enable it (flask webhooks enable {webhook_id})."


def _show_secret(new: NewWebhook, *, as_json: bool) -> None:
    show_one({"id": str(new.webhook.id), "secret": new.secret}, as_json=as_json)


def _row(webhook: Webhook) -> dict[str, object]:
    return {
        "id": str(webhook.id),
        "url": webhook.url,
        "events": " ".join(webhook.events),
        "description": webhook.description,
        "created": webhook.created_at,
        "delivered": webhook.delivered_at,
        "failing since": webhook.failing_since,
        "disabled": webhook.disabled_at,
        "why": webhook.disabled_reason,
    }


def _more(webhook: Webhook) -> dict[str, object]:
    return {
        "secrets": " ".join(str(one.id) for one in webhook.secrets),
        "failures": webhook.failures,
        "resumes": webhook.resumes_at if webhook.pauses(clock.now()) else None,
    }


def _row_of_delivery(view: ShownDelivery) -> dict[str, object]:
    delivery = view.delivery
    return {
        "id": str(delivery.id),
        "event": delivery.kind,
        "state": delivery.state,
        "tries": delivery.tries,
        "status": delivery.status,
        "created": delivery.created_at,
        "next try": view.next_try_at,
        "delivered": delivery.delivered_at,
        "given up": delivery.failed_at,
        "last error": delivery.error,
        "message": view.message,
    }
