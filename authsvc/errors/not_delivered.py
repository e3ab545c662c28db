"""A delivery that failed. No client of the service sees it: the outbox tries again, or gives up."""


class NotDelivered(Exception):
    """The receiver did not take it; the message says why, without a secret. `for_good`: trying again is of no use."""

    def __init__(self, cause: str, *, for_good: bool = False) -> None:
        super().__init__(cause)
        self.for_good = for_good


class NotTaken(NotDelivered):
    """The receiver is there, and did not take this one; it may take others."""


class NotFinished(Exception):
    """A part of what is to be delivered was, and the rest is due now. It is no failure."""
