"""What a server other than the embedded one does not promise, and which tests rest on: for `make test-on URI=…`."""

import os
from collections.abc import Iterable, Mapping

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from authsvc.models import servers

LACKS: Mapping[str, Mapping[str, str]] = {
    servers.DOCUMENTDB: {
        "collation": "it makes no index with a collation, so no earlier release has run on it",
        "counts": "the estimate of a collection's size lags behind",
        "plans": "its `explain` names stages and indexes of PostgreSQL",
        "read concerns": "it takes any, and there is one primary",
    },
    servers.FERRETDB: {
        "plans": "its `explain` has no plan",
    },
}
"""By the name of a server, what it lacks, and why; servers that are not listed lack nothing that is known."""

NEEDS = {"collation", "counts", "plans", "read concerns"}
"""What a test may be marked with: `@pytest.mark.needs("plans")`."""


def lacking(name: str, needs: Iterable[str]) -> str | None:
    """Return why a test with these needs can't be run on a server of this name, None if it can."""
    lacks = LACKS.get(name, {})
    return next((f"{name}: {lacks[need]}" for need in needs if need in lacks), None)


def skip_what_is_lacking(items: Iterable[pytest.Item]) -> None:
    """Skip the tests that the server of TEST_MONGODB_URI can't pass, with the reason; without one, none."""
    uri = os.environ.get("TEST_MONGODB_URI")
    name = _name_of(uri) if uri else ""
    for item in items:
        needs = [str(need) for marker in item.iter_markers("needs") for need in marker.args]
        unknown = {*needs} - NEEDS
        if unknown:
            raise pytest.UsageError(f"{item.nodeid} needs what nobody knows: {', '.join(sorted(unknown))}")
        reason = lacking(name, needs)
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


def _name_of(uri: str) -> str:
    try:
        with MongoClient(uri, serverSelectionTimeoutMS=10_000) as client:
            return servers.name_of(client.admin.command("buildInfo"), client.admin.command("hello"))
    except PyMongoError as error:
        raise pytest.UsageError(f"the server of TEST_MONGODB_URI does not answer ({type(error).__name__})") from error
