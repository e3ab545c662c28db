"""A delivery that failed, or has to wait. No client of the service sees it: the outbox tries again, or gives up."""

from datetime import datetime


class NotDelivered(Exception):
    """The receiver did not take it; the message says why, without a secret. `for_good`: trying again is of no use."""

    def __init__(self, cause: str, *, for_good: bool = False) -> None:
        super().__init__(cause)
        self.for_good = for_good


class NotTaken(NotDelivered):
    """The receiver is there, and did not take this one; it may take others."""


class NotFinished(Exception):
    """A part of what is to be delivered was, and the rest is due now. It is no failure."""


class NotYet(Exception):
    """It is not the turn of this one before the moment `until`. It is no failure.

    If it waits for an `earlier` one it comes forward once that is done.
    """

    def __init__(self, until: datetime, *, earlier: bool = False) -> None:
        super().__init__(f"not before {until}")
        self.until = until
        self.earlier = earlier
