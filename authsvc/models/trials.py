"""The `trials` collection: the steps that everything rests on are tried there before a server is trusted."""

from collections.abc import Iterator
from contextvars import copy_context
from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import Any

from bson import ObjectId
from mongoengine.connection import get_connection
from mongoengine.errors import NotUniqueError
from mongoengine.fields import IntField, ObjectIdField, StringField
from pymongo.errors import ExecutionTimeout, OperationFailure

from authsvc import clock
from authsvc.models.base import EXPIRY, Document, deadline, utc_field
from authsvc.models.ids import new_id

_KEPT = timedelta(minutes=5)
_SECONDS = 30.0
"""Limit of a whole trial."""

_sound: Any = None
"""The client whose server has passed."""


class Trial(Document):
    """A document of one trial; what is left of one that was interrupted expires."""

    meta = {
        "collection": "trials",
        "indexes": [{"fields": ["key"], "name": "key", "unique": True, "sparse": True}, EXPIRY],
    }

    id: ObjectId = ObjectIdField(primary_key=True)
    key: str | None = StringField()
    generation: int = IntField(default=0)
    count: int = IntField(default=0)
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)


def faults(*, writers: int, rounds: int, keeping: bool = False) -> list[str]:
    """Return what the server does wrong, as phrases after its name; nothing if it can be trusted.

    `keeping` sessions in memory asks more of it. The indexes of the collection must be there. Raises a database error.
    """
    with deadline(_SECONDS):
        return [*_faults_of_keys(), *_faults_of_races(writers, rounds), *(_faults_of_reads() if keeping else ())]


def faults_once(*, writers: int, rounds: int, keeping: bool) -> list[str]:
    """Return the same, and try no server twice that has passed."""
    global _sound  # noqa: PLW0603 - of the one connection that a process has
    client = get_connection()
    if _sound is client:
        return []
    wrong = faults(writers=writers, rounds=rounds, keeping=keeping)
    _sound = None if wrong else client
    return wrong


def _new(key: str | None = None) -> Trial:
    return Trial(id=new_id(), key=key, expires_at=clock.now() + _KEPT)


def _faults_of_keys() -> Iterator[str]:
    """Try a unique key: nobody else gets it, a range finds it, and it is free again once its document is deleted."""
    key = f"{new_id()}/a"
    _new(key).insert()
    if _takes(key):
        yield "stores two documents with the same unique key"
    beginning = key.removesuffix("a")
    ranged = Trial.objects(key__gte=beginning, key__lt=beginning + "\U0010ffff")
    if {one.key for one in ranged} != {key}:
        yield "does not find by a range of an index what begins with a text"
    Trial.objects(key=key).delete()
    if not _takes(key):
        yield "refuses a unique key whose document was deleted"
    Trial.objects(key=key).delete()


def _takes(key: str) -> bool:
    try:
        _new(key).insert()
    except NotUniqueError:
        return False
    return True


def _faults_of_races(writers: int, rounds: int) -> Iterator[str]:
    """Let writers change one document at the same time, each if it is as it was, and count; look at what came of it."""
    common = _new().insert()
    wins = [_winners(writers, common.id, generation) for generation in range(rounds)]
    after = Trial.by_key(common.id)
    Trial.objects(id=common.id).delete()
    if max(wins) > 1:
        yield f"lets {max(wins)} of {writers} writers change a document that each of them expects to be as it was"
    elif after is None or after.generation != rounds or min(wins) < 1:
        yield "loses changes that it has acknowledged, or makes changes that it has not"
    if after is not None and after.count != writers * rounds:
        yield f"counts {after.count} of {writers * rounds} increments at the same time"


def _faults_of_reads() -> Iterator[str]:
    """Try a reading that only the present primary can answer."""
    try:
        Trial.by_key(new_id(), to_keep=True)
    except ExecutionTimeout:
        raise  # it would have, but for the other members
    except OperationFailure as error:
        yield f"refuses linearizable reads, which SESSION_CACHE needs ({error.code})"


def _winners(writers: int, common: ObjectId, generation: int) -> int:
    """Let so many writers change the document at the same time; return how many could. Raises a database error."""
    barrier, wins, errors = Barrier(writers), list[bool](), list[Exception]()

    def write(number: int) -> None:
        try:
            barrier.wait(_SECONDS)
            same = Trial.objects(id=common, generation=generation)
            if number % 2:  # the two forms in which everything is changed
                wins.append(bool(same.update_one(set__generation=generation + 1)))
            else:
                wins.append(same.modify(set__generation=generation + 1) is not None)
            Trial.objects(id=common).update_one(inc__count=1)
        except Exception as error:  # noqa: BLE001 - raised below, where somebody waits for it
            errors.append(error)

    # Threads of its own: a pool takes nothing more once the command that this happens beside is about to end.
    # Each has a copy of the context, with the deadline.
    threads = [Thread(target=copy_context().run, args=(write, number), daemon=True) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_SECONDS)
    if errors:
        raise errors[0]
    return sum(wins)
