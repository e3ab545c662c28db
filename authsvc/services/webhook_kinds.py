"""Which events webhooks can be told of."""

from authsvc.events import catalogue
from authsvc.events.event import Event

INTERNAL: frozenset[type[Event]] = frozenset(
    {
        catalogue.RegistrationRepeated,  # there is an account already, and nothing happened to it
        catalogue.DatabaseBackedUp,
        catalogue.SigningKeyRotated,
        catalogue.SigningKeyRetired,
        catalogue.SigningKeysResealed,
        catalogue.SigningKeysReset,
        catalogue.LetterRetried,
        catalogue.LetterDropped,
        catalogue.UsersExported,
        # What is done to webhooks is not told by webhooks: one that is disabled would hear of it for ever.
        catalogue.WebhookCreated,
        catalogue.WebhookChanged,
        catalogue.WebhookSecretAdded,
        catalogue.WebhookDisabled,
        catalogue.WebhookEnabled,
        catalogue.WebhookDeleted,
        catalogue.WebhookDeliveryRetried,
    }
)
"""The operator's own business. Every other event of the catalogue is told to the webhooks that hear it."""


def heard_names() -> list[str]:
    """Return the names of the events that webhooks can be told of, sorted."""
    return sorted({kind.name for kind in catalogue.every_kind() if kind not in INTERNAL})
