"""A server of somebody else that gave no usable answer. Whoever asked it decides what that means."""


class NotReached(Exception):
    """The message says why, without a secret. `for_good`: asking again is of no use as long as the address is this."""

    def __init__(self, cause: str, *, for_good: bool = False) -> None:
        super().__init__(cause)
        self.for_good = for_good


class NotAsked(NotReached):
    """It was not asked at all, since this process is busy with other servers: that says nothing about it."""
