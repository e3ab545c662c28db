"""The base of all documents: bounded database steps, their expiry, and times in UTC."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec, Self, TypeVar, cast

import bson
import mongoengine
import pymongo
from bson import ObjectId
from mongoengine.fields import DateTimeField, ObjectIdField
from mongoengine.queryset import QuerySet
from pymongo import MongoClient, ReturnDocument
from pymongo.collection import Collection
from pymongo.read_concern import ReadConcern

from authsvc.models.connection import STEP_SECONDS
from authsvc.models.ids import new_id

P = ParamSpec("P")
R = TypeVar("R")

EXPIRY: dict[str, Any] = {"fields": ["expires_at"], "name": "expiry", "expireAfterSeconds": 0}
"""The index by which the database deletes documents at their `expires_at`."""

_LINEARIZABLE = ReadConcern("linearizable")
_was_standalone = False

WHOLE_SECONDS = 3600.0
"""Limit of a step that reads a whole collection, which in a large one takes more than seconds."""


def deadline(seconds: float) -> AbstractContextManager[None]:
    """Limit all database work inside to `seconds`, and to any deadline that is already running."""
    return pymongo.timeout(seconds)


def bounded(step: Callable[P, R]) -> Callable[P, R]:
    """Limit a database step to `STEP_SECONDS`, and to what remains of its request's deadline."""

    @wraps(step)
    def within_time(*args: P.args, **kwargs: P.kwargs) -> R:
        with deadline(STEP_SECONDS):
            return step(*args, **kwargs)

    return within_time


def unhurried(step: Callable[P, R]) -> Callable[P, R]:
    """Limit a step that reads a whole collection to an hour: no request waits for it."""

    @wraps(step)
    def in_its_own_time(*args: P.args, **kwargs: P.kwargs) -> R:
        with deadline(WHOLE_SECONDS):
            return step(*args, **kwargs)

    return in_its_own_time


def object_id(text: str) -> ObjectId | None:
    """Return the id in 24 hexadecimal digits, None for any other text."""
    return ObjectId(text) if ObjectId.is_valid(text) else None


def linearizable(collection: Collection[dict[str, Any]]) -> Collection[dict[str, Any]]:
    """Return a collection in which a read of one document, by its key, finds all that was acknowledged before.

    A primary that was replaced, and does not know it yet, can't answer it.
    """
    if _is_standalone(collection.database.client):
        return collection  # nobody replaces it, and it refuses such a reading
    return collection.with_options(read_concern=_LINEARIZABLE)


def _is_standalone(client: MongoClient[dict[str, Any]]) -> bool:
    """Tell whether the server is no replica set; one that can't be reached at this moment is as it was."""
    global _was_standalone  # noqa: PLW0603 - of the one connection that a process has
    kinds = {server.server_type_name for server in client.topology_description.server_descriptions().values()}
    if kinds - {"Unknown"}:
        _was_standalone = "Standalone" in kinds
    return _was_standalone


class Queries(QuerySet):
    """The queries that several collections share."""

    def first(self) -> Any:
        """Return the first of these documents, None if there is none."""
        return next(self.limit(1), None)  # as shipped it copies the query twice more, and the command with it

    def newest(self, limit: int, *, before: str | None = None) -> list[Any]:
        """Return the newest documents, newest first, from after the one with the id `before`."""
        older = self if before is None else self.filter(id__lt=object_id(before))
        return list(older.order_by("-id").limit(limit))


class Document(mongoengine.Document):
    """A document that keeps the fields of other writers; its indexes are made only before the first request."""

    meta: dict[str, Any] = {"abstract": True, "strict": False, "auto_create_index": False, "queryset_class": Queries}

    def save(self, **options: Any) -> Any:
        """Store a document. Raises NotUniqueError."""
        key = self._fields.get("id")
        if isinstance(key, ObjectIdField) and key.__get__(self, type(self)) is None:
            key.__set__(self, new_id())  # the driver's own don't order what two workers store within a second
        return super().save(**options)

    @bounded
    def insert(self) -> Self:
        """Store a new document. Raises NotUniqueError."""
        return cast(Self, self.save(force_insert=True))

    @classmethod
    @bounded
    def by_key(cls, key: ObjectId | str | None, *, to_keep: bool = False) -> Self | None:
        """Return the document with this `_id`; `to_keep` in memory, it has all that was acknowledged before."""
        return cls.one({"_id": key}, to_keep=to_keep)

    @classmethod
    def one(cls, condition: dict[str, Any], *, to_keep: bool = False) -> Self | None:
        """Return a document that meets a condition, by the names of the database; `to_keep` likewise."""
        # Without a query set: to make one costs as much as the command.
        collection = cls._get_collection()
        document = (linearizable(collection) if to_keep else collection).find_one(condition)
        return None if document is None else cast(Self, cls._from_son(document))

    @classmethod
    def change_one(cls, condition: dict[str, Any], changes: dict[str, Any]) -> Self | None:
        """Change a document that meets a condition, by the names of the database; return it as it is after that."""
        changed = cls._get_collection().find_one_and_update(condition, changes, return_document=ReturnDocument.AFTER)
        return None if changed is None else cast(Self, cls._from_son(changed))

    @classmethod
    def decode_decoy(cls, decoy: bytes) -> None:
        """Decode a document, as BSON, if there is none to read: its absence must not show in time (ASVS 6.3.8)."""
        cls._from_son(bson.decode(decoy))


class UtcDateTimeField(DateTimeField):
    """An aware time in UTC; a naive time of an older writer counts as UTC."""

    def to_python(self, value: Any) -> datetime | None:
        """Return the stored value as an aware time."""
        time: datetime | None = super().to_python(value)
        return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


def utc_field(**options: Any) -> Any:
    """Return a `UtcDateTimeField`, for an attribute that is annotated as a time, or as a time or None."""
    return UtcDateTimeField(**options)
