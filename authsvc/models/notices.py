"""The `notices` collection: one document, by which all workers learn whose sessions, or tokens, have just changed."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from itertools import chain
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from bson import ObjectId
from mongoengine.fields import DictField, ListField, ObjectIdField, StringField
from pymongo.errors import DuplicateKeyError

from authsvc import clock
from authsvc.models.base import Document, bounded, linearizable, object_id
from authsvc.models.ids import new_id

P = ParamSpec("P")
R = TypeVar("R")
Whose = TypeVar("Whose", str, ObjectId, list[ObjectId], str | ObjectId)

LEASE_SECONDS = 0.25
"""How long a worker may use what it keeps after it has last asked for notices.

No setting: a worker with a longer one would accept what others have promised that nobody does.
"""
WAIT_SECONDS = LEASE_SECONDS * 1.02 + 0.002
"""How long after a notice no worker uses what was kept before, by clocks that run within 2 % of each other."""

_KEY = "sessions"
_MOST = 128
"""How many notices there are at a time, and how many ids one has: for more, the workers keep nothing."""
_leases_over: ContextVar[float | None] = ContextVar("leases_over", default=None)


@dataclass(frozen=True, slots=True)
class News:
    """What was posted since a mark: the newest mark, and ids of sessions, tokens and users; None for any there are."""

    mark: ObjectId | None
    of: frozenset[ObjectId] | None


class Notices(Document):
    """The latest notices, and the mark of the newest one.

    The marks are random: numbers would be given twice by a database that lost the last of them.
    """

    meta = {"collection": "notices"}

    name: str = StringField(primary_key=True)
    mark: ObjectId = ObjectIdField(required=True)
    recent: list[dict[str, Any]] = ListField(DictField())

    @classmethod
    @bounded
    def post(cls, ids: Iterable[ObjectId | None]) -> None:
        """Tell all workers what has been changed before: these sessions and access tokens, or those of these users."""
        known = [one for one in ids if one is not None]
        if len(known) > _MOST:  # every worker reads the document, and the database takes no more than 16 MB of it
            cls._write({"$set": _beginning()})
        elif known:
            notice = {"mark": new_id(), "of": known}
            cls._write({"$set": {"mark": notice["mark"]}, "$push": {"recent": {"$each": [notice], "$slice": -_MOST}}})

    @classmethod
    @bounded
    def forget(cls) -> None:
        """Tell all workers to keep nothing of what they have kept."""
        cls._write({"$set": _beginning()})

    @classmethod
    @bounded
    def begin(cls) -> None:
        """Make the document, if there is none."""
        with suppress(DuplicateKeyError):  # another worker has just made it
            cls._get_collection().update_one({"_id": _KEY}, {"$setOnInsert": _beginning()}, upsert=True)

    @classmethod
    @bounded
    def since(cls, mark: ObjectId | None) -> News | None:
        """Return what was posted since a mark; None if nothing was."""
        collection = linearizable(cls._get_collection())
        newest = collection.find_one({"_id": _KEY}, {"mark": 1}) or {}
        if newest.get("mark") == mark:
            return None
        stored = collection.find_one({"_id": _KEY}) or {}
        recent = cast(list[dict[str, Any]], stored.get("recent", []))
        marks = [one["mark"] for one in recent]
        # A mark that is not there any more was long ago, or of another history: somebody restored a backup.
        new = recent[marks.index(mark) + 1 :] if mark in marks else None
        return News(
            stored.get("mark"), None if new is None else frozenset(chain.from_iterable(one["of"] for one in new))
        )

    @classmethod
    def _write(cls, change: dict[str, Any]) -> None:
        # Making it is a step of its own: of several upserts that would, some servers keep one and acknowledge all.
        if cls._get_collection().update_one({"_id": _KEY}, change).matched_count == 0:
            cls.begin()
            cls._get_collection().update_one({"_id": _KEY}, change)
        _leases_over.set(clock.elapsed() + WAIT_SECONDS)


def _beginning() -> dict[str, Any]:
    """Return a list in which no worker finds its mark."""
    mark = new_id()
    return {"mark": mark, "recent": [{"mark": mark, "of": []}]}


def take_end_of_leases() -> float | None:
    """Return when no worker uses any longer what this request has changed, by `clock.elapsed`, and forget it.

    None if it has changed nothing that workers keep.
    """
    over = _leases_over.get()
    _leases_over.set(None)
    return over


def with_notice(step: Callable[Concatenate[Any, Whose, P], R]) -> Callable[Concatenate[Any, Whose, P], R]:
    """Tell all workers of a step that changes what they may keep: of what, or of whose, its first argument says.

    It tells whatever the step found: whoever did the same before may have died before telling.
    """

    @wraps(step)
    def step_and_notice(cls: Any, whose: Whose, /, *args: P.args, **kwargs: P.kwargs) -> R:
        result = step(cls, whose, *args, **kwargs)
        Notices.post(_ids(whose))
        return result

    step_and_notice.posts = True  # type: ignore[attr-defined]  # for the test that looks for those that don't
    return step_and_notice


def _ids(whose: str | ObjectId | list[ObjectId]) -> list[ObjectId | None]:
    if isinstance(whose, list):
        return [*whose]
    return [object_id(whose) if isinstance(whose, str) else whose]
