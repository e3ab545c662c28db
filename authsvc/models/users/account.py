"""The base of the user document: its core fields, and the one step that changes an account."""

from contextlib import suppress
from datetime import datetime
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine.errors import NotUniqueError
from mongoengine.fields import IntField, StringField

from authsvc.models.base import Document, utc_field
from authsvc.models.users.passwords import PasswordField
from authsvc.models.users.queryset import UserQuerySet
from authsvc.security.passwords import PasswordHash

ADMIN = "admin"
DEFAULT = "user"


class Account(Document):
    """The core fields of an account.

    `link_epoch` only grows. Links are bound to it, not to values that may come back.
    """

    meta = {"abstract": True, "queryset_class": UserQuerySet}

    id: ObjectId
    name: str = StringField()
    email: str = StringField(required=True)
    password: PasswordHash | None = cast(Any, PasswordField())
    role: str = StringField(default=DEFAULT)
    email_key: str | None = StringField(db_field="emailKey")
    name_key: str | None = StringField(db_field="nameKey")
    locale: str | None = StringField()
    created_at: datetime | None = utc_field(db_field="createdAt")
    password_changed_at: datetime | None = utc_field(db_field="passwordChangedAt")
    disabled_at: datetime | None = utc_field(db_field="disabledAt")
    link_epoch: int | None = IntField(db_field="linkEpoch")

    @classmethod
    def mend_key(cls, user: Self) -> None:
        """Correct the key of an account whose address another program has changed, an earlier release for instance."""
        with suppress(NotUniqueError):
            cls.objects(id=user.id, email=user.email).update_one(set__email=user.email)

    @classmethod
    def change(cls, expected: dict[str, Any], changes: dict[str, Any]) -> Self | None:
        """Change the account that meets `expected`, in one atomic step.

        Return it as it is then, None if there is none. Raises NotUniqueError.
        """
        return cast(Self | None, cls.objects(**expected).modify(**changes, new=True))
