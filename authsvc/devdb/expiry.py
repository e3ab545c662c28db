"""What has expired is removed by its indexes, by a program of its own that is given the URI of the database.

The server's own way is to read every document of every collection once a minute. Nothing is answered meanwhile, which
among a hundred thousand sessions takes seconds.
"""

import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError

Stored = dict[str, Any]

PAUSE_SECONDS = 60.0
_AT_ONCE = 500
"""So few that others are answered in between."""


def remove_expired(database: Database[Stored], now: datetime) -> int:
    """Delete what an index says has expired; return how many documents that were."""
    removed = 0
    for name in database.list_collection_names():
        for index in database[name].list_indexes():
            if "expireAfterSeconds" in index:
                removed += _remove(database[name], _expired(index, now))
    return removed


def _expired(index: Mapping[str, Any], now: datetime) -> Stored:
    (field,) = index["key"]
    own = index.get("partialFilterExpression", {})
    return {**own, field: {"$lt": now - timedelta(seconds=float(index["expireAfterSeconds"]))}}


def _remove(collection: Collection[Stored], expired: Stored) -> int:
    keys = [document["_id"] for document in collection.find(expired, {"_id": 1})]
    removed = 0
    for start in range(0, len(keys), _AT_ONCE):
        some = {"_id": {"$in": keys[start : start + _AT_ONCE]}}
        removed += collection.delete_many({**some, **expired}).deleted_count  # unless it has been prolonged since
    return removed


def main(uri: str) -> None:
    """Remove what has expired once a minute, until this process is ended."""
    with MongoClient[Stored](uri, timeoutMS=60_000) as client:
        while True:
            time.sleep(PAUSE_SECONDS)
            with suppress(PyMongoError):  # the server may just be started again
                now: datetime = client.admin.command("hello")["localTime"]
                remove_expired(client.get_default_database(), now)


if __name__ == "__main__":
    main(sys.argv[1])
