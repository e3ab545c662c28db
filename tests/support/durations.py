"""Where the suite's time goes: a pytest plugin that writes a table in Markdown. `make durations` runs it."""

import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SLOWEST = 40

_HEAD = """\
# Where the tests' time goes

`make durations` writes this page. The seconds are those of all processes together, also the ones spent waiting; they
depend on the machine and on what else it does. What tests share (a database, a service) counts for the test that
needs it first. `make check` and CI run all; `make test` leaves out what is slow.

{cases:,} cases, {seconds:,.0f} s, done in {wall:,.0f} s (processes: {processes}, cores: {cores}, Python {python}).
"""


@dataclass
class Durations:
    """Seconds by test, as pytest reports them."""

    processes: int = 1
    begun: float = field(default_factory=time.monotonic)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    rings: dict[str, str] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the start, the test or the end of a case."""
        self.seconds[report.nodeid] += report.duration
        self.rings[report.nodeid] = "make check" if {"slow", "soak"} & report.keywords.keys() else "make test"

    def pytest_terminal_summary(self, config: pytest.Config) -> None:
        """Write the report."""
        Path(config.getoption("--durations-report")).write_text(self.report())

    def report(self) -> str:
        """Return the report: by the command that is the first to run a test, by folder, by file; the slowest tests."""
        head = _HEAD.format(
            cases=len(self.seconds),
            seconds=sum(self.seconds.values()),
            wall=time.monotonic() - self.begun,
            processes=self.processes,
            cores=os.cpu_count(),
            python=platform.python_version(),
        )
        rings = self._table("Command", lambda nodeid: self.rings.get(nodeid, "make test"))
        folders, files = self._table("Folder", _folder_of), self._table("File", _file_of)
        slowest = self._table("Test", _function_of, SLOWEST)
        tables = f"## By command\n\n{rings}\n## By folder\n\n{folders}\n## By file\n\n{files}\n"
        return f"{head}\n{tables}## The slowest {SLOWEST} tests\n\n{slowest}"

    def _table(self, what: str, group_of: Callable[[str], str], most: int | None = None) -> str:
        groups: dict[str, list[float]] = defaultdict(list)
        for nodeid, seconds in self.seconds.items():
            groups[group_of(nodeid)].append(seconds)
        rows = sorted(groups.items(), key=lambda group: (-sum(group[1]), group[0]))[:most]
        lines = [f"| {sum(cases):,.1f} | {len(cases):,} | {max(cases):,.1f} | `{name}` |" for name, cases in rows]
        return "\n".join([f"| Seconds | Cases | Slowest case | {what} |", "|---:|---:|---:|---|", *lines, ""])


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the report."""
    parser.addoption("--durations-report", help="write where the time goes to this file, in Markdown")


def pytest_configure(config: pytest.Config) -> None:
    """Collect durations where results come together: not in the processes of pytest-xdist."""
    if config.getoption("--durations-report") and not hasattr(config, "workerinput"):
        processes = len(config.getoption("tx", None) or []) or 1
        config.pluginmanager.register(Durations(processes), "durations-report")


def _function_of(nodeid: str) -> str:
    return nodeid.partition("[")[0].partition("@")[0].removeprefix("tests/")  # behind @ is the group of pytest-xdist


def _file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0].removeprefix("tests/")


def _folder_of(nodeid: str) -> str:
    folder, slash, _ = _file_of(nodeid).rpartition("/")
    return folder + slash or "./"
