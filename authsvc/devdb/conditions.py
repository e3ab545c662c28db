"""The order of the conditions of a query: the embedded database goes by the first one that has an index.

It does not ask how much that index leaves to be looked through: by `expiresAt > now` before `user = …` it would read
the sessions of all users.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

_KEY, _UNIQUE, _SHARED, _WIDE = range(4)
"""How much the index of a field leaves: one document, one, those of one owner, many."""


def in_order(document: Any, query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the conditions of a query for a class of documents, those first that leave the least to be read."""
    widths = _widths(document)
    return dict(sorted(query.items(), key=lambda condition: _rank(widths.get(condition[0], _WIDE), condition[1])))


@cache
def _widths(document: Any) -> dict[str, int]:
    widths = {"_id": _KEY}
    for index in document._meta["index_specs"]:
        name = index["fields"][0][0]
        widths[name] = min(widths.get(name, _WIDE), _width(index))
    return widths


def _width(index: Mapping[str, Any]) -> int:
    if index.get("unique") and len(index["fields"]) == 1:
        return _UNIQUE
    # What has not expired yet, and what is an app's, is most of a collection.
    return _WIDE if "expireAfterSeconds" in index or "partialFilterExpression" in index else _SHARED


def _rank(width: int, value: Any) -> int:
    if value is None:  # most documents have no such field
        return _WIDE + 3
    if not isinstance(value, dict | list):
        return width
    return width + (2 if isinstance(value, dict) and "$in" in value else 8)
