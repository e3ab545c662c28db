"""Queries for operators: what the server is, and what is wrong with stored accounts."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from bson import ObjectId
from mongoengine.connection import get_connection

from authsvc.models.base import deadline, unhurried
from authsvc.models.sessions import Session
from authsvc.models.users import User, keys, kinds
from authsvc.security import passwords, stored_addresses

WITHOUT_ADDRESS = "without an email address"
UNUSABLE_HASH = "with a password that is not a known hash"
UNREACHABLE = "with an email address that nobody can sign in with"
WITHOUT_LETTERS = "that get no letters, because none can be sent to an address of that form"
NOT_ASCII = "with an email address that is not ASCII before the @, to which only some mail servers send letters"

OUTDATED_KEY = "that are looked up by an address or a name that they no longer have"
OF_ANOTHER_KIND = "with a field of the wrong type, which is ignored, namely "
"""The name of the field follows."""
_TEXTS = {"$match": {"email": {"$type": "string", "$not": {"$type": "array"}}}}
"""Addresses that `$toLower` accepts."""
_ANSWER_SECONDS = 4.0


def hello() -> dict[str, Any]:
    """Return the server's answer to `hello`: `setName`, `localTime` and more."""
    with deadline(_ANSWER_SECONDS):
        return cast(dict[str, Any], get_connection().admin.command("hello"))


def keeps_what_it_acknowledged(answer: Mapping[str, Any]) -> bool:
    """Tell from a server's `hello` whether it is a replica set, or a router (mongos) in front of several."""
    return "setName" in answer or answer.get("msg") == "isdbgrid"


def server_time() -> datetime:
    """Return the server's clock."""
    time: datetime | int = hello()["localTime"]
    if isinstance(time, int):  # as DocumentDB sends it
        return datetime.fromtimestamp(time / 1000, UTC)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


@unhurried
def twins(most: int) -> list[tuple[str, list[str]]]:
    """Return the addresses, at most `most`, that belong to several accounts, and their ids; reads all accounts."""
    # The database groups addresses that differ in case; one domain in Unicode and as an A-label is found here.
    groups = {"$group": {"_id": {"$toLower": "$email"}, "ids": {"$push": "$_id"}, "count": {"$sum": 1}}}
    shared = [_TEXTS, groups, {"$match": {"count": {"$gt": 1}}}, {"$limit": most}]
    owners = {one["_id"]: {str(user_id) for user_id in one["ids"]} for one in User._get_collection().aggregate(shared)}
    forms: defaultdict[str, set[str]] = defaultdict(set)
    for account in User._get_collection().find({}, {"email": 1}):
        email = account.get("email")
        if isinstance(email, str) and stored_addresses.has_forms(email):
            forms[stored_addresses.spellings(email)[0]].add(str(account["_id"]))
    owners |= {form: ids for form, ids in forms.items() if len(ids) > 1}
    return [(email, sorted(ids)) for email, ids in owners.items()][:most]


@unhurried
def odd_accounts() -> Counter[str]:
    """Count the accounts with something wrong, by what that is; reads all accounts."""
    counts: Counter[str] = Counter()
    for account in User._get_collection().find({}, dict.fromkeys(kinds.KINDS, 1)):
        counts.update(_faults(account))
    return counts


def _faults(account: Mapping[str, Any]) -> Iterator[str]:
    email, password = account.get("email"), account.get("password")
    fault = _address_fault(email) if isinstance(email, str) else WITHOUT_ADDRESS
    if fault is not None:
        yield fault
    if password is not None and not (isinstance(password, str) and passwords.is_hash(password)):
        yield UNUSABLE_HASH
    if any(account.get(name) not in (None, key) for name, key in keys.of_account(account).items()):
        yield OUTDATED_KEY
    yield from (OF_ANOTHER_KIND + name for name in kinds.odd_fields(account) if name not in ("email", "password"))


def _address_fault(email: str) -> str | None:
    """Return what is wrong with a stored address, None if nothing is."""
    if not stored_addresses.is_reachable(email):
        return UNREACHABLE
    if not stored_addresses.gets_letters(email):
        return WITHOUT_LETTERS
    return None if stored_addresses.mailbox(email).isascii() else NOT_ASCII


@unhurried
def orphaned_sessions() -> int:
    """Count the live sessions of accounts that are gone or disabled; reads all live sessions."""
    live: Counter[ObjectId] = Counter()
    for session in Session._get_collection().find({"endedAt": None}, {"user": 1}):
        live[session["user"]] += 1
    users = User._get_collection()
    return sum(
        count for user, count in live.items() if users.find_one({"_id": user, "disabledAt": None}, {"_id": 1}) is None
    )


@unhurried
def shared_addresses(most: int = 5) -> int:
    """Count the addresses, up to `most`, that belong to several accounts; reads all accounts."""
    groups = {"$group": {"_id": {"$toLower": "$email"}, "count": {"$sum": 1}}}
    shared = [_TEXTS, groups, {"$match": {"count": {"$gt": 1}}}, {"$limit": most}]
    return len(list(User._get_collection().aggregate(shared)))
