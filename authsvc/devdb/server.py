"""The program of the server: SecantusDB, with three changes that none of its settings makes.

- It does not look for what has expired, which `expiry` does: its settings have a name for that
  (`storage.ttl_sweep_seconds`), and its own program ignores it.
- A condition that names the key is looked up by the key. As shipped, `findAndModify` walks through the whole
  collection.
- Which indexes a collection has is read once for a condition. As shipped it is read and decoded three times for each
  field in it, which was most of what a command cost.
"""

import sys
import threading
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from secantus import cli
from secantus.storage import Storage

Index = tuple[str, dict[str, Any], dict[str, Any]]

_candidates = Storage._try_index_id_keys
_read_indexes = Storage._iter_indexes


class _Condition(threading.local):
    """The condition that a thread looks up: the indexes of the collection, once they are read; None between two."""

    indexes: dict[tuple[str, str], list[Index]] | None = None


_condition = _Condition()


def _candidates_by_key(self: Storage, db: str, coll: str, filter: Mapping[str, Any], **options: Any) -> Any:  # noqa: A002
    """Return the ids of the records that a condition may mean, each of which is still looked at; None for all."""
    if _condition.indexes is not None:  # a part of the condition
        return _candidates(self, db, coll, filter, **options)
    _condition.indexes = {}
    try:
        keys = _candidates(self, db, coll, {"_id": filter["_id"]}, **options) if "_id" in filter else None
        return _candidates(self, db, coll, filter, **options) if keys is None else keys
    finally:
        _condition.indexes = None


def _indexes(self: Storage, db: str, coll: str) -> Iterable[Index]:
    if _condition.indexes is None:  # whoever changes indexes reads them as they are at each step
        indexes: Iterable[Index] = _read_indexes(self, db, coll)
        return indexes
    if (db, coll) not in _condition.indexes:
        _condition.indexes[db, coll] = list(_read_indexes(self, db, coll))
    return _condition.indexes[db, coll]


Storage._try_index_id_keys = _candidates_by_key
Storage._iter_indexes = _indexes
cli.SecantusDBServer = partial(cli.SecantusDBServer, ttl_sweep_seconds=0)

if __name__ == "__main__":
    sys.exit(cli.main())
