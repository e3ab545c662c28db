"""The driver's errors for a database that fails through no fault of the caller, and their reasons in words."""

from mongoengine.connection import ConnectionFailure
from mongoengine.errors import OperationError
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
)

from authsvc.errors import OutcomeUnknown

DATABASE_ERRORS: tuple[type[Exception], ...] = (PyMongoError, OperationError, ConnectionFailure)
"""Connection, also one that this process has ended; time-out, write concern, disk full, not primary.

Whatever it is, nothing is granted (fail closed).
"""

UNKNOWN_OUTCOMES: tuple[type[Exception], ...] = (*DATABASE_ERRORS, OutcomeUnknown)
"""After one of these a change may have been made. Only evidence tells, so what announces it stays."""

_CREDENTIALS = {18, 8000}  # AuthenticationFailed; AtlasError, its name in a managed cluster
_RIGHTS = {13}  # Unauthorized

NO_ANSWER = "The database does not answer."
WRONG_CREDENTIALS = "The database refuses the name or the password in MONGODB_URI."
MISSING_RIGHTS = "The database does not let the user of MONGODB_URI do what is needed: give them the role readWrite."
UNKNOWN_HOST = "The host in MONGODB_URI has no address: DNS does not know it, or does not answer."
NO_TLS = "The database and the service can't agree on TLS: check the certificates, and `tls` in MONGODB_URI."
NO_PRIMARY = "The replica set has no primary at this moment, or is not called as MONGODB_URI says."


def why(error: BaseException) -> str:
    """Return in words why the database failed, without a quotation from the error."""
    cause = error.__context__ if isinstance(error, OperationError) and error.__context__ is not None else error
    if isinstance(cause, OperationFailure) and not isinstance(cause, ExecutionTimeout):
        return _refusal(cause)
    if isinstance(cause, ConfigurationError):
        return UNKNOWN_HOST
    if isinstance(cause, AutoReconnect):
        return _silence(str(cause))
    return NO_ANSWER


def in_short(error: BaseException) -> str:
    """Return `why` as a part of a sentence, for a command to print after its own name."""
    reason = why(error).rstrip(".")
    return reason[0].lower() + reason[1:]


def _refusal(error: OperationFailure) -> str:
    if error.code in _CREDENTIALS:
        return WRONG_CREDENTIALS
    if error.code in _RIGHTS:
        return MISSING_RIGHTS
    name = (error.details or {}).get("codeName") or "an unknown error"
    return f"The database refuses what is asked: {name} ({error.code})."


def _silence(text: str) -> str:
    """Return why no server could be used: the driver tells that only by its words."""
    for words, meaning in _MEANINGS.items():
        if any(word in text for word in words):
            return meaning
    return NO_ANSWER


_MEANINGS = {
    ("AuthenticationFailed", "'code': 18,", "'code': 8000,"): WRONG_CREDENTIALS,
    ("SSL", "TLS", "certificate"): NO_TLS,
    ("getaddrinfo", "not known", "name resolution", "nodename"): UNKNOWN_HOST,
    ("No replica set members", "No primary"): NO_PRIMARY,
}
