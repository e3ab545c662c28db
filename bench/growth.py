"""The cost of each route by key among a thousand sessions, grants, letters, … of others, and among GROWN of each.

It is the processor time of the workers and of the database: that does not depend on what else the machine does.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pymongo import MongoClient

from authsvc.devdb import Database
from bench import routes_by_key
from bench.harness import Row, on
from bench.routes_by_key import Person
from tests.support import growth
from tests.support.service import Service

FEW, MANY = 1_000, int(os.environ.get("GROWN", "100000"))
CALLS, ROUNDS = 40, 3
MOST = 1.2


def growth_figures() -> list[Row]:
    """Fill two databases, then make each request in turns on both services and compare the medians."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="authsvc-bench-")))
        people = [_person(stack, folder / name, others) for name, others in (("few", FEW), ("many", MANY))]
        return [_compare(name, request, *people) for name, request in routes_by_key.REQUESTS.items()]


def _person(stack: ExitStack, folder: Path, others: int) -> Person:
    with Database(folder, durable=False) as database:
        fill(database.uri, others)
    database = stack.enter_context(Database(folder))  # a server that was just started, on the same data
    service = stack.enter_context(Service(**on(database.uri)))
    return Person(service, database)


def fill(uri: str, count: int) -> None:
    """Put so many documents into every collection that grows, and make the indexes."""
    with MongoClient[dict[str, Any]](uri, **growth.PATIENT) as client:
        growth.fill(client.get_default_database(), count)
    growth.index(uri)


def _compare(name: str, request: Callable[[Person], object], few: Person, many: Person) -> Row:
    """Compare the medians; one that is too much is taken again, up to `ROUNDS` times in all: a walk stays one."""
    for _ in range(ROUNDS):
        for _ in range(CALLS):
            for person in (few, many):
                request(person)
        (less, sooner), (more, later) = few.take(), many.take()
        if more / less <= MOST:
            break
    figure = f"{less * 1e3:.1f} ms, {more * 1e3:.1f} ms = {more / less:.2f} (answer {later / sooner:.2f})"
    return f"{name}, beside {FEW:,} and {MANY:,}", figure, more / less <= MOST
