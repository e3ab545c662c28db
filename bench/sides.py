"""Services that are compared: each answers the same request in alternating rounds; its figures are kept by round."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from pymongo import MongoClient

from authsvc.devdb import Database
from bench import closed_loop, load
from bench.harness import PASSWORD, on, serving
from tests.support.service import ROOT, Service, Visitor

Processes = Callable[[], list[psutil.Process]]


@dataclass
class Side:
    """A service at a port, the texts of requests for it, its workers and its database.

    For each round: `rates` are answers a second, `costs` and `database_costs` microseconds of processor time for a
    request, `reads` those of the database for 1,000 requests, `waits` the seconds within which 99 of 100 answers came.
    """

    port: int
    texts: list[str]
    workers: Processes
    database: Database | None = None
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    database_costs: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def run(self, connections: int, seconds: float) -> None:
        """Send the requests of one round."""
        before = self._used()
        result = closed_loop.run(port=self.port, connections=connections, seconds=seconds, texts=self.texts)
        assert result.refused == 0, result.statuses
        answers = sum(result.statuses.values())
        costs = [(after - earlier) / answers for after, earlier in zip(self._used(), before, strict=True)]
        for figures, cost, unit in zip(
            (self.costs, self.database_costs, self.reads), costs, (1e6, 1e6, 1e3), strict=True
        ):
            figures.append(cost * unit)
        self.rates.append(result.rate)
        self.waits.append(result.quantile(0.99))

    def forget(self) -> None:
        """Begin anew with the figures."""
        for figures in (self.rates, self.costs, self.database_costs, self.reads, self.waits):
            figures.clear()

    def _used(self) -> tuple[float, float, int]:
        """Return the seconds of processor time of workers and database until now, and the reads of the database."""
        if self.database is None:
            return spent(self.workers()), 0.0, 0
        with MongoClient[dict[str, Any]](self.database.uri) as client:
            reads = client.admin.command("serverStatus")["opcounters"]["query"]
        return spent(self.workers()), spent(family(self.database.pid)), reads


def spent(processes: Iterable[psutil.Process]) -> float:
    """Return the seconds of processor time that the processes have used."""
    times = [one.cpu_times() for one in processes]
    return sum(one.user + one.system for one in times)


def alternate(sides: Sequence[Side], *, rounds: int, connections: int, seconds: float) -> None:
    """Let the sides take turns, every other time in reverse."""
    for side in sides:
        side.forget()
    for number in range(rounds):
        for side in sides if number % 2 else reversed(sides):
            side.run(connections, seconds)


def ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """Return the median of the ratios of each round: a machine that is busy for a moment spoils only one."""
    return median(one / max(other, 1e-9) for one, other in zip(ours, others, strict=True))


@contextmanager
def authsvc(code: Path = ROOT, *, sessions: int = 1, **settings: str) -> Iterator[tuple[Side, dict[str, str]]]:
    """Serve the code in a folder on a fresh database, with so many sessions; yield its side, and the settings."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="authsvc-bench-")))
        database = stack.enter_context(Database(folder / "mongodb"))
        chosen = {**on(database.uri), **settings}
        service = stack.enter_context(Service(cwd=code, **chosen))
        visitor = Visitor(service.url)
        answers = [visitor.register(f"bench-{number}@example.com", PASSWORD) for number in range(sessions)]
        texts = [load.http("GET", "/", token=answer.json()["accessToken"]) for answer in answers]
        yield Side(service.port, texts, service.workers, database), chosen


@contextmanager
def bare(settings: dict[str, str]) -> Iterator[Side]:
    """Serve a plain Flask route under the same gunicorn; yield its side."""
    with serving("bench.baseline:app", settings) as service:
        yield Side(service.port, [load.http("GET", "/")], service.workers)


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all that it has started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
