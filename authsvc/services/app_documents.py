"""Metadata documents of apps: apps that are registered nowhere, and describe themselves at their client ID.

A document is asked for only when somebody signs in to the app, and then kept: for as long as its server said, within
bounds. Failures are not kept, and all look alike: each takes the same time, so nobody learns what is behind an address.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Any, cast

from flask import Flask, current_app

from authsvc import clock, logs
from authsvc.clients.connector import Answer, Connector
from authsvc.clients.lookups import Lookups
from authsvc.errors.document_refused import DocumentRefused
from authsvc.errors.not_reached import NotReached
from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.events import happening
from authsvc.events.catalogue import AppChanged
from authsvc.models.apps import App
from authsvc.models.grants import Grant
from authsvc.models.users import User
from authsvc.security import app_documents
from authsvc.services import app_document_rules, app_lookup, throttles
from authsvc.services.throttles import Bucket
from authsvc.settings import Limit

SECONDS = 3.0
MOST_BYTES = 5120
"""What the draft recommends (section 8.7)."""
STALE = timedelta(hours=24)
"""How long an app that people have allowed goes on with what it said last, if its document can't be had."""
PAUSE = timedelta(minutes=1)
"""How often such a document is tried again."""
KEPT_NEW = timedelta(hours=26)
"""How long a document is kept that nobody has allowed: longer than one is fresh and a request then lives."""
KEPT_ALLOWED = timedelta(days=400)
MOST_NEW = 1000
"""How many of those are kept. Strangers make them."""
UNREADABLE = "The metadata document of the app can not be read."

_MOST_AT_ONCE = 16
_ACCEPT = {"Accept": "application/json"}
_EXTENSION = "authsvc.app_documents"

_log = logs.get(__name__)


