"""Whether the service can serve: what it needs before the first request, and what it misses now."""

import threading
from dataclasses import dataclass, field
from typing import cast

from flask import Flask, current_app

from authsvc import logs, metrics
from authsvc.models import readiness
from authsvc.models.driver_errors import DATABASE_ERRORS, NO_ANSWER, why
from authsvc.models.notices import Notices
from authsvc.models.signing_keys import Ring
from authsvc.models.users import keys
from authsvc.security.envelope import SealBroken
from authsvc.services import indexes, servers, signing_keys

_EXTENSION = "authsvc.readiness"
_BUSY = "The database is busy and does not answer in time: it may be building an index for another process."
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
    lost: list[str] = field(default_factory=list)


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
    state, answers = _state(), False
    try:
        readiness.say_hello()
        answers = True
        if not all(step(state) for step in (_is_known_good, _have_indexes, _passes_trial)):
            return False
        Notices.begin()
        signing_keys.reload()
        signing_keys.reload_if_made(Ring.IDS)  # an RSA key takes its time: nobody waits for the first one
    except SealBroken:
        advice = (
            "SECRET_KEY does not open the signing keys; put the former one into SECRET_KEY_FALLBACKS, "
            "or, if it is lost for good, run `flask keys reset`."
        )
        _not_yet(state, Reason("signing_keys", advice))
    except readiness.IndexBlocked as error:
        _not_yet(state, Reason("indexes", f"Duplicates in {error} prevent a unique index from being built."))
    except readiness.IndexConflict as error:
        _not_yet(state, Reason("indexes", f"The index {error}; drop that index."))
    except DATABASE_ERRORS as error:
        metrics.DATABASE_ERRORS.inc()
        busy = answers and why(error) == NO_ANSWER
        _not_yet(state, Reason("database", _BUSY if busy else why(error)), error)
    except Exception as error:  # noqa: BLE001 - the caller has nobody to tell, and tries again
        _not_yet(state, Reason("startup", "The indexes or signing keys can't be read; the log has the cause."), error)
    else:
        state.prepared.set()
    return state.prepared.is_set()


def follow_key_rings() -> None:
    """Read the key rings again, and make those that are not there; if one fails, keep its last reading."""
    for ring in Ring:
        try:
            signing_keys.reload(ring)
        except Exception as error:  # noqa: BLE001 - it is done in a loop that nobody starts again
            metrics.DATABASE_ERRORS.inc(isinstance(error, DATABASE_ERRORS))
            _log.warning("key_ring.not_read", ring=ring.value, cause=logs.where(error))


def watch_indexes() -> None:
    """Look whether an index has gone that was there; if that can't be told, what was last seen stands."""
    try:
        _state().lost = indexes.watch()
    except Exception as error:  # noqa: BLE001 - it is done in a loop that nobody starts again
        metrics.DATABASE_ERRORS.inc(isinstance(error, DATABASE_ERRORS))
        _log.warning("indexes.not_read", cause=logs.where(error))


def missing() -> list[Reason]:
    """Return what the service misses right now; nothing means it is ready.

    The database is asked one thing, for it may be far away: its indexes are as `watch_indexes` last saw them.
    """
    state = _state()
    if not state.prepared.is_set():
        return [state.reason]
    try:
        readiness.say_hello()
    except DATABASE_ERRORS as error:
        metrics.DATABASE_ERRORS.inc()
        return [Reason("database", why(error))]
    advice = "run `flask db ensure-indexes`, or restart"
    return [Reason("indexes", f"The index {name} is missing; {advice}.") for name in state.lost]


def _is_known_good(state: _State) -> bool:
    return _is_usable(state, servers.refusal())


def _passes_trial(state: _State) -> bool:
    return _is_usable(state, servers.failure())


def _is_usable(state: _State, fault: str | None) -> bool:
    """Tell whether nothing is wrong with the database server; what is wrong is the reason for not being ready."""
    if fault is not None:
        _not_yet(state, Reason("database", f"{fault}."))
    return fault is None


def _have_indexes(state: _State) -> bool:
    """Make the indexes that are missing, or find that others do; tell whether all are there."""
    names = indexes.missing()
    if not names:
        keys.expect_accounts_without(expected=bool(readiness.former_indexes()))
        return True
    state.reason = Reason("indexes", f"Building missing indexes: {', '.join(names)}.")
    _log.info("indexes.building", indexes=names)
    if indexes.build():
        keys.expect_accounts_without(expected=bool(readiness.former_indexes()))
        return True
    state.reason = Reason("indexes", f"Another process is building missing indexes: {', '.join(names)}.")
    return False


def _not_yet(state: _State, reason: Reason, error: Exception | None = None) -> None:
    if state.reason != reason:
        cause = logs.where(error) if error is not None else None
        _log.error("not_ready", component=reason.component, detail=reason.detail, cause=cause)
    state.reason = reason


def _state() -> _State:
    return cast(_State, current_app.extensions[_EXTENSION])
