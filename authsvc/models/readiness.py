"""Requirements on the database before the first request: its indexes, and that it accepts writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from mongoengine.connection import get_connection, get_db
from pymongo.errors import DuplicateKeyError, NotPrimaryError, OperationFailure

from authsvc.models.access_tokens import AccessToken
from authsvc.models.apps import App
from authsvc.models.assertions import Assertion
from authsvc.models.audit import AuditEvent
from authsvc.models.authorizations import Authorization
from authsvc.models.base import Document, deadline
from authsvc.models.challenges import Challenge
from authsvc.models.daily_counts import DailyCount
from authsvc.models.devices import Device
from authsvc.models.email_codes import EmailCode
from authsvc.models.federation_attempts import FederationAttempt
from authsvc.models.grants import Grant
from authsvc.models.letters import Letter
from authsvc.models.links import Link
from authsvc.models.logout_notices import LogoutNotice
from authsvc.models.mfa import MfaTicket
from authsvc.models.passkeys import Passkey
from authsvc.models.sessions import Session
from authsvc.models.sign_outs import SignOut
from authsvc.models.throttles import Throttle
from authsvc.models.trials import Trial
from authsvc.models.users import User
from authsvc.models.webhook_deliveries import WebhookDelivery
from authsvc.models.webhook_messages import AccountSequence, WebhookMessage

_CHECK_SECONDS = 2.0
_LIST_SECONDS = 20.0
"""Limit for a dozen lists of indexes, one after the other, over a slow network."""

_BUILD_SECONDS = 7 * 86_400.0
"""Limit of a build, practically none: a build that is cancelled would only start again, for ever."""


INDEXED: tuple[type[Document], ...] = (
    User,
    Session,
    AccessToken,
    Device,
    Throttle,
    Link,
    EmailCode,
    Letter,
    App,
    LogoutNotice,
    WebhookMessage,
    AccountSequence,
    WebhookDelivery,
    Authorization,
    Grant,
    Assertion,
    SignOut,
    MfaTicket,
    FederationAttempt,
    Passkey,
    Challenge,
    AuditEvent,
    DailyCount,
    Trial,
)
"""The documents with indexes of their own: all except a few small collections."""


FORMER = (("users", "email_any_case"), ("users", "name_any_case"))
"""Indexes of earlier releases, which need them; this one does not."""


class IndexBlocked(Exception):
    """Documents share a value that must be unique; the message names the collection."""


class IndexConflict(Exception):
    """Another index has the name or the keys of one to be made; the message names both."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index that a document declares: its collection, name, keys and options."""

    collection: str
    name: str
    keys: list[tuple[str, int]]
    options: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.collection}.{self.name}"

    def is_met_by(self, existing: Mapping[str, Any]) -> bool:
        """Tell whether an index of the database does the same, whatever its name."""
        return (
            list(existing["key"]) == self.keys
            and bool(existing.get("unique")) == bool(self.options.get("unique"))
            and bool(existing.get("sparse")) == bool(self.options.get("sparse"))
            and existing.get("expireAfterSeconds") == self.options.get("expireAfterSeconds")
            and existing.get("partialFilterExpression") == self.options.get("partialFilterExpression")
            and "collation" not in existing
        )

    def is_missing_in(self, existing: Mapping[str, Mapping[str, Any]]) -> bool:
        """Tell whether none of a collection's indexes does the same."""
        return not any(map(self.is_met_by, existing.values()))


def declarations() -> list[Index]:
    """Return every index that the documents declare."""
    return [
        Index(document._get_collection_name(), spec["name"], list(spec["fields"]), _options(spec))
        for document in INDEXED
        for spec in document._meta["index_specs"]
    ]


def ensure_indexes() -> None:
    """Make every declared index that is missing, one at a time, however long that takes.

    Raises IndexBlocked, IndexConflict, or a database error.
    """
    for index in _missing():
        try:
            with deadline(_BUILD_SECONDS):
                get_db()[index.collection].create_index(index.keys, name=index.name, **index.options)
        except DuplicateKeyError as error:
            raise IndexBlocked(index.collection) from error
        except OperationFailure as error:
            if error.code not in _CONFLICTS:
                raise
            raise IndexConflict(_conflict(index)) from error


def say_hello() -> None:
    """Raise a database error if the database does not answer within two seconds, or accepts no writes."""
    with deadline(_CHECK_SECONDS):
        hello = get_connection().admin.command("hello")
    if not hello.get("isWritablePrimary"):  # with `directConnection` a client stays with a former primary
        raise NotPrimaryError("No primary", hello)


def missing_indexes() -> list[str]:
    """Return the declared indexes that the database does not have, as `collection.index`."""
    with deadline(_LIST_SECONDS):
        return [str(index) for index in _missing()]


def is_missing(name: str) -> bool:
    """Tell whether the database lacks one declared index, by its name as in `missing_indexes`."""
    with deadline(_CHECK_SECONDS):
        return any(index.is_missing_in(_existing(index.collection)) for index in declarations() if str(index) == name)


def former_indexes() -> list[str]:
    """Return the indexes of earlier releases that the database has, as `collection.index`."""
    with deadline(_CHECK_SECONDS):
        return [f"{collection}.{name}" for collection, name in FORMER if name in _existing(collection)]


def drop_former_indexes() -> list[str]:
    """Drop the indexes of earlier releases; return which there were."""
    names = former_indexes()
    for collection, name in (full.split(".") for full in names):
        with deadline(_LIST_SECONDS):
            get_db()[collection].drop_index(name)
    return names


def _missing() -> list[Index]:
    indexes = declarations()
    existing = {name: _existing(name) for name in {index.collection for index in indexes}}
    return [index for index in indexes if index.is_missing_in(existing[index.collection])]


def _existing(collection: str) -> Mapping[str, Mapping[str, Any]]:
    return cast(Mapping[str, Mapping[str, Any]], get_db()[collection].index_information())


def _conflict(index: Index) -> str:
    existing = _existing(index.collection)
    others = [name for name, one in existing.items() if name == index.name or list(one["key"]) == index.keys]
    return f"{index} can't be made beside {', '.join(others) or 'another index'}, which has other options"


def _options(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {name: spec[name] for name in _OPTIONS if name in spec}


_OPTIONS = ("unique", "sparse", "expireAfterSeconds", "partialFilterExpression")
_CONFLICTS = {85, 86}  # IndexOptionsConflict, IndexKeySpecsConflict
