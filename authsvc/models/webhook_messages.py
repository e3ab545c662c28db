"""The `webhook_messages` collection: what happened, until every webhook that is told of it has a delivery.

And `webhook_sequences`: how many messages there have been about each account.
"""

from datetime import datetime
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine.errors import NotUniqueError
from mongoengine.fields import DictField, IntField, ListField, ObjectIdField, StringField

from authsvc.errors.overtaken import Overtaken
from authsvc.models.base import EXPIRY, Document, bounded, unhurried, utc_field
from authsvc.models.deliveries import EVER
from authsvc.models.lanes import LanedDelivery
from authsvc.models.users import User

_TURNS = 8
_RECENT = 50
"""Of so many of an account's messages it is known which number they have: a process may die and number one again."""


class WebhookMessage(LanedDelivery):
    """An event, of `kind` its name, about an account (`to` is its id), or about none.

    `snapshot` is the account as webhooks see it, for one that is gone when they are told.
    """

    meta = {
        "collection": "webhook_messages",
        "indexes": [{"fields": ["due_at"], "name": "due"}, {"fields": ["to", "due_at"], "name": "waiting"}, EXPIRY],
    }

    account: ObjectId | None = ObjectIdField()
    actor: ObjectId | None = ObjectIdField()
    at: datetime = utc_field(required=True)
    details: dict[str, Any] = DictField()
    snapshot: dict[str, Any] | None = DictField(default=None)
    for_webhook: ObjectId | None = ObjectIdField(db_field="forWebhook")

    @classmethod
    @unhurried
    def hold_all(cls, messages: list[Self], until: datetime) -> None:
        """Store messages that are not due before a moment, in one step."""
        for message in messages:
            message.due_at = until
        cls._get_collection().insert_many([message.to_mongo() for message in messages])

    @classmethod
    @unhurried
    def release_all(cls, messages: list[Self], now: datetime) -> None:
        """Make held messages due: what they tell of happened. Those that are gone are stored again (see `restore`)."""
        same = cls.objects(id__in=[one.id for one in messages])
        same.filter(due_at__ne=None).update(set__due_at=now, unset__evidence=True)
        there = set(same.scalar("id"))
        gone = [one for one in messages if one.id not in there]
        for one in gone:
            one.due_at, one.evidence = now, None
        if gone:
            cls._get_collection().insert_many([one.to_mongo() for one in gone])

    @classmethod
    @unhurried
    def drop_all(cls, messages: list[ObjectId]) -> None:
        """Delete messages of what did not happen."""
        cls.objects(id__in=messages).delete()

    @bounded
    def earlier(self) -> Self | None:
        """Return the oldest message about the same account that still waits, if it is older than this one."""
        oldest = cast(Self | None, self.waiting().first())
        return oldest if oldest is not None and oldest.id < self.id else None

    @classmethod
    @bounded
    def waits(cls, message_id: ObjectId) -> bool:
        """Tell whether a message has not been given out yet."""
        return cls.objects(id=message_id, due_at__gt=EVER).first() is not None

    def waiting(self) -> Any:
        """Return the query set of the messages about the same account that wait, oldest first."""
        return type(self).objects(to=self.to, due_at__gt=EVER).order_by("id")

    @bounded
    def settle(self, **outcome: datetime | str | None) -> None:
        """Note the outcome. What was given to the webhooks is deleted: nobody reads it any more."""
        if outcome.get("delivered_at") is None:
            super().settle(**outcome)
            return
        type(self).objects(id=self.id, attempts=self.attempts).delete()
        self.make_way()


class AccountSequence(Document):
    """How many messages there have been about an account, and the numbers of the latest; it goes after the account."""

    meta = {"collection": "webhook_sequences", "indexes": [EXPIRY]}

    account: str = StringField(primary_key=True)
    number: int = IntField(required=True)
    recent: list[dict[str, Any]] = ListField(DictField())
    expires_at: datetime | None = utc_field(db_field="expiresAt")

    @classmethod
    @bounded
    def has_numbered(cls, account: str, message: ObjectId) -> bool:
        """Tell whether one of the latest messages about an account has its number."""
        known = cls.by_key(account)
        return known is not None and any(one["message"] == message for one in known.recent)

    @classmethod
    @bounded
    def number_of(cls, account: str, message: ObjectId) -> tuple[int, ObjectId | None]:
        """Return the number of a message among those about its account, the next one if it has none yet.

        And the message with the number before, None if there is none. Raises Overtaken if others number messages about
        the account at the same time, again and again.
        """
        for _ in range(_TURNS):
            known = cls.by_key(account)
            if known is None:
                if cls._begin(account, message):
                    return 1, None
                continue
            before = None
            for one in known.recent:  # in the order of their numbers
                if one["message"] == message:
                    return int(one["number"]), before
                before = one["message"]
            if known._advance(message):
                return known.number + 1, before
        raise Overtaken

    @classmethod
    @bounded
    def expire(cls, account: str, at: datetime) -> None:
        """Let the numbers of an account go at a moment: it is gone."""
        cls.objects(account=account).update_one(set__expires_at=at)

    @classmethod
    def _begin(cls, account: str, message: ObjectId) -> bool:
        try:
            cls(account=account, number=1, recent=[{"message": message, "number": 1}]).insert()
        except NotUniqueError:
            return False
        return True

    def _advance(self, message: ObjectId) -> bool:
        number = self.number + 1
        recent = [*self.recent, {"message": message, "number": number}][-_RECENT:]
        same = type(self).objects(account=self.account, number=self.number)
        is_back = self.expires_at is not None and User.find(self.account) is not None  # imported under its former id
        keeping = {"unset__expires_at": True} if is_back else {}
        return bool(same.update_one(set__number=number, set__recent=recent, **keeping))
