"""Bulk reads and inserts of accounts as they are stored, and never of a plain password (ASVS 11.4.2)."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import bson
from bson import ObjectId
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError, OperationFailure

from authsvc.models.base import deadline
from authsvc.models.users import keys, kinds
from authsvc.models.users.document import User
from authsvc.security import stored_addresses
from authsvc.security.passwords import PasswordHash

_STEP_SECONDS = 60.0
"""Limit of one batch."""

_ENCODED: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, uuid_representation=UuidRepresentation.STANDARD)
_AS_STORED: CodecOptions[dict[str, Any]] = _ENCODED.with_options(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
_DUPLICATE = 11000
_OF_A_DOCUMENT = frozenset({2, 9, 14, 22, 10334})
"""BadValue, FailedToParse, TypeMismatch, InvalidBSON, BSONObjectTooLarge."""

_NONE: Mapping[int, str] = {}
_TEXTS = ("name", "role")
_TIMES = ("createdAt", "emailVerifiedAt", "passwordChangedAt", "disabledAt")
_OWN = {own.db_field for own in User._fields.values()}
_MISREAD = (set(User._fields) - _OWN) | {"id", "pk", "self", "_cls", "_created", "__auto_convert"}
"""Names that MongoEngine would misread when it loads the document."""


class NotStorable(ValueError):
    """A document that can't be an account; the message says why, and quotes no value of it."""


class NewAccount:
    """A document that may be inserted as it is; `identities` are the keys of those at other providers.

    It has an id and an address, its password is absent or a `PasswordHash`, and our fields have the right types. Raises
    NotStorable.
    """

    __slots__ = ("email", "id", "identities", "password", "raw", "role")

    def __init__(self, document: dict[str, Any]) -> None:
        if not isinstance(document.get("_id"), ObjectId) or not isinstance(document.get("email"), str):
            raise NotStorable("the id or email address is missing")
        if not isinstance(document.get("password"), PasswordHash | None):
            raise NotStorable("password: must be a hash")
        _require_kinds(document)
        self.id: ObjectId = document["_id"]
        self.email: str = document["email"]
        self.password: PasswordHash | None = document.get("password")
        self.role: str | None = document.get("role")
        self.identities: list[str] = [one["key"] for one in document.get("linkedIdentities") or []]
        whole = {**keys.without_keys(document), **keys.of_account(document)}
        try:
            self.raw = RawBSONDocument(bson.encode(whole, codec_options=_ENCODED))
        except (BSONError, ValueError, OverflowError, TypeError, RecursionError) as error:
            raise NotStorable("contains a value that can't be stored") from error


def _require_kinds(document: dict[str, Any]) -> None:
    names = document.keys()
    if not _MISREAD.isdisjoint(names):
        raise NotStorable(f"{min(_MISREAD & names)}: a field of this name can't be kept")
    for name in _TEXTS:
        if not isinstance(document.get(name), str | None):
            raise NotStorable(f"{name}: not a string")
    for name in _TIMES:
        if not isinstance(document.get(name), datetime | DatetimeMS | None):
            raise NotStorable(f"{name}: not a time")
    odd = kinds.odd_fields(document)
    if odd:
        raise NotStorable(f"{odd[0]}: a field of authsvc with the wrong type")


@dataclass(slots=True)
class Inserted:
    """The accounts of a batch, by position, that were not inserted: known already, by id or address, or refused.

    `linked` are those with an identity at another provider that is another account's; `forbidden` are those that must
    not be made, with the reason.
    """

    known: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    linked: set[int] = field(default_factory=set)
    forbidden: dict[int, str] = field(default_factory=dict)

    @property
    def absent(self) -> set[int]:
        """Return the positions of all that were not inserted."""
        return self.known | self.refused | self.linked | self.forbidden.keys()


def insert_new(
    accounts: Sequence[NewAccount], forbidden: Mapping[int, str] = _NONE, known: Set[int] = frozenset()
) -> Inserted:
    """Insert the accounts that do not exist yet, but for those that are forbidden; existing ones stay as they are.

    `known` are those that existed when the hook was asked about the others: nobody allowed them, even if they are gone
    by now. Raises a database error.
    """
    others = _duplicates_in_another_form(accounts, forbidden)
    outcome = Inserted(known=others | known, forbidden=dict(forbidden))
    _insert(accounts, [at for at in range(len(accounts)) if at not in outcome.absent], outcome)
    return outcome


