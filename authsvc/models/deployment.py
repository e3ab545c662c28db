"""What the database is, as an operator needs to know it."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any, cast

from bson import ObjectId
from mongoengine.connection import get_connection

from authsvc.models.base import deadline
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.security import passwords

WITHOUT_ADDRESS = "have no address"
UNUSABLE_HASH = "have a password that is no hash known here"

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


def twins(most: int) -> list[tuple[str, list[str]]]:
    """Return addresses, at most so many, that belong to more than one account, and whose; reads all accounts."""
    lowered = {"$group": {"_id": {"$toLower": "$email"}, "ids": {"$push": "$_id"}, "count": {"$sum": 1}}}
    shared = [lowered, {"$match": {"count": {"$gt": 1}}}, {"$limit": most}]
    return [(one["_id"], [str(user_id) for user_id in one["ids"]]) for one in User._get_collection().aggregate(shared)]


def odd_accounts() -> Counter[str]:
    """Return how many accounts can't be what a person made, by what is wrong with them; reads all accounts."""
    found: Counter[str] = Counter()
    for account in User._get_collection().find({}, {"email": 1, "password": 1}):
        found[WITHOUT_ADDRESS] += not isinstance(account.get("email"), str)
        stored = account.get("password")
        found[UNUSABLE_HASH] += stored is not None and not (isinstance(stored, str) and passwords.is_hash(stored))
    return +found


def orphaned_sessions() -> int:
    """Return how many live sessions belong to accounts that are gone or disabled; reads all live sessions."""
    live: Counter[ObjectId] = Counter()
    for session in Session._get_collection().find({"endedAt": None}, {"user": 1}):
        live[session["user"]] += 1
    users = User._get_collection()
    return sum(
        count for user, count in live.items() if users.find_one({"_id": user, "disabledAt": None}, {"_id": 1}) is None
    )


def shared_addresses(most: int = 5) -> int:
    """Return how many addresses, at most so many, belong to more than one account; reads all accounts."""
    lowered = {"$group": {"_id": {"$toLower": "$email"}, "count": {"$sum": 1}}}
    with deadline(_SECONDS):
        return len(
            list(User._get_collection().aggregate([lowered, {"$match": {"count": {"$gt": 1}}}, {"$limit": most}]))
        )
