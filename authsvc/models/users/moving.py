"""Accounts that move in and out: many at once, as they are, and never with a plain password (ASVS 11.4.2)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import bson
from bson import ObjectId
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from mongoengine.errors import MongoEngineException, ValidationError
from pymongo.errors import BulkWriteError

from authsvc.models.base import deadline
from authsvc.models.users.document import User
from authsvc.security.passwords import PasswordHash

_STEP_SECONDS = 60.0
"""What one batch may take."""

_ENCODED: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, uuid_representation=UuidRepresentation.STANDARD)
_AS_STORED: CodecOptions[dict[str, Any]] = _ENCODED.with_options(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
_DUPLICATE = 11000

_TEXTS = ("name", "role")
_TIMES = ("createdAt", "emailVerifiedAt", "passwordChangedAt", "disabledAt")
_PLAIN = {"_id", "email", "password", *_TEXTS, *_TIMES}
_OWN = {own.db_field for own in User._fields.values()}
_MISREAD = (set(User._fields) - _OWN) | {"id", "pk", "self", "_cls", "_created", "__auto_convert"}
"""Names that MongoEngine would take for something else when it loads the document."""


class NotStorable(ValueError):
    """A document that can't be an account; the message says why, and quotes no value of it."""


class NewAccount:
    """A document that may be inserted as it is.

    It has an id and an address, its password is a `PasswordHash` or not there, and every field of ours is of its kind.
    Raises NotStorable.
    """

    __slots__ = ("email", "id", "password", "raw", "role")

    def __init__(self, document: dict[str, Any]) -> None:
        if not isinstance(document.get("_id"), ObjectId) or not isinstance(document.get("email"), str):
            raise NotStorable("an id or an address is missing")
        if not isinstance(document.get("password"), PasswordHash | None):
            raise NotStorable("password: stored as a hash alone")
        _require_kinds(document)
        self.id: ObjectId = document["_id"]
        self.email: str = document["email"]
        self.password: PasswordHash | None = document.get("password")
        self.role: str | None = document.get("role")
        try:
            self.raw = RawBSONDocument(bson.encode(document, codec_options=_ENCODED))
        except (BSONError, ValueError, OverflowError, TypeError, RecursionError) as error:
            raise NotStorable("holds a value that can't be stored") from error


def _require_kinds(document: dict[str, Any]) -> None:
    names = document.keys()
    if not _MISREAD.isdisjoint(names):
        raise NotStorable(f"{min(_MISREAD & names)}: a field of this name can't be kept")
    for name in _TEXTS:
        if not isinstance(document.get(name), str | None):
            raise NotStorable(f"{name}: no text")
    for name in _TIMES:
        if not isinstance(document.get(name), datetime | None):
            raise NotStorable(f"{name}: no time")
    if _OWN & names <= _PLAIN:
        return
    try:
        User._from_son({name: document[name] for name in _OWN & names}).validate()
    except (MongoEngineException, ValidationError, BSONError, ValueError, TypeError, AttributeError) as error:
        raise NotStorable("holds a field of ours that is of another kind") from error


@dataclass(slots=True)
class Inserted:
    """Which of a batch, by position, were not inserted: there already, by id or address, or refused."""

    known: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)


def insert_new(accounts: Sequence[NewAccount]) -> Inserted:
    """Insert those that are not there yet; whoever is there stays as it is. Raises a database error."""
    outcome = Inserted()
    if accounts:
        try:
            with deadline(_STEP_SECONDS):
                User._get_collection().insert_many([one.raw for one in accounts], ordered=False)
        except BulkWriteError as error:
            if error.details["writeConcernErrors"]:
                raise
            for one in error.details["writeErrors"]:
                (outcome.known if one["code"] == _DUPLICATE else outcome.refused).add(one["index"])
    return outcome


def ids_and_addresses() -> Iterator[tuple[ObjectId, str]]:
    """Yield the id and the address of every account, in no order."""
    for one in User._get_collection().find({}, {"email": 1}, batch_size=10_000):
        yield one["_id"], str(one.get("email", ""))


def every() -> Iterator[dict[str, Any]]:
    """Yield every account as it is stored, fields of other writers included, in no order."""
    yield from User._get_collection().with_options(codec_options=_AS_STORED).find({}, batch_size=1_000)


def about_how_many() -> int:
    """Return how many accounts there are, without counting them."""
    with deadline(_STEP_SECONDS):
        return int(User._get_collection().estimated_document_count())
