"""The `webhook_deliveries` collection: the outbox of what webhooks are told."""

from datetime import datetime
from typing import Self, cast

from bson import ObjectId
from mongoengine.errors import NotUniqueError
from mongoengine.fields import IntField, ObjectIdField, StringField

from authsvc.models.base import EXPIRY, bounded, object_id, unhurried
from authsvc.models.lanes import LanedDelivery


class WebhookDelivery(LanedDelivery):
    """A message on its way to a webhook (`to` is its id), of `kind` the name of the event.

    `lane` is the webhook and the account that it is about: those of one come one after the other. `body` is what is
    sent, `status` what the webhook answered last; it was sent so often as `posted` says.
    """

    meta = {
        "collection": "webhook_deliveries",
        "indexes": [
            {"fields": ["due_at"], "name": "due"},
            {"fields": ["to", "message"], "name": "once", "unique": True},
            {"fields": ["lane", "message"], "name": "in_order"},
            {"fields": ["to", "-id"], "name": "newest"},
            EXPIRY,
        ],
    }

    message: ObjectId = ObjectIdField(required=True)
    lane: str = StringField(required=True)
    body: str = StringField(required=True)
    status: int | None = IntField()
    posted: int = IntField(default=0)

    @property
    def tries(self) -> int:
        """Return how often it was sent: many a turn of one only finds that it has to wait."""
        return self.posted

    @property
    def state(self) -> str:
        """Return how far it has come."""
        if self.delivered_at is not None:
            return "delivered"
        return "dead" if self.failed_at is not None else "waiting"

    def insert_once(self) -> bool:
        """Store a delivery, unless the webhook has one of the same message; tell whether it was stored."""
        try:
            self.insert()
        except NotUniqueError:
            return False
        return True

    @bounded
    def earlier(self) -> Self | None:
        """Return the oldest delivery to the same webhook about the same account that waits, if it is older."""
        # By a key of their own: by the webhook, or the time, the embedded database would look through all it was told.
        older = type(self).objects(lane=self.lane, message__lt=self.message, due_at__ne=None)
        return cast(Self | None, older.order_by("message").first())

    @bounded
    def note_answer(self, status: int | None) -> None:
        """Note that it was sent, and the status of the answer, None if there was none."""
        self.posted += 1
        answer = {"unset__status": True} if status is None else {"set__status": status}
        type(self).objects(id=self.id).update_one(inc__posted=1, **answer)

    @classmethod
    @bounded
    def page(cls, webhook: str, limit: int, before: str | None) -> list[Self]:
        """Return the deliveries to a webhook, newest first, from after the one with the id `before`."""
        return cast(list[Self], cls.objects(to=webhook).newest(limit, before=before))

    @classmethod
    @bounded
    def find_of(cls, webhook: str, delivery_id: str) -> Self | None:
        """Return the delivery with this id, if it is to this webhook."""
        return cast(Self | None, cls.objects(id=object_id(delivery_id), to=webhook).first())

    @classmethod
    @unhurried
    def put_off(cls, webhook: str, now: datetime, until: datetime) -> None:
        """Let nothing to a webhook be due before a moment."""
        cls.objects(to=webhook, due_at__lte=now).update(set__due_at=until)

    @classmethod
    @unhurried
    def resume(cls, webhook: str, now: datetime) -> int:
        """Let everything that waits for a webhook, and was never tried, be due; return how many."""
        return cast(int, cls.objects(to=webhook, due_at__gt=now, attempts=0).update(set__due_at=now))

    @classmethod
    @unhurried
    def resume_all(cls, webhook: str, now: datetime) -> None:
        """Let everything that waits for a webhook be due, tried or not."""
        cls.objects(to=webhook, due_at__gt=now).update(set__due_at=now)

    @classmethod
    @unhurried
    def remove_all(cls, webhook: str) -> None:
        """Delete what there is of a webhook that is gone."""
        cls.objects(to=webhook).delete()
