"""The cost of each route by key with a thousand imported accounts and with a million (SCALE): it is the same."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import mongoengine
import requests
from bson import ObjectId
from pymongo import MongoClient

from authsvc.devdb import Database, quirks
from authsvc.models.audit import AuditEvent
from authsvc.models.users import User
from bench import user_transfer
from bench.harness import PASSWORD, Row, on
from tests.support.service import Service, Visitor

FEW, MANY = 1_000, int(os.environ.get("SCALE", "1000000"))
SAMPLE = 100_000
CALLS = 200
MOST = 1.2
BEGINNING = "user-500"
SEARCH = f"GET /admin/users?q={BEGINNING}&limit=20"
READ = (
    "/",
    "/auth/me",
    "/auth/verify",
    "/auth/sessions?limit=1",
    "/auth/access-tokens?limit=1",
    "/auth/mfa",
    "/auth/passkeys",
)
ABOUT_ONE = ("{id}", "{id}/sessions?limit=1", "{id}/access-tokens?limit=1")
"""Routes that read by a key: the caller's own, and an account's under /admin/users."""

Call = Callable[[], requests.Response]


SEARCHES: dict[str, tuple[str, Callable[[], Any]]] = {
    "GET /admin/users?q=, addresses": ("email_key", lambda: User.ranges("email", BEGINNING, {}, None)[0]),
    "GET /admin/users?q=, names": ("name_key", lambda: User.ranges("name", BEGINNING, {}, None)[0]),
    "GET /admin/users?role=": ("role", lambda: User.ranges("id", None, {"role": "admin"}, None)[0]),
    "GET /admin/users?status=disabled": ("disabled", lambda: User.ranges("disabled_at", None, {}, None)[0]),
    "GET /admin/audit?action=": ("action", lambda: AuditEvent.objects(action="login.failed").order_by("-id")),
    "GET /admin/audit?user=": ("target", lambda: AuditEvent.objects(target=ObjectId()).order_by("-id")),
}
"""The query of each route that lists or searches, and the index that it must use."""


def scale() -> list[Row]:
    """Import a thousand users and a million, then call the routes in turns on both services and compare the medians."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="authsvc-bench-")))
        few = user_transfer.write_users(folder / "few.jsonl", FEW)
        many = user_transfer.write_users(folder / "many.jsonl", MANY)
        fill(folder / "few", few)
        before = user_transfer.insert_rate(many, SAMPLE)
        rate = MANY / fill(folder / "many", many)
        bare = fmean([before, user_transfer.insert_rate(many, SAMPLE)])
        figure = f"{rate:,.0f}/s = {rate / bare:.0%} of {bare:,.0f}/s by insert_many"
        rows: list[Row] = [(f"users imported, of {MANY:,}", figure, rate / bare >= user_transfer.LEAST)]
        database = stack.enter_context(Database(folder / "many"))  # a server that was just started, on the same data
        pair = [calls_of(stack, stack.enter_context(Database(folder / "few"))), calls_of(stack, database)]
        rows += plans(database.uri)
        rows += [compare(name, pair[0][name], pair[1][name]) for name in pair[0] if name != SEARCH]
        return [*rows, search_row(pair[1])]


def fill(folder: Path, file: Path) -> float:
    """Import a file into a database of its own; return how long that took."""
    with Database(folder) as database:
        return user_transfer.import_seconds(on(database.uri), file)


