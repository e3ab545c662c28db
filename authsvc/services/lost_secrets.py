"""The way out if SECRET_KEY is lost: what it sealed can't be opened any more, so it is forgotten, and on record."""

from dataclasses import dataclass

from authsvc.events import happened
from authsvc.events.catalogue import SigningKeysReset
from authsvc.models.signing_keys import Ring
from authsvc.models.users import User
from authsvc.models.webhooks import Webhook
from authsvc.services import mail, signing_keys, totp, webhook_secrets, webhooks


@dataclass(frozen=True, slots=True)
class Lost:
    """What neither SECRET_KEY nor one of SECRET_KEY_FALLBACKS opens: how many signing keys and letters, whose apps,
    and which webhooks.

    `rings` are those of the keys.
    """

    keys: int
    letters: int
    apps: list[User]
    rings: frozenset[Ring]
    webhooks: list[Webhook]


def examine() -> Lost:
    """Return what can't be opened, changing nothing."""
    keys = {ring: len(signing_keys.lost(ring)) for ring in Ring}
    rings = frozenset(ring for ring, count in keys.items() if count)
    return Lost(sum(keys.values()), len(mail.unreadable()), totp.lost(), rings, webhook_secrets.lost())


def forget() -> Lost:
    """Begin new rings of signing keys, and forget what can't be opened; return what that was.

    The rings come last: after an interruption they are still closed, and this can be run again. A forgotten app still
    counts as a factor: a mere password must not become enough.
    """
    report = examine()
    app_count, webhook_count = len(report.apps), len(report.webhooks)
    happened(
        SigningKeysReset(keys=report.keys, letters=report.letters, apps=app_count, webhooks=webhook_count),
    )
    mail.give_up_unreadable()
    totp.forget_lost()
    webhooks.disable_lost()
    signing_keys.reset()
    return report
