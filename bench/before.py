"""The cost of `GET /` compared with an earlier commit, `BEFORE=<revision>`: both in one run, in alternating rounds."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench import load
from bench.harness import PASSWORD, Row, database
from tests.support.service import ROOT, Service, Visitor

BEFORE = os.environ.get("BEFORE") or "7e4eaa3"
ROUNDS = 12
SECONDS = 2
CONNECTIONS = 16


@dataclass
class Side:
    """A service on a database of its own, a signed-in user, and the figures of each round.

    `rates` are answers a second, `costs` microseconds of the workers' processor time for each request.
    """

    service: Service
    token: str
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Send the requests of one round."""
        spent = self._spent()
        request = load.http("GET", "/", token=self.token)
        plan = {"port": self.service.port, "connections": CONNECTIONS, "seconds": SECONDS, "requests": [request]}
        result = load.finish(load.start(**plan))
        assert result.refused == 0, result.statuses
        self.costs.append((self._spent() - spent) / len(result.seconds) * 1e6)
        self.rates.append(result.rate)

    def _spent(self) -> float:
        times = [worker.cpu_times() for worker in self.service.workers()]
        return sum(one.user + one.system for one in times)


def compare() -> list[Row]:
    """Compare `GET /` with the same route of an earlier commit: answers a second, and processor time of the workers."""
    what = f"GET / beside {BEFORE}"
    with checked_out(BEFORE) as tree, ExitStack() as stack:
        if tree is None:
            return [(what, "left out: there is no git here, or no such commit", None)]
        now, before = start(stack, ROOT), start(stack, tree)
        for number in range(ROUNDS):
            for side in (now, before) if number % 2 else (before, now):
                side.run()
    # The median of pairs of rounds: a machine that is busy for a moment spoils only one.
    gain = median(new / old for new, old in zip(now.rates, before.rates, strict=True))
    share = median(new / old for new, old in zip(now.costs, before.costs, strict=True))
    rates = f"{median(now.rates):.0f}/s, before {median(before.rates):.0f}/s: {gain:.2f} times"
    costs = f"{median(now.costs):.0f} us, before {median(before.costs):.0f}: {share:.0%}"
    return [(what, rates, gain >= 1.1), ("  processor time of the workers, a request", costs, share <= 0.9)]


def start(stack: ExitStack, code: Path) -> Side:
    """Serve the code in a folder, on a fresh database."""
    settings = stack.enter_context(database())
    service = stack.enter_context(Service(cwd=code, **settings))
    answer = Visitor(service.url).register("bench@example.com", PASSWORD)
    return Side(service, answer.json()["accessToken"])


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
