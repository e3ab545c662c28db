"""News: what one of several threads is told."""

import threading


class News:
    """Wakes one thread at a time, and that one the next if there is more: all at once would all ask the database."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._there = False

    def notify(self) -> None:
        """Wake one thread that waits, or the next that will."""
        with self._condition:
            self._there = True
            self._condition.notify()

    def wait(self, seconds: float) -> bool:
        """Wait for news, which nobody else has then; tell whether there were any."""
        with self._condition:
            if not self._there:
                self._condition.wait(seconds)
            there, self._there = self._there, False
            return there
