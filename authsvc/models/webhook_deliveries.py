"""The `webhook_deliveries` collection: the outbox of what webhooks are told."""

from datetime import datetime, timedelta
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine.errors import NotUniqueError
from mongoengine.fields import IntField, ObjectIdField, StringField

from authsvc.models.base import EXPIRY, bounded, object_id, unhurried, utc_field
from authsvc.models.deliveries import EVER, DeliveryState, retry_changes
from authsvc.models.lanes import LanedDelivery

WAITS_FOR = timedelta(days=30)
"""How long a delivery is kept that nobody takes or gives up: that of a disabled webhook."""

_HASTENED = 200
_LOOKED_AT = 2000
"""So many that wait are looked at for that: most of them may wait behind others."""

_STATES: dict[DeliveryState, dict[str, datetime]] = {
    DeliveryState.WAITING: {"due_at__gt": EVER},
    DeliveryState.DEAD: {"failed_at__gt": EVER},
    DeliveryState.DELIVERED: {"delivered_at__gt": EVER},
}
"""What tells the states apart. A comparison, since only for that the index of those that were given up is used."""


class WebhookDelivery(LanedDelivery):
    """A message on its way to a webhook (`to` is its id), of `kind` the name of the event.

    `lane` is the webhook and the account that it is about: those of one come one after the other, in their `order`. One
    that is done has left its lane; if it was given up and is tried again, it waits for none, and none waits for it.
    `body` is what is sent, until it is delivered, `status` what the webhook answered last; it was sent so often as
    `posted` says, for the first time at `begun_at`.
    """

    meta = {
        "collection": "webhook_deliveries",
        "indexes": [
            {"fields": ["to", "due_at"], "name": "due"},
            {"fields": ["to", "message"], "name": "once", "unique": True},
            {"fields": ["lane", "order"], "name": "in_lane"},
            {"fields": ["to", "-id"], "name": "newest"},
            {
                "fields": ["to", "failed_at"],
                "name": "dead",  # a few among very many that were delivered
                "partialFilterExpression": {"failedAt": {"$exists": True}},
            },
            EXPIRY,
        ],
    }

    message: ObjectId = ObjectIdField(required=True)
    lane: str | None = StringField()
    order: int = IntField(default=0)
    body: str = StringField(required=True)
    status: int | None = IntField()
    posted: int = IntField(default=0)
    begun_at: datetime | None = utc_field(db_field="begunAt")

    @property
    def tries(self) -> int:
        """Return how often it was sent: many a turn of one only finds that it has to wait."""
        return self.posted

    @property
    def tried_since(self) -> datetime:
        """Return from when on there is patience with it: what only waited for others has not been tried."""
        return max(self.begun_at or self.created_at, self.retried_at or self.created_at)

    @property
    def state(self) -> DeliveryState:
        """Return how far it has come."""
        if self.delivered_at is not None:
            return DeliveryState.DELIVERED
        return DeliveryState.DEAD if self.failed_at is not None else DeliveryState.WAITING

    def insert_once(self) -> bool:
        """Store a delivery, unless the webhook has one of the same message; tell whether it was stored."""
        try:
            self.insert()
        except NotUniqueError:
            return False
        return True

    @bounded
    def earlier(self) -> Self | None:
        """Return the first that waits for the same webhook, about the same account, if it comes before this one."""
        if self.lane is None:
            return None
        first = self.waiting().first()
        return cast(Self, first) if first is not None and first.order < self.order else None

    def waiting(self) -> Any:
        """Return the query set of those in the same lane that wait, in their order."""
        # With a range of what orders them: of very many the first is found without reading the rest.
        return type(self).objects(lane=self.lane, order__gte=0).order_by("order")

    @bounded
    def settle(self, **outcome: datetime | str | None) -> None:
        """Note the outcome of the attempt; if it was the last, the next in the lane comes forward.

        What was delivered is listed without its text: nobody reads that again, and its account may soon be deleted.
        """
        if outcome.get("due_at") is not None:
            super().settle(**outcome)
            return
        text = {"body": None} if outcome.get("delivered_at") is not None else {}
        super().settle(**outcome, **text, lane=None)
        if self.lane is not None:
            self.make_way()

    @bounded
    def retry(self, now: datetime) -> bool:
        """Make a waiting or dead delivery due now; tell whether it was undelivered.

        What had been given up has left its lane, and what came after it does not wait for it.
        """
        undelivered = type(self).objects(id=self.id, delivered_at=None)
        return bool(undelivered.update_one(**_retry_changes(now)))

    @classmethod
    @unhurried
    def retry_dead(cls, webhook: str, now: datetime) -> int:
        """Make all that were given up of a webhook due now; return how many."""
        return cast(int, cls._dead(webhook).update(**_retry_changes(now)))

    @classmethod
    @bounded
    def count_dead(cls, webhook: str) -> int:
        """Count those of a webhook that were given up."""
        return cast(int, cls._dead(webhook).count())

    @bounded
    def note_answer(self, status: int | None, now: datetime, since: datetime | None) -> None:
        """Note that it was sent, and the status of the answer, None if there was none.

        Patience with it begins now, if it was not sent before, or not since the webhook was enabled again.
        """
        self.posted += 1
        if self.begun_at is None or (since is not None and self.begun_at < since):
            self.begun_at = now
        answer = {"unset__status": True} if status is None else {"set__status": status}
        type(self).objects(id=self.id).update_one(inc__posted=1, set__begun_at=self.begun_at, **answer)

    @classmethod
    @bounded
    def page(cls, webhook: str, limit: int, before: str | None, state: DeliveryState | None = None) -> list[Self]:
        """Return the deliveries to a webhook, newest first, from after the one with the id `before`.

        Or those in one state: by an index, which leaves no more than those to be sorted.
        """
        of_state = {} if state is None else _STATES[state]
        return cast(list[Self], cls.objects(to=webhook, **of_state).newest(limit, before=before))

    @classmethod
    @bounded
    def find_of(cls, webhook: str, delivery_id: str) -> Self | None:
        """Return the delivery with this id, if it is to this webhook."""
        return cast(Self | None, cls.objects(id=object_id(delivery_id), to=webhook).first())

    @classmethod
    @bounded
    def hasten(cls, webhook: str, after: datetime, now: datetime) -> int:
        """Let what was tried in vain be due now, if it were only after a moment; return how many.

        It is what comes first in its lane: of some hundreds at most, so that whoever does this is not held up.
        """
        # Nothing else is asked of them: by a further condition the embedded database takes no index in their order.
        waiting = cls.objects(to=webhook, due_at__gt=after).order_by("due_at").only("posted", "behind")
        tried = [one.id for one in waiting.limit(_LOOKED_AT) if one.posted and not one.behind][:_HASTENED]
        return cast(int, cls.objects(id__in=tried, due_at__gt=after).update(set__due_at=now)) if tried else 0

    @classmethod
    @unhurried
    def remove_all(cls, webhook: str) -> None:
        """Delete what there is of a webhook that is gone."""
        cls.objects(to=webhook).delete()

    @classmethod
    def _dead(cls, webhook: str) -> Any:
        return cls.objects(to=webhook, **_STATES[DeliveryState.DEAD])


def _retry_changes(now: datetime) -> dict[str, Any]:
    """Return the changes by which an undelivered delivery is tried at once, and kept as long as a new one."""
    changes = {**retry_changes(now), "set__expires_at": now + WAITS_FOR}
    del changes["unset__expires_at"]
    return changes
