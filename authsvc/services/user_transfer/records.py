"""Accounts as other programs write them, and as they are stored here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from authsvc import clock
from authsvc.models.ids import new_id
from authsvc.models.users.kinds import KINDS
from authsvc.models.users.transfer import NewAccount, NotStorable
from authsvc.security import foreign_hashes, names, passwords, secret_names, stored_addresses
from authsvc.security.addresses import NotAnAddress, canonical
from authsvc.security.foreign_hashes import NotKnown
from authsvc.services.user_transfer import listed_identities, products, values
from authsvc.services.user_transfer.products import PRODUCTS, NeedsReset, Options, Product
from authsvc.services.user_transfer.values import NotUnderstood

_OTHER_NAMES = {
    "passwordHash": "password",
    "password_hash": "password",
    "created_at": "createdAt",
    "date_joined": "createdAt",
    "email_verified_at": "emailVerifiedAt",
    "email_verified": "emailVerified",
}
_RENAMED = {*_OTHER_NAMES, "id"}
_TIMES = ("createdAt", "emailVerifiedAt", "passwordChangedAt", "disabledAt")
_LONGEST_NAME = 1_000
_LONGEST_KIND = 100
_UNUSABLE = re.compile(r"!(?:[A-Za-z0-9]{40})?|\*[01!]?|")
"""Placeholders of Django (since 1.6 with 40 letters) and PHP programs for the hash of an account without a password."""

_OFF_WORDS = ("disabled", "blocked", "banned", "suspended")
_OFF = frozenset({*_OFF_WORDS, *(f"is_{word}" for word in _OFF_WORDS), *(f"is{word.title()}" for word in _OFF_WORDS)})
_ON = frozenset({"active", "is_active", "isActive", "enabled", "is_enabled", "isEnabled"})
"""Words for an account that is switched off if they are true, or if they are false."""

_PROOF = re.compile(r"verif|confirm", re.IGNORECASE)
_STATE = re.compile(
    r"(?P<off>disabl|bann|block|suspend|lock|inactive|delet|archiv)|(?P<on>active|enabled|approved)|status",
    re.IGNORECASE,
)
_UNDERSTOOD = frozenset({"email", "name", "role", "password", "emailVerified", "passwordChangedAt", *_TIMES})
_NONE = (None, False, "", 0, "0", "f", "false", "False", "FALSE")


class Invalid(ValueError):
    """A record that is no account; the message says why, and quotes no value of it."""


class OfAnotherKind(Exception):
    """A record of something else than an account; the message names it."""


@dataclass(slots=True)
class Reading:
    """The account of a record, why its password can't be imported (`reset`), and its fields that are not imported."""

    account: NewAccount
    reset: str | None = None
    omissions: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    verified: bool = False
    disabled: bool = False


@dataclass(slots=True)
class _Draft:
    document: dict[str, Any]
    as_stored: bool = False
    reset: str | None = None
    omissions: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


