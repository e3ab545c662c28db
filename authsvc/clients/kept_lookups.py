"""Addresses of a host that is asked at every sign-in: looked up once in a few seconds, and not for each question."""

import time
from collections.abc import Sequence

from authsvc.clients.connector import Resolve

KEPT_SECONDS = 5.0


class KeptLookups:
    """Looks up hosts, and keeps the addresses for a while; whoever connects to one checks it each time all the same."""

    def __init__(self, look_up: Resolve) -> None:
        self._look_up = look_up
        self._kept: dict[tuple[str, int], tuple[float, Sequence[str]]] = {}

    def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host, of which there are only a few different ones. Raises OSError."""
        until, addresses = self._kept.get((host, port), (0.0, ()))
        if time.monotonic() < until:
            return addresses
        addresses = self._look_up(host, port)
        self._kept[host, port] = (time.monotonic() + KEPT_SECONDS, addresses)
        return addresses
