"""The `webhooks` collection: the addresses that are told what happens, and the secrets that sign it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self, cast
from urllib.parse import urlsplit

from bson import ObjectId
from mongoengine import EmbeddedDocument, Q
from mongoengine.fields import EmbeddedDocumentField, IntField, ListField, ObjectIdField, StringField

from authsvc.models.base import Document, bounded, object_id, utc_field

EVERYTHING = "*"
"""Among the events of a webhook: all there are, also those that a later release adds."""

SILENCE = timedelta(hours=12)
"""What was tried in vain is tried again sooner than so: a longer time without a failure is one without an attempt."""

_WELL = {f"unset__{name}": True for name in ("failing_since", "failed_at", "resumes_at")}


def host_of(url: str) -> str:
    """Return where an address leads: the host and the port, and nothing that may be a secret."""
    return urlsplit(url).netloc.rpartition("@")[2]


class DisabledReason(StrEnum):
    """Why a webhook is told nothing."""

    ADMIN = "admin"
    FAILED = "failed"
    GONE = "gone"
    LOST = "secret_lost"


class SigningSecret(EmbeddedDocument):
    """A secret that signs what a webhook is told, sealed."""

    meta = {"strict": False}

    id: ObjectId = ObjectIdField(required=True)
    sealed: str = StringField(required=True)
    created_at: datetime = utc_field(db_field="createdAt", required=True)
    expires_at: datetime | None = utc_field(db_field="expiresAt")


class Webhook(Document):
    """An address that is told of some `events`, by their names.

    `version` counts the changes that people make, so that each is made to what was read. `failures` counts the attempts
    in a row that did not reach it, the first of them at `failing_since`, the last at `failed_at`; nothing is tried
    before `resumes_at`. It is told nothing from `disabled_at` on; `enabled_at` is when that ended last.
    """

    meta = {"collection": "webhooks"}

    url: str = StringField(required=True)
    events: list[str] = ListField(StringField(), required=True)
    description: str = StringField(default="")
    secrets: list[SigningSecret] = ListField(EmbeddedDocumentField(SigningSecret), required=True)
    version: int = IntField(default=0)
    created_at: datetime = utc_field(db_field="createdAt", required=True)
    disabled_at: datetime | None = utc_field(db_field="disabledAt")
    disabled_reason: str | None = StringField(db_field="disabledReason")
    enabled_at: datetime | None = utc_field(db_field="enabledAt")
    delivered_at: datetime | None = utc_field(db_field="deliveredAt")
    failures: int = IntField(default=0)
    failing_since: datetime | None = utc_field(db_field="failingSince")
    failed_at: datetime | None = utc_field(db_field="failedAt")
    resumes_at: datetime | None = utc_field(db_field="resumesAt")

    @property
    def host(self) -> str:
        """Return where its address leads: the host and the port, and nothing that may be a secret."""
        return host_of(self.url)

    @property
    def is_disabled(self) -> bool:
        """Tell whether it is told nothing."""
        return self.disabled_at is not None

    def hears(self, event: str) -> bool:
        """Tell whether it is told of events of this name."""
        return not self.is_disabled and self._is_for(event)

    def heard(self, event: str, at: datetime) -> bool:
        """Tell whether it is told of an event of this name that happened at a moment, maybe before it was disabled."""
        return self._is_for(event) and (self.disabled_at is None or self.disabled_at > at)

    def may_be_told(self, now: datetime) -> bool:
        """Tell whether it is told something now: it is neither disabled nor has a pause."""
        return not self.is_disabled and not self.pauses(now)

    def pauses(self, now: datetime) -> bool:
        """Tell whether it has a pause that is not over yet; one that is disabled has more than that."""
        return not self.is_disabled and self.resumes_at is not None and self.resumes_at > now

    def _is_for(self, event: str) -> bool:
        return EVERYTHING in self.events or event in self.events

    @classmethod
    @bounded
    def find(cls, webhook_id: str | ObjectId) -> Self | None:
        """Return the webhook with this id."""
        return cls.by_key(object_id(webhook_id) if isinstance(webhook_id, str) else webhook_id)

    @classmethod
    @bounded
    def all(cls, most: int) -> list[Self]:
        """Return the webhooks, oldest first."""
        return list(cls.objects.order_by("id").limit(most))

    @classmethod
    @bounded
    def count(cls) -> int:
        """Count the webhooks."""
        return cast(int, cls.objects.count())

    @bounded
    def change(self, **values: Any) -> Self | None:
        """Set fields, None for none, if nobody has changed the webhook since it was read; else return None."""
        setting = {f"set__{name}": value for name, value in values.items() if value is not None}
        removal = {f"unset__{name}": True for name, value in values.items() if value is None}
        same = type(self).objects(id=self.id, version=self.version)
        return cast(Self | None, same.modify(inc__version=1, **setting, **removal, new=True))

    @classmethod
    @bounded
    def remove(cls, webhook_id: ObjectId) -> bool:
        """Delete a webhook; tell whether this call did."""
        return bool(cls.objects(id=webhook_id).delete())

    @bounded
    def note_delivered(self, now: datetime) -> None:
        """Note that it took something; it is no longer failing."""
        same = type(self).objects(id=self.id)
        same.update_one(set__delivered_at=now, set__failures=0, **_WELL)

    @bounded
    def note_failure(self, now: datetime, patience: int, pauses: Sequence[timedelta]) -> Self | None:
        """Note that it was not reached; return it as it is then, None if it is gone.

        From the failure number `patience` in a row on it gets a pause, a longer one each time. After a time in which
        nothing was tried they are counted anew.
        """
        same = type(self).objects(id=self.id)
        after_silence = same.filter(failed_at__lte=now - SILENCE)
        anew = {"set__failures": 1, "set__failing_since": now, "set__failed_at": now, "unset__resumes_at": True}
        failing = cast(Self | None, after_silence.modify(**anew, new=True))
        if failing is not None:
            return failing
        one_more = {"inc__failures": 1, "min__failing_since": now, "max__failed_at": now}
        untroubled = same.filter(Q(resumes_at=None) | Q(resumes_at__lte=now))
        failing = cast(Self | None, untroubled.modify(**one_more, new=True))
        if failing is None:  # it was under way when the pause began
            return cast(Self | None, same.modify(max__failed_at=now, new=True))
        if failing.failures < patience:
            return failing
        pause = pauses[min(failing.failures - patience, len(pauses) - 1)]
        still = same.filter(failures__gte=patience)  # another attempt may have reached it just now
        return cast(Self | None, still.modify(max__resumes_at=now + pause, new=True))

    @classmethod
    @bounded
    def end_pause(cls, webhook_id: ObjectId) -> None:
        """Let a webhook be tried again at once."""
        cls.objects(id=webhook_id).update_one(unset__resumes_at=True)

    @bounded
    def disable(self, reason: DisabledReason, now: datetime) -> bool:
        """Tell it nothing any more; tell whether this call disabled it.

        One that failed is not disabled if it has been reached since.
        """
        running = type(self).objects(id=self.id, version=self.version, disabled_at=None)
        if reason is DisabledReason.FAILED:
            running = running.filter(failing_since=self.failing_since)
        return bool(running.update_one(inc__version=1, set__disabled_at=now, set__disabled_reason=reason))
