"""What `SESSION_CACHE` buys and costs, beside Express and a bare Flask route: `GET /`, the database, a sign-out."""

import time
from contextlib import ExitStack
from statistics import median

from bench import sides
from bench.express import express
from bench.harness import PASSWORD, Row
from bench.sides import Side, ratio
from tests.support.service import Visitor

SESSIONS = 64
FEW, MANY = 16, 64
"""Connections: those at which rates are compared, and those at which the slowest answers are."""
ROUNDS, SECONDS = 6, 3.0
SIGN_OUTS = 20


def session_cache() -> list[Row]:
    """Compare `GET /` with the cache, without it, of Express, and of a bare route, in alternating rounds."""
    with ExitStack() as stack:
        cached, settings = stack.enter_context(sides.authsvc(sessions=SESSIONS, SESSION_CACHE="on"))
        plain, _ = stack.enter_context(sides.authsvc(sessions=SESSIONS, SESSION_CACHE="off"))
        bare = stack.enter_context(sides.bare(settings))
        other = stack.enter_context(express(sessions=SESSIONS))
        compared = [side for side in (cached, plain, bare, other) if side is not None]
        sides.alternate(compared, rounds=ROUNDS, connections=FEW, seconds=SECONDS)
        rows = _rates(cached, plain, bare, other)
        sides.alternate(compared, rounds=ROUNDS, connections=MANY, seconds=SECONDS)
        rows += _waits(cached, plain, bare, other)
        return [*rows, *_sign_outs(cached, plain)]


def _rates(cached: Side, plain: Side, bare: Side, other: Side | None) -> list[Row]:
    rows = [
        ("bare Flask route", _figures(bare), None),
        ("Express", _figures(other) if other is not None else "left out: there is no node here, or no npm", None),
        ("GET / without the cache", _figures(plain), None),
        ("GET / with it", _figures(cached), None),
        _at_least("  beside without", ratio(cached.rates, plain.rates), 2.2),
        _at_least("  beside the bare route", ratio(cached.rates, bare.rates), 0.4),
    ]
    if other is not None:
        rows.append(_at_least("  beside Express", ratio(cached.rates, other.rates), 1.2))
        rows.append(("  without the cache beside Express", f"{ratio(plain.rates, other.rates):.2f} times", None))
    share, reads = ratio(cached.database_costs, plain.database_costs), median(cached.reads)
    return [
        *rows,
        ("  processor time of the database beside without", f"{share:.0%}, at most 10%", share <= 0.1),
        ("  reads of the database for 1,000 requests", f"{reads:.1f}, at most 20", reads <= 20),
    ]


def _figures(side: Side) -> str:
    database = f" + {median(side.database_costs):.0f} of the database" if side.database is not None else ""
    return f"{median(side.rates):.0f}/s, processor time {median(side.costs):.0f} us{database}"


def _at_least(what: str, times: float, least: float) -> Row:
    return what, f"{times:.2f} times, at least {least}", times >= least


def _waits(cached: Side, plain: Side, bare: Side, other: Side | None) -> list[Row]:
    """Compare within what time 99 of 100 answers come, those that wait for their connection to be taken included."""
    named = {"bare Flask route": bare, "Express": other, "GET / without the cache": plain, "GET / with it": cached}
    rows: list[Row] = [
        (f"p99 at {MANY} connections, {name}", f"{median(side.waits) * 1e3:.0f} ms", None)
        for name, side in named.items()
        if side is not None
    ]
    compared = ratio(cached.waits, plain.waits)
    rows.append(("  with the cache beside without", f"{compared:.2f} times, at most 1.3", compared <= 1.3))
    if other is not None:
        compared = ratio(cached.waits, other.waits)
        rows.append(("  with the cache beside Express", f"{compared:.2f} times, at most 1.5", compared <= 1.5))
        # Each request takes twice as long: no fairness among them makes up for that.
        rows.append(("  without the cache beside Express", f"{ratio(plain.waits, other.waits):.2f} times", None))
    return rows


def _sign_outs(cached: Side, plain: Side) -> list[Row]:
    """Compare how long sign-outs take that nothing else is beside."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(SIGN_OUTS):
        for side, kept in zip((cached, plain), seconds, strict=True):
            visitor = Visitor(f"http://127.0.0.1:{side.port}")
            token = visitor.login(f"bench-{number}@example.com", PASSWORD).json()["accessToken"]
            begin = time.monotonic()
            assert visitor.logout(token).ok
            kept.append(time.monotonic() - begin)
    with_it, without = median(seconds[0]), median(seconds[1])
    figure = f"{with_it * 1e3:.0f} ms, without {without * 1e3:.0f} ms, at most 280 ms more"
    return [("a sign-out with the cache", figure, with_it <= without + 0.28)]