class Reader:
    """Reads the records of one export; the first that is recognised decides whose it is, unless `product` does."""

    def __init__(self, roles: frozenset[str], *, product: str | None = None, options: Options | None = None) -> None:
        """`product` is a key of `PRODUCTS`, or `own` for documents of MongoDB and files of no product."""
        self._roles = roles
        self._key = product
        self._options = options or Options()

    @property
    def title(self) -> str | None:
        """Return the title of the product; None for documents of MongoDB and files of no product."""
        return PRODUCTS[self._key].title if self._key in PRODUCTS else None

    def note(self, around: dict[str, Any]) -> None:
        """Read what a file says of itself before its accounts, such as Firebase's parameters. Raises Invalid."""
        config = around.get("hash_config")
        if self._options.firebase is None and isinstance(config, dict):
            text = "\n".join(f"{name}: {value}" for name, value in config.items())
            try:
                self._options = replace(self._options, firebase=products.firebase_config(text))
            except ValueError as error:
                raise Invalid(f"hash_config: {error}") from error

    def read(self, members: dict[str, Any]) -> Reading | None:
        """Return the account of a record, None if it is no record. Raises Invalid, OfAnotherKind."""
        draft = None if products.is_wrapping(members) else self._drafted(members)
        if draft is None:
            return None
        _read_address(draft)
        _read_password(draft)
        _read_role(draft, self._roles)
        _read_name(draft)
        for path in secret_names.plain_passwords({**draft.document, "password": None}):
            raise Invalid(f"{path}: looks like a plain-text password: remove this field")
        try:
            account = NewAccount(draft.document)
        except NotStorable as error:
            raise Invalid(str(error)) from error
        if not stored_addresses.is_reachable(account.email):
            draft.remarks.append("email: in a form that nobody can sign in with")
        elif not stored_addresses.gets_letters(account.email):
            draft.remarks.append("email: in a form that no letter can be sent to")
        verified, disabled = (draft.document.get(name) is not None for name in ("emailVerifiedAt", "disabledAt"))
        return Reading(account, draft.reset, draft.omissions, draft.remarks, verified, disabled)

    def _drafted(self, members: dict[str, Any]) -> _Draft:
        is_document = isinstance(members.get("_id"), ObjectId)
        if self._key is None and (not is_document or {"passwordHash", "tenant"} <= members.keys()):
            self._key = products.recognised(members)
        if self._key in PRODUCTS:
            return _translated(PRODUCTS[self._key], members, self._options)
        draft = _Draft(_with_id(_under_own_names(members)), as_stored=is_document)
        _read_times(draft)
        _read_proof(draft.document)
        if not is_document:
            _read_state(draft.document, draft.document)
        draft.remarks += _not_understood(draft.document, as_stored=is_document)
        _read_identities(draft.document)
        return draft


def _translated(product: Product, members: dict[str, Any], options: Options) -> _Draft:
    """Return what a product's table makes of a record. Raises OfAnotherKind."""
    account = product.account(members)
    if account is None:
        raise OfAnotherKind(str(members.get("model"))[:_LONGEST_KIND])
    meanings: dict[str, tuple[str, Any]] = {}
    others: dict[str, Any] = {}
    for name, value in account.items():
        meaning = product.fields.get(name)
        if meaning is None:
            others[name] = value
        elif meaning == "disabled" and value not in _NONE:  # if there are several words for it, the true one
            meanings[meaning] = (name, value)
        elif meaning and value not in (None, ""):
            meanings.setdefault(meaning, (name, value))
    omissions = [one for one, value in others.items() if one not in _OFF | _ON and not _is_nothing(value)]
    document: dict[str, Any] = {"_id": new_id(), "email": meanings.get("email", ("", None))[1], "role": "user"}
    draft = _Draft(document, omissions=omissions)
    _name_in(document, meanings)
    document["createdAt"] = _understood(meanings, "createdAt", values.time)
    _translate_state(document, meanings)
    _read_state(document, others)
    draft.remarks += _not_understood(others, as_stored=False)
    _translate_hash(draft, product, account, options, meanings)
    identities, strange = listed_identities.stored(iter(product.identities(account)), options.providers)
    draft.omissions += [f"identities: {provider}" for provider in strange]
    document |= {"linkedIdentities": identities} if identities else {}
    if "id" in meanings:
        own = values.object_id(meanings["id"][1])
        document |= {"formerId": meanings["id"][1]} if own is None else {"_id": own}
    document |= {name: meanings[name][1] for name in ("username", "phone") if name in meanings}
    return draft


def _translate_hash(
    draft: _Draft, product: Product, account: dict[str, Any], options: Options, meanings: dict[str, tuple[str, Any]]
) -> None:
    try:
        stored = product.password(account, options) or meanings.get("hash", ("", None))[1]
    except NeedsReset as reason:
        draft.reset = str(reason)
        return
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Invalid("password: in an unknown format") from error
    draft.document["password"] = stored
    if stored and "password" in product.remarks:
        draft.remarks.append(product.remarks["password"])