def known_among(accounts: Sequence[NewAccount]) -> set[int]:
    """Return the positions of those accounts that exist already, by id or address."""
    return {
        at
        for at, account in enumerate(accounts)
        if User.find(str(account.id)) is not None or User.find_by_typed(account.email) is not None
    }


def ids_among(accounts: Sequence[NewAccount]) -> set[ObjectId]:
    """Return the ids of those accounts that exist already. Raises a database error."""
    wanted = {"_id": {"$in": [account.id for account in accounts]}}
    with deadline(_STEP_SECONDS):
        return {one["_id"] for one in User._get_collection().find(wanted, {"_id": 1})}


def _insert(accounts: Sequence[NewAccount], positions: list[int], outcome: Inserted) -> None:
    """Insert the accounts at these positions, and note which were not."""
    if not positions:
        return
    try:
        with deadline(_STEP_SECONDS):
            User._get_collection().insert_many([accounts[at].raw for at in positions], ordered=False)
    except BulkWriteError as error:
        if error.details["writeConcernErrors"]:
            raise
        for one in error.details["writeErrors"]:
            _note(positions[one["index"]], one["code"], accounts, outcome)
    except OperationFailure as error:
        if error.code not in _OF_A_DOCUMENT:
            raise
        if len(positions) == 1:
            outcome.refused.add(positions[0])
            return
        # The embedded database refuses a whole batch for one document: halve it until only that one is refused.
        half = len(positions) // 2
        _insert(accounts, positions[:half], outcome)
        _insert(accounts, positions[half:], outcome)


def _note(position: int, code: int, accounts: Sequence[NewAccount], outcome: Inserted) -> None:
    if code != _DUPLICATE:
        outcome.refused.add(position)
    elif _is_linked(accounts[position]):
        outcome.linked.add(position)
    else:
        outcome.known.add(position)


def _is_linked(account: NewAccount) -> bool:
    """Tell whether the index refused an account that nobody has for an identity that somebody has."""
    if User.find(str(account.id)) is not None or User.find_by_typed(account.email) is not None:
        return False
    return any(User.find_by_identity(key) is not None for key in account.identities)


def key_of(email: str) -> str:
    """Return a key that is equal for all forms of an address."""
    return stored_addresses.spellings(email)[0] if stored_addresses.has_forms(email) else email.lower()


def _duplicates_in_another_form(accounts: Sequence[NewAccount], forbidden: Mapping[int, str]) -> set[int]:
    """Return which of a batch exist, or come before, with their domain in another form: no index sees that.

    Those that are forbidden are not there for anybody.
    """
    known, forms = set(), set[str]()
    for at, account in enumerate(accounts):
        if at not in forbidden and stored_addresses.has_forms(account.email):
            form = key_of(account.email)
            if form in forms or User.find_by_typed(account.email) is not None:
                known.add(at)
            forms.add(form)
    return known


def known_accounts() -> Iterator[tuple[ObjectId, str, list[str]]]:
    """Yield the id, the address and the keys of the identities of every account, in no order."""
    wanted = {"email": 1, "linkedIdentities.key": 1}
    for one in User._get_collection().find({}, wanted, batch_size=10_000):
        yield one["_id"], str(one.get("email", "")), _keys_of(one.get("linkedIdentities"))


def _keys_of(linked: Any) -> list[str]:
    """Return the keys of the identities of an account, whatever another program may have stored there."""
    identities = linked if isinstance(linked, list) else []
    return [str(one["key"]) for one in identities if isinstance(one, dict) and "key" in one]


def every() -> Iterator[dict[str, Any]]:
    """Yield every account as it is stored, fields of other writers included and keys left out, in no order."""
    accounts = User._get_collection().with_options(codec_options=_AS_STORED)
    yield from map(keys.without_keys, accounts.find({}, batch_size=1_000))


def about_how_many() -> int:
    """Return how many accounts there are, without counting them."""
    with deadline(_STEP_SECONDS):
        return int(User._get_collection().estimated_document_count())
