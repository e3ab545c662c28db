"""The hashing pool: never more than its size at once, a bounded wait, in threads and under gevent. R93."""

import json
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from authsvc.errors import HashingBusy
from authsvc.security.hashing_pool import HashingPool
from tests.support.accounts import occupied
from tests.support.races import eventually, race


class Gauge:
    """A job that notes how many of it run at once."""

    def __init__(self, seconds: float = 0.005) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._running = 0
        self.most = 0
        self.times = 0

    def __call__(self) -> str:
        with self._lock:
            self._running += 1
            self.times += 1
            self.most = max(self.most, self._running)
        time.sleep(self._seconds)
        with self._lock:
            self._running -= 1
        return "done"


class TestSize:
    @pytest.mark.parametrize("size", [1, 2, 5])
    def test_no_more_than_its_size_run_at_once_and_all_are_done(self, size: int):
        pool, gauge = HashingPool(size, max_wait=60), Gauge()
        assert race(*[lambda: pool.run(gauge)] * 20) == ["done"] * 20
        assert (gauge.most, gauge.times) == (size, 20)

    def test_what_a_job_raises_is_raised_and_its_place_is_free_again(self):
        def fail() -> None:
            raise LookupError("of the job")

        pool = HashingPool(1, max_wait=0)
        for _ in range(5):
            with pytest.raises(LookupError, match="of the job"):
                pool.run(fail)
        assert pool.run(lambda: 5) == 5
        assert pool.expected_wait() == 0


class TestWait:
    def test_nobody_waits_while_there_is_room(self):
        pool = HashingPool(2, max_wait=0)
        assert pool.expected_wait() == 0
        assert race(lambda: pool.run(Gauge()), lambda: pool.run(Gauge())) == ["done"] * 2

    def test_who_would_wait_too_long_is_refused_and_not_run(self):
        pool, gauge = HashingPool(2, max_wait=0), Gauge()
        with occupied(pool):
            for _ in range(3):
                with pytest.raises(HashingBusy) as refusal:
                    pool.run(gauge)
                assert int(refusal.value.headers["Retry-After"]) >= 1
        assert gauge.times == 0
        assert pool.run(gauge) == "done"

    def test_the_wait_follows_how_long_the_jobs_take(self):
        pool = HashingPool(1, max_wait=60)
        with occupied(pool):
            guessed = pool.expected_wait()
        for _ in range(20):
            pool.run(lambda: time.sleep(0.01))
        with occupied(pool):
            assert 0.005 < pool.expected_wait() < guessed / 2

    def test_the_line_is_as_long_as_the_wait_allows(self):
        """Of many at once those are served who can be within the wait; the others are told so at once."""
        pool, gauge = HashingPool(1, max_wait=0.2), Gauge(0.05)
        for _ in range(20):
            pool.run(gauge)

        def attempt() -> tuple[str, float]:
            start = time.perf_counter()
            try:
                return pool.run(gauge), time.perf_counter() - start
            except HashingBusy:
                return "refused", time.perf_counter() - start

        outcomes = race(*[attempt] * 30)
        served = [seconds for outcome, seconds in outcomes if outcome == "done"]
        assert 3 <= len(served) <= 12
        assert max(served) < 1
        assert sorted(seconds for outcome, seconds in outcomes if outcome == "refused")[10] < 0.2
        assert pool.expected_wait() == 0
        assert pool.run(gauge) == "done"


GEVENT = """
    from gevent import monkey
    monkey.patch_all()

    import _thread, json, sys, time
    import bcrypt, gevent
    from authsvc.errors import HashingBusy
    from authsvc.security.hashing_pool import HashingPool
    from authsvc.security.passwords import Hasher

    size, max_wait, jobs, rounds = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    lock = monkey.get_original("_thread", "allocate_lock")()
    seen = {"running": 0, "most": 0, "times": 0, "threads": set()}
    checkpw = bcrypt.checkpw

    def measured(password, stored):
        with lock:
            seen["running"] += 1
            seen["times"] += 1
            seen["most"] = max(seen["most"], seen["running"])
            seen["threads"].add(monkey.get_original("_thread", "get_ident")())
        try:
            return checkpw(password, stored)
        finally:
            with lock:
                seen["running"] -= 1

    stored = bcrypt.hashpw(b"right", bcrypt.gensalt(rounds)).decode()
    bcrypt.checkpw = measured
    hasher = Hasher(rounds, HashingPool(size, max_wait))

    def sign_in(number):
        try:
            return hasher.verify("right" if number % 2 else "wrong", stored, foreign=False).right
        except HashingBusy as error:
            return error.headers["Retry-After"]

    ticks = []
    def tick():
        while True:
            ticks.append(time.perf_counter())
            gevent.sleep(0.002)

    ticker = gevent.spawn(tick)
    gevent.sleep(0.01)
    start = len(ticks)
    done = [greenlet.get() for greenlet in [gevent.spawn(sign_in, n) for n in range(jobs)]]
    ticked = len(ticks) - start
    ticker.kill()
    main = monkey.get_original("_thread", "get_ident")()
    print(json.dumps({
        "done": done,
        "most": seen["most"],
        "times": seen["times"],
        "on_the_loop": main in seen["threads"],
        "ticks": ticked,
        "again": sign_in(1),
        "wait": hasher._pool.expected_wait(),
    }))
"""