def _name_in(document: dict[str, Any], meanings: dict[str, tuple[str, Any]]) -> None:
    parts = [str(meanings[part][1]).strip() for part in ("givenName", "familyName") if part in meanings]
    name = meanings["name"][1] if "name" in meanings else " ".join(part for part in parts if part)
    if name:
        document["name"] = name


def _translate_state(document: dict[str, Any], meanings: dict[str, tuple[str, Any]]) -> None:
    """Set when an address was verified and an account disabled; now, if no time is stated."""
    now = clock.now()
    verified_at = _understood(meanings, "verifiedAt", values.time)
    if verified_at is None and _understood(meanings, "verified", values.truth):
        verified_at = now
    off = _understood(meanings, "disabledAt", values.time)
    banned = _understood(meanings, "bannedUntil", values.time)
    is_off = _understood(meanings, "disabled", values.truth) or _understood(meanings, "enabled", values.truth) is False
    if off is None and (is_off or isinstance(banned, DatetimeMS) or (banned is not None and banned > now)):
        off = now
    document |= {name: at for name, at in (("emailVerifiedAt", verified_at), ("disabledAt", off)) if at is not None}


def _understood(meanings: dict[str, tuple[str, Any]], meaning: str, read: Any) -> Any:
    name, value = meanings.get(meaning, ("", None))
    try:
        return read(value)
    except NotUnderstood as error:
        raise Invalid(f"{name}: {error}") from error


def _under_own_names(members: dict[str, Any]) -> dict[str, Any]:
    if _RENAMED.isdisjoint(members):
        return members
    document: dict[str, Any] = {}
    for name, value in members.items():
        own = _OTHER_NAMES.get(name, name)
        if own in document:
            raise Invalid(f"{own}: given twice")
        document[own] = value
    if "id" in document:
        _read_other_id(document)
    return document


def _read_other_id(document: dict[str, Any]) -> None:
    """Use `id` as the id if it can be one; another program's is stored as `formerId`."""
    other = document.pop("id")
    own = values.object_id(other)
    if "_id" not in document and own is not None:
        document["_id"] = own
    elif str(other) != str(document.get("_id")):
        document.setdefault("formerId", other)


