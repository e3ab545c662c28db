"""How MongoEngine's queries are adapted to the planner of the embedded database. Production never loads this.

MongoDB needs none of it: there a compare-and-set is one `findAndModify`, and the best index is chosen.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import bson
import mongoengine
from bson.codec_options import CodecOptions
from mongoengine.connection import get_connection
from mongoengine.errors import NotUniqueError
from mongoengine.queryset import QuerySet, transform
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from authsvc.devdb import conditions

Stored = dict[str, Any]

_AS_READ: CodecOptions[Stored] = CodecOptions(tz_aware=True)
_answer: tuple[MongoClient[Stored], bool] | None = None


def install() -> None:
    """Give every document class a query set that adapts itself if the embedded database answers.

    Call it after the documents are defined.
    """
    for document in _documents(mongoengine.Document):
        plain = document._meta.get("queryset_class", QuerySet)
        if not issubclass(plain, EmbeddedQuerySet):
            bases = (EmbeddedQuerySet,) if plain is QuerySet else (plain, EmbeddedQuerySet)
            document._meta["queryset_class"] = type(f"Embedded{plain.__name__}", bases, {})


def is_embedded() -> bool:
    """Tell whether the server is the embedded database, whoever started it. Raises a database error."""
    global _answer  # noqa: PLW0603 - of the one connection that a process has
    client = get_connection()
    if _answer is None or _answer[0] is not client:
        _answer = (client, "secantusVersion" in client.admin.command("buildInfo"))
    return _answer[1]


class EmbeddedQuerySet(QuerySet):
    """Filters first by what leaves the least to be read; changes or deletes one document in two commands."""

    def modify(self, *, remove: bool = False, new: bool = False, **changes: Any) -> Any:
        """Change or delete one document that meets the condition, as atomically as one command would.

        Returns it as it was before or, with `new`, after the change; None if there is none. Raises NotUniqueError.
        """
        if not is_embedded():
            return super().modify(remove=remove, new=new, **changes)
        # `findAndModify` reads the whole collection, even if the condition names the `_id`.
        target = (self._collection, self._query)
        options: dict[str, Any] = {
            "fields": list(self._document._db_field_map.values()),
            "order": self._ordering or None,
        }
        if remove:
            removed = remove_one(*target, **options)
            return None if removed is None else self._document._from_son(removed)
        try:
            versions = change_one(*target, transform.update(self._document, **changes), **options)
        except DuplicateKeyError as error:
            raise NotUniqueError(str(error)) from error
        return None if versions is None else self._document._from_son(versions[1] if new else versions[0])

    @property
    def _query(self) -> Stored:
        return conditions.in_order(self._document, super()._query)  # MongoEngine sorts them by name


def change_one(
    collection: Collection[Stored], condition: Stored, update: Stored, *, fields: list[str], order: Any = None
) -> tuple[Stored, Stored] | None:
    """Change the first document that meets a condition, and return it before and after; None if there is none.

    `update` holds update operators, `fields` are the stored names of everything that the application writes.
    """
    while (document := collection.find_one(condition, sort=order)) is not None:
        # The filter has every field as it was read, so the document that is returned is exactly the one written.
        if collection.update_one(_same_as(document, fields), update).matched_count:
            return document, apply(document, update)
    return None


def remove_one(collection: Collection[Stored], condition: Stored, *, fields: list[str], order: Any = None) -> Any:
    """Delete the first document that meets a condition, and return it; None if there is none (any more)."""
    while (document := collection.find_one(condition, sort=order)) is not None:
        if collection.delete_one(_same_as(document, fields)).deleted_count:
            return document
    return None


def apply(stored: Stored, update: Mapping[str, Mapping[str, Any]]) -> Stored:
    """Return a document as the database stores it after an update. Raises KeyError for an unknown operator."""
    changed: Stored = bson.decode(bson.encode(stored), codec_options=_AS_READ)
    for operator, changes in update.items():
        for path, value in changes.items():
            *parents, name = path.split(".")
            place = changed
            for parent in parents:
                place = place.setdefault(parent, {})
            if operator == "$unset":
                place.pop(name, None)
            else:
                place[name] = _OPERATORS[operator](place.get(name), value)
    return bson.decode(bson.encode(changed), codec_options=_AS_READ)  # times lose what is below a millisecond


def _documents(base: Any) -> Iterator[Any]:
    yield base
    for subclass in base.__subclasses__():
        yield from _documents(subclass)


def _same_as(document: Stored, fields: list[str]) -> Stored:
    """Return the condition that a document is still as it was read, its key first; None matches a missing field too."""
    return {"_id": document["_id"], **{name: document.get(name) for name in fields if name != "_id"}}


def _each(value: Any) -> list[Any]:
    return list(value["$each"]) if isinstance(value, dict) and "$each" in value else [value]


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "$set": lambda _, value: value,
    "$inc": lambda old, value: (old or 0) + value,
    "$max": lambda old, value: value if old is None else max(old, value),
    "$push": lambda old, value: [*(old or []), *_each(value)],
    "$pull": lambda old, value: [one for one in old or [] if one != value],
    "$addToSet": lambda old, value: [*(old or []), *(one for one in _each(value) if one not in (old or []))],
}
