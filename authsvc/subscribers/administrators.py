"""What administrators are told by letter: what happened to no account, and somebody should look at."""

from collections.abc import Iterator
from contextlib import contextmanager

from authsvc.events.catalogue import WebhookDisabled
from authsvc.events.event import Event
from authsvc.models.letters import LetterKind
from authsvc.models.users import User
from authsvc.models.webhooks import DisabledReason, Webhook
from authsvc.services import mail

_BY_ITSELF = (DisabledReason.FAILED, DisabledReason.GONE)


@contextmanager
def alarming(event: Event) -> Iterator[None]:
    """Write to the administrators once a webhook was switched off that can't be reached."""
    yield
    if isinstance(event, WebhookDisabled) and event.reason in _BY_ITSELF:
        webhook = Webhook.find(event.webhook)
        target = webhook.url.partition("://")[2] if webhook is not None else event.webhook  # in a letter it is no link
        for admin in User.other_admins(None):
            mail.post(LetterKind.WEBHOOK_DISABLED, admin.id, to=admin.email, target=target, reason=event.reason)
