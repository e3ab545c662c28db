"""What the database is, as an operator needs to know it."""

from datetime import UTC, datetime
from typing import Any, cast

from mongoengine.connection import get_connection

from authsvc.models.base import deadline
from authsvc.models.users import User

_SECONDS = 10.0
_ANSWER_SECONDS = 4.0


def server_says() -> dict[str, Any]:
    """Return what the server says of itself (`hello`): `setName`, `localTime` and more."""
    with deadline(_ANSWER_SECONDS):
        return cast(dict[str, Any], get_connection().admin.command("hello"))


def server_time() -> datetime:
    """Return the server's clock."""
    found: datetime = server_says()["localTime"]
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def shared_addresses(most: int = 5) -> int:
    """Return how many addresses, at most so many, belong to more than one account; reads all accounts."""
    lowered = {"$group": {"_id": {"$toLower": "$email"}, "count": {"$sum": 1}}}
    with deadline(_SECONDS):
        return len(
            list(User._get_collection().aggregate([lowered, {"$match": {"count": {"$gt": 1}}}, {"$limit": most}]))
        )
