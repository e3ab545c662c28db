"""Addresses of a host that is asked at every sign-in: looked up once in a few seconds, and not for each question."""

import time
from collections.abc import Sequence

from authsvc.clients.connector import Resolve, look_up
from authsvc.clients.lookups import Lookups
from authsvc.errors.not_reached import NotAsked

KEPT_SECONDS = 5.0
STALE_SECONDS = 600.0
"""How long former addresses do while the host can't be looked up."""
_PATIENCE = 0.3
"""Seconds that a question waits for new addresses if it has former ones."""


class KeptLookups:
    """Looks up hosts, and keeps the addresses for a while; whoever connects to one checks it each time all the same.

    While a host is looked up again, and while that fails, its former addresses do: a resolver that is slow or away for
    a moment stops nobody.
    """

    def __init__(self, most: int, seconds: float, resolve: Resolve = look_up) -> None:
        self._resolve = resolve
        self._lookups = Lookups(most, seconds, self._look_up_and_keep)
        self._seconds = seconds
        self._kept: dict[str, tuple[float, Sequence[str]]] = {}

    def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host, of which there are only a few different ones. Raises OSError, NotAsked."""
        addresses = self._younger_than(KEPT_SECONDS, host)
        if addresses:
            return addresses
        former = self._younger_than(STALE_SECONDS, host)
        try:
            return self._lookups.begin(host, port).result(min(_PATIENCE, self._seconds) if former else self._seconds)
        except (OSError, UnicodeError, NotAsked):
            if former:
                return former
            raise

    def _younger_than(self, seconds: float, host: str) -> Sequence[str]:
        since, addresses = self._kept.get(host, (float("-inf"), ()))
        return addresses if time.monotonic() - since < seconds else ()

    def _look_up_and_keep(self, host: str, port: int) -> Sequence[str]:
        """Look up a host, unless that has just been done; also if nobody waits for it any more."""
        addresses = self._younger_than(KEPT_SECONDS, host)
        if not addresses:
            addresses = self._resolve(host, port)
            self._kept[host] = (time.monotonic(), addresses)
        return addresses
