"""The `devices` collection: the browsers and networks that a user has signed in from."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Self

import bson
from bson import ObjectId
from mongoengine.errors import NotUniqueError
from mongoengine.fields import IntField, ObjectIdField, StringField

from authsvc import clock
from authsvc.models.base import EXPIRY, Document, bounded, object_id, utc_field

_DECOY = bson.encode({"_id": "0" * 64, "user": ObjectId(b"\0" * 12), "expiresAt": clock.now()})
"""A device as the database would send it, for equal work if there is none."""


_OF_NOTE = {"proof": 1, "expiresAt": 1}


class Proof(IntEnum):
    """How a user was authenticated when a device was noted, the weakest first; unknown in notes of version 0.1."""

    PASSWORD = 0
    LETTER = 1
    FACTOR = 2


@dataclass(frozen=True, slots=True)
class Note:
    """A user at a device (`digest` of both), the proof of who they are, and until when it counts."""

    digest: str
    proof: Proof
    expires_at: datetime


class Device(Document):
    """A browser, or a network, and a user who signed in there. Its id is a digest of both, which reveals neither.

    `secret` is a digest of a browser's secret, the same for all users of that browser. `proof` is the strongest that
    was ever given there.
    """

    meta = {
        "collection": "devices",
        "indexes": [
            {"fields": ["user"], "name": "user"},
            {"fields": ["secret"], "name": "secret"},
            EXPIRY,
        ],
    }

    digest: str = StringField(primary_key=True)
    user: ObjectId = ObjectIdField(required=True)
    secret: str | None = StringField()
    proof: int | None = IntField()
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)

    @classmethod
    @bounded
    def known(cls, digests: list[str], now: datetime) -> dict[str, Note]:
        """Return the notes for the digests of known devices, by digest."""
        # Without a query set and its documents: to make them costs as much as the command.
        rows = cls._get_collection().find({"_id": {"$in": digests}, "expiresAt": {"$gt": now}}, _OF_NOTE)
        notes = {row["_id"]: Note(row["_id"], Proof(row.get("proof") or 0), row["expiresAt"]) for row in rows}
        for _ in range(len(set(digests)) - len(notes)):  # equal work, known or not
            bson.decode(_DECOY)
        return notes

    @classmethod
    @bounded
    def sharing(cls, secrets: list[str], now: datetime, most: int) -> list[Self]:
        """Return the users' notes for a browser with one of these secrets (as digests)."""
        devices = cls.objects(secret__in=secrets).limit(most) if secrets else []
        # Not a condition of the query: with both, the embedded database scans all that have not expired.
        return [device for device in devices if device.expires_at > now]

    @classmethod
    @bounded
    def any_of(cls, user: ObjectId, now: datetime) -> bool:
        """Tell whether any device of the user is known."""
        return cls.objects(user=user, expires_at__gt=now).first() is not None

    @classmethod
    @bounded
    def all_of(cls, owner: str, most: int) -> list[Self]:
        """Return the devices of a user."""
        return list(cls.objects(user=object_id(owner)).limit(most))

    @classmethod
    @bounded
    def remove_but(cls, user_id: str, digests: list[str]) -> None:
        """Forget the devices of a user, except those with these digests."""
        cls.objects(user=object_id(user_id), digest__nin=digests).delete()

    @classmethod
    @bounded
    def remove(cls, digest: str) -> None:
        """Forget a device."""
        cls.objects(digest=digest).delete()

    @classmethod
    @bounded
    def keep_newest_browsers(cls, user: ObjectId, most: int) -> None:
        """Forget all browsers except those of a user's latest sign-ins."""
        own = cls.objects(user=user, secret__ne=None)
        surplus = list(own.order_by("-expires_at").skip(most).scalar("digest"))
        if surplus:
            cls.objects(digest__in=surplus).delete()

    @classmethod
    @bounded
    def strengthen(cls, digests: list[str], proof: Proof) -> None:
        """Note a proof that was given at known devices."""
        cls.objects(digest__in=digests).update(max__proof=int(proof))

    @classmethod
    @bounded
    def remember(
        cls, digest: str, user: ObjectId, expires_at: datetime, proof: Proof, *, secret: str | None = None
    ) -> None:
        """Note a sign-in, the first or another one."""
        changes: dict[str, Any] = {"set__user": user, "set__expires_at": expires_at, "max__proof": int(proof)}
        if secret is not None:
            changes["set__secret"] = secret
        with suppress(NotUniqueError):  # the same sign-in was noted at the same moment
            cls.objects(digest=digest).update_one(**changes, upsert=True)
