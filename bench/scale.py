"""What each route by key costs with a thousand accounts and with a million: the same."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import requests
from bson import ObjectId
from pymongo import MongoClient

from authsvc.embedded import Database
from bench.stage import PASSWORD, Row, on
from tests.support.service import Service, Visitor

FEW, MANY = 1_000, 1_000_000
BATCH = 10_000
CALLS = 300
MOST = 1.2

Call = Callable[[], requests.Response]


def by_key() -> list[Row]:
    """Call the routes in turns on both services, and compare the medians."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="authsvc-bench-")))
        pair = [calls_of(stack, folder / str(size), size) for size in (FEW, MANY)]
        rows: list[Row] = []
        for name in pair[0]:
            taken: tuple[list[float], list[float]] = ([], [])
            for _ in range(CALLS):
                for calls, times in zip(pair, taken, strict=True):
                    begin = perf_counter()
                    assert calls[name]().ok
                    times.append(perf_counter() - begin)
            few, many = median(taken[0]), median(taken[1])
            rows.append(
                (f"{name}, {FEW} and {MANY} accounts", f"{few * 1e3:.1f} ms, {many * 1e3:.1f} ms", many / few <= MOST)
            )
    return rows


def calls_of(stack: ExitStack, folder: Path, size: int) -> dict[str, Call]:
    """Return what is called on a service with so many accounts."""
    with Database(folder) as database, Service(**on(database.uri)), MongoClient(database.uri) as client:
        fill(client.get_default_database().users, size)
    database = stack.enter_context(Database(folder))  # a server that was just started, on the same data
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


def fill(users: Any, size: int) -> None:
    """Insert so many accounts, as an import would."""
    for begin in range(0, size, BATCH):
        users.insert_many(
            [
                {
                    "_id": ObjectId(),
                    "name": f"User {number}",
                    "email": f"user-{number}@example.com",
                    "password": "$2b$12$" + "a" * 53,
                    "role": "user",
                    "createdAt": datetime.now(UTC),
                }
                for number in range(begin, min(begin + BATCH, size))
            ],
            ordered=False,
        )
