"""The `authorizations` collection: what an app has asked for, until a person answers, and until the code is used.

It asks by a browser, which gets the code, or by a device, which has one from the beginning (RFC 8628).
"""

from datetime import datetime
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine.errors import NotUniqueError
from mongoengine.fields import DictField, IntField, ListField, ObjectIdField, StringField

from authsvc.models.base import EXPIRY, Document, bounded, utc_field


class Authorization(Document):
    """An authorization request (RFC 6749 section 4.1.1), and what became of it.

    `digest` is that of its secret, which the page holds, `browser` that of the cookie of the browser that began it.
    `params` are the request's parameters as they were validated; `subject` in them is the only user who may allow it,
    None if anybody may. Once somebody has decided, `decided_at` is set; if
    they allowed it, so are who allowed what, and in which session; and then, once `grant` is stored on which that
    rests, the code's digest, without which there is nothing to use. `granted` is the id of the session that the app
    gets for the code: it is known before that is used, so that a second use can end the session even while the first
    one opens it. `app_epoch` is the app's at the time of the request.

    A device's request has no browser. Its `digest` is that of the device code, which becomes the code; `user_code` is
    the digest of what a person types. It began at `ip`, by `user_agent`, asked last at `polled_at`, and has to wait for
    `interval` seconds before it asks again.
    """

    meta = {
        "collection": "authorizations",
        "indexes": [
            {"fields": ["digest"], "name": "digest", "unique": True},
            {"fields": ["code_digest"], "name": "code", "unique": True, "sparse": True},
            {"fields": ["user"], "name": "user", "sparse": True},
            {"fields": ["user_code"], "name": "user_code", "unique": True, "sparse": True},
            EXPIRY,
        ],
    }

    id: ObjectId
    digest: str = StringField(required=True)
    browser: str | None = StringField()
    app: str = StringField(required=True)
    app_epoch: int = IntField(db_field="appEpoch", default=0)
    params: dict[str, Any] = DictField()
    created_at: datetime = utc_field(db_field="createdAt", required=True)
    expires_at: datetime = utc_field(db_field="expiresAt", required=True)
    decided_at: datetime | None = utc_field(db_field="decidedAt")
    user: ObjectId | None = ObjectIdField()
    epoch: int | None = IntField()
    session: str | None = StringField()
    scopes: list[str] = ListField(StringField())
    methods: list[str] = ListField(StringField())
    auth_time: datetime | None = utc_field(db_field="authTime")
    grant: ObjectId | None = ObjectIdField()
    code_digest: str | None = StringField(db_field="codeDigest")
    code_expires_at: datetime | None = utc_field(db_field="codeExpiresAt")
    used_at: datetime | None = utc_field(db_field="usedAt")
    reused_at: datetime | None = utc_field(db_field="reusedAt")
    cancelled_at: datetime | None = utc_field(db_field="cancelledAt")
    granted: ObjectId | None = ObjectIdField()
    user_code: str | None = StringField(db_field="userCode")
    ip: str | None = StringField()
    user_agent: str | None = StringField(db_field="userAgent")
    interval: int | None = IntField()
    polled_at: datetime | None = utc_field(db_field="polledAt")

    @classmethod
    @bounded
    def find(cls, digest: str, now: datetime) -> Self | None:
        """Return the request with this digest, if nobody has decided about it and it has not expired."""
        return cast(Self | None, cls.objects(digest=digest, decided_at=None, expires_at__gt=now).first())

    @bounded
    def decide(self, now: datetime, **answer: Any) -> bool:
        """Note what a person decided; tell whether this call was the first.

        Nobody can allow what is for another user.
        """
        changes = {f"set__{name}": value for name, value in answer.items()}
        undecided = type(self).objects(id=self.id, decided_at=None, expires_at__gt=now, code_expires_at__not__lte=now)
        if "user" in answer:
            undecided = undecided.filter(params__subject__in=(None, str(answer["user"])))
        return bool(undecided.update_one(set__decided_at=now, **changes))

    @bounded
    def confirm(self, since: datetime, **code: Any) -> bool:
        """Let the code be used of a request that was allowed after `since`; tell whether nothing has cancelled it."""
        changes = {f"set__{name}": value for name, value in code.items()}
        allowed = type(self).objects(id=self.id, decided_at__gt=since, user__ne=None, used_at=None, code_digest=None)
        return bool(allowed.update_one(**changes))

    @bounded
    def forget(self) -> None:
        """Delete the request."""
        type(self).objects(id=self.id).delete()

    @classmethod
    @bounded
    def use(cls, code_digest: str, app: str, now: datetime) -> Self | None:
        """Use up a code of an app; return its request, None if the code was used before, or is not this app's."""
        unused = cls.objects(code_digest=code_digest, app=app, used_at=None)
        return cast(Self | None, unused.modify(set__used_at=now, new=True))

    @classmethod
    @bounded
    def find_unused(cls, code_digest: str, app: str) -> Self | None:
        """Return the request of an app's code that nobody has used."""
        return cast(Self | None, cls.objects(code_digest=code_digest, app=app, used_at=None).first())

    @classmethod
    @bounded
    def note_reuse(cls, code_digest: str, app: str, now: datetime) -> Self | None:
        """Note that an app's code was used again; return its request, None if there is no such code."""
        used = cls.objects(code_digest=code_digest, app=app, used_at__ne=None)
        used.filter(reused_at=None).update_one(set__reused_at=now)  # once: many at a time must not contend for it
        return cast(Self | None, used.first())

    @bounded
    def read_again(self) -> Self | None:
        """Return what became of the code meanwhile: whether it was used again, or cancelled; None if it is gone."""
        return cast(Self | None, type(self).objects(id=self.id).only("reused_at", "cancelled_at").first())

    def insert_with_new_code(self) -> bool:
        """Store a device's request; tell whether no other has its codes, else nothing is stored."""
        try:
            self.insert()
        except NotUniqueError:
            return False
        return True

    @classmethod
    @bounded
    def find_typed(cls, user_code: str, now: datetime) -> Self | None:
        """Return the device's request with this digest, if nobody has decided about it and its codes are valid."""
        return cast(Self | None, cls.objects(user_code=user_code, decided_at=None, code_expires_at__gt=now).first())

    @classmethod
    @bounded
    def of_device(cls, digest: str, app: str) -> Self | None:
        """Return the request of a device of an app with this digest, whatever became of it."""
        return cast(Self | None, cls.objects(digest=digest, app=app, user_code__ne=None).first())

    @bounded
    def poll(self, now: datetime, before: datetime, longer: int) -> bool:
        """Note that a device asks; tell whether it last did no later than `before`, else it has to wait `longer`."""
        undecided = type(self).objects(id=self.id, decided_at=None)
        if undecided.filter(polled_at__not__gt=before).update_one(set__polled_at=now):
            return True
        return not undecided.update_one(set__polled_at=now, inc__interval=longer)

    @classmethod
    @bounded
    def cancel_all(
        cls, user: ObjectId, now: datetime, *, app: str | None = None, grant: ObjectId | None = None
    ) -> None:
        """Use up a user's codes, of one app or of all; of those that rest on a grant only if it is this one.

        Of a code that is just being exchanged it is noted, for whoever does that.
        """
        of_app = {} if app is None else {"app": app}
        of_grant = {} if grant is None else {"grant__in": [grant, None]}
        theirs = cls.objects(user=user, **of_app, **of_grant)
        theirs.filter(used_at=None).update(set__used_at=now)
        theirs.filter(cancelled_at=None).update(set__cancelled_at=now)

    @classmethod
    @bounded
    def remove_all(cls, user: ObjectId) -> None:
        """Delete what a user was asked and answered."""
        cls.objects(user=user).delete()
