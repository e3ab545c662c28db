"""What the database must have before a request is taken."""

from mongoengine.connection import get_connection
from pymongo.errors import DuplicateKeyError

from authsvc.models.access_tokens import AccessToken
from authsvc.models.audit import AuditEvent
from authsvc.models.base import Document, deadline
from authsvc.models.challenges import Challenge
from authsvc.models.devices import Device
from authsvc.models.letters import Letter
from authsvc.models.links import Link
from authsvc.models.mfa import MfaTicket
from authsvc.models.passkeys import Passkey
from authsvc.models.sessions import Session
from authsvc.models.throttles import Throttle
from authsvc.models.users import User

_CHECK_SECONDS = 2.0
_INDEXED: tuple[type[Document], ...] = (
    User,
    Session,
    AccessToken,
    Device,
    Throttle,
    Link,
    Letter,
    MfaTicket,
    Passkey,
    Challenge,
    AuditEvent,
)


class IndexBlocked(Exception):
    """A unique index can't be made, since documents share a value; the message names the collection."""


def ensure_indexes() -> None:
    """Create every declared index that is not there yet. Raises IndexBlocked, or a database error."""
    for document in _INDEXED:
        try:
            document.ensure_indexes()
        except DuplicateKeyError as error:
            raise IndexBlocked(document._get_collection_name()) from error


def ping() -> None:
    """Raise a database error where the database does not answer within two seconds."""
    with deadline(_CHECK_SECONDS):
        get_connection().admin.command("ping")


def missing_indexes() -> list[str]:
    """Return the declared indexes that the database does not have, as `collection.index`."""
    missing = []
    with deadline(_CHECK_SECONDS):
        for document in _INDEXED:
            collection = document._get_collection()
            there = (
                collection.index_information() if collection.name in collection.database.list_collection_names() else {}
            )
            wanted = [spec["name"] for spec in document._meta["index_specs"]]
            missing += [f"{collection.name}.{name}" for name in wanted if name not in there]
    return missing