def _with_id(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with an id."""
    stored_id = document.get("_id")
    if isinstance(stored_id, ObjectId):
        return document
    if stored_id is None:
        document = {"_id": new_id(), **{name: value for name, value in document.items() if name != "_id"}}
        document.setdefault("createdAt", None)  # a new id does not tell when the account was made
        document.setdefault("role", "user")
        return document
    own = values.object_id(stored_id)
    if own is None:
        raise Invalid("_id: not an ObjectId")
    return {**document, "_id": own}


def _read_address(draft: _Draft) -> None:
    """Store the address in the case that it is written in, since the index compares in any, otherwise canonical.

    A document of MongoDB keeps its address, so that its owner can still sign in.
    """
    email = draft.document.get("email")
    if not isinstance(email, str) or not email:
        raise Invalid("email: missing")
    if draft.as_stored:
        return
    form = stored_addresses.form(stored_addresses.trimmed(email))
    if form is None:
        try:
            form = canonical(stored_addresses.trimmed(email))
        except NotAnAddress as error:
            raise Invalid(f"email: {error.code}") from error
    draft.document["email"] = email if email.lower() == form else form


def _read_password(draft: _Draft) -> None:
    password = draft.document.get("password")
    if password is None:
        if not draft.as_stored:
            draft.document.pop("password", None)
        return
    if not isinstance(password, str):
        raise Invalid("password: not a string")
    kind = foreign_hashes.refused_kind(password)
    if kind is not None or _UNUSABLE.fullmatch(password):
        draft.reset = kind
        del draft.document["password"]
        return
    try:
        draft.document["password"] = passwords.imported(password)
    except NotKnown as error:
        raise Invalid(f"password: {error}") from error


def _read_role(draft: _Draft, roles: frozenset[str]) -> None:
    role = draft.document.get("role")
    if role == "" and not draft.as_stored:
        draft.document["role"] = "user"
    elif role is not None and (not isinstance(role, str) or role not in roles):
        if not draft.as_stored or not isinstance(role, str):
            raise Invalid("role: unknown")
        draft.remarks.append("role: not one of ROLES, kept as it is")


def _read_name(draft: _Draft) -> None:
    """Normalise a name, line ends and tabs to blanks; a document of MongoDB keeps its name."""
    name = draft.document.get("name")
    if draft.as_stored or not isinstance(name, str):
        return
    if len(name) > _LONGEST_NAME:
        raise Invalid(f"name: longer than {_LONGEST_NAME} characters")
    try:
        draft.document["name"] = names.canonical(" ".join(name.split()) or " ", longest=_LONGEST_NAME)
    except names.NotAName as error:
        if error.code != "blank":
            raise Invalid("name: contains an invisible character") from error
        del draft.document["name"]


def _read_times(draft: _Draft) -> None:
    document = draft.document
    for name in _TIMES:
        if document.get(name) is not None:
            try:
                document[name] = values.time(document[name])
            except NotUnderstood as error:
                raise Invalid(f"{name}: {error}") from error
    if not draft.as_stored and any(isinstance(value, DatetimeMS) for value in document.values()):
        raise Invalid("a time after the year 9999")


def _read_proof(document: dict[str, Any]) -> None:
    """Believe another program that an address is verified, and since when if it says that."""
    value = document.get("emailVerified")
    if value is None:
        return
    try:
        verified = values.truth(value)
    except NotUnderstood:
        try:
            verified, document["emailVerifiedAt"] = True, document.get("emailVerifiedAt") or values.time(value)
        except NotUnderstood as error:
            raise Invalid("emailVerified: neither true nor false, nor a time") from error
    if isinstance(value, str):
        del document["emailVerified"]
    if verified and document.get("emailVerifiedAt") is None:
        document["emailVerifiedAt"] = clock.now()


def _read_identities(document: dict[str, Any]) -> None:
    """Let identities be found by what they say they are; an empty list is none, which the index would hold."""
    identities = listed_identities.with_own_keys(document.pop("linkedIdentities", None))
    if identities:
        document["linkedIdentities"] = identities


def _read_state(document: dict[str, Any], members: dict[str, Any]) -> None:
    """Believe another program that an account is disabled."""
    for name in members.keys() & (_OFF | _ON):
        try:
            value = values.truth(members[name])
        except NotUnderstood as error:
            raise Invalid(f"{name}: {error}") from error
        if value is (name in _OFF) and document.get("disabledAt") is None:
            document["disabledAt"] = clock.now()


def _not_understood(document: dict[str, Any], *, as_stored: bool) -> Iterator[str]:
    """Yield a remark for each field that seems to be about passwords, verification or state, and has no effect."""
    fields = _UNDERSTOOD if as_stored else _UNDERSTOOD | _OFF | _ON
    for name, value in document.items():
        if name in fields or (value in _NONE and not _STATE.search(name)):
            continue
        state = _STATE.search(name)
        hashes = () if name in KINDS else {*secret_names.hashes({name: value})}
        if hashes:
            yield from (f"{path}: looks like a password hash, and is not understood" for path in sorted(hashes))
        elif _PROOF.search(name) and (value is True or values.truth_or_none(value) or hasattr(value, "year")):
            yield f"{name}: looks like a proof of the address, and is not understood"
        elif state is not None and _is_off(state, value):
            yield f"{name}: looks like an account that is switched off, and is not understood"


def _is_off(state: re.Match[str], value: Any) -> bool:
    if state["off"]:
        return value not in _NONE
    if state["on"]:
        return value in _NONE[1:] or values.truth_or_none(value) is False
    return isinstance(value, str)


def _is_nothing(value: Any) -> bool:
    return value in _NONE or value in ([], {})
