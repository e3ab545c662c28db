"""How MongoEngine's queries are adapted to the planner of the embedded database. Production never loads this.

MongoDB needs none of it: there the best index is chosen.
"""

from collections.abc import Iterator
from typing import Any

import mongoengine
from mongoengine.queryset import QuerySet

from authsvc.devdb import conditions


def install() -> None:
    """Give every document class a query set that filters first by what leaves the least to be read.

    Call it after the documents are defined.
    """
    for document in _documents(mongoengine.Document):
        plain = document._meta.get("queryset_class", QuerySet)
        if not issubclass(plain, EmbeddedQuerySet):
            bases = (EmbeddedQuerySet,) if plain is QuerySet else (plain, EmbeddedQuerySet)
            document._meta["queryset_class"] = type(f"Embedded{plain.__name__}", bases, {})


class EmbeddedQuerySet(QuerySet):
    """Sends conditions in an order of its own."""

    @property
    def _query(self) -> dict[str, Any]:
        return conditions.in_order(self._document, super()._query)  # MongoEngine sorts them by name


def _documents(base: Any) -> Iterator[Any]:
    yield base
    for subclass in base.__subclasses__():
        yield from _documents(subclass)
