"""How much processor time processes have had: what others do meanwhile on the same machine does not count."""

import ctypes
import time
from collections.abc import Iterable


def seconds_of(pids: Iterable[int]) -> float:
    """Return the processor time of processes of this user since they started, all their threads together. Linux."""
    return sum(map(_seconds, pids))


def _seconds(pid: int) -> float:
    clock = ctypes.c_int()
    refused = ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock))
    assert refused == 0, f"process {pid} has no clock: {refused}"
    return time.clock_gettime(clock.value)
