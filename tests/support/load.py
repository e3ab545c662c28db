"""Requests that go on in the background, each with when it was sent and when and how it was answered."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException

from tests.support.service import Service
from tests.support.warm import Connection


@dataclass(frozen=True)
class Sample:
    """A request that was answered."""

    sent: float
    answered: float
    status: int


class Load:
    """Asks with a token over some connections, as fast as it is answered; a connection that is lost is made again."""

    def __init__(self, service: Service, token: str) -> None:
        self.samples: list[Sample] = []
        self.lost = 0
        self._service, self._token = service, token
        self._stop = threading.Event()

    def statuses(self) -> set[int]:
        """Return how it was answered so far."""
        return {sample.status for sample in self.samples}

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                connection = Connection(self._service)
            except OSError:
                self.lost += 1
                time.sleep(0.05)
                continue
            try:
                self._ask_over(connection)
            except (OSError, HTTPException):
                self.lost += 1
            finally:
                connection.close()

    def _ask_over(self, connection: Connection) -> None:
        while not self._stop.is_set():
            sent = time.monotonic()
            status = connection.ask(self._token)
            self.samples.append(Sample(sent, time.monotonic(), status))
            time.sleep(0.005)


@contextmanager
def load(service: Service, token: str, connections: int = 4) -> Iterator[Load]:
    """Ask a service with a token, all the time."""
    made = Load(service, token)
    threads = [threading.Thread(target=made._work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        made._stop.set()
        for thread in threads:
            thread.join(40)
