"""Evidence of whether an announced change was made, in case the process died before it could say so.

A record or a letter about a change is stored before the change. Until the change is confirmed it carries a digest of
the fields that the change is about, as they were before. If the process dies in between, the digest is compared with
the fields as they are then: if it is the same, the change was not made.
"""

import hashlib
from collections.abc import Mapping
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

    `key` is the document's `_id`; `_id` is also the field of a document that is made or deleted. `is_new` says that the
    key was made for this change, so there was no such document before; `before` is what the fields are known to be.
    """

    collection: str
    key: Any
    fields: tuple[str, ...]
    is_new: bool = False
    before: Mapping[str, Any] | None = None


class Evidence(EmbeddedDocument):
    """A subject, and a SHA-256 digest of it as it was before the change; empty if there was no such document."""

    meta = {"strict": False}

    collection: str = StringField(required=True)
    key: Any = DynamicField(required=True)
    fields: list[str] = ListField(StringField(), required=True)
    digest: str = StringField(default="")

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """Return the evidence of a subject as it is now, read if it is not known. Raises a database error."""
        fields = sorted(subject.fields)
        if subject.is_new:
            digest = ""
        elif subject.before is not None:
            digest = _digest_of(subject.before, fields)
        else:
            digest = _digest(subject.collection, subject.key, fields)
        return cls(collection=subject.collection, key=subject.key, fields=fields, digest=digest)

    def shows_a_change(self) -> bool:
        """Tell whether the subject is no longer as it was. Raises a database error."""
        return _digest(self.collection, self.key, self.fields) != self.digest


@bounded
def _digest(collection: str, key: Any, fields: list[str]) -> str:
    stored = get_db()[collection].find_one({"_id": key}, dict.fromkeys(fields, 1))
    return "" if stored is None else _digest_of(stored, fields)


def _digest_of(stored: Mapping[str, Any], fields: list[str]) -> str:
    # By name: the order in which a document happens to have its fields says nothing.
    return hashlib.sha256(bson.encode({name: stored.get(name) for name in fields})).hexdigest()
