"""The program of the server: SecantusDB, with four changes that none of its settings makes.

- It does not look for what has expired, which `expiry` does: its settings have a name for that
  (`storage.ttl_sweep_seconds`), and its own program ignores it.
- A condition that names the key is looked up by the key. As shipped, `findAndModify` walks through the whole
  collection.
- Which indexes a collection has is read once for a condition. As shipped it is read and decoded three times for each
  field in it, which was most of what a command cost.
- The first documents of a range, in the order of its index, are found without reading the rest. As shipped all of it is
  read and sorted: of ten thousand deliveries that wait, each time that one is leased.
"""

import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from secantus import cli
from secantus.storage import Storage

Index = tuple[str, dict[str, Any], dict[str, Any]]

_candidates = Storage._try_index_id_keys
_read_indexes = Storage._iter_indexes
_find = Storage.find_matching
_scan = Storage._range_scan_index

_RANGE = ("$gt", "$gte", "$lt", "$lte")
_ASCENDING_BY_ITSELF = (1, False)
_NO_MORE = 1
_WINDOWS = (32, 512, 8192)
"""So many entries of an index are read at first, and then if they were too few."""


class _Condition(threading.local):
    """The condition that a thread looks up: the indexes of the collection, once they are read; None between two.

    Of a range of the index `first_of` at most `left` entries are still read.
    """

    indexes: dict[tuple[str, str], list[Index]] | None = None
    looked_up: bool = False
    first_of: str | None = None
    left: int = 0


_condition = _Condition()


@contextmanager
def _indexes_read_once() -> Iterator[None]:
    outer, _condition.indexes = _condition.indexes, _condition.indexes or {}
    try:
        yield
    finally:
        _condition.indexes = outer


def _candidates_by_key(self: Storage, db: str, coll: str, filter: Mapping[str, Any], **options: Any) -> Any:  # noqa: A002
    """Return the ids of the records that a condition may mean, each of which is still looked at; None for all."""
    if _condition.looked_up:  # a part of the condition
        return _candidates(self, db, coll, filter, **options)
    _condition.looked_up = True
    try:
        with _indexes_read_once():
            keys = _candidates(self, db, coll, {"_id": filter["_id"]}, **options) if "_id" in filter else None
            return _candidates(self, db, coll, filter, **options) if keys is None else keys
    finally:
        _condition.looked_up = False


def _indexes(self: Storage, db: str, coll: str) -> Iterable[Index]:
    if _condition.indexes is None:  # whoever changes indexes reads them as they are at each step
        indexes: Iterable[Index] = _read_indexes(self, db, coll)
        return indexes
    if (db, coll) not in _condition.indexes:
        _condition.indexes[db, coll] = list(_read_indexes(self, db, coll))
    return _condition.indexes[db, coll]


def _find_first(self: Storage, db: str, coll: str, filter: Any = None, **options: Any) -> Any:  # noqa: A002
    """Return the documents that match; if there is a limit, from the beginning of the range as far as is needed."""
    limit, ordered_by = options.get("limit") or 0, _ordered_by(filter, options)
    if not limit or ordered_by is None:
        return _find(self, db, coll, filter, **options)
    with _indexes_read_once():
        index = _ordering_index(self, db, coll, filter, ordered_by)
        if index is None or self.index_is_multikey(db, coll, index):
            return _find(self, db, coll, filter, **options)
        for most in _WINDOWS:
            _condition.first_of, _condition.left = index, most
            try:
                documents = _find(self, db, coll, filter, **options)
            finally:
                _condition.first_of = None
            if _condition.left > 0 or len(documents) >= limit:  # that was all of the range, or it is enough
                return documents
        return _find(self, db, coll, filter, **options)


def _ordered_by(condition: Any, options: Mapping[str, Any]) -> str | None:
    """Return by which field a condition, which gives a range of it, wants its documents sorted; None if there is none.

    What names an index, a collation or bounds is left as it is.
    """
    sort = dict(options.get("sort") or {})
    if len(sort) != 1 or any(options.get(name) for name in ("hint", "collation", "min_bound", "max_bound")):
        return None
    ((field, direction),) = sort.items()
    bounds = (condition or {}).get(field)
    in_range = isinstance(bounds, Mapping) and bounds and all(operator in _RANGE for operator in bounds)
    return field if direction == 1 and in_range else None


def _ordering_index(self: Storage, db: str, coll: str, condition: Any, field: str) -> str | None:
    """Return the name of the index by which a condition is looked up, if it is in the order of the field."""
    choice = self._pick_compound_range_index(db, coll, condition)
    if choice is not None:
        name, directions = choice
        return str(name) if directions.get(field) == 1 else None
    index = self._find_leading_field_index(db, coll, field, condition)
    return str(index[0]) if index is not None and index[1:] == _ASCENDING_BY_ITSELF else None


def _scan_first(self: Storage, db: str, coll: str, name: str, *bounds: Any, **options: Any) -> Any:
    """Return the ids of the records in a range of an index, or of its first ones."""
    storage = self if name != _condition.first_of else _FirstOnly(self)
    return _scan(storage, db, coll, name, *bounds, **options)


class _FirstOnly:
    """What a scan of an index asks of the storage: a cursor, which comes to its end early."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def _cursor(self, table: str) -> "_ShortCursor":
        return _ShortCursor(self._storage._cursor(table))


class _ShortCursor:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def next(self) -> int:
        """Go on; return something other than 0 if there is no more, or no more is bounds."""
        _condition.left -= 1
        return int(self._cursor.next()) if _condition.left > 0 else _NO_MORE


Storage._try_index_id_keys = _candidates_by_key
Storage._iter_indexes = _indexes
Storage.find_matching = _find_first
Storage._range_scan_index = _scan_first
cli.SecantusDBServer = partial(cli.SecantusDBServer, ttl_sweep_seconds=0)

if __name__ == "__main__":
    sys.exit(cli.main())
