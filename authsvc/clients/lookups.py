"""Names of hosts are looked up a few at a time, so that those that hang leave threads to mail and the database.

gevent has a number of threads for it, all in all: see `serving.lifecycle`.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future

from authsvc.clients.connector import Resolve, look_up
from authsvc.errors.not_reached import NotAsked


class Lookups:
    """Looks up at most so many hosts at once, and each of them once: others wait for the same outcome.

    So a name that nobody resolves keeps one place, however many ask for it. A call takes at most `seconds`, half of
    them until it has a place.
    """

    def __init__(self, most: int, seconds: float, resolve: Resolve = look_up) -> None:
        self._seconds = seconds
        self._resolve = resolve
        self._places = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._running: dict[str, Future[Sequence[str]]] = {}

    def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host. Raises OSError, and NotAsked if too many others are looked up."""
        return self.begin(host, port).result(self._seconds)

    def begin(self, host: str, port: int) -> Future[Sequence[str]]:
        """Return what becomes of looking up a host, which begins unless somebody else has begun it.

        A resolver knows no deadline, so it works in a thread that whoever waits can leave behind.
        """
        with self._lock:
            if host not in self._running:
                outcome: Future[Sequence[str]] = Future()
                work = (host, port, outcome)
                threading.Thread(target=self._work, args=work, name="authsvc-look-up", daemon=True).start()
                self._running[host] = outcome
            return self._running[host]

    def _work(self, host: str, port: int, outcome: Future[Sequence[str]]) -> None:
        try:
            addresses = self._looked_up(host, port)
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
            self._forget(host)
            outcome.set_exception(error)
        else:
            self._forget(host)
            outcome.set_result(addresses)

    def _looked_up(self, host: str, port: int) -> Sequence[str]:
        if not self._places.acquire(timeout=self._seconds / 2):
            raise NotAsked("too many names are looked up at once")
        try:
            return self._resolve(host, port)
        finally:
            self._places.release()

    def _forget(self, host: str) -> None:
        """Let the next call look up anew. It comes before the outcome: who is told of a failure may ask again."""
        with self._lock:
            del self._running[host]