def compare(name: str, few: Call, many: Call) -> Row:
    """Call a route in turns on both services, and compare the medians."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(CALLS):
        for call, times in zip((few, many), seconds, strict=True):
            begin = perf_counter()
            assert call().ok
            times.append(perf_counter() - begin)
    less, more = median(seconds[0]), median(seconds[1])
    figure = f"{less * 1e3:.1f} ms, {more * 1e3:.1f} ms"
    return f"{name}, {FEW:,} and {MANY:,} accounts", figure, more / less <= MOST


def search_row(calls: dict[str, Call]) -> Row:
    """Time a search among the many; on the embedded database it costs what its whole range does."""
    seconds = []
    for _ in range(20):
        begin = perf_counter()
        answer = calls[SEARCH]()
        seconds.append(perf_counter() - begin)
        assert answer.ok
    count = len(answer.json()["items"])
    return f"{SEARCH}, {count} found among {MANY:,}", f"{median(seconds) * 1e3:.1f} ms", None


def plans(uri: str) -> list[Row]:
    """Check that the database answers each of `SEARCHES` from its index, and does not scan the collection."""
    quirks.install()
    mongoengine.connect(host=uri, uuidRepresentation="standard")
    try:
        return [_plan(route, index, query()) for route, (index, query) in SEARCHES.items()]
    finally:
        mongoengine.disconnect()


def _plan(route: str, index: str, query: Any) -> Row:
    stages = list(_stages(query.explain()["queryPlanner"]["winningPlan"]))
    names = [str(step.get("stage")) for step in stages]
    indexes = {step["indexName"] for step in stages if "indexName" in step}
    return f"plan of {route}", f"{' < '.join(names)}: {index}", "COLLSCAN" not in names and indexes == {index}


def _stages(plan: dict[str, Any]) -> list[dict[str, Any]]:
    below = [plan["inputStage"]] if "inputStage" in plan else plan.get("inputStages", [])
    return [plan, *(step for one in below for step in _stages(one))]


def calls_of(stack: ExitStack, database: Database) -> dict[str, Call]:
    """Return the calls on a service with this database: every route that reads by a key, and a search."""
    service = stack.enter_context(Service(**on(database.uri)))
    visitor = Visitor(service.url, keep_alive=True)
    tokens = visitor.register("bench@example.com", PASSWORD).json()
    other = visitor.register("other@example.com", PASSWORD).json()  # whose oldest sessions end while this one's go on
    with MongoClient[dict[str, Any]](database.uri) as client:
        for name in ("users", "sessions"):
            client.get_default_database()[name].update_many({"email": "bench@example.com"}, {"$set": {"role": "admin"}})
    bearer = {"Authorization": f"Bearer {tokens['accessToken']}"}
    latest, numbers = [tokens["refreshToken"]], count()

    def ask(method: str, path: str, body: Any = None) -> Call:
        return lambda: visitor.request(method, path, json=body, headers=bearer)

    def refresh() -> requests.Response:
        answer = visitor.refresh(latest[0])
        latest[0] = answer.json()["refreshToken"]
        return answer

    def end_a_session() -> requests.Response:
        visitor.login("other@example.com", PASSWORD)
        session = visitor.request("GET", f"{one}/sessions?limit=1", headers=bearer).json()["items"][0]
        assert session["id"]
        return visitor.request("DELETE", f"{one}/sessions", headers=bearer)

    one = f"/admin/users/{other['user']['id']}"
    script = {"name": "bench", "scopes": ["account:read"], "expiresInDays": 1}
    return {
        "register": lambda: visitor.register(f"new-{next(numbers)}@example.com", PASSWORD),
        "login": lambda: visitor.login("other@example.com", PASSWORD),
        "refresh": refresh,
        **{f"GET {path}": ask("GET", path) for path in READ},
        **{f"GET {one_of_them}": ask("GET", one_of_them.replace("{id}", one)) for one_of_them in ABOUT_ONE},
        "PATCH /auth/me": ask("PATCH", "/auth/me", {"name": "Bench"}),
        "POST /auth/access-tokens": ask("POST", "/auth/access-tokens", script),
        "POST /auth/password/forgot": ask("POST", "/auth/password/forgot", {"email": "other@example.com"}),
        "PATCH {id}": ask("PATCH", one, {"name": "Other"}),
        "POST {id}/password-reset": ask("POST", f"{one}/password-reset"),
        SEARCH: ask("GET", SEARCH.removeprefix("GET ")),
        "login, and DELETE {id}/sessions": end_a_session,
    }
