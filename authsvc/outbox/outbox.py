"""The outbox of one kind of delivery: storing deliveries, and trying those that are due."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Generic, TypeVar

from authsvc import clock, logs, metrics
from authsvc.errors import DatabaseUnavailable
from authsvc.errors.not_delivered import NotDelivered, NotFinished, NotYet
from authsvc.models.deliveries import NOBODY, Delivery
from authsvc.models.driver_errors import DATABASE_ERRORS, UNKNOWN_OUTCOMES
from authsvc.models.evidence import HELD_FOR, Evidence
from authsvc.outbox.news import News
from authsvc.outbox.turns import Turns

D = TypeVar("D", bound=Delivery)

KEPT_FOR = timedelta(days=7)
PATIENCE = timedelta(hours=48)
LEASE = timedelta(minutes=3)

_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=10)
_POLL_SECONDS = 2.0
_NOTING_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)

_log = logs.get(__name__)


class Outbox(Generic[D]):
    """Deliveries of one kind: `name` is how the log calls one, and `count` counts an outcome.

    Outcomes are `delivered`, `put_off` and `dead`. A delivery is tried for as long as `patience`, with pauses that grow
    to the `longest` one. Whoever tries one has it for the time of `lease`, which is longer than an attempt takes.
    """

    def __init__(
        self,
        kind: type[D],
        name: str,
        count: Callable[[str], None],
        *,
        patience: timedelta = PATIENCE,
        longest: timedelta = _LONGEST_PAUSE,
        lease: timedelta = LEASE,
        turns: Turns[D] | None = None,
    ) -> None:
        self._kind = kind
        self._name = name
        self._count = count
        self._patience = patience
        self._longest = longest
        self._turns = turns or Turns(kind, lease)
        self.at_once = 1
        """How many deliveries to one receiver this process tries at once."""
        self._news = News()
        self._lock = threading.Lock()
        self._looked_at = 0.0

    def put(self, delivery: D, *, wake: bool = True) -> None:
        """Store a delivery that is due; `wake` tries it at once, not at the next poll.

        Raises a database error.
        """
        delivery.insert()
        if wake:
            self._news.notify()

    def wake(self) -> None:
        """Look for what is due at once, not at the next poll."""
        self._news.notify()

    @contextmanager
    def put_on_success(
        self, delivery: D, evidence: Callable[[], Evidence | None], *, wake: bool = True
    ) -> Iterator[None]:
        """Store a delivery that announces the change inside, and release it once that is made.

        `evidence` returns how to tell whether the change was made, None if it can't be told. If the process dies in
        between, or the outcome is unknown, the delivery goes out after a minute if the change was made. If the change
        is refused, it is dropped. `wake` tries it at once, not at the next poll. One to nobody is a decoy: it takes the
        same work, and is never due. Raises DatabaseUnavailable, before the change, if it can't be stored.
        """
        now = clock.now()
        delivery.due_at, delivery.expires_at = (None, now) if delivery.to == NOBODY else (now + HELD_FOR, None)
        self._store(delivery, evidence)
        try:
            yield
        except UNKNOWN_OUTCOMES:
            raise
        except Exception:
            self._kind.drop(delivery.id)
            raise
        try:
            self._release(delivery)
        except DATABASE_ERRORS as error:  # the change is made, and the delivery goes out after a minute
            metrics.DATABASE_ERRORS.inc()
            _log.warning(f"{self._name}.not_released", **self._facts(delivery), cause=logs.where(error))
        if wake:
            self._news.notify()

    def try_next(self, carry: Callable[[D], None]) -> bool:
        """Deliver what has been due the longest by `carry`, which raises NotDelivered; tell whether there was anything.

        It may also raise NotFinished, if it takes several turns, and NotYet. A delivery is leased: if the
        process dies it is tried again, so it is delivered at least once.
        """
        delivery = self._turns.next(self.at_once)
        if delivery is None:
            return False
        self._news.notify()  # where one is due there may be more: another thread looks
        try:
            self._try(delivery, carry)
        finally:
            self._turns.finish(delivery)
        return True

    def work(self, carry: Callable[[D], None], stop: threading.Event) -> None:
        """Deliver what is due until `stop` is set; several threads may."""
        while not stop.is_set():
            if not self.try_next_safely(carry):
                self._rest(stop)

    def _rest(self, stop: threading.Event) -> None:
        """Wait for news, or until it is time to look again: of several idle threads one looks at a time."""
        while not self._news.wait(_POLL_SECONDS) and not stop.is_set():
            with self._lock:
                now = time.monotonic()
                if now - self._looked_at >= _POLL_SECONDS:
                    self._looked_at = now
                    return

    def try_next_safely(self, carry: Callable[[D], None]) -> bool:
        """Do the same as `try_next`, but log an error: nobody restarts the loop that calls it."""
        try:
            return self.try_next(carry)
        except Exception as error:  # noqa: BLE001 - see above
            metrics.DATABASE_ERRORS.inc(1 if isinstance(error, DATABASE_ERRORS) else 0)
            _log.warning("outbox.not_read", cause=logs.where(error))
            return False

    def abandon(self, delivery: D, cause: str) -> None:
        """Give up a delivery. It is kept for a week, so that an operator can look at it and retry it."""
        now = clock.now()
        delivery.abandon(cause, now, now + KEPT_FOR)
        self._count("dead")

    def _store(self, delivery: D, evidence: Callable[[], Evidence | None]) -> None:
        try:
            delivery.evidence = evidence()
            delivery.insert()
        except DATABASE_ERRORS as error:
            with suppress(*DATABASE_ERRORS):
                self._kind.drop(delivery.id)
            metrics.DATABASE_ERRORS.inc()
            _log.error(f"{self._name}.not_written", kind=delivery.kind, cause=logs.where(error))
            raise DatabaseUnavailable from error  # not the driver's error: the change inside was certainly not made

    def _release(self, delivery: D) -> None:
        now = clock.now()
        if delivery.to == NOBODY:
            delivery.expire(now)
        elif not self._kind.release(delivery.id, now):
            delivery.restore(now)

    def _try(self, delivery: D, carry: Callable[[D], None]) -> None:
        try:
            if not self._has_happened(delivery):
                return
            carry(delivery)
        except NotFinished:
            delivery.settle(due_at=clock.now(), error=None)
        except NotYet as error:
            if error.earlier:
                delivery.put_back(error.until)
            else:
                delivery.settle(due_at=error.until)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one must not hold up the others
            self._postpone(delivery, error)
        else:
            self._note_delivered(delivery)
            self._count("delivered")
            _log.info(f"{self._name}.delivered", **self._facts(delivery), attempts=delivery.tries)

    def _has_happened(self, delivery: D) -> bool:
        """Tell whether what a delivery tells of was done; drop it if not: a process died before it did that."""
        if delivery.evidence is None or delivery.evidence.shows_a_change():
            return True
        if delivery.withdraw():
            _log.warning(f"{self._name}.withdrawn", **self._facts(delivery))
        return False

    def _note_delivered(self, delivery: D) -> None:
        """Note that a delivery was accepted, trying for a while: if it can't be noted, it goes out once more."""
        now = clock.now()
        for pause in (*_NOTING_PAUSES, None):
            try:
                delivery.settle(due_at=None, delivered_at=now, expires_at=now + KEPT_FOR, error=None)
                break
            except DATABASE_ERRORS:
                if pause is None:
                    raise
                time.sleep(pause)

    def _postpone(self, delivery: D, error: Exception) -> None:
        """Retry a delivery later, with growing pauses, while there is patience; one refused for good is dead."""
        now = clock.now()
        cause = str(error) if isinstance(error, NotDelivered) else type(error).__name__
        facts = {**self._facts(delivery), "attempts": delivery.tries, "cause": cause}
        is_final = isinstance(error, NotDelivered) and error.for_good
        tried = not isinstance(error, DATABASE_ERRORS)  # no fault of the receiver, who may not even have been asked
        if is_final or (tried and now - delivery.tried_since >= self._patience):
            delivery.settle(due_at=None, failed_at=now, expires_at=now + KEPT_FOR, error=cause)
            self._count("dead")
            _log.error(f"{self._name}.dead", **facts)
            return
        pause = min(_FIRST_PAUSE * 2 ** min(max(delivery.tries, 1) - 1, 16), self._longest)
        delivery.settle(due_at=now + pause, error=cause)
        self._count("put_off")
        _log.warning(f"{self._name}.put_off", **facts)

    def _facts(self, delivery: D) -> dict[str, str]:
        return {"kind": delivery.kind, self._name: str(delivery.id)}
