"""Whether two things take the same time: for `make timing`, on a quiet machine."""

import math
import statistics
import time
from collections.abc import Callable

_PAIRS = 200
_WARM_UP = 10


def assert_equal_time(one: Callable[[], None], other: Callable[[], None]) -> None:
    """Assert, by 200 interleaved pairs, medians within 5 % and no sign of two distributions (R18)."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(_WARM_UP + _PAIRS):
        for which in (0, 1) if number % 2 else (1, 0):
            start = time.perf_counter()
            (one, other)[which]()
            taken[which].append(time.perf_counter() - start)
    first, second = (times[_WARM_UP:] for times in taken)
    difference = abs(statistics.median(first) - statistics.median(second)) / statistics.median(second)
    assert difference < 0.05
    assert _same_distribution(first, second) > 0.001


def _same_distribution(one: list[float], other: list[float]) -> float:
    """Return the probability that two samples differ this much by chance (Mann-Whitney U, normal approximation)."""
    above = sum((a > b) + (a == b) / 2 for a in one for b in other)
    n, m = len(one), len(other)
    deviations = abs(above - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(deviations / math.sqrt(2))
