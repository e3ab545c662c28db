"""Where passwords are hashed: beside the requests, never more at once than there are cores.

bcrypt takes a core for a fifth of a second. In a gevent worker it would stop every other request for as long, so it
runs in native threads; elsewhere (command line, tests) a semaphore bounds the calling threads. Either way the waiting
line is bounded by the wait it means: who would wait too long is told so at once (R93).
"""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
_Tell = Callable[[Callable[[], None]], None]

_FIRST_GUESS = 0.25
_WEIGHT = 0.2


class _Runner(Protocol):
    def __call__(self, job: Callable[[], T]) -> T: ...


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
        self._runner: _Runner = _gevent_runner(size) if is_module_patched("threading") else _thread_runner(size)

    def run(self, job: Callable[[], T]) -> T:
        """Return what `job` returns, once its turn has come."""
        with self._place_in_line():
            return self._runner(self._timed(job, perf_counter()))

    def expected_wait(self) -> float:
        """Return the seconds that a job coming now would wait before it starts."""
        ahead = self._pending - self.size + 1
        return max(0, ahead) * self._seconds_per_job / self.size

    def require_room(self) -> None:
        """Raise HashingBusy where a job coming now would have to wait too long."""
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

    def _timed(self, job: Callable[[], T], asked: float) -> Callable[[], T]:
        def timed() -> T:
            start = perf_counter()
            metrics.HASHING_WAIT.observe(start - asked)
            try:
                return job()
            finally:
                self._seconds_per_job += _WEIGHT * (perf_counter() - start - self._seconds_per_job)

        return timed


def _thread_runner(size: int) -> _Runner:
    turns = threading.BoundedSemaphore(size)

    def run(job: Callable[[], T]) -> T:
        with turns:
            return job()

    return run


def _gevent_runner(size: int) -> _Runner:
    # Native threads of our own, which take one job after another: gevent's pool hands out the next one only when its
    # hub has heard of the end of the last, and where every core hashes that takes a while in which one of them doesn't.
    jobs: SimpleQueue[tuple[Callable[[], Any], AsyncResult, _Tell]] = get_original("queue", "SimpleQueue")()

    def work() -> None:
        while True:
            _do(*jobs.get())

    for _ in range(size):
        get_original("_thread", "start_new_thread")(work, ())

    def run(job: Callable[[], T]) -> T:
        outcome = AsyncResult()
        jobs.put((job, outcome, _teller()))
        return outcome.get()  # type: ignore[no-any-return]

    return run


def _do(job: Callable[[], Any], outcome: AsyncResult, tell: _Tell) -> None:
    """Do a job in a native thread. A function of its own: a thread that waits holds no password of the job before."""
    try:
        said = partial(outcome.set, job())
    except BaseException as error:  # noqa: BLE001 - it is raised where the job was asked for
        said = partial(outcome.set_exception, error)
    tell(said)


def _teller() -> _Tell:
    """Return what a native thread calls, once, to have something done in this thread's loop, which waits for that."""
    waiting = get_hub().loop.async_()
    wanted: list[Callable[[], None]] = []

    def told() -> None:
        waiting.close()
        wanted.pop()()

    def tell(what: Callable[[], None]) -> None:
        wanted.append(what)
        waiting.send()

    waiting.start(told)
    return tell
