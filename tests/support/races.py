"""Races: calls that start together, in real threads; and waiting for what comes in the end."""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.support.ci import in_ci

ROUNDS = int(os.environ.get("ROUNDS") or (5 if in_ci() else 3))
"""How often a race is run: 3 times by itself, 5 in CI, 200 in `make soak`."""

SOAK = 100
"""With so many ROUNDS it is a soak test: everything that has combinations goes through all of them."""

rounds = pytest.mark.parametrize("turn", range(ROUNDS))
"""Run a test ROUNDS times, with the number of the round as `turn`: the one that fails is named."""


def race(*calls: Callable[[], Any], returning: tuple[type[Exception], ...] = ()) -> list[Any]:
    """Run the calls at once and return what they return, in order; what one raises is raised, or `returning` it."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return call()
        except returning as raised:
            return raised

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def eventually(succeeds: Callable[[], bool], seconds: float = 15) -> None:
    """Wait until something is so; a connection that is refused meanwhile is not."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(requests.ConnectionError):
            if succeeds():
                return
        assert time.monotonic() < end, "it never was"
        time.sleep(0.1)
