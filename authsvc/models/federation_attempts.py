"""The `federation_attempts` collection: sign-ins with other providers, until the browser comes back from there."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Self, cast

from bson import ObjectId
from mongoengine.fields import IntField, ObjectIdField, StringField

from authsvc.models.base import EXPIRY, Document, bounded, utc_field


class Intent(StrEnum):
    """What somebody goes to a provider for."""

    SIGN_IN = "sign_in"
    LINK = "link"
    REAUTHENTICATE = "reauthenticate"


class Step(StrEnum):
    """What an attempt waits for."""

    RETURN = "return"
    """The browser, which is at the provider."""

    CONFIRM = "confirm"
    """A sign-in to the account that has the address which the provider verified."""

    ADDRESS = "address"
    """A sign-in to any account, by which an address is proved: the provider verified none."""


class FederationAttempt(Document):
    """A sign-in with a provider, tied to the `browser` that began it; its id is the digest of its secret.

    That is the `state` that goes to the provider, or later the token of what waits. `sealed` is what nobody else may
    know: the nonce and the verifier, or later who the provider says it is. `session` is the one that asks, for an
    intent that is not to sign in, and `user` whose account is meant, if that is decided.
    """

    meta = {"collection": "federation_attempts", "indexes": [EXPIRY]}

    digest: str = StringField(primary_key=True)
    browser: str = StringField(required=True)
    step: str = StringField(required=True)
    provider: str = StringField(required=True)
    intent: str = StringField(required=True)
    sealed: str = StringField(required=True)
    session: str | None = StringField()
    user: ObjectId | None = ObjectIdField()
    max_age: int | None = IntField(db_field="maxAge")
    return_to: str | None = StringField(db_field="returnTo")
    created_at: datetime = utc_field(db_field="createdAt", required=True)
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @classmethod
    @bounded
    def find(cls, digest: str, browsers: Sequence[str], now: datetime) -> Self | None:
        """Return an attempt of one of these browsers, unless it has expired."""
        return cast(Self | None, cls.objects(digest=digest, browser__in=browsers, expires_at__gt=now).first())

    @classmethod
    @bounded
    def take(cls, digest: str, step: str, browsers: Sequence[str], provider: str, now: datetime) -> Self | None:
        """Remove an attempt with this provider, for its one use; None if it is gone, or another's."""
        live = cls.objects(digest=digest, step=step, browser__in=browsers, provider=provider, expires_at__gt=now)
        return cast(Self | None, live.modify(remove=True))
