"""An account: its own data, and the atomic transitions that change it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self, cast

import bson
from bson import ObjectId
from mongoengine import signals
from mongoengine.errors import NotUniqueError

from authsvc import clock, languages
from authsvc.errors import EmailTaken
from authsvc.models.base import bounded, object_id
from authsvc.models.users import keys, kinds
from authsvc.models.users.account import DEFAULT
from authsvc.models.users.addresses import NEW_EPOCH, Addresses
from authsvc.models.users.factors import WITHOUT_FACTORS
from authsvc.models.users.identities import WITHOUT_IDENTITIES
from authsvc.models.users.listing import Listing
from authsvc.security import passwords, stored_addresses
from authsvc.security.passwords import PasswordHash

_DECOY = bson.encode(
    {
        "_id": ObjectId(b"\0" * 12),
        "name": "nobody in particular",
        "email": "nobody@example.com",
        "password": "$2b$12$" + "." * 53,
        "role": DEFAULT,
        "emailKey": "nobody@example.com",
        "nameKey": "nobody in particular",
        "createdAt": clock.now(),
        "passwordChangedAt": clock.now(),
    }
)
"""An account as the database would send it, for equal work if there is none (ASVS 6.3.8)."""


class User(Addresses, Listing):
    """An account. Changed by the atomic transitions below, never by `save()`, which is for inserts."""

    meta = {
        "collection": "users",
        "indexes": [
            {"fields": ["email"], "name": "email_1", "unique": True},  # as Mongoose calls it
            {"fields": ["email_key"], "name": "email_key", "unique": True, "sparse": True},
            {"fields": ["name_key", "id"], "name": "name_key"},
            {"fields": ["role", "id"], "name": "role"},
            {"fields": ["disabled_at", "id"], "name": "disabled", "sparse": True},
            {"fields": ["linked_identities.key"], "name": "identity", "unique": True, "sparse": True},
        ],
    }

    @property
    def has_foreign_hash(self) -> bool:
        """Tell whether another program wrote the password hash."""
        return self.password_changed_at is None

    def insert(self) -> Self:
        """Store a new account; its address is canonical. Raises EmailTaken."""
        self._free(self.email)
        try:
            return super().insert()
        except NotUniqueError as error:
            raise EmailTaken from error

    @property
    def language(self) -> str | None:
        """Return the language in which the owner is written to, None if they have not said so."""
        return languages.match(self.locale) if isinstance(self.locale, str) else None

    @classmethod
    def find(cls, user_id: str) -> Self | None:
        """Return the account with this id."""
        return cls.by_key(object_id(user_id))

    @classmethod
    def find_or_decoy(cls, user_id: ObjectId) -> Self | None:
        """Return the account with this id; if there is none, after the work of reading one."""
        return cls._one_or_decoy({"_id": user_id})

    @classmethod
    @bounded
    def find_by_email(cls, email: str) -> Self | None:
        """Return the account with this address, in any case; if there is none, after the work of reading one."""
        key = keys.of_email(email)
        user = cls._one_or_decoy({"emailKey": key})
        if user is not None and keys.of_email(str(user.email)) != key:
            cls.mend_key(user)
            user = None
        if not keys.are_of_all():  # whether there is one or not: equal work
            user = cls._one_or_decoy({"email": key}) or user
        return user

    @classmethod
    def _one_or_decoy(cls, condition: dict[str, Any]) -> Self | None:
        user = cls.one(condition)
        if user is None:
            cls.decode_decoy(_DECOY)
        return user

    @classmethod
    def find_by_typed(cls, text: str) -> Self | None:
        """Return the account whose address somebody typed, whatever form it is stored in."""
        users = [
            cls.find_by_email(spelling) for spelling in stored_addresses.spellings(text)
        ]  # all of them: equal work
        return next((user for user in users if user is not None), None)

    @classmethod
    def find_twin(cls, user: Self) -> Self | None:
        """Return another account with the same address in another form, its domain in Unicode: no index sees that."""
        for spelling in stored_addresses.spellings(user.email):
            other = cls.find_by_email(spelling) if spelling != user.email else None
            if other is not None and other.id != user.id:
                return other
        return None

    @classmethod
    @bounded
    def rename(cls, user_id: str, name: str) -> Self | None:
        """Set the name; None if the account is gone."""
        return cls.change_profile(user_id, {"name": name})

    @classmethod
    @bounded
    def change_profile(cls, user_id: str, members: Mapping[str, str]) -> Self | None:
        """Set name, locale or both; None if the account is gone."""
        return cls.change({"id": object_id(user_id)}, {f"set__{name}": value for name, value in members.items()})

    @classmethod
    @bounded
    def upgrade_hash(cls, user_id: ObjectId, old: PasswordHash | None, new: PasswordHash) -> Self | None:
        """Replace the hash `old` by another of the same password; None if the password has changed."""
        user = cls.change({"id": user_id, "password": old}, _password_changes(new, clock.now()))
        # Another password may have been set right after that: then this hash is no longer valid.
        return user if user is not None and user.password == new else None

    @classmethod
    @bounded
    def replace_password(cls, user_id: ObjectId, old: PasswordHash | None, new: PasswordHash) -> Self | None:
        """Replace the hash `old` by that of another password; None if the password has changed."""
        return cls.change({"id": user_id, "password": old}, {**_password_changes(new, clock.now()), **NEW_EPOCH})

    @classmethod
    @bounded
    def set_password(cls, user: Self, new: PasswordHash) -> Self | None:
        """Give an account its first password; None if password, address or state has changed since it was read."""
        # Whatever else is stored there is no hash, and by that no password.
        expected = {"id": user.id, "link_epoch": user.link_epoch, "email": user.email, "disabled_at": None}
        return cls.change(expected, {**_password_changes(new, clock.now()), **NEW_EPOCH})

    @classmethod
    @bounded
    def reset_password(cls, user: Self, new: PasswordHash) -> Self | None:
        """Set a password for the owner of the address, which this verifies; None if the account has changed."""
        expected = {"id": user.id, "link_epoch": user.link_epoch, "email": user.email, "disabled_at": None}
        now = clock.now()
        changes = {**_password_changes(new, now), **NEW_EPOCH}
        if not user.is_verified:  # until now, second factors and identities may be those of somebody else
            changes |= {"set__email_verified_at": now, **WITHOUT_FACTORS, **WITHOUT_IDENTITIES}
        return cls.change(expected, changes)

    @classmethod
    def _from_son(cls, son: Any, *args: Any, **options: Any) -> Self:
        """Read an account. Without `createdAt` it was made with its id, as Mongoose makes them.

        `createdAt: null` says that nobody knows, since the id is younger than the account.
        """
        son = kinds.readable(son)
        if "createdAt" not in son and isinstance(son.get("_id"), ObjectId):
            son = {**son, "createdAt": son["_id"].generation_time}
        return cast(Self, super()._from_son(son, *args, **options))

    @classmethod
    @bounded
    def stored(cls, user_id: str) -> dict[str, Any] | None:
        """Return everything that is stored of the account except its password, fields of other writers included."""
        omitted = {"password": 0, "emailKey": 0, "nameKey": 0, "_cls": 0, "__v": 0}
        return cast(dict[str, Any] | None, cls._get_collection().find_one({"_id": object_id(user_id)}, omitted))


def _password_changes(new: PasswordHash, now: datetime) -> dict[str, Any]:
    return {"set__password": new, "set__password_changed_at": now}


def _complete(_sender: type[User], document: User, **_: Any) -> None:
    """Date a new account, hash its plain password, and give it its keys, before it is saved."""
    document.name_key = keys.of_name(document.name or "")
    document.email_key = keys.of_email(document.email) if document.email is not None else None
    if document._created and document.created_at is None:
        document.created_at = clock.now()
    password: Any = document.password
    if isinstance(password, str) and not isinstance(password, PasswordHash):
        document.password = passwords.hasher().hash(password)
        document.password_changed_at = clock.now()


def _mark_stored_hash(_sender: type[User], document: User, **_: Any) -> None:
    """Tell a hash that came from the database from a string that a caller passed; no other text is a password."""
    stored = document._data.get("password")
    if not document._created and isinstance(stored, str):
        document._data["password"] = PasswordHash(stored) if passwords.is_hash(stored) else None


signals.pre_save.connect(_complete, sender=User)
signals.post_init.connect(_mark_stored_hash, sender=User)
