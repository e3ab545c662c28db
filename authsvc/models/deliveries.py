"""Deliveries: the contents of an outbox, until they are accepted, at least once, or dead."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine.fields import EmbeddedDocumentField, IntField, StringField

from authsvc.models.base import Document, bounded, object_id, unhurried, utc_field
from authsvc.models.evidence import Evidence

NOBODY = "-"
"""The receiver of a decoy, which is never delivered."""

EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Before anything is due; without this bound the embedded database also reads deliveries that are done."""


class DeliveryState(StrEnum):
    """How far a delivery has come."""

    WAITING = "waiting"
    DEAD = "dead"
    DELIVERED = "delivered"


class Delivery(Document):
    """Something to be delivered to a receiver (`to`), of a `kind`.

    `due_at` is when to try (again), None if the delivery is done. A worker that tries it first postpones it, so
    `due_at` is the lease too. A dead one has `failed_at`. `retried_at` is when an operator last asked for another try.
    `evidence` is there until it is confirmed that what the delivery announces happened.
    """

    meta = {"abstract": True}

    kind: str = StringField(required=True)
    to: str = StringField(required=True)
    created_at: datetime = utc_field(db_field="createdAt", required=True)
    due_at: datetime | None = utc_field(db_field="dueAt")
    attempts: int = IntField(default=0)
    error: str | None = StringField()
    delivered_at: datetime | None = utc_field(db_field="deliveredAt")
    failed_at: datetime | None = utc_field(db_field="failedAt")
    expires_at: datetime | None = utc_field(db_field="expiresAt")
    retried_at: datetime | None = utc_field(db_field="retriedAt")
    evidence: Evidence | None = EmbeddedDocumentField(Evidence)

    @property
    def tries(self) -> int:
        """Return how often it was tried; `attempts` tells one turn of it from another."""
        return self.attempts

    @property
    def tried_since(self) -> datetime:
        """Return from when on there is patience with it."""
        return self.retried_at or self.created_at

    @classmethod
    @bounded
    def release(cls, delivery_id: ObjectId, now: datetime) -> bool:
        """Make a held delivery due: what it announces happened. Tell whether it is still there."""
        same = cls.objects(id=delivery_id)
        # Of one that waits the evidence goes in any case: whoever read it, and saw no change, then withdraws nothing.
        waits = same.filter(due_at__ne=None)
        return bool(waits.update_one(set__due_at=now, unset__evidence=True)) or bool(same.count())

    @bounded
    def restore(self, now: datetime) -> None:
        """Store a delivery again, due now: a machine whose clock is ahead took it for one that a crash left."""
        self.due_at, self.evidence = now, None
        self.save(force_insert=True)

    @bounded
    def expire(self, now: datetime) -> None:
        """Let a decoy go, in as many steps as a delivery is released in."""
        type(self).objects(id=self.id).update_one(set__expires_at=now, unset__evidence=True)

    @classmethod
    @bounded
    def drop(cls, delivery_id: ObjectId) -> None:
        """Delete the delivery that announces a change which was not made."""
        cls.objects(id=delivery_id).delete()

    @bounded
    def withdraw(self) -> bool:
        """Delete a delivery whose evidence shows no change, as it was read; tell whether it was still so.

        Meanwhile the change may have been made, and the delivery released.
        """
        same = type(self).objects(id=self.id, attempts=self.attempts, evidence__ne=None)
        return bool(same.delete())

    @classmethod
    @bounded
    def find(cls, delivery_id: str) -> Self | None:
        """Return the delivery with this id."""
        return cast(Self | None, cls.objects(id=object_id(delivery_id), to__ne=NOBODY).first())

    @classmethod
    @bounded
    def undelivered(cls, most: int) -> list[Self]:
        """Return the deliveries that are waiting or dead, oldest first."""
        waiting = list(cls.objects(due_at__ne=None, to__ne=NOBODY).order_by("id").limit(most))
        dead = list(cls.objects(failed_at__ne=None).order_by("id").limit(most))
        return sorted([*waiting, *dead], key=lambda delivery: delivery.id)[:most]

    @bounded
    def retry(self, now: datetime) -> bool:
        """Make a waiting or dead delivery due now; tell whether it was undelivered."""
        return bool(type(self).objects(id=self.id, delivered_at=None).update_one(**retry_changes(now)))

    @classmethod
    @unhurried
    def retry_all(cls, now: datetime) -> int:
        """Make all undelivered deliveries due now; return how many."""
        return cast(int, cls.objects(delivered_at=None, to__ne=NOBODY).update(**retry_changes(now)))

    @classmethod
    @bounded
    def lease(
        cls, now: datetime, lease: timedelta, passing_over: Sequence[str] = (), *, only: str | None = None
    ) -> Self | None:
        """Lease the delivery that has been due the longest, for the caller to try; None if there is none.

        Deliveries to the receivers in `passing_over` are skipped; those to `only` one receiver take an index for that.
        """
        due = cls.objects(due_at__gt=EVER, due_at__lte=now).order_by("due_at")
        if only is not None:
            due = due.filter(to=only)
        if due.first() is None:  # a read is cheap, and enough most of the time
            return None
        if passing_over:
            due = due.filter(to__nin=list(passing_over))
        return cast(Self | None, due.modify(**cls.lease_changes(now + lease), new=True))

    @classmethod
    def lease_changes(cls, until: datetime) -> dict[str, Any]:
        """Return the changes by which whoever tries a delivery has it until then."""
        return {"set__due_at": until, "inc__attempts": 1}

    @bounded
    def put_back(self, until: datetime) -> None:
        """Let a leased delivery wait until then, because of an earlier one."""
        self.settle(due_at=until)

    @bounded
    def settle(self, **outcome: datetime | str | None) -> None:
        """Note the outcome of the attempt, unless another has begun since. `due_at` None means that it was the last."""
        changes = {f"set__{name}": value for name, value in outcome.items() if value is not None}
        removals = {f"unset__{name}": True for name, value in outcome.items() if value is None}
        type(self).objects(id=self.id, attempts=self.attempts).update_one(**changes, **removals)

    @bounded
    def abandon(self, cause: str, now: datetime, expires_at: datetime) -> None:
        """Give up an undelivered delivery. If it is being tried at this moment, that outcome is not noted."""
        undelivered = type(self).objects(id=self.id, delivered_at=None)
        undelivered.update_one(
            inc__attempts=1, unset__due_at=True, set__failed_at=now, set__expires_at=expires_at, set__error=cause
        )

    @classmethod
    @unhurried
    def counts(cls) -> tuple[int, int]:
        """Count the waiting and the dead deliveries."""
        return cls.objects(due_at__ne=None).count(), cls.objects(failed_at__ne=None).count()


def retry_changes(now: datetime) -> dict[str, Any]:
    """Return the changes by which an undelivered delivery is tried at once, and again for as long as a new one."""
    return {"set__due_at": now, "set__retried_at": now, "unset__failed_at": True, "unset__expires_at": True}
