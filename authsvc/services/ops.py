"""Whether the service can serve: what it needs before the first request, and what it misses now."""

import threading
from dataclasses import dataclass, field
from typing import cast

from flask import Flask, current_app

from authsvc import logs, metrics
from authsvc.models import readiness
from authsvc.models.unavailable import DATABASE_ERRORS
from authsvc.security.envelope import SealBroken
from authsvc.services import signing_keys

_EXTENSION = "authsvc.readiness"
_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that keeps the service from serving."""

    component: str
    detail: str


@dataclass(slots=True)
class _State:
    prepared: threading.Event = field(default_factory=threading.Event)
    reason: Reason = Reason("startup", "The service is starting.")


def init_app(app: Flask) -> None:
    """Mark the application as not prepared yet."""
    app.extensions[_EXTENSION] = _State()


def is_prepared() -> bool:
    """Tell whether indexes and keys have been seen to be there since this process started."""
    return _state().prepared.is_set()


def wait_until_prepared(seconds: float) -> bool:
    """Wait until indexes and keys have been seen, at most so long; tell whether they have."""
    return _state().prepared.wait(seconds)


def prepare() -> bool:
    """Ensure indexes and signing keys; tell whether they are there. To be called until they are."""
    state = _state()
    try:
        readiness.ping()
        readiness.ensure_indexes()
        signing_keys.reload()
    except SealBroken:
        advice = "SECRET_KEY does not open the signing keys; put the former one into SECRET_KEY_FALLBACKS."
        _not_yet(state, Reason("signing_keys", advice))
    except readiness.IndexBlocked as error:
        _not_yet(state, Reason("indexes", f"Duplicates in {error} keep a unique index from being made."))
    except DATABASE_ERRORS as error:
        metrics.DATABASE_ERRORS.inc()
        _not_yet(state, Reason("database", "The database does not answer."), error)
    except Exception as error:  # noqa: BLE001 - whoever calls has nobody to tell, and tries again
        _not_yet(state, Reason("startup", "Indexes or signing keys can't be read; the log says where."), error)
    else:
        state.prepared.set()
    return state.prepared.is_set()


def follow_key_ring() -> None:
    """Read the key ring again; where that fails, for whatever reason, the last reading stands."""
    try:
        signing_keys.reload()
    except Exception as error:  # noqa: BLE001 - it is done in a loop that nobody starts again
        metrics.DATABASE_ERRORS.inc(isinstance(error, DATABASE_ERRORS))
        _log.warning("key_ring.not_read", cause=logs.where(error))


def missing() -> list[Reason]:
    """Return what the service misses right now; nothing means it is ready."""
    state = _state()
    if not state.prepared.is_set():
        return [state.reason]
    try:
        readiness.ping()
        lost = readiness.missing_indexes()
    except DATABASE_ERRORS:
        metrics.DATABASE_ERRORS.inc()
        return [Reason("database", "The database does not answer.")]
    return [Reason("indexes", f"The index {name} is missing; restart to create it.") for name in lost]


def _not_yet(state: _State, reason: Reason, error: Exception | None = None) -> None:
    if state.reason != reason:
        cause = logs.where(error) if error is not None else None
        _log.error("not_ready", component=reason.component, detail=reason.detail, cause=cause)
    state.reason = reason


def _state() -> _State:
    return cast(_State, current_app.extensions[_EXTENSION])
