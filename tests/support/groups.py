"""Which tests run one after the other in one process of pytest-xdist, and which groups come first.

A file is a group, so that what it shares is made once. Long files are split, and folders that share services are a few
groups. Groups that mostly wait (for browsers, for faults) begin in turn with those that compute.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from zlib import crc32

import pytest
from xdist.scheduler import LoadScopeScheduling

SHARED = {"tests/browser": 4, "tests/faults": 7, "tests/machines": 1}
"""Folders whose files share services, and into how many groups they are put."""

SPLIT = {
    "tests/api/test_odd_bodies.py": 2,
    "tests/api/test_recovery.py": 3,
    "tests/api/test_revocation.py": 3,
    "tests/cli/test_exports.py": 2,
    "tests/test_hostile_bytes.py": 3,
}
"""Files that take so long that they are more than one group."""

WAITING = (
    *("tests/browser", "tests/faults", "tests/machines", "tests/examples", "tests/proxies", "tests/clients"),
    "tests/services",
)
"""What begins with one of these waits more than it computes."""

TOGETHER = {"tests/cli/test_encodings.py": "encodings", "tests/cli/test_output.py": "encodings"}
"""Files that share what is dear to start: interpreters of the same encodings."""


class Scheduling(LoadScopeScheduling):
    """Gives each process whole groups. pytest-xdist 3.8's own `loadgroup` does nothing with pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def arrange(items: list[pytest.Item]) -> None:
    """Sort the tests by group, so that groups begin in a good order."""
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(group_of(item.nodeid), []).append(item)
    items[:] = chain.from_iterable(groups[name] for name in _ordered(groups))


def group_of(nodeid: str) -> str:
    """Return the name of a test's group."""
    file = nodeid.partition("::")[0]
    folder = file.rpartition("/")[0]
    if folder in SHARED:
        return f"{folder}-{crc32(file.encode()) % SHARED[folder]}"
    if file in SPLIT:
        return f"{file}-{crc32(nodeid.encode()) % SPLIT[file]}"
    return TOGETHER.get(file, file)


def _ordered(groups: Iterable[str]) -> Iterator[str]:
    """Yield the groups: long ones first, and those that wait in turn with those that compute."""
    waiting = [name for name in groups if name.startswith(WAITING)]
    computing = [name for name in groups if not name.startswith(WAITING)]
    for names in (waiting, computing):
        names.sort(key=lambda name: not name.startswith((*SHARED, *SPLIT, "encodings")))  # stable: the rest as it was
    yield from (name for pair in zip_longest(waiting, computing) for name in pair if name is not None)