@pytest.fixture(scope="module")
def under_gevent() -> Callable[..., dict[str, Any]]:
    """Return a runner of sign-ins at once, as greenlets of a patched process; it returns what was measured."""

    def run(*, size: int, max_wait: float, jobs: int = 20, rounds: int = 9) -> dict[str, Any]:
        command = [sys.executable, "-c", textwrap.dedent(GEVENT), *map(str, (size, max_wait, jobs, rounds))]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        return dict(json.loads(ended.stdout))

    return run


GIVEN_UP = """
    from gevent import monkey
    monkey.patch_all()

    import gevent
    from authsvc.security.hashing_pool import HashingPool

    sleep = monkey.get_original("time", "sleep")
    pool, done = HashingPool(1, 60), []

    def job(number):
        sleep(0.05)
        done.append(number)
        if number == 1:
            raise LookupError("of the job")
        return number

    waiting = [gevent.spawn(pool.run, lambda number=number: job(number)) for number in range(4)]
    gevent.sleep(0.01)
    gevent.killall([waiting[0], waiting[2]])
    gevent.joinall(waiting)
    print(done, [greenlet.value for greenlet in waiting[::3]], repr(waiting[1].exception), pool.run(lambda: job(5)))
"""


LEFT_BEHIND = """
    from gevent import monkey
    monkey.patch_all()

    from gevent import get_hub
    from authsvc.security.hashing_pool import HashingPool

    pool = HashingPool(1, 60)
    pool.run(list)
    before = get_hub().loop.activecnt
    for _ in range(20):
        pool.run(list)
    print(get_hub().loop.activecnt - before)
"""


class TestGevent:
    def test_a_job_leaves_nothing_behind_in_the_loop(self):
        """Whatever watches for its end is closed then: a worker hashes for months."""
        said = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(LEFT_BEHIND)], capture_output=True, text=True, timeout=30
        )
        assert said.stdout == "0\n", said.stderr

    def test_who_gives_up_or_fails_keeps_nobody_from_their_turn(self):
        """Jobs come in turn, and the thread that does them outlives whoever asked."""
        said = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(GIVEN_UP)], capture_output=True, text=True, timeout=30
        )
        assert said.stdout == "[0, 1, 2, 3, 5] [GreenletExit(), 3] LookupError('of the job') 5\n", said.stderr

    @pytest.mark.parametrize("size", [1, 2])
    def test_no_more_than_its_size_run_at_once_and_the_loop_goes_on(
        self, under_gevent: Callable[..., dict[str, Any]], size: int
    ):
        """Design, section 4: a hash must not stop the other requests of its worker."""
        measured = under_gevent(size=size, max_wait=60)
        assert measured["done"] == [False, True] * 10
        assert (measured["most"], measured["times"]) == (size, 20)
        assert not measured["on_the_loop"]
        assert measured["ticks"] > 3 * 20, "a loop that stops for each hash ticks about once between them"
        assert (measured["again"], measured["wait"]) == (True, 0)

    def test_the_wait_is_bounded_there_too(self, under_gevent: Callable[..., dict[str, Any]]):
        measured = under_gevent(size=2, max_wait=0)
        refused = [answer for answer in measured["done"] if not isinstance(answer, bool)]
        assert len(refused) == 18
        assert all(int(seconds) >= 1 for seconds in refused)
        assert measured["times"] == 2, "who is refused is not hashed"
        assert measured["again"] is True, "and it passes"


class TestU13Fairness:
    """However much is asked about one account, the others wait for no more than its places in the line."""

    def test_one_owner_has_no_more_jobs_in_line_than_there_are_places(self) -> None:
        pool, most = HashingPool(2, max_wait=30), 0
        lock, inside = threading.Lock(), [0]

        def job() -> None:
            time.sleep(0.005)

        def hash_once() -> None:
            nonlocal most
            with pool.in_turn("mallory"):
                with lock:
                    inside[0] += 1
                    most = max(most, inside[0])
                pool.run(job)
                with lock:
                    inside[0] -= 1

        race(*[hash_once] * 30)
        assert most == 2

    def test_another_s_comes_before_the_rest_of_a_flood(self) -> None:
        pool = HashingPool(1, max_wait=30)
        order: list[str] = []
        go_on = threading.Event()

        def one(whose: str) -> None:
            def job() -> None:
                go_on.wait(30)
                order.append(whose)

            with pool.in_turn(whose):
                pool.run(job)

        with ThreadPoolExecutor(31) as threads:
            jobs = [threads.submit(one, "mallory") for _ in range(30)]
            eventually(lambda: pool._pending == 1 and pool._owners["mallory"].jobs == 30)
            jobs.append(threads.submit(one, "alice"))
            eventually(lambda: pool._pending == 2)
            go_on.set()
            for job in jobs:
                job.result(20)
        assert order.index("alice") <= 2, "not behind the thirty"

    def test_who_waits_too_long_is_told_so(self) -> None:
        pool = HashingPool(1, max_wait=0)
        with pool.in_turn("mallory"), ThreadPoolExecutor(1) as other:
            with pytest.raises(HashingBusy) as refusal:
                other.submit(lambda: pool.in_turn("mallory").__enter__()).result(10)
            assert refusal.value.headers["Retry-After"] == "1", "in whole seconds, and never at once"
            with pool.in_turn("alice"):
                pass

    def test_nothing_is_left_of_an_owner_who_is_gone(self) -> None:
        pool = HashingPool(2, max_wait=30)
        for number in range(100):
            with pool.in_turn(str(number)):
                pass
        assert not pool._owners
