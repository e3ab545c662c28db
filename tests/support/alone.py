"""Tests that run alone: other processes of pytest-xdist finish the test they are in, and wait.

They measure what a service does with the time it has: on two cores, beside two more tests, they would measure those.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

MARKER = "alone"


class Turns:
    """Lets the tests of one process share the machine with those of others, or have it for themselves."""

    def __init__(self, folder: Path) -> None:
        self._entry, self._machine = folder / "entry.lock", folder / "machine.lock"
        self._held = ExitStack()
        self._is_alone = False

    def begin(self, *, alone: bool) -> None:
        """Wait for a turn, unless the one that was kept is of this kind."""
        if self._is_alone and alone:
            return
        self.end()
        with _locked(self._entry, fcntl.LOCK_EX):  # who waits to be alone keeps it: nobody else begins meanwhile
            self._held.enter_context(_locked(self._machine, fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        self._is_alone = alone

    def end(self) -> None:
        """Let others have their turn."""
        self._held.close()
        self._is_alone = False


class Plugin:
    """Gives each test its turn."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # around the time limit: to wait is not the test's fault
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
        """Run the test in its turn. Those that follow each other alone are one turn."""
        self._turns.begin(alone=_runs_alone(item))
        try:
            return (yield)
        finally:
            if not (_runs_alone(item) and nextitem is not None and _runs_alone(nextitem)):
                self._turns.end()


def register(config: pytest.Config) -> None:
    """Let the tests have turns, if this is a process of pytest-xdist."""
    if hasattr(config, "workerinput"):
        folder = Path(tempfile.gettempdir()) / f"authsvc-turns-{os.getuid()}"  # of all runs on this machine
        folder.mkdir(mode=0o700, exist_ok=True)
        config.pluginmanager.register(Plugin(Turns(folder)), "turns")


def _runs_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker(MARKER) is not None


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, kind)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)  # to close it is not enough: a process forked meanwhile has it open too
