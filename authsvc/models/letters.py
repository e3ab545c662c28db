"""The `letters` collection: the outbox. What is in it gets delivered, at least once, or is kept as dead."""

from datetime import datetime, timedelta
from typing import Self, cast

from bson import ObjectId
from mongoengine.fields import IntField, ObjectIdField, StringField

from authsvc.models.base import Document, bounded, object_id, utc_field

NOBODY = "-"
"""To whom a letter is that is never delivered."""


class Letter(Document):
    """A letter to somebody: which (`kind`), and, sealed, what it says.

    `due_at` is when to try (again), None when there is nothing left to do; who tries moves it on first, so that is the
    lease too. A dead letter has `failed_at`.
    """

    meta = {
        "collection": "letters",
        "indexes": [
            {"fields": ["due_at"], "name": "due"},
            {"fields": ["user", "-id"], "name": "user"},
            {"fields": ["expires_at"], "name": "expiry", "expireAfterSeconds": 0},
        ],
    }

    kind: str = StringField(required=True)
    to: str = StringField(required=True)
    user: ObjectId = ObjectIdField(required=True)
    sealed: str = StringField(required=True)
    created_at: datetime = utc_field(db_field="createdAt", required=True)
    due_at: datetime | None = utc_field(db_field="dueAt")
    attempts: int = IntField(default=0)
    error: str | None = StringField()
    delivered_at: datetime | None = utc_field(db_field="deliveredAt")
    failed_at: datetime | None = utc_field(db_field="failedAt")
    expires_at: datetime | None = utc_field(db_field="expiresAt")

    @bounded
    def insert(self) -> None:
        """Store a new letter."""
        self.save(force_insert=True)

    @classmethod
    @bounded
    def release(cls, letter_id: ObjectId, now: datetime) -> None:
        """Let a letter that was held back go."""
        cls.objects(id=letter_id, due_at__gt=now).update_one(set__due_at=now)

    @classmethod
    @bounded
    def drop(cls, letter_id: ObjectId) -> None:
        """Delete a letter: what it announces did not happen."""
        cls.objects(id=letter_id).delete()

    @classmethod
    @bounded
    def drop_due(cls, owner: ObjectId, *, but: str) -> None:
        """Delete the letters to a user that are still to go, but those of a kind."""
        cls.objects(user=owner, due_at__ne=None, kind__ne=but).delete()

    @classmethod
    @bounded
    def lease(cls, now: datetime, lease: timedelta) -> Self | None:
        """Return a letter that is due, for the caller alone to try within `lease`; None where there is none."""
        due = cls.objects(due_at__lte=now).order_by("due_at")
        if due.first() is None:  # reading is cheap, and all there is to do most of the time
            return None
        return cast(Self | None, due.modify(set__due_at=now + lease, inc__attempts=1, new=True))

    @bounded
    def settle(self, **outcome: datetime | str | None) -> None:
        """Note how the attempt ended, unless another has begun since. `due_at` None means: that was the last."""
        changes = {f"set__{name}": value for name, value in outcome.items() if value is not None}
        removed = {f"unset__{name}": True for name, value in outcome.items() if value is None}
        type(self).objects(id=self.id, attempts=self.attempts).update_one(**changes, **removed)

    @classmethod
    @bounded
    def due(cls) -> list[Self]:
        """Return the letters that are still to go."""
        return list(cls.objects(due_at__ne=None))

    @bounded
    def reseal(self, sealed: str) -> int:
        """Put the same words, sealed anew, where the old seal still stands; return how many letters that changed."""
        return cast(int, type(self).objects(id=self.id, sealed=self.sealed).update_one(set__sealed=sealed))

    @classmethod
    @bounded
    def latest(cls, most: int, owner: str | None = None) -> list[Self]:
        """Return the newest letters (to `owner`, where one is given), the newest first."""
        found = cls.objects(to__ne=NOBODY) if owner is None else cls.objects(user=object_id(owner))
        return list(found.order_by("-id").limit(most))

    @classmethod
    @bounded
    def counts(cls) -> tuple[int, int]:
        """Return how many letters wait and how many are dead."""
        return cls.objects(due_at__ne=None).count(), cls.objects(failed_at__ne=None).count()
