"""The `sessions` collection: one document for each sign-in, which is one family of tokens."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine import Q
from mongoengine.fields import BooleanField, IntField, ListField, ObjectIdField, StringField

from authsvc.models.base import EXPIRY, Document, bounded, deadline, linearizable, object_id, unhurried, utc_field
from authsvc.models.notices import with_notice

NOBODY = "-"
"""The address in the sessions of a deleted account."""


class EndReason(StrEnum):
    """Why a session ended: the `reason` in the problem `session_ended`."""

    LOGOUT = "logout"
    LOGOUT_OTHERS = "logout_others"
    EMAIL_VERIFIED = "email_verified"
    REPLACED = "replaced"
    EXPIRED = "expired"
    TOKEN_REUSE = "token_reuse"  # noqa: S105 - a reason, not a token
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    PASSWORD_RESET = "password_reset"  # noqa: S105
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_DELETED = "account_deleted"
    ADMIN = "admin"


KEPT_ENDED = timedelta(days=30)
"""How long a session is kept after it ended, but not after its refresh token expires."""
_DISCARD_SECONDS = 0.5


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


class Session(Document):
    """A sign-in: its user, its expiry, the generation of its refresh token, and why it ended.

    `role` and `email` are copies, so that a request reads one document: a change of an account writes the user first
    and the live sessions second. `passkeys` and `identities` are those that its user authenticated with.

    An app's session has `app`, what it may do (`scopes`) and where (`resources`), and the session in which its user
    allowed it (`parent`); one that was got `by_device` outlasts that one. `app_epoch` is the app's when it was opened:
    once the app has another, it is not valid, whether it has been ended yet or not. `notice` is the one by which its
    app is still to be told of the end.
    """

    meta = {
        "collection": "sessions",
        "indexes": [
            {"fields": ["user", "ended_at", "-id"], "name": "user_live"},
            EXPIRY,
            {"fields": ["ended_at"], "name": "ended", "sparse": True, "expireAfterSeconds": _seconds(KEPT_ENDED)},
            {"fields": ["parent"], "name": "parent", "sparse": True},
            {"fields": ["app", "ended_at"], "name": "app_live", "partialFilterExpression": {"app": {"$exists": True}}},
            {"fields": ["notice"], "name": "notice", "sparse": True},
        ],
    }

    user: ObjectId = ObjectIdField(required=True)
    role: str = StringField(required=True)
    email: str = StringField(required=True)
    generation: int = IntField(default=1)
    methods: list[str] = ListField(StringField(), required=True)
    passkeys: list[ObjectId] = ListField(ObjectIdField())
    identities: list[ObjectId] = ListField(ObjectIdField())
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
    app: str | None = StringField()
    scopes: list[str] = ListField(StringField(), default=None)
    resources: list[str] = ListField(StringField(), default=None)
    parent: ObjectId | None = ObjectIdField()
    by_device: bool | None = BooleanField(db_field="byDevice")
    app_epoch: int | None = IntField(db_field="appEpoch")
    notice: ObjectId | None = ObjectIdField()

    @classmethod
    def find(cls, session_id: str) -> Self | None:
        """Return the session with this id, ended or not."""
        return cls.by_key(object_id(session_id))

    @classmethod
    @bounded
    def state_of(cls, session_id: str, *, to_keep: bool = False) -> dict[str, Any] | None:
        """Return what every authenticated request needs to know, as stored: one indexed projection."""
        collection = cls._get_collection()
        stored = linearizable(collection) if to_keep else collection
        state = stored.find_one({"_id": object_id(session_id)}, STATE_FIELDS)
        return cast(dict[str, Any] | None, state)

    @classmethod
    @bounded
    def rotate(cls, session_id: str, generation: int, now: datetime, idle: timedelta) -> Self | None:
        """Advance a live session from `generation` to the next; None if it is at another one."""
        live = {"_id": object_id(session_id), "generation": generation, "endedAt": None}
        unexpired = {"expiresAt": {"$gt": now}, "lastUsedAt": {"$gt": now - idle}}
        # The latest use stays, even if a clock went back since: tokens may be dated by it.
        changes = {"$inc": {"generation": 1}, "$max": {"lastUsedAt": now}, "$set": {"rotatedAt": now}}
        return cls.change_one({**live, **unexpired}, changes)

    @classmethod
    @with_notice
    @bounded
    def end(
        cls, session_id: str | ObjectId, reason: str, now: datetime, *, owner: str | None = None
    ) -> ObjectId | None:
        """End a live session, if it is of `owner`; return whose it was, None if this call did not end it."""
        key = object_id(session_id) if isinstance(session_id, str) else session_id
        whose = {} if owner is None else {"user": object_id(owner)}
        session = cls.objects(id=key, ended_at=None, **whose).modify(set__ended_at=now, set__end_reason=reason)
        return session.user if session is not None else None

    @classmethod
    def discard(cls, session_id: ObjectId) -> None:
        """Delete a session of which nobody has a token, unless the database takes long: it is of no use to anybody."""
        with deadline(_DISCARD_SECONDS):
            cls._get_collection().delete_one({"_id": session_id})

    @classmethod
    @bounded
    def children_of(cls, parent: str, *, but_with: str | None) -> list[Self]:
        """Return the live sessions that apps got in a session, except those with a scope, and those of devices."""
        live = cls.objects(parent=object_id(parent), ended_at=None)
        return list(live if but_with is None else live.filter(scopes__ne=but_with, by_device__ne=True))

    @classmethod
    @bounded
    def live_of_apps(cls, owner: str, *, app: str | None = None) -> list[Self]:
        """Return a user's sessions at apps, or at one app, that have not ended."""
        live = cls.objects(user=object_id(owner), ended_at=None)
        return list(live.filter(app__ne=None) if app is None else live.filter(app=app))

    @classmethod
    @with_notice
    @bounded
    def end_each(cls, session_ids: list[ObjectId], reason: str, now: datetime) -> int:
        """End those of these sessions that are live; return how many."""
        live = cls.objects(id__in=session_ids, ended_at=None)
        return cast(int, live.update(set__ended_at=now, set__end_reason=reason))

    @classmethod
    @unhurried
    def outdated_of_app(cls, app: str, epoch: int | None, most: int) -> list[ObjectId]:
        """Return some of an app's live sessions from before its present epoch, or from any if it is gone."""
        live = cls.objects(app=app, ended_at=None)
        before = live if epoch is None else live.filter(Q(app_epoch__lt=epoch) | Q(app_epoch=None))
        return list(before.limit(most).scalar("id"))

    @classmethod
    @bounded
    def end_by_notice(cls, session_ids: list[ObjectId], reason: str, now: datetime, notice: ObjectId | None) -> int:
        """End those of these sessions that are live; return how many. `notice` is to tell their app of them."""
        # It tells no worker: they have not been valid since the app's epoch changed, which every request reads.
        link = {} if notice is None else {"set__notice": notice}
        live = cls.objects(id__in=session_ids, ended_at=None)
        return cast(int, live.update(set__ended_at=now, set__end_reason=reason, **link))

    @classmethod
    @bounded
    def to_be_told(cls, notice: ObjectId, most: int) -> list[Self]:
        """Return some of the ended sessions of which their app is still to be told by a notice."""
        return list(cls.objects(notice=notice).only("id", "user").limit(most))

    @classmethod
    @bounded
    def note_told(cls, session_ids: list[ObjectId]) -> None:
        """Note that their app has been told that these sessions have ended."""
        cls.objects(id__in=session_ids).update(unset__notice=True)

    @classmethod
    @with_notice
    @bounded
    def end_expired(cls, session_id: str, reason: str, now: datetime, idle: timedelta) -> bool:
        """End a session that nobody has used for as long as it may idle, or at all; tell whether this call did."""
        live = cls.objects(id=object_id(session_id), ended_at=None)
        changes = {"set__ended_at": now, "set__end_reason": reason}
        # Not by one `$or`: the embedded database would read all sessions.
        return bool(
            live.filter(expires_at__lte=now).update_one(**changes)
            or live.filter(last_used_at__lte=now - idle).update_one(**changes)
        )

    @classmethod
    @with_notice
    @bounded
    def end_outdated(cls, session_id: ObjectId, generation: int, reason: str, now: datetime) -> bool:
        """End a live session whose generation is lower; tell whether this call did."""
        outdated = cls.objects(id=session_id, ended_at=None, generation__lt=generation)
        return bool(outdated.update_one(set__ended_at=now, set__end_reason=reason))

    @classmethod
    @bounded
    def claim_theft(cls, session_id: ObjectId, now: datetime, before: datetime) -> bool:
        """Note that a live session was stolen; tell whether nobody else has since `before`."""
        unclaimed = cls.objects(id=session_id, ended_at=None, theft_seen_at__not__gt=before)
        return bool(unclaimed.update_one(set__theft_seen_at=now))

    @classmethod
    @bounded
    def release_theft(cls, session_id: ObjectId) -> None:
        """Let the next request that detects the theft report it."""
        cls.objects(id=session_id).update_one(unset__theft_seen_at=True)

    @classmethod
    @with_notice
    @bounded
    def end_all(cls, owner: str, reason: str, now: datetime, *, but: str | None = None) -> int:
        """End all live sessions of a user that are no app's, except `but`; return how many."""
        live = cls.objects(user=object_id(owner), ended_at=None, app=None)
        others = live if but is None else live.filter(id__ne=object_id(but))
        return cast(int, others.update(set__ended_at=now, set__end_reason=reason))

    @classmethod
    @bounded
    def refresh_proof(
        cls,
        session_id: str,
        methods: list[str],
        now: datetime,
        *,
        add: bool,
        passkey: ObjectId | None = None,
        identity: ObjectId | None = None,
    ) -> Self | None:
        """Note that the user of a live session has just authenticated, how, and by which passkey or identity.

        The methods replace those of the session unless `add`.
        """
        live = cls.objects(id=object_id(session_id), ended_at=None)
        lists = {"methods": methods if add else None, "passkeys": passkey, "identities": identity}
        for name, values in lists.items():
            if values is not None:  # in steps of their own, and so by themselves: see `Grant.add`
                live.update_one(**{f"add_to_set__{name}": values})
        changes = {} if add else {"set__methods": methods}
        return cast(Self | None, live.modify(set__auth_time=now, **changes, new=True))

    @classmethod
    @bounded
    def add_methods(cls, session_id: str, methods: list[str]) -> None:
        """Note further methods that a session's user authenticated with."""
        cls.objects(id=object_id(session_id)).update_one(add_to_set__methods=methods)

    @classmethod
    @with_notice
    @bounded
    def outdate_proof(cls, owner: str, before: datetime, *, but: str | None = None) -> None:
        """Set back the authentication of a user's own live sessions to `before`, except that of `but`.

        Those of apps are never fresh, and tell their apps when the user has signed in.
        """
        live = cls.objects(user=object_id(owner), ended_at=None, app=None, auth_time__gt=before)
        (live if but is None else live.filter(id__ne=object_id(but))).update(set__auth_time=before)

    @classmethod
    @with_notice
    @bounded
    def copy_email(cls, owner: str, email: str) -> None:
        """Copy a user's new address to the live sessions."""
        cls.objects(user=object_id(owner), ended_at=None).update(set__email=email)

    @classmethod
    @with_notice
    @bounded
    def copy_role(cls, owner: str, role: str) -> None:
        """Copy a user's new role to the live sessions."""
        cls.objects(user=object_id(owner), ended_at=None).update(set__role=role)

    def copy_account(self, role: str, email: str) -> None:
        """Replace the copies of its user's role and address, unless they have changed since it was read."""
        self._replace_copies(self.id, (self.role, self.email), (role, email))
        self.role, self.email = role, email

    @classmethod
    @with_notice
    @bounded
    def _replace_copies(cls, session_id: ObjectId, before: tuple[str, str], after: tuple[str, str]) -> None:
        same = cls.objects(id=session_id, ended_at=None, role=before[0], email=before[1])
        same.update_one(set__role=after[0], set__email=after[1])

    @classmethod
    @bounded
    def latest_of(cls, owners: Iterable[ObjectId]) -> dict[ObjectId, tuple[datetime, datetime]]:
        """Return when each user last signed in, and last signed in or refreshed, if a session of theirs is stored."""
        last = {"opened": {"$max": "$createdAt"}, "seen": {"$max": "$lastUsedAt"}}
        latest = cls._get_collection().aggregate(
            [{"$match": {"user": {"$in": list(owners)}}}, {"$group": {"_id": "$user", **last}}]
        )
        return {one["_id"]: (one["opened"], one["seen"]) for one in latest}

    @classmethod
    @bounded
    def opened_since(cls, owner: ObjectId, moment: datetime) -> list[tuple[datetime, str | None, str | None]]:
        """Return time, address and user agent of a user's sign-ins since then, oldest first, of ended sessions too."""
        recent = cls.objects(user=owner, id__gte=ObjectId.from_datetime(moment)).order_by("id")
        return list(recent.scalar("created_at", "ip", "user_agent"))

    @classmethod
    @bounded
    def all_of(cls, owner: str, most: int) -> list[Self]:
        """Return a user's newest sessions, ended ones included."""
        return cast(list[Self], cls.objects(user=object_id(owner)).newest(most))

    @classmethod
    @bounded
    def blank(cls, owner: str) -> None:
        """Forget address and origin of a user's ended sessions; why they ended stays."""
        ended = cls.objects(user=object_id(owner), ended_at__ne=None)
        ended.update(set__email=NOBODY, unset__ip=True, unset__user_agent=True)

    @classmethod
    @bounded
    def live(cls, owner: str, now: datetime, idle: timedelta, *, limit: int, before: str | None = None) -> list[Self]:
        """Return a user's live sessions, newest first, from after the one with the id `before`."""
        return cast(list[Self], cls._live(owner, now, idle).newest(limit, before=before))

    @classmethod
    @bounded
    def count_own(cls, owner: str, now: datetime, idle: timedelta) -> int:
        """Count a user's live sessions that are no app's."""
        return cast(int, cls._live(owner, now, idle).filter(app=None).count())

    @classmethod
    @bounded
    def beyond(cls, owner: str, now: datetime, idle: timedelta, cap: int, *, app: str | None = None) -> list[ObjectId]:
        """Return the ids of a user's live sessions beyond the newest `cap`: their own, or those of an app."""
        # Without a query set: to make one costs as much as the command. Values first, then ranges, for the planner.
        live = {"user": object_id(owner), "endedAt": None, "app": app}
        unexpired = {"expiresAt": {"$gt": now}, "lastUsedAt": {"$gt": now - idle}}
        surplus = cls._get_collection().find({**live, **unexpired}, {"_id": 1}, sort=[("_id", -1)], skip=cap)
        return [one["_id"] for one in surplus]

    @classmethod
    def _live(cls, owner: str, now: datetime, idle: timedelta) -> Any:
        return cls.objects(user=object_id(owner), ended_at=None, expires_at__gt=now, last_used_at__gt=now - idle)


STATE_FIELDS = dict.fromkeys(
    [
        *("user", "role", "email", "authTime", "generation", "createdAt", "rotatedAt", "lastUsedAt", "expiresAt"),
        *("endedAt", "endReason", "appEpoch", "parent"),
    ],
    1,
)
"""The projection of a session that a request needs."""
