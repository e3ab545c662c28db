"""Turns: which webhook is told next, and what of what is told about one account."""

from datetime import timedelta

from authsvc import clock
from authsvc.errors.not_delivered import NotYet
from authsvc.models.lanes import LanedDelivery
from authsvc.models.webhook_deliveries import WebhookDelivery
from authsvc.outbox.turns import Turns
from authsvc.services import webhook_table

_A_MOMENT = timedelta(seconds=1)
LEASE = timedelta(seconds=30)
"""How long whoever tries a delivery has it."""


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


def require_turn(earlier: LanedDelivery | None) -> None:
    """Let a delivery wait for an `earlier` one about the same account, which brings it forward. Raises NotYet."""
    if earlier is None:
        return
    soon = clock.now() + _A_MOMENT
    if earlier.evidence is not None:  # it is held until its change is made: if that is refused, nobody brings this one
        raise NotYet(soon)
    raise NotYet(max(earlier.due_at or soon, soon))
