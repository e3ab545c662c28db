"""The database server: whether it can be trusted, and what `flask doctor` says of it."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from flask import current_app

from authsvc import clock
from authsvc.models import expiry, readiness, servers, trials
from authsvc.models.driver_errors import DATABASE_ERRORS
from authsvc.services.findings import Finding

_GRACE = timedelta(hours=1)
"""For so long a server may leave what has expired: one that is busy is late."""

_AT_A_START = {"writers": 4, "rounds": 3}
_THOROUGH = {"writers": 8, "rounds": 20}
_REMEDY = "use another server: docs/operate/databases.md names those that are known"


def refusal() -> str | None:
    """Return why the server can't be used, by what is known of it. Raises a database error."""
    server = servers.identify()
    return None if server.fault is None else f"{server.name} {server.version} {server.fault}"


def failure() -> str | None:
    """Return what a server does wrong that this process has not tried yet. Raises a database error."""
    wrong = trials.faults_once(**_AT_A_START, keeping=current_app.config["SESSION_CACHE"])
    return f"{servers.identify().name} {', and '.join(wrong)}" if wrong else None


def description() -> list[str]:
    """Return lines that say which server answers, and what is not known of it; nothing if none answers."""
    try:
        server = servers.identify()
    except DATABASE_ERRORS:
        return []
    return [f"database: {server}", *(f"    authsvc was never tested {words}" for words in server.unknown)]


def kind(config: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is known, or found by trying, against the server."""
    server = servers.identify()
    if server.fault is not None:
        yield Finding("MONGODB_URI", f"{server.name} {server.version} {server.fault}", _REMEDY)
        return
    if not server.is_known:
        yield Finding("MONGODB_URI", f"authsvc was never tested on {server.name}", "run `make test-on URI=…` on it")
    can_be_tried = not any(name.startswith("trials.") for name in readiness.missing_indexes())
    for fault in trials.faults(**_THOROUGH, keeping=config["SESSION_CACHE"]) if can_be_tried else ():
        yield Finding("MONGODB_URI", f"{server.name} {fault}", _REMEDY)


def expired(_config: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield which collections keep what has expired."""
    for collection, since in expiry.overdue(clock.now(), _GRACE):
        yield Finding(
            collection,
            f"it has documents that expired on {since:%Y-%m-%d}, which the server should have removed",
            "run `flask db prune` once a day, or use a server that removes them",
        )
