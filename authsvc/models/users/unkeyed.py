"""Accounts that another program, or an earlier release, stored without the keys by which they are found in any case."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from authsvc.models.base import bounded, unhurried
from authsvc.models.users import keys
from authsvc.models.users.document import User

_BATCH = 1_000
_LOOK = 100
_DUPLICATE = 11000
_WANTED = {"email": 1, "name": 1, "emailKey": 1, "nameKey": 1}

_Stored = Mapping[str, Any]


@bounded
def are_there() -> bool:
    """Tell whether there are accounts without keys that can have them: not those with another account's address."""
    return any(map(_has_free, _batches(User._get_collection().find({"nameKey": None}, _WANTED), _LOOK)))


@unhurried
def complete() -> int:
    """Give all accounts without keys theirs; return how many stay without, their address being another account's."""
    # The index `name_key` has those without one first, so that to look for them costs nothing where there are none.
    return _write(User._get_collection().find({"nameKey": None}, _WANTED))


@unhurried
def correct() -> int:
    """Correct the keys of all accounts, which an earlier release changed the names of; return as `complete` does."""
    return _write(one for one in User._get_collection().find({}, _WANTED) if _keys_in(one) != keys.of_account(one))


def _write(accounts: Iterable[_Stored]) -> int:
    return sum(map(_write_batch, _batches(iter(accounts))))


def _write_batch(batch: list[_Stored]) -> int:
    """Write the keys of accounts that are still as they were read; return how many keys another account has."""
    blocked = _write_free(batch)
    return len(_write_free(blocked)) if blocked and _free(blocked) else len(blocked)


def _write_free(batch: list[_Stored]) -> list[_Stored]:
    """Write the keys that are free; return the accounts whose key another one has."""
    updates = [UpdateOne(_as_read(one), {"$set": keys.of_account(one)}) for one in batch]
    try:
        User._get_collection().bulk_write(updates, ordered=False)
    except BulkWriteError as error:
        faults = error.details["writeErrors"]
        if error.details["writeConcernErrors"] or any(one["code"] != _DUPLICATE for one in faults):
            raise
        return [batch[one["index"]] for one in faults]
    return []


def _free(batch: list[_Stored]) -> bool:
    """Correct the keys of accounts that hold one of these, but have another address by now; tell whether any did."""
    former = [one for one in _holders(batch) if _email_key(one) != one["emailKey"]]
    return bool(former) and len(_write_free(former)) < len(former)


def _has_free(batch: list[_Stored]) -> bool:
    """Tell whether one of these accounts has no address, or one whose key no other account has by right."""
    keys_of_others = {one["emailKey"] for one in _holders(batch) if _email_key(one) == one["emailKey"]}
    return any(_email_key(one) not in keys_of_others for one in batch)


def _holders(batch: list[_Stored]) -> Iterable[_Stored]:
    wanted = [key for one in batch if (key := _email_key(one)) is not None]
    holders: Iterable[_Stored] = User._get_collection().find({"emailKey": {"$in": wanted}}, _WANTED)
    return holders


def _email_key(account: _Stored) -> str | None:
    return keys.of_account(account).get("emailKey")


def _batches(accounts: Iterator[_Stored], size: int = _BATCH) -> Iterator[list[_Stored]]:
    while batch := list(islice(accounts, size)):
        yield batch


def _as_read(account: _Stored) -> dict[str, Any]:
    """Return the condition that address and name are as they were read, whatever other programs store there."""
    return {"_id": account["_id"], **{name: {"$eq": account.get(name)} for name in ("email", "name")}}


def _keys_in(account: _Stored) -> dict[str, Any]:
    return {name: account[name] for name in ("emailKey", "nameKey") if name in account}