class _Flights:
    """Calls that several wait for: the first with a key works, the others get what it gets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, Future[App | None]] = {}

    def has(self, key: str) -> bool:
        return key in self._running

    def share(self, key: str, work: Callable[[], App | None]) -> App | None:
        with self._lock:
            flight = self._running.get(key)
            is_first = flight is None
            if flight is None:
                flight = self._running[key] = Future()
        if not is_first:
            return flight.result()
        try:
            app = work()
        except BaseException as error:
            flight.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._running[key]
        flight.set_result(app)
        return app


_flights = _Flights()
_slots = threading.BoundedSemaphore(_MOST_AT_ONCE)
_look_up = Lookups(3, SECONDS)


def init_app(app: Flask, connector: Connector | None = None) -> None:
    """Ask by this connector, or by one that reaches only the public internet, and in development this machine."""
    app.extensions[_EXTENSION] = connector or _new_connector(app)


def _new_connector(app: Flask) -> Connector:
    local = app.config["APP_ENV"] == "development"
    return Connector(local=local, seconds=SECONDS, most_bytes=MOST_BYTES, resolve=_look_up)


def find(app_id: str | None) -> App | None:
    """Return the app that begins to sign somebody in, by its document as it is now if it has one.

    None for an app that is unknown or disabled. Raises DocumentRefused, TooManyAttempts.
    """
    if app_id is None or not app_lookup.has_address(app_id):
        return app_lookup.find(app_id)
    if not app_lookup.is_admitted(app_id):
        return None
    stored = App.find(app_id)
    if stored is not None and (stored.disabled_at is not None or _is_fresh(stored)):
        return app_lookup.find(app_id)
    if not _flights.has(app_id):  # who waits for another's request makes none
        throttles.count(throttles.by_network(Limit.DOCUMENT_ADDRESS))
        if stored is None:
            throttles.count(Bucket(Limit.DOCUMENT_HOST, app_documents.place_of(app_id)))
    return _flights.share(app_id, lambda: _fetch(app_id, stored))


def bring_up_to_date(app_id: str) -> None:
    """Look once more at the document of an app that is known by one, if what it said is stale.

    If it can't be had, what it said last counts for another day. Raises OAuthRefusal after that.
    """
    if not app_lookup.has_address(app_id):
        return
    stored = app_lookup.find(app_id)
    if stored is None or _is_fresh(stored):
        return
    if App.try_document(app_id, clock.now(), PAUSE):
        try:
            _flights.share(app_id, lambda: _fetch(app_id, stored))
        except DocumentRefused:
            pass
        else:
            return
    if stored.document is None or stored.document.fresh_until + STALE <= clock.now():
        raise OAuthRefusal(OAuthError.INVALID_CLIENT, UNREADABLE)


def count_allowed(user: User, app: App) -> None:
    """Count that a user is about to allow an app with a document. Raises TooManyAttempts for too many new ones."""
    if app.has_document and Grant.find(user.id, app.id) is None:
        throttles.count(Bucket(Limit.DOCUMENT_ACCOUNT, str(user.id), user.id))


def note_allowed(app: App) -> None:
    """Note that somebody has allowed an app: if it has a document, that is kept as long as the app is used."""
    if app.has_document:
        now = clock.now()
        App.note_allowed(app.id, now, now + _kept_allowed())


def _is_fresh(app: App) -> bool:
    return app.document is not None and clock.now() < app.document.fresh_until


def _fetch(address: str, stored: App | None) -> App | None:
    """Return the app as its document says. A failure takes as long as the longest, whatever it was."""
    end = time.monotonic() + _connector().seconds
    try:
        return _keep(address, stored, *_ask(address))
    except DocumentRefused as refusal:
        _log.info("app_document.refused", host=app_documents.place_of(address), cause=str(refusal))
        time.sleep(max(0.0, end - time.monotonic()))
        raise


def _ask(address: str) -> tuple[dict[str, Any], timedelta]:
    """Return what a document says, and how long it is fresh."""
    connector = _connector()
    if not _slots.acquire(timeout=connector.seconds):
        raise DocumentRefused("too many are asked for at once")
    try:
        answer = _get(connector, address)
        description = app_document_rules.read(address, answer.body)
        keys = None if description.keys_address is None else _get(connector, description.keys_address)
    finally:
        _slots.release()
    values = app_document_rules.checked(description, None if keys is None else keys.body)
    has_keys = values["jwks"] is not None
    answers = [one for one in (answer, keys) if one is not None]
    now = clock.now()
    return values, min(app_documents.freshness(one.headers, now, has_keys=has_keys) for one in answers)


def _get(connector: Connector, address: str) -> Answer:
    try:
        answer = connector.get(address, _ACCEPT)
    except NotReached as error:
        raise DocumentRefused(str(error)) from error
    if answer.status != 200:
        raise DocumentRefused(f"it was answered with {answer.status}")
    is_plain = answer.headers.get("content-encoding", "identity").lower() == "identity"
    if not is_plain or not app_documents.is_json(answer.headers.get("content-type")):
        raise DocumentRefused("its media type is not JSON")
    return answer


def _keep(address: str, stored: App | None, values: dict[str, Any], fresh: timedelta) -> App | None:
    if App.is_resource(address):
        raise DocumentRefused("its address is that of a resource")
    now = clock.now()
    kept = (now + KEPT_NEW, now + _kept_allowed())
    news = [] if stored is None else sorted(name for name in values if values[name] != _plain(getattr(stored, name)))
    if not news or stored is None or stored.document is None or stored.document.allowed_at is None:
        app = App.keep_document(address, now, now + fresh, kept, **values)
    else:
        with happening(AppChanged(app=address, fields=news)):
            app = App.keep_document(address, now, now + fresh, kept, **values)
    if stored is None:
        App.trim_documents(MOST_NEW, now + KEPT_NEW + KEPT_NEW)
    return app


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value


def _kept_allowed() -> timedelta:
    return max(KEPT_ALLOWED, timedelta(seconds=current_app.config["SESSION_IDLE_TTL"]))


def _connector() -> Connector:
    return cast(Connector, current_app.extensions[_EXTENSION])
