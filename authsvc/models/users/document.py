"""An account: its own data, and the atomic transitions that change it."""

from datetime import datetime
from typing import Any, Self, cast

import bson
from bson import ObjectId
from mongoengine import signals
from mongoengine.errors import NotUniqueError
from mongoengine.fields import StringField

from authsvc import clock
from authsvc.errors import EmailTaken
from authsvc.models.base import Document, bounded, object_id, utc_field
from authsvc.models.users.addresses import NEW_EPOCH, Addresses
from authsvc.models.users.directory import ANY_CASE, DEFAULT, Directory
from authsvc.models.users.factors import WITHOUT_FACTORS, Factors
from authsvc.models.users.passwords import Accounts, PasswordField
from authsvc.security import passwords
from authsvc.security.passwords import PasswordHash

_NOBODY = bson.encode(
    {
        "_id": ObjectId(b"\0" * 12),
        "name": "nobody in particular",
        "email": "nobody@example.com",
        "password": "$2b$12$" + "." * 53,
        "role": DEFAULT,
        "createdAt": clock.now(),
        "passwordChangedAt": clock.now(),
    }
)
"""An account as the database would send it."""


class User(Addresses, Factors, Directory, Document):
    """An account. Changed by the atomic transitions below, never by `save()`, which is for inserts."""

    meta = {
        "collection": "users",
        "queryset_class": Accounts,
        "indexes": [
            {"fields": ["email"], "name": "email_any_case", "unique": True, "collation": ANY_CASE},
            {"fields": ["name", "id"], "name": "name_any_case", "collation": ANY_CASE},
            {"fields": ["role", "id"], "name": "role"},
            {"fields": ["disabled_at", "id"], "name": "disabled", "sparse": True},
        ],
    }

    name: str = StringField()
    email: str = StringField(required=True)
    password: PasswordHash | None = cast(Any, PasswordField())
    role: str = StringField(default=DEFAULT)
    created_at: datetime = utc_field(db_field="createdAt", default=clock.now)
    password_changed_at: datetime | None = utc_field(db_field="passwordChangedAt")
    disabled_at: datetime | None = utc_field(db_field="disabledAt")

    @property
    def has_foreign_hash(self) -> bool:
        """Tell whether something else than authsvc wrote the password hash."""
        return self.password_changed_at is None

    def insert(self) -> Self:
        """Store a new account; its address is canonical. Raises EmailTaken."""
        try:
            return cast(Self, _insert(self))
        except NotUniqueError as error:
            raise EmailTaken from error

    @classmethod
    @bounded
    def find(cls, user_id: str) -> Self | None:
        """Return the account with this id."""
        return cast(Self | None, cls.objects(id=object_id(user_id)).first())

    @classmethod
    @bounded
    def find_by_email(cls, email: str) -> Self | None:
        """Return the account with this address, in any case; where there is none, after the work of reading one."""
        found = cast(Self | None, cls.objects(email=email).collation(ANY_CASE).first())
        if found is None:
            cls.read_in_vain(_NOBODY)
        return found

    @classmethod
    @bounded
    def rename(cls, user_id: str, name: str) -> Self | None:
        """Set the name; None where the account is gone."""
        return cast(Self | None, cls.objects(id=object_id(user_id)).modify(set__name=name, new=True))

    @classmethod
    @bounded
    def upgrade_hash(cls, user_id: ObjectId, old: PasswordHash | None, new: PasswordHash) -> Self | None:
        """Put another hash of the same password where `old` still stands; None where somebody else was first.

        Or where another password was set right after that: this one is good no more.
        """
        changes = {"set__password": new, "set__password_changed_at": clock.now()}
        found = cast(Self | None, cls.objects(id=user_id, password=old).modify(**changes, new=True))
        return found if found is not None and found.password == new else None

    @classmethod
    @bounded
    def replace_password(cls, user_id: ObjectId, old: PasswordHash | None, new: PasswordHash) -> Self | None:
        """Put the hash of another password where `old` still stands; None where somebody else was first."""
        changes = {"set__password": new, "set__password_changed_at": clock.now(), **NEW_EPOCH}
        return cast(Self | None, cls.objects(id=user_id, password=old).modify(**changes, new=True))

    @classmethod
    @bounded
    def reset_password(cls, found: Self, new: PasswordHash) -> Self | None:
        """Put `new` where what was found still stands, for who has proved to own the address; None elsewhere.

        Where nobody had proved it before, second factors are those of somebody else: they go with it.
        """
        now = clock.now()
        same = cls.objects(id=found.id, link_epoch=found.link_epoch, email=found.email, disabled_at=None)
        proof = {} if found.is_proved else {"set__email_verified_at": now, **WITHOUT_FACTORS}
        changes = {"set__password": new, "set__password_changed_at": now, **NEW_EPOCH, **proof}
        return cast(Self | None, same.modify(**changes, new=True))

    @classmethod
    @bounded
    def stored(cls, user_id: str) -> dict[str, Any] | None:
        """Return everything that is stored of the account but its password, fields of other writers included."""
        found = cls._get_collection().find_one({"_id": object_id(user_id)}, {"password": 0, "_cls": 0, "__v": 0})
        return cast(dict[str, Any] | None, found)


@bounded
def _insert(user: User) -> User:
    return cast(User, user.save(force_insert=True))


def _hash_password(_sender: type[User], document: User, **_: Any) -> None:
    """Hash a new account's plain password before it is saved."""
    given: Any = document.password
    if isinstance(given, str) and not isinstance(given, PasswordHash):
        document.password = passwords.hasher().hash(given)
        document.password_changed_at = clock.now()


def _mark_stored_hash(_sender: type[User], document: User, **_: Any) -> None:
    """Tell a hash that came from the database from a string that a caller passed; no other text is a password."""
    stored = document._data.get("password")
    if not document._created and isinstance(stored, str):
        document._data["password"] = PasswordHash(stored) if passwords.is_hash(stored) else None


signals.pre_save.connect(_hash_password, sender=User)
signals.post_init.connect(_mark_stored_hash, sender=User)
