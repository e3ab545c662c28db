"""Compare-and-sets by themselves: `python -m bench.raw_compare_and_set URI CLIENTS [SKIPPED]`.

Each client has a document of its own: of two fields, in a collection without indexes. Or, with SKIPPED, a session of
the service, the first so many of which others have, and changes it as a refresh does.
"""

import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo import MongoClient
from pymongo.collection import Collection

SECONDS = 4.0

Stored = dict[str, Any]


def main(uri: str, clients: int, skipped: int | None) -> float:
    """Return compare-and-sets a second."""
    with MongoClient[Stored](uri, w="majority", journal=True, tz_aware=True) as client:
        database = client.get_default_database()
        steps = _bare(database.swaps, clients) if skipped is None else _of_sessions(database.sessions, clients, skipped)
        with ThreadPoolExecutor(clients) as pool:
            return sum(pool.map(_count, steps)) / SECONDS


def _count(step: Callable[[], bool]) -> int:
    count, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        assert step(), "somebody else has changed it"
        count += 1
    return count


def _bare(collection: Collection[Stored], clients: int) -> list[Callable[[], bool]]:
    documents = [{"_id": ObjectId(), "generation": 0} for _ in range(clients)]
    collection.insert_many(documents)
    return [_step(collection, one, {}, lambda _: {}) for one in documents]


def _of_sessions(collection: Collection[Stored], clients: int, skipped: int) -> list[Callable[[], bool]]:
    begun = datetime.now(UTC)
    live = {"expiresAt": {"$gt": begun}, "lastUsedAt": {"$gt": begun.replace(year=begun.year - 1)}, "endedAt": None}

    def rest(now: datetime) -> Stored:
        return {"$max": {"lastUsedAt": now}, "$set": {"rotatedAt": now}}

    stored = collection.find({}, {"generation": 1}).sort("_id").skip(skipped).limit(clients)
    return [_step(collection, one, live, rest) for one in stored]


def _step(
    collection: Collection[Stored],
    document: Mapping[str, Any],
    condition: Stored,
    changes: Callable[[datetime], Stored],
) -> Callable[[], bool]:
    """Return a function that advances a document by one generation; it tells whether the document was as expected."""
    generation = document["generation"]

    def step() -> bool:
        nonlocal generation
        now = datetime.now(UTC)
        expected = {"_id": document["_id"], "generation": generation, **condition}
        changed = collection.find_one_and_update(expected, {"$inc": {"generation": 1}, **changes(now)})
        generation += 1
        return changed is not None

    return step


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None))
