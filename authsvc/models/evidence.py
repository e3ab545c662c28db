"""Evidence of whether an announced change was made, in case the process died before it could say so.

A record or a letter about a change is stored before the change. Until the change is confirmed it carries a digest of
the fields that the change is about, as they were before. If the process dies in between, the digest is compared with
the fields as they are then: if it is the same, the change was not made.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import bson
from mongoengine import EmbeddedDocument
from mongoengine.connection import get_db
from mongoengine.fields import DynamicField, ListField, StringField

from authsvc.models.base import bounded

HELD_FOR = timedelta(seconds=60)
"""Limit of a change from its announcement on, far longer than a request. After that it is settled."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event changes: some fields of one document, by their names in the database.

    `key` is the document's `_id`; `_id` is also the field of a document that is made or deleted.
    """

    collection: str
    key: Any
    fields: tuple[str, ...]


class Evidence(EmbeddedDocument):
    """A subject, and a SHA-256 digest of it as it was before the change; empty if there was no such document."""

    meta = {"strict": False}

    collection: str = StringField(required=True)
    key: Any = DynamicField(required=True)
    fields: list[str] = ListField(StringField(), required=True)
    digest: str = StringField(default="")

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """Return the evidence of a subject as it is now. Raises a database error."""
        return cls(
            collection=subject.collection,
            key=subject.key,
            fields=sorted(subject.fields),
            digest=_digest(subject.collection, subject.key, sorted(subject.fields)),
        )

    def shows_a_change(self) -> bool:
        """Tell whether the subject is no longer as it was. Raises a database error."""
        return _digest(self.collection, self.key, self.fields) != self.digest


@bounded
def _digest(collection: str, key: Any, fields: list[str]) -> str:
    stored = get_db()[collection].find_one({"_id": key}, dict.fromkeys(fields, 1))
    if stored is None:
        return ""
    # By name: the order in which a document happens to have its fields says nothing.
    return hashlib.sha256(bson.encode({name: stored.get(name) for name in fields})).hexdigest()
