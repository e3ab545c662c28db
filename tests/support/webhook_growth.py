"""What the steps of the models cost that are about webhooks: a part of `growth`."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from bson import ObjectId

from authsvc.models.webhook_deliveries import WebhookDelivery
from authsvc.models.webhook_messages import AccountSequence, WebhookMessage

EVERYTHING_HEARD = "f" * 24
"""A webhook that was told of everything."""
NOTHING_TAKEN = "e" * 24
"""A webhook for which very much waits, all of it about one account."""
LONG_LANE = f"{NOTHING_TAKEN} {'d' * 24}"

Step = Callable[[], Any]
_ORDERS = count(2)
"""The place of each in the long lane; what the step puts into it comes before them, or after."""


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def documents(moment: datetime, later: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a document of every collection of webhooks that grows, with its name."""
    account, message = ObjectId(), ObjectId()
    done = {"kind": "login.succeeded", "createdAt": moment, "deliveredAt": moment, "attempts": 1, "expiresAt": later}
    yield "webhook_messages", {"_id": message, "to": str(account), "account": account, "at": moment, **done}
    of_one = {
        "to": EVERYTHING_HEARD,
        "message": message,
        "lane": f"{EVERYTHING_HEARD} {account}",
        "body": "{}",
        "tries": 1,
    }
    yield "webhook_deliveries", {**of_one, **done}
    waiting = {"kind": "login.succeeded", "createdAt": moment, "dueAt": later, "attempts": 1, "expiresAt": later}
    order = {"lane": LONG_LANE, "order": next(_ORDERS)}
    yield "webhook_deliveries", {**of_one, **waiting, **order, "to": NOTHING_TAKEN}
    numbered = [{"message": message, "number": 1}]
    yield "webhook_sequences", {"_id": str(account), "number": 1, "recent": numbered}


def steps() -> dict[str, Step]:
    """Return the steps that touch one message, its number, and one delivery of it."""
    moment = _now()

    def made(account: ObjectId) -> WebhookMessage:
        message = WebhookMessage(kind="x", to=str(account), account=account, at=moment, created_at=moment)
        message.due_at = moment
        return message.insert()

    def message() -> None:
        account = ObjectId()
        first, second = made(account), made(account)
        earlier = second.earlier()
        assert earlier is not None
        assert earlier.id == first.id
        for _ in range(2):
            leased = WebhookMessage.lease(_now(), timedelta(minutes=3))
            assert leased is not None
            leased.settle(due_at=None, delivered_at=moment)
        assert [AccountSequence.number_of(str(account), one.id)[0] for one in (first, second, second)] == [1, 2, 2]
        assert AccountSequence.has_numbered(str(account), second.id)
        assert not WebhookMessage.waits(first.id)
        AccountSequence.expire(str(account), moment)
        for one in (first, second):
            assert not one.withdraw()
            one.expire(moment)
            WebhookMessage.drop(one.id)

    def delivery() -> None:
        account = ObjectId()
        common = {"kind": "x", "to": EVERYTHING_HEARD, "lane": f"{EVERYTHING_HEARD} {account}", "body": "{}"}
        first, second = (
            WebhookDelivery(message=ObjectId(), created_at=moment, due_at=moment, order=order, **common)
            for order in (1, 2)
        )
        assert first.insert_once()
        assert not WebhookDelivery(message=first.message, created_at=moment, **common).insert_once()
        assert second.insert_once()
        assert second.earlier() is not None
        first.note_answer(500, moment, None)
        first.note_answer(None, moment, moment)
        for _ in range(2):
            leased = WebhookDelivery.lease(_now(), timedelta(minutes=3), only=EVERYTHING_HEARD)
            assert leased is not None
            leased.put_back(moment)
            assert leased.retry(moment)
            leased.settle(due_at=None, delivered_at=moment)
        assert WebhookDelivery.hasten(EVERYTHING_HEARD, moment, moment) == 0
        for one in (first, second):
            WebhookDelivery.drop(one.id)

    return {"WebhookMessage": message, "WebhookDelivery": delivery, "WebhookDelivery in a long lane": _in_a_long_lane}


def _in_a_long_lane() -> None:
    """Take two turns of a lane in which all others wait between the first and the last."""
    moment = _now()
    common = {"kind": "x", "to": NOTHING_TAKEN, "lane": LONG_LANE, "body": "{}", "created_at": moment}
    first, last = (WebhookDelivery(message=ObjectId(), order=order, **common) for order in (1, 10**9))
    for one in (first, last):
        one.due_at = moment
        assert one.insert_once()
    earlier = last.earlier()
    assert earlier is not None
    assert earlier.id == first.id
    last.put_back(moment)
    first.settle(due_at=None, delivered_at=moment)
    for one in (first, last):
        WebhookDelivery.drop(one.id)
