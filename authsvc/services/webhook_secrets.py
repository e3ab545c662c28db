"""The secrets of webhooks: sealed in the database, opened to sign what is told."""

from datetime import datetime

from bson import ObjectId

from authsvc import clock
from authsvc.errors.overtaken import Overtaken
from authsvc.models.ids import new_id
from authsvc.models.webhooks import SigningSecret, Webhook
from authsvc.security import standard_webhooks
from authsvc.services import webhook_table
from authsvc.services.retries import retried
from authsvc.services.vaults import vault

_PURPOSE = "webhook"


def new_secret(webhook_id: ObjectId) -> tuple[SigningSecret, str]:
    """Return a new secret of a webhook, and its text."""
    text, secret_id = standard_webhooks.new_secret(), new_id()
    sealed = vault(_PURPOSE).seal(text.encode(), _whose(webhook_id, secret_id))
    return SigningSecret(id=secret_id, sealed=sealed, created_at=clock.now()), text


def valid(webhook: Webhook, now: datetime) -> list[SigningSecret]:
    """Return the secrets of a webhook that have not expired, oldest first."""
    return [one for one in webhook.secrets if one.expires_at is None or one.expires_at > now]


def is_rotating(webhook: Webhook) -> bool:
    """Tell whether a former secret signs beside the new one: another one would end it at once."""
    return len(valid(webhook, clock.now())) > 1


def keys_of(webhook: Webhook) -> list[bytes]:
    """Return the keys that sign what a webhook is told, the newest first. Raises SealBroken if that can't be opened.

    A former one that can't be opened signs nothing.
    """
    newest, *former = reversed(valid(webhook, clock.now()))
    return [_open(webhook, newest), *(_open(webhook, one) for one in former if _opens(webhook, one))]


def reseal() -> int:
    """Seal with SECRET_KEY what one of SECRET_KEY_FALLBACKS sealed; return how many secrets that were."""
    return sum(_reseal(webhook.id) for webhook in Webhook.all(webhook_table.MOST))


def lost() -> list[Webhook]:
    """Return the webhooks whose newest secret neither SECRET_KEY nor one of SECRET_KEY_FALLBACKS opens."""
    return [one for one in Webhook.all(webhook_table.MOST) if not _opens(one, one.secrets[-1])]


def count_outdated() -> int:
    """Count the secrets that one of SECRET_KEY_FALLBACKS sealed."""
    return sum(_is_outdated(webhook, one) for webhook in Webhook.all(webhook_table.MOST) for one in webhook.secrets)


@retried
def _reseal(webhook_id: ObjectId) -> int:
    webhook = Webhook.find(webhook_id)
    outdated = [one for one in webhook.secrets if _is_outdated(webhook, one)] if webhook is not None else []
    if webhook is None or not outdated:
        return 0
    for one in outdated:
        one.sealed = vault(_PURPOSE).reseal(one.sealed, _whose(webhook.id, one.id))
    if webhook.change(secrets=webhook.secrets) is None:
        raise Overtaken
    return len(outdated)


def _open(webhook: Webhook, secret: SigningSecret) -> bytes:
    text = vault(_PURPOSE).open(secret.sealed, _whose(webhook.id, secret.id))
    return standard_webhooks.read_secret(text.decode())


def _opens(webhook: Webhook, secret: SigningSecret) -> bool:
    return vault(_PURPOSE).opens(secret.sealed, _whose(webhook.id, secret.id))


def _is_outdated(webhook: Webhook, secret: SigningSecret) -> bool:
    return vault(_PURPOSE).is_outdated(secret.sealed, _whose(webhook.id, secret.id))


def _whose(webhook_id: ObjectId, secret_id: ObjectId) -> str:
    return f"{webhook_id}.{secret_id}"
