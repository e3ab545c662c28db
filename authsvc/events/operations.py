"""Events that whoever runs the service causes."""

from collections.abc import Sequence
from dataclasses import dataclass

from authsvc.events.event import Event, Weighty


@dataclass(frozen=True, kw_only=True)
class SigningKeyRotated(Weighty):
    """A next signing key was published.

    `ring` is tokens or ids.
    """

    name = "signing_key.rotated"
    key: int
    kid: str
    ring: str


@dataclass(frozen=True, kw_only=True)
class SigningKeyRetired(Weighty):
    """A signing key was retired.

    `ring` is tokens or ids.
    """

    name = "signing_key.retired"
    key: int
    kid: str
    ring: str


@dataclass(frozen=True, kw_only=True)
class SigningKeysResealed(Weighty):
    """What is sealed was sealed again with the present `SECRET_KEY`."""

    name = "signing_keys.resealed"
    count: int


@dataclass(frozen=True, kw_only=True)
class SigningKeysReset(Weighty):
    """What a lost `SECRET_KEY` had sealed was given up.

    So many keys, letters, and secrets of authenticator apps and of webhooks.
    """

    name = "signing_keys.reset"
    keys: int
    letters: int
    apps: int
    webhooks: int = 0


@dataclass(frozen=True, kw_only=True)
class DatabaseBackedUp(Weighty):
    """An operator noted that a backup of the database was made."""

    name = "database.backed_up"


@dataclass(frozen=True, kw_only=True)
class LetterRetried(Event):
    """An operator had a letter tried again.

    `letter` is the one, or `letters` says which.
    """

    name = "letter.retried"
    letter: str | None = None
    kind: str | None = None
    letters: str | None = None


@dataclass(frozen=True, kw_only=True)
class LetterDropped(Weighty):
    """An operator deleted a letter that was not delivered."""

    name = "letter.dropped"
    letter: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class UsersImported(Weighty):
    """An operator imported users from a file.

    `state` is begun, interrupted or done.
    """

    name = "users.imported"
    state: str
    line: int
    taken: int | None = None
    duplicate: int | None = None
    invalid: int | None = None


@dataclass(frozen=True, kw_only=True)
class UsersExported(Weighty):
    """An operator exported users to a file.

    `state` is begun, interrupted or done.
    """

    name = "users.exported"
    state: str
    users: int | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookCreated(Weighty):
    """A webhook was added.

    `host` is where its address leads, without path and query, which may be secret.
    """

    name = "webhook.created"
    webhook: str
    host: str


@dataclass(frozen=True, kw_only=True)
class WebhookChanged(Weighty):
    """A webhook was changed.

    `fields` are the members that have other values now, `host` is where a new address leads.
    """

    name = "webhook.changed"
    webhook: str
    fields: Sequence[str]
    host: str | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookSecretAdded(Weighty):
    """A webhook got a new secret; the former one signs for another day."""

    name = "webhook.secret_added"
    webhook: str
    secret_id: str


@dataclass(frozen=True, kw_only=True)
class WebhookDisabled(Event):
    """A webhook is told nothing any more.

    `reason` is admin, failed (for five days), gone (it said so) or secret_lost (with `SECRET_KEY`).
    """

    name = "webhook.disabled"
    webhook: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class WebhookEnabled(Weighty):
    """A webhook that was disabled is told again."""

    name = "webhook.enabled"
    webhook: str


@dataclass(frozen=True, kw_only=True)
class WebhookDeleted(Weighty):
    """A webhook was deleted.

    `host` is where its address led.
    """

    name = "webhook.deleted"
    webhook: str
    host: str


@dataclass(frozen=True, kw_only=True)
class WebhookDeliveryRetried(Event):
    """Somebody had something that a webhook was not told tried again.

    `delivery` is the one, or `deliveries` says which.
    """

    name = "webhook.delivery_retried"
    webhook: str
    delivery: str | None = None
    deliveries: str | None = None
