"""The `sessions` collection: one document per sign-in, which is one family of tokens."""

from datetime import datetime, timedelta
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine.fields import IntField, ListField, ObjectIdField, StringField

from authsvc.models.base import Document, bounded, object_id, utc_field

NOBODY = "-"
"""The address in the sessions of an account that was deleted."""


class Session(Document):
    """A sign-in: whose, until when, at which generation of its refresh token, and why it ended.

    `role` and `email` are copies, so that a request reads one document: whoever changes an account writes the user
    first and its live sessions second.
    """

    meta = {
        "collection": "sessions",
        "indexes": [
            {"fields": ["user", "ended_at", "-id"], "name": "user_live"},
            {"fields": ["expires_at"], "name": "expiry", "expireAfterSeconds": 0},
        ],
    }

    user: ObjectId = ObjectIdField(required=True)
    role: str = StringField(required=True)
    email: str = StringField(required=True)
    generation: int = IntField(default=1)
    methods: list[str] = ListField(StringField(), required=True)
    auth_time: datetime = utc_field(db_field="authTime", required=True)
    created_at: datetime = utc_field(db_field="createdAt", required=True)
    last_used_at: datetime = utc_field(db_field="lastUsedAt", required=True)
    rotated_at: datetime | None = utc_field(db_field="rotatedAt")
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)
    ip: str | None = StringField()
    user_agent: str | None = StringField(db_field="userAgent")
    theft_seen_at: datetime | None = utc_field(db_field="theftSeenAt")
    ended_at: datetime | None = utc_field(db_field="endedAt")
    end_reason: str | None = StringField(db_field="endReason")

    @bounded
    def insert(self) -> None:
        """Store a new session."""
        self.save(force_insert=True)

    @classmethod
    @bounded
    def find(cls, session_id: str) -> Self | None:
        """Return the session with this id, ended or not."""
        return cast(Self | None, cls.objects(id=object_id(session_id)).first())

    @classmethod
    @bounded
    def standing(cls, session_id: str) -> dict[str, Any] | None:
        """Return what every authenticated request needs to know, as stored: one indexed projection."""
        found = cls._get_collection().find_one({"_id": object_id(session_id)}, STANDING)
        return cast(dict[str, Any] | None, found)

    @classmethod
    @bounded
    def rotate(cls, session_id: str, generation: int, now: datetime, idle: timedelta) -> Self | None:
        """Advance a live session from `generation` to the next; None where that is not where it stands."""
        live = cls.objects(
            id=object_id(session_id),
            generation=generation,
            ended_at=None,
            expires_at__gt=now,
            last_used_at__gt=now - idle,
        )
        changes = {"inc__generation": 1, "set__last_used_at": now, "set__rotated_at": now}
        return cast(Self | None, live.modify(**changes, new=True))

    @classmethod
    @bounded
    def end(
        cls, session_id: str | ObjectId, reason: str, now: datetime, *, owner: str | None = None
    ) -> ObjectId | None:
        """End a live session (of `owner`, where one is given); return whose it was, None where it was not this call."""
        found = object_id(session_id) if isinstance(session_id, str) else session_id
        whose = {} if owner is None else {"user": object_id(owner)}
        live = cls.objects(id=found, ended_at=None, **whose)
        ended = live.modify(set__ended_at=now, set__end_reason=reason)
        return ended.user if ended is not None else None

    @classmethod
    @bounded
    def claim_theft(cls, session_id: ObjectId, now: datetime, before: datetime) -> bool:
        """Note on a live session that it was stolen; tell False where another has, since `before`."""
        unseen = cls.objects(id=session_id, ended_at=None, theft_seen_at__not__gt=before)
        return bool(unseen.update_one(set__theft_seen_at=now))

    @classmethod
    @bounded
    def release_theft(cls, session_id: ObjectId) -> None:
        """Let the next who sees the theft tell of it."""
        cls.objects(id=session_id).update_one(unset__theft_seen_at=True)

    @classmethod
    @bounded
    def end_all(cls, owner: str, reason: str, now: datetime, *, but: str | None = None) -> int:
        """End all live sessions of a user, but one where that is named; return how many."""
        live = cls.objects(user=object_id(owner), ended_at=None)
        chosen = live if but is None else live.filter(id__ne=object_id(but))
        return cast(int, chosen.update(set__ended_at=now, set__end_reason=reason))

    @classmethod
    @bounded
    def refresh_proof(cls, session_id: str, methods: list[str], now: datetime, *, add: bool) -> Self | None:
        """Note on a live session that its user has just proved who they are, and how (RFC 8176 values).

        The methods are added to those there are, or take their place.
        """
        live = cls.objects(id=object_id(session_id), ended_at=None)
        noted = {"add_to_set__methods": methods} if add else {"set__methods": methods}
        return cast(Self | None, live.modify(set__auth_time=now, **noted, new=True))

    @classmethod
    @bounded
    def add_methods(cls, session_id: str, methods: list[str]) -> None:
        """Note by what else a session's user has proved who they are."""
        cls.objects(id=object_id(session_id)).update_one(add_to_set__methods=methods)

    @classmethod
    @bounded
    def outdate_proof(cls, owner: str, before: datetime, *, but: str | None = None) -> None:
        """Let a user's live sessions, but one where that is named, have been proved at `before` at the latest."""
        live = cls.objects(user=object_id(owner), ended_at=None, auth_time__gt=before)
        (live if but is None else live.filter(id__ne=object_id(but))).update(set__auth_time=before)

    @classmethod
    @bounded
    def copy_email(cls, owner: str, email: str) -> None:
        """Put a user's new address into the live sessions."""
        cls.objects(user=object_id(owner), ended_at=None).update(set__email=email)

    @classmethod
    @bounded
    def copy_role(cls, owner: str, role: str) -> None:
        """Put a user's new role into the live sessions."""
        cls.objects(user=object_id(owner), ended_at=None).update(set__role=role)

    @bounded
    def copy_account(self, role: str, email: str) -> None:
        """Put its user's role and address of this moment in the place of the copies it was read with.

        Whoever put newer ones there meanwhile is not undone.
        """
        same = type(self).objects(id=self.id, ended_at=None, role=self.role, email=self.email)
        same.update_one(set__role=role, set__email=email)
        self.role, self.email = role, email

    @classmethod
    @bounded
    def last_opened(cls, owner: ObjectId) -> datetime | None:
        """Return when a user last signed in; None where no session of theirs is known any more."""
        newest = cls.objects(user=owner).only("created_at").order_by("-id").first()
        return newest.created_at if newest is not None else None

    @classmethod
    @bounded
    def all_of(cls, owner: str, most: int) -> list[Self]:
        """Return a user's newest sessions, ended ones too."""
        return list(cls.objects(user=object_id(owner)).order_by("-id").limit(most))

    @classmethod
    @bounded
    def blank(cls, owner: str) -> None:
        """Forget whose a user's ended sessions were and where: only why they ended is still told."""
        ended = cls.objects(user=object_id(owner), ended_at__ne=None)
        ended.update(set__email=NOBODY, unset__ip=True, unset__user_agent=True)

    @classmethod
    @bounded
    def live(cls, owner: str, now: datetime, idle: timedelta, *, limit: int, before: str | None = None) -> list[Self]:
        """Return a user's live sessions, newest first, from after the one with the id `before`."""
        found = cls._live(owner, now, idle)
        later = found if before is None else found.filter(id__lt=object_id(before))
        return list(later.order_by("-id").limit(limit))

    @classmethod
    @bounded
    def beyond(cls, owner: str, now: datetime, idle: timedelta, cap: int) -> list[ObjectId]:
        """Return the ids of a user's live sessions beyond the newest `cap`."""
        return list(cls._live(owner, now, idle).order_by("-id").skip(cap).scalar("id"))

    @classmethod
    def _live(cls, owner: str, now: datetime, idle: timedelta) -> Any:
        return cls.objects(user=object_id(owner), ended_at=None, expires_at__gt=now, last_used_at__gt=now - idle)


STANDING = dict.fromkeys(
    ["user", "role", "email", "authTime", "generation", "rotatedAt", "lastUsedAt", "expiresAt", "endedAt", "endReason"],
    1,
)
"""What a request needs to know of its session: a projection."""
