"""Sign-ins beside bare bcrypt: how many there are with the database on the same cores, and what they cost beyond it."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import bcrypt

from bench import closed_loop, load
from bench.harness import PASSWORD, WORKERS, Row, database
from bench.sides import ratio, spent
from tests.support.service import Service, Visitor

COST, CHEAP = 10, 4
"""The cost at which rates are compared; and one at which a hash takes so little that it hides nothing."""
PEOPLE = 64
"""So many people that none comes to a hundred sessions: from then on each sign-in ends the oldest one."""
CONNECTIONS = 16
ROUNDS, SECONDS = 5, 4.0
PATIENCE = 20
MOST_BEYOND = 4e-3


def logins() -> list[Row]:
    """Compare sign-ins a second with hashes a second, and their processor time with that of a hash."""
    (rates, _), (hashes, _) = _rounds(COST)
    (cheap, costs), (_, of_a_hash) = _rounds(CHEAP)
    share = ratio(rates, hashes)
    beyond = median(costs) - median(of_a_hash)
    return [
        (
            f"logins at cost {COST}",
            f"{median(rates):.1f}/s = {share:.0%} of {median(hashes):.1f}/s bare bcrypt, at least 80%",
            share >= 0.8,
        ),
        (
            "  processor time of the workers beyond the hash",
            f"{beyond * 1e3:.2f} ms, at most {MOST_BEYOND * 1e3:.0f} (at {median(cheap):.0f}/s, cost {CHEAP})",
            beyond <= MOST_BEYOND,
        ),
    ]


Figures = tuple[list[float], list[float]]


def _rounds(cost: int) -> tuple[Figures, Figures]:
    """Return rates and seconds of processor time by round, of sign-ins and of bare hashes."""
    ours: Figures = ([], [])
    bare: Figures = ([], [])
    with database() as settings:
        chosen = {**settings, "BCRYPT_ROUNDS": str(cost), "HASHING_MAX_WAIT": str(PATIENCE)}
        with Service(**chosen) as service:
            visitor, people = Visitor(service.url), [f"bench-{number}@example.com" for number in range(PEOPLE)]
            for email in people:
                assert visitor.register(email, PASSWORD).ok
            texts = [load.http("POST", "/auth/login", body={"email": email, "password": PASSWORD}) for email in people]
            for _ in range(ROUNDS):
                _note(bare, lambda: _hash(cost), lambda: sum(os.times()[:2]))
                _note(ours, lambda: _sign_in(service.port, texts), lambda: spent(service.workers()))
    return ours, bare


def _note(figures: Figures, work: Callable[[], tuple[int, float]], used: Callable[[], float]) -> None:
    before = used()
    count, seconds = work()
    figures[0].append(count / seconds)
    figures[1].append((used() - before) / count)


def _sign_in(port: int, texts: list[str]) -> tuple[int, float]:
    result = closed_loop.run(port=port, connections=CONNECTIONS, seconds=SECONDS, texts=texts)
    assert result.refused == 0, result.statuses
    return len(result.good_at), SECONDS


def _hash(cost: int) -> tuple[int, float]:
    """Check a password on all cores; return how often, and in how many seconds."""
    stored = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(cost))
    begin = time.monotonic()

    def work(_: int) -> int:
        count = 0
        while time.monotonic() < begin + SECONDS:
            bcrypt.checkpw(PASSWORD.encode(), stored)
            count += 1
        return count

    with ThreadPoolExecutor(WORKERS) as pool:
        return sum(pool.map(work, range(WORKERS))), time.monotonic() - begin
