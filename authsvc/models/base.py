"""What all documents share: bounded database steps, and times in UTC."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import bson
import mongoengine
import pymongo
from bson import ObjectId
from mongoengine.fields import DateTimeField
from mongoengine.queryset import QuerySet

P = ParamSpec("P")
R = TypeVar("R")

STEP_SECONDS = 4.0
"""What one step may take: a dead database is told from a slow one before the client gives up."""


def deadline(seconds: float) -> AbstractContextManager[None]:
    """Bound all database work inside by `seconds`, and by any deadline that is already running."""
    return pymongo.timeout(seconds)


def bounded(step: Callable[P, R]) -> Callable[P, R]:
    """Give a database step at most `STEP_SECONDS`, and never more than its request has left."""

    @wraps(step)
    def within_time(*args: P.args, **kwargs: P.kwargs) -> R:
        with deadline(STEP_SECONDS):
            return step(*args, **kwargs)

    return within_time


def object_id(text: str) -> ObjectId | None:
    """Return the id that 24 hexadecimal digits name, None for any other text."""
    return ObjectId(text) if ObjectId.is_valid(text) else None


class Queries(QuerySet):
    """Asks for single values first, and for ranges of them after that.

    MongoEngine sorts conditions by name, and the embedded database takes the index of the first that has one: by
    `expiresAt > now` before `user = …` it walks through what all users have.
    """

    @property
    def _query(self) -> dict[str, Any]:
        conditions = super()._query
        return dict(sorted(conditions.items(), key=lambda condition: isinstance(condition[1], dict | list)))


class Document(mongoengine.Document):
    """A document that keeps the fields of other writers, and whose indexes are made before the first request only."""

    meta = {"abstract": True, "strict": False, "auto_create_index": False, "queryset_class": Queries}

    @classmethod
    def read_in_vain(cls, stored: bytes) -> None:
        """Do the work of reading a document, as BSON, where there is none: time must not tell that (ASVS 6.3.8)."""
        cls._from_son(bson.decode(stored))


class UtcDateTimeField(DateTimeField):
    """An aware time in UTC; a naive one that an older writer left is taken as UTC."""

    def to_python(self, value: Any) -> datetime | None:
        """Return the stored value as an aware time."""
        found: datetime | None = super().to_python(value)
        return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def utc_field(**options: Any) -> Any:
    """Return a `UtcDateTimeField`; a document annotates it as what it holds, a time or None."""
    return UtcDateTimeField(**options)
