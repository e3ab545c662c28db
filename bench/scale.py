"""What each route by key costs with a thousand accounts and with a million (SCALE), all of them imported: the same."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import requests
from pymongo import MongoClient

from authsvc.embedded import Database
from bench import moving
from bench.stage import PASSWORD, Row, on
from tests.support.service import Service, Visitor

FEW, MANY = 1_000, int(os.environ.get("SCALE", "1000000"))
SAMPLE = 100_000
CALLS = 300
MOST = 1.2

Call = Callable[[], requests.Response]


@dataclass(frozen=True)
class Search:
    """What a list or a search asks of the database, and the index that it is to be answered from."""

    route: str
    collection: str
    filter: dict[str, Any]
    sort: dict[str, int]
    index: str


SEARCHES: tuple[Search, ...] = ()
"""One for each route that lists or searches (`GET /admin/users?q=`): `plans` looks at how the database answers it."""


def scale() -> list[Row]:
    """Import a thousand users and a million, then call the routes in turns on both services and compare the medians."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="authsvc-bench-")))
        few = moving.written(folder / "few.jsonl", FEW)
        many = moving.written(folder / "many.jsonl", MANY)
        fill(folder / "few", few)
        before = moving.inserts(many, SAMPLE)
        rate = MANY / fill(folder / "many", many)
        bare = fmean([before, moving.inserts(many, SAMPLE)])
        figure = f"{rate:,.0f}/s = {rate / bare:.0%} of {bare:,.0f}/s by insert_many"
        rows: list[Row] = [(f"users imported, of {MANY:,}", figure, rate / bare >= moving.LEAST)]
        database = stack.enter_context(Database(folder / "many"))  # a server that was just started, on the same data
        rows += plans(database.uri)
        pair = [calls_of(stack, stack.enter_context(Database(folder / "few"))), calls_of(stack, database)]
        return rows + [compared(name, pair[0][name], pair[1][name]) for name in pair[0]]


def fill(folder: Path, file: Path) -> float:
    """Import a file into a database of its own; return how long that took."""
    with Database(folder) as database:
        return moving.imported(on(database.uri), file)


def compared(name: str, few: Call, many: Call) -> Row:
    """Call a route in turns on both services, and compare the medians."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(CALLS):
        for call, times in zip((few, many), taken, strict=True):
            begin = perf_counter()
            assert call().ok
            times.append(perf_counter() - begin)
    less, more = median(taken[0]), median(taken[1])
    figure = f"{less * 1e3:.1f} ms, {more * 1e3:.1f} ms"
    return f"{name}, {FEW:,} and {MANY:,} accounts", figure, more / less <= MOST


def plans(uri: str) -> list[Row]:
    """Look at how the database answers each of `SEARCHES`: from its index, and by no reading of all documents."""
    with MongoClient(uri) as client:
        return [_plan(client.get_default_database(), search) for search in SEARCHES]


def _plan(database: Any, search: Search) -> Row:
    found = database[search.collection].find(search.filter).sort(list(search.sort.items())).explain()
    stages = list(_stages(found["queryPlanner"]["winningPlan"]))
    names = [str(stage.get("stage")) for stage in stages]
    indexes = {stage["indexName"] for stage in stages if "indexName" in stage}
    return f"plan of {search.route}", " < ".join(names), "COLLSCAN" not in names and indexes == {search.index}


def _stages(plan: dict[str, Any]) -> list[dict[str, Any]]:
    below = [plan["inputStage"]] if "inputStage" in plan else plan.get("inputStages", [])
    return [plan, *(stage for one in below for stage in _stages(one))]


def calls_of(stack: ExitStack, database: Database) -> dict[str, Call]:
    """Return what is called on a service with this database."""
    service = stack.enter_context(Service(**on(database.uri)))
    visitor = Visitor(service.url, keep_alive=True)
    tokens = visitor.register("bench@example.com", PASSWORD).json()
    visitor.register("other@example.com", PASSWORD)  # whose oldest sessions end while this one's go on
    bearer = {"Authorization": f"Bearer {tokens['accessToken']}"}
    access, held = tokens["accessToken"], [tokens["refreshToken"]]

    def refresh() -> requests.Response:
        answer = visitor.refresh(held[0])
        held[0] = answer.json()["refreshToken"]
        return answer

    return {
        "login": lambda: visitor.login("other@example.com", PASSWORD),
        "refresh": refresh,
        "GET /": lambda: visitor.home(access),
        "GET /auth/me": lambda: visitor.me(access),
        "GET /auth/verify": lambda: visitor.request("GET", "/auth/verify", headers=bearer),
        "GET /auth/sessions": lambda: visitor.request("GET", "/auth/sessions?limit=1", headers=bearer),
    }
