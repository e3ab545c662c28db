"""The order of what is told about one account."""

from datetime import timedelta

from authsvc import clock
from authsvc.errors.not_delivered import NotYet
from authsvc.models.deliveries import Delivery

_A_MOMENT = timedelta(seconds=1)
"""How soon to look again for one that is held, or being tried at this moment."""
LEASE = timedelta(seconds=30)
"""How long whoever tries a delivery has it; what is due later than so is to be retried, and not being tried now."""


def require_turn(earlier: Delivery | None) -> None:
    """Let a delivery wait for an `earlier` one about the same account. Raises NotYet."""
    if earlier is None:
        return
    now = clock.now()
    due = earlier.due_at or now
    raise NotYet(min(max(now, due), now + _A_MOMENT) if due - now <= LEASE else due)
