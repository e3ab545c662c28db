"""The order of what is told about one account."""

from datetime import timedelta

from authsvc import clock
from authsvc.errors.not_delivered import NotYet
from authsvc.models.lanes import LanedDelivery

A_MOMENT = timedelta(seconds=1)
"""After this it is looked again whether it is the turn of what nobody brings forward."""


def require_turn(earlier: LanedDelivery | None) -> None:
    """Let a delivery wait for an `earlier` one about the same account, which brings it forward. Raises NotYet."""
    if earlier is None:
        return
    soon = clock.now() + A_MOMENT
    if earlier.evidence is not None:  # it is held until its change is made: if that is refused, nobody brings this one
        raise NotYet(soon, earlier=True)
    raise NotYet(max(earlier.due_at or soon, soon), earlier=True)
