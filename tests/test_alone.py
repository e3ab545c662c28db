"""Tests that are marked `alone` have the machine to themselves, whatever the other processes would like to run."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from tests.support.alone import Turns
from tests.support.races import eventually, race

SECONDS = 0.2

Span = tuple[float, float]


def turn(folder: Path, *, alone: bool) -> Span:
    """Take a turn, and return when it began and ended."""
    turns = Turns(folder)
    turns.begin(alone=alone)
    begin = time.monotonic()
    time.sleep(SECONDS)
    end = time.monotonic()
    turns.end()
    return begin, end


def overlap(one: Span, other: Span) -> bool:
    """Tell whether there was a moment in both."""
    return one[0] < other[1] and other[0] < one[1]


def is_free(folder: Path, *, alone: bool, seconds: float = 30) -> bool:
    """Tell whether a turn can begin within so many seconds, in a process that is ended if it can't."""
    pid = os.fork()
    if not pid:
        Turns(folder).begin(alone=alone)
        os._exit(0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def is_taken(folder: Path, *, alone: bool) -> bool:
    """Tell whether a turn can't begin."""
    return not is_free(folder, alone=alone, seconds=SECONDS)


def test_nothing_runs_beside_it(tmp_path: Path) -> None:
    shared, alone = partial(turn, tmp_path, alone=False), partial(turn, tmp_path, alone=True)
    *others, one, two = race(shared, shared, shared, alone, alone)
    assert not overlap(one, two)
    assert [(other, mine) for other in others for mine in (one, two) if overlap(other, mine)] == []


def test_the_rest_run_side_by_side(tmp_path: Path) -> None:
    shared = partial(turn, tmp_path, alone=False)
    assert overlap(*race(shared, shared))


def test_who_waits_to_be_alone_is_not_overtaken(tmp_path: Path) -> None:
    """Else it would wait as long as others have tests to begin."""
    running = Turns(tmp_path)
    running.begin(alone=False)
    assert is_free(tmp_path, alone=False)
    pid = os.fork()
    if not pid:
        Turns(tmp_path).begin(alone=True)
        os._exit(0)
    try:
        eventually(lambda: is_taken(tmp_path, alone=False))
    finally:
        running.end()
        os.waitpid(pid, 0)
    assert is_free(tmp_path, alone=False)


def test_what_follows_alone_keeps_the_turn(tmp_path: Path) -> None:
    turns = Turns(tmp_path)
    turns.begin(alone=True)
    turns.begin(alone=True)
    assert is_taken(tmp_path, alone=False)
    turns.begin(alone=False)
    assert is_free(tmp_path, alone=False)
    assert is_taken(tmp_path, alone=True)
    turns.end()
    assert is_free(tmp_path, alone=True)


@pytest.mark.parametrize("alone", [True, False])
def test_a_process_that_was_forked_meanwhile_holds_nothing(tmp_path: Path, alone: bool) -> None:
    turns = Turns(tmp_path)
    turns.begin(alone=alone)
    pid = os.fork()
    if not pid:
        signal.pause()
    try:
        turns.end()
        assert is_free(tmp_path, alone=True)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
