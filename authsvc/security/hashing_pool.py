"""The pool that hashes passwords, beside the requests and at most as many at once as there are cores.

bcrypt occupies a core for a fifth of a second. In a gevent worker it would stop every other request for as long, so it
runs in native threads; elsewhere (command line, tests) the calling threads take turns. Either way the queue is bounded
by its expected wait: a request that would wait too long is refused at once (R93). No owner has more than a few places
in the queue, so many requests for one account do not delay those for others.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from time import perf_counter
from typing import Any, Protocol, TypeVar

from gevent import get_hub
from gevent.event import AsyncResult
from gevent.monkey import get_original, is_module_patched

from authsvc import metrics
from authsvc.errors import HashingBusy

T = TypeVar("T")
_Notify = Callable[[Callable[[], None]], None]

_FIRST_GUESS = 0.25
_WEIGHT = 0.2


class _Runner(Protocol):
    def __call__(self, job: Callable[[], T]) -> T: ...


@dataclass(slots=True)
class _Owner:
    """The places of an owner, and the number of their jobs that hold or await one."""

    places: threading.Semaphore
    jobs: int = 0


class HashingPool:
    """Runs jobs, `size` at a time; refuses one that would have to wait longer than `max_wait` seconds.

    One per worker process. `run` raises HashingBusy with the wait as `Retry-After`.
    """

    def __init__(self, size: int, max_wait: float) -> None:
        self.size = size
        self.max_wait = max_wait
        self._seconds_per_job = _FIRST_GUESS
        self._pending = 0
        self._lock = threading.Lock()
        self._owners: dict[str, _Owner] = {}
        self._runner: _Runner = _gevent_runner(size) if is_module_patched("threading") else _thread_runner(size)

    def run(self, job: Callable[[], T]) -> T:
        """Return what `job` returns, once its turn has come."""
        with self._place_in_line():
            return self._runner(self._timed(job, perf_counter()))

    @contextmanager
    def in_turn(self, whose: str) -> Iterator[None]:
        """Run the work inside for an owner, whose jobs are limited to the number of places; others wait outside.

        Raises HashingBusy if that takes too long.
        """
        with self._lock:
            own = self._owners.setdefault(whose, _Owner(threading.Semaphore(self.size)))
            own.jobs += 1
        try:
            if not own.places.acquire(timeout=self.max_wait):
                metrics.HASHING_REFUSED.inc()
                raise HashingBusy(retry_after=max(1, math.ceil(self.max_wait)))
            try:
                yield
            finally:
                own.places.release()
        finally:
            with self._lock:
                own.jobs -= 1
                if not own.jobs:
                    del self._owners[whose]

    def expected_wait(self) -> float:
        """Return the seconds that a new job would wait before it starts."""
        ahead = self._pending - self.size + 1
        return max(0, ahead) * self._seconds_per_job / self.size

    def require_room(self) -> None:
        """Raise HashingBusy if a new job would have to wait too long."""
        wait = self.expected_wait()
        if wait > self.max_wait:
            metrics.HASHING_REFUSED.inc()
            raise HashingBusy(retry_after=math.ceil(wait))

    @contextmanager
    def _place_in_line(self) -> Iterator[None]:
        with self._lock:
            self.require_room()
            self._pending += 1
        metrics.HASHING_QUEUE.inc()
        try:
            yield
        finally:
            metrics.HASHING_QUEUE.dec()
            with self._lock:
                self._pending -= 1

    def _timed(self, job: Callable[[], T], since: float) -> Callable[[], T]:
        def timed() -> T:
            start = perf_counter()
            metrics.HASHING_WAIT.observe(start - since)
            try:
                return job()
            finally:
                self._seconds_per_job += _WEIGHT * (perf_counter() - start - self._seconds_per_job)

        return timed


def _thread_runner(size: int) -> _Runner:
    # Not a semaphore: a thread that has just released one may acquire it again before a waiting thread wakes up.
    lock, free, line = threading.Lock(), [None] * size, deque[threading.Event]()

    def run(job: Callable[[], T]) -> T:
        turn = threading.Event()
        with lock:
            if free:
                free.pop()
                turn.set()
            else:
                line.append(turn)
        turn.wait()
        try:
            return job()
        finally:
            with lock:
                if line:
                    line.popleft().set()
                else:
                    free.append(None)

    return run


def _gevent_runner(size: int) -> _Runner:
    # Native threads of our own, which take one job after another. gevent's pool hands out the next job only after its
    # hub has learned of the end of the last one, and while every core hashes that leaves a core idle.
    jobs: SimpleQueue[tuple[Callable[[], Any], AsyncResult, _Notify]] = get_original("queue", "SimpleQueue")()

    def work() -> None:
        while True:
            _do(*jobs.get())

    for _ in range(size):
        get_original("_thread", "start_new_thread")(work, ())

    def run(job: Callable[[], T]) -> T:
        outcome = AsyncResult()
        jobs.put((job, outcome, _loop_notifier()))
        return outcome.get()  # type: ignore[no-any-return]

    return run


def _do(job: Callable[[], Any], outcome: AsyncResult, notify: _Notify) -> None:
    """Do a job in a native thread. It is a function of its own, so that a waiting thread holds no password."""
    try:
        result = partial(outcome.set, job())
    except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits for the job
        result = partial(outcome.set_exception, error)
    notify(result)


def _loop_notifier() -> _Notify:
    """Return a function by which a native thread, once, has this thread's loop run something."""
    waiting = get_hub().loop.async_()
    actions: list[Callable[[], None]] = []

    def run() -> None:
        waiting.close()
        actions.pop()()

    def notify(action: Callable[[], None]) -> None:
        actions.append(action)
        waiting.send()

    waiting.start(run)
    return notify
