"""Turns: which receiver's delivery comes next."""

import threading
from collections import Counter, OrderedDict
from datetime import timedelta
from typing import Generic, TypeVar

from authsvc import clock
from authsvc.models.deliveries import Delivery

D = TypeVar("D", bound=Delivery)

_MOST_RECEIVERS = 500


class Turns(Generic[D]):
    """Keeps one receiver's deliveries from holding up another's, however many or slow they are.

    No delivery is tried while as many to the same receiver are as there may be, and a receiver that was just served
    waits until all others have been. Only this process knows that, so a receiver occupies as many threads in each.
    """

    def __init__(self, kind: type[D], lease: timedelta, *, in_turn: bool = True) -> None:
        """`in_turn` is whether receivers take turns; if not, what is due first comes first."""
        self._kind = kind
        self._lease = lease
        self._in_turn = in_turn
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        self._latest: OrderedDict[str, None] = OrderedDict()

    def next(self, at_once: int = 1) -> D | None:
        """Return a delivery that is due; the caller tries it, and then calls `finish`.

        Of one receiver at most so many are tried `at_once`.
        """
        with self._lock:
            full = [receiver for receiver, count in self._busy.items() if count >= at_once]
            delivery = self._kind.lease(clock.now(), self._lease, [*full, *self._latest])
            if delivery is None and self._latest:
                self._latest.clear()
                delivery = self._kind.lease(clock.now(), self._lease, full)
            if delivery is not None:
                self._note(delivery)
            return delivery

    def _note(self, delivery: D) -> None:
        self._busy[delivery.to] += 1
        if self._in_turn:
            self._latest[delivery.to] = None
            if len(self._latest) > _MOST_RECEIVERS:
                self._latest.popitem(last=False)

    def finish(self, delivery: D) -> None:
        """Let another delivery to the same receiver be tried."""
        with self._lock:
            self._busy[delivery.to] -= 1
            if not self._busy[delivery.to]:
                del self._busy[delivery.to]
