"""Accounts that another program, or an earlier release, stored without the keys by which they are found in any case."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from authsvc.models.base import bounded, unhurried
from authsvc.models.users import keys
from authsvc.models.users.document import User

_BATCH = 1_000
_LOOK = 100
_DUPLICATE = 11000
_KEYS = {"emailKey": 1, "nameKey": 1}
_WANTED = {"email": 1, "name": 1, **_KEYS}
_LENIENT: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, unicode_decode_error_handler="replace", datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
"""One account that another program stored in a way that can't be read keeps no other from its keys."""

_Stored = Mapping[str, Any]


@bounded
def are_there() -> bool:
    """Tell whether there are accounts without keys that can have them: not those with another account's address."""
    return any(map(_with_free_keys, _batches(_accounts().find({"nameKey": None}, _WANTED), _LOOK)))


@unhurried
def shadowed() -> int:
    """Count the accounts without keys that can't have them, their address being another's but for its case."""
    batches = _batches(_accounts().find({"nameKey": None}, _WANTED), _LOOK)
    return sum(len(batch) - len(_with_free_keys(batch)) for batch in batches)


@unhurried
def complete() -> int:
    """Give all accounts without keys theirs; return how many stay without, their address being another account's."""
    # The index `name_key` has those without one first, so that to look for them costs nothing where there are none.
    return _write(_accounts().find({"nameKey": None}, _WANTED))


@unhurried
def correct() -> int:
    """Correct the keys of all accounts, which an earlier release changed the names of; return as `complete` does."""
    return _write(one for one in _accounts().find({}, _WANTED) if _keys_in(one) != keys.of_account(one))


def _write(accounts: Iterable[_Stored]) -> int:
    return sum(map(_write_batch, _batches(iter(accounts))))


def _write_batch(batch: list[_Stored]) -> int:
    """Write the keys of accounts that are still as they were read; return how many keys another account has."""
    blocked = _write_free(batch)
    former = [one for one in _holders(blocked) if _email_key(one) != one["emailKey"]] if blocked else []
    if not former:
        return len(blocked)
    # Two may have each other's key, so all of them give theirs up first.
    _accounts().bulk_write([UpdateOne(_as_read(one), {"$unset": _KEYS}) for one in former], ordered=False)
    return len(_write_free([*blocked, *former]))


def _write_free(batch: list[_Stored]) -> list[_Stored]:
    """Write the keys that are free; return the accounts whose key another one has."""
    updates = [UpdateOne(_as_read(one), {"$set": keys.of_account(one)}) for one in batch]
    try:
        _accounts().bulk_write(updates, ordered=False)
    except BulkWriteError as error:
        faults = error.details["writeErrors"]
        if error.details["writeConcernErrors"] or any(one["code"] != _DUPLICATE for one in faults):
            raise
        return [batch[one["index"]] for one in faults]
    return []


def _with_free_keys(batch: list[_Stored]) -> list[_Stored]:
    """Return those of some accounts that have no address, or one whose key no other account has by right."""
    keys_of_others = {one["emailKey"] for one in _holders(batch) if _email_key(one) == one["emailKey"]}
    return [one for one in batch if _email_key(one) not in keys_of_others]


def _holders(batch: list[_Stored]) -> Iterable[_Stored]:
    wanted = [key for one in batch if (key := _email_key(one)) is not None]
    holders: Iterable[_Stored] = _accounts().find({"emailKey": {"$in": wanted}}, _WANTED)
    return holders


def _email_key(account: _Stored) -> str | None:
    return keys.of_account(account).get("emailKey")


def _batches(accounts: Iterator[_Stored], size: int = _BATCH) -> Iterator[list[_Stored]]:
    while batch := list(islice(accounts, size)):
        yield batch


def _accounts() -> Collection[dict[str, Any]]:
    accounts: Collection[dict[str, Any]] = User._get_collection().with_options(codec_options=_LENIENT)
    return accounts


def _as_read(account: _Stored) -> dict[str, Any]:
    """Return the condition that address and name are as they were read, whatever other programs store there."""
    return {"_id": account["_id"], **{name: {"$eq": account.get(name)} for name in ("email", "name")}}


def _keys_in(account: _Stored) -> dict[str, Any]:
    return {name: account[name] for name in ("emailKey", "nameKey") if name in account}
