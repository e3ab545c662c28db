"""The cost of `GET /` compared with an earlier commit, `BEFORE=<revision>`: both in one run, in alternating rounds."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench import sides
from bench.harness import Row
from tests.support.service import ROOT

BEFORE = os.environ.get("BEFORE") or "7e4eaa3"
ROUNDS = 12
SECONDS = 2
CONNECTIONS = 16


def compare() -> list[Row]:
    """Compare `GET /` with the same route of an earlier commit: answers a second, and processor time of the workers."""
    what = f"GET / beside {BEFORE}"
    with checked_out(BEFORE) as tree, ExitStack() as stack:
        if tree is None:
            return [(what, "left out: there is no git here, or no such commit", None)]
        (now, _), (before, _) = (stack.enter_context(sides.authsvc(code)) for code in (ROOT, tree))
        sides.alternate([now, before], rounds=ROUNDS, connections=CONNECTIONS, seconds=SECONDS)
    gain, share = sides.ratio(now.rates, before.rates), sides.ratio(now.costs, before.costs)
    rates = f"{median(now.rates):.0f}/s, before {median(before.rates):.0f}/s: {gain:.2f} times"
    costs = f"{median(now.costs):.0f} us, before {median(before.costs):.0f}: {share:.0%}"
    return [(what, rates, gain >= 1.12), ("  processor time of the workers, a request", costs, share <= 0.9)]


@contextmanager
def checked_out(revision: str) -> Iterator[Path | None]:
    """Check out a commit for a while; yield its folder, None if there is no git or no such commit."""
    with TemporaryDirectory(prefix="authsvc-before-") as folder:
        tree = Path(folder) / "authsvc"
        if not git("worktree", "add", "--detach", "--force", str(tree), revision):
            yield None
            return
        try:
            yield tree
        finally:
            git("worktree", "remove", "--force", str(tree))


def git(*arguments: str) -> bool:
    """Run git on this repository; tell whether it succeeded."""
    if shutil.which("git") is None:
        return False
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=False, capture_output=True).returncode == 0
