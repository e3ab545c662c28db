"""The `audit` collection: events in accounts, their authors and origins."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address
from itertools import islice, takewhile
from typing import Any, Self, cast

from bson import ObjectId
from mongoengine.fields import DictField, EmbeddedDocumentField, ObjectIdField, StringField
from pymongo import UpdateOne

from authsvc.events import catalogue
from authsvc.models.base import Document, bounded, object_id, utc_field
from authsvc.models.evidence import Evidence
from authsvc.models.ids import id_at, new_id

Network = IPv4Network | IPv6Network

KEPT_FOR = timedelta(days=400)


class AuditEvent(Document):
    """One event: `actor` did `action` to the account `target`; both are ids of users, if known.

    `evidence` is there until it is confirmed that the event happened.
    """

    meta = {
        "collection": "audit",
        "indexes": [
            {"fields": ["target", "-id"], "name": "target"},
            {"fields": ["actor", "-id"], "name": "actor"},
            {"fields": ["action", "-id"], "name": "action"},
            {"fields": ["evidence.collection"], "name": "unsettled", "sparse": True},
            {"fields": ["at"], "name": "expiry", "expireAfterSeconds": int(KEPT_FOR.total_seconds())},
        ],
    }

    action: str = StringField(required=True, choices=catalogue.names())
    at: datetime = utc_field(required=True)
    actor: ObjectId | None = ObjectIdField()
    target: ObjectId | None = ObjectIdField()
    ip: str | None = StringField()
    user_agent: str | None = StringField(db_field="userAgent")
    request_id: str = StringField(db_field="requestId", required=True)
    outcome: str = StringField(required=True)
    details: dict[str, Any] = DictField()
    evidence: Evidence | None = EmbeddedDocumentField(Evidence)

    @classmethod
    @bounded
    def insert_all(cls, events: list[Self]) -> None:
        """Store new events in one step, under ids that sort by their times, whichever worker makes them."""
        for event in events:
            event.id = new_id(event.at)
            event.validate()
        documents = [event.to_mongo() for event in events]
        if len(documents) == 1:  # as it nearly always is: the driver takes half as long for it as for a list
            cls._get_collection().insert_one(documents[0])
        else:
            cls._get_collection().insert_many(documents)

    @classmethod
    @bounded
    def withdraw(cls, *event_ids: ObjectId | None) -> None:
        """Delete the events of a change that was not made."""
        cls._get_collection().delete_many({"_id": {"$in": event_ids}})

    @classmethod
    @bounded
    def withdraw_unconfirmed(cls, event_id: ObjectId) -> bool:
        """Delete an event of which nobody has said by now that it happened; tell whether it was deleted."""
        unconfirmed = {"_id": event_id, "evidence": {"$exists": True}}
        return bool(cls._get_collection().delete_one(unconfirmed).deleted_count)

    @classmethod
    @bounded
    def confirm(cls, *event_ids: ObjectId) -> int:
        """Note that events happened; return how many of them are still there."""
        steps = [UpdateOne({"_id": one}, {"$unset": {"evidence": 1}}) for one in event_ids]
        return cast(int, cls._get_collection().bulk_write(steps, ordered=False).matched_count)

    @bounded
    def restore(self) -> None:
        """Store an event again, confirmed: a machine whose clock is ahead took it for one that a crash left."""
        self.evidence = None
        self.save(force_insert=True)

    @classmethod
    @bounded
    def unsettled(cls, before: datetime, most: int) -> list[Self]:
        """Return events from before a moment of which nobody has said yet whether they happened."""
        return list(cls.objects(evidence__collection__gt="", at__lt=before).limit(most))

    @classmethod
    @bounded
    def about(
        cls,
        target: str,
        since: datetime,
        *,
        limit: int,
        before: str | None = None,
        actions: list[str] | None = None,
    ) -> list[Self]:
        """Return the events of an account since then, newest first, from after the event with the id `before`.

        Or those with the names `actions`: what the account has is looked through.
        """
        kinds = {} if actions is None else {"action__in": actions}
        events = cls.objects(target=object_id(target), at__gt=since, **kinds)
        return cast(list[Self], events.newest(limit, before=before))

    @classmethod
    @bounded
    def latest(cls, action: str) -> datetime | None:
        """Return when something happened last, if that is still recorded."""
        newest = cls.objects(action=action).order_by("-id").only("at").first()
        return newest.at if newest is not None else None

    @classmethod
    @bounded
    def search(
        cls,
        *,
        user: str | None,
        action: str | None,
        span: "Span",
        limit: int,
        before: str | None = None,
        network: Network | None = None,
    ) -> list[Self]:
        """Return the events of a span of time, newest first, optionally only of one kind, or of or by one user.

        Each query reads a range of an index, since ids sort by time. By a `network` there is none: what is in the
        range is looked through.
        """
        ids: dict[str, Any] = {"id__gte": id_at(span.since), "id__lt": id_at(span.until)}
        if before is not None:
            ids["id__lt"] = min(ids["id__lt"], cast(ObjectId, object_id(before)))
        # A list of one: by a single value the embedded database would scan all events of the kind.
        kind = {} if action is None else {"action": action} if user is None else {"action__in": [action]}
        roles = [{}] if user is None else [{"target": object_id(user)}, {"actor": object_id(user)}]
        events = {
            event.id: event
            for role in roles
            for event in _within(network, cls.objects(**role, **kind, **ids).order_by("-id"), limit)
        }
        return sorted(events.values(), key=lambda event: event.id, reverse=True)[:limit]


@dataclass(frozen=True, slots=True)
class Span:
    """The time from one moment until before another."""

    since: datetime
    until: datetime


def _within(network: Network | None, events: Any, limit: int) -> Iterable[Any]:
    """Return the first events, or the first that were asked for from a network."""
    if network is None:
        return cast(Iterable[Any], events.limit(limit))
    near = events.filter(ip__startswith=_beginning(network)).batch_size(limit)
    return islice((event for event in near if _is_in(network, event.ip)), limit)


def _beginning(network: Network) -> str:
    """Return with what the addresses of a network begin as they are stored: whole parts only, so others may too."""
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    if network.version == 4:
        parts = str(network.network_address).split(".")[: network.prefixlen // 8]
        return "".join(f"{part}." for part in parts)
    groups = network.network_address.exploded.split(":")[: network.prefixlen // 16]
    shorter = (group.lstrip("0") for group in groups)
    return "".join(f"{group}:" for group in takewhile(bool, shorter))


def _is_in(network: Network, ip: str) -> bool:
    try:
        return ip_address(ip) in network
    except ValueError:
        return False
