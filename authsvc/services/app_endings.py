"""The end of all that an app has: of everybody's sessions and, once it is deleted, what they allowed it.

Nothing of it is valid from the moment of the change on, since it is of an earlier epoch, or of an app that is gone. So
what is noted here may take its time, and is noted some at a time, however much there is.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from bson import ObjectId

from authsvc import clock, logs, metrics
from authsvc.errors.not_delivered import NotFinished
from authsvc.models.apps import App
from authsvc.models.base import deadline
from authsvc.models.driver_errors import DATABASE_ERRORS
from authsvc.models.grants import Grant
from authsvc.models.logout_notices import LogoutNotice
from authsvc.models.sessions import EndReason, Session

MOST_IN_A_REQUEST = 1000
"""How many sessions end before the answer to whoever made the change; the others follow in the background."""
SECONDS_IN_A_REQUEST = 2.0
TURN = timedelta(seconds=30)
"""How long one attempt goes on: for less than its lease, since others wait for their turn."""
_FOUND_AT_ONCE = 5_000
"""How many a process remembers."""
_WRITTEN_AT_ONCE = 200
_TOLD_AT_ONCE = 20

Report = Callable[[ObjectId, ObjectId], None]
"""Tells an app that a session of a user has ended. Raises NotDelivered."""

_log = logs.get(__name__)


def begin(app_id: str, notice: ObjectId | None) -> None:
    """End some of what an app has that is no longer valid, for two seconds at most: the rest has been stored.

    `notice` is to tell the app of the sessions, None if nobody is to be told.
    """
    try:
        with deadline(SECONDS_IN_A_REQUEST):
            for _ in _steps(app_id, notice, MOST_IN_A_REQUEST):
                pass
    except DATABASE_ERRORS as error:  # the change is made, and this goes on in the background
        metrics.DATABASE_ERRORS.inc()
        _log.warning("app_endings.put_off", app=app_id, cause=logs.where(error))


def carry_out(notice: LogoutNotice, report: Report | None) -> None:
    """End all that a notice is about and tell the app of each session, for as long as one turn lasts.

    What was done stays done: after a crash it goes on from there, and tells at most twenty a second time. Raises
    NotFinished if there is more to do, NotDelivered if the app can't be told.
    """
    end = time.monotonic() + TURN.total_seconds()
    is_over = False
    while not is_over:
        is_over = True
        for _ in _steps(notice.to, None if report is None else notice.id, _FOUND_AT_ONCE):
            is_over = False
            _leave(end)
    while report is not None and (sessions := Session.to_be_told(notice.id, _TOLD_AT_ONCE)):
        _report_each(sessions, report)
        _leave(end)


def _steps(app_id: str, notice: ObjectId | None, most: int) -> Iterator[None]:
    """End so many sessions and, if the app is gone, as many grants; yield after each step."""
    app, reason = App.find(app_id), EndReason.ADMIN
    for some in _chunks(Session.outdated_of_app(app_id, None if app is None else app.epoch, most)):
        metrics.SESSIONS_ENDED.labels(reason).inc(Session.end_by_notice(some, reason, clock.now(), notice))
        yield
    if app is None:
        for some in _chunks(Grant.ids_of_app(app_id, most)):
            Grant.remove_each(some)
            yield


def _chunks(ids: list[ObjectId]) -> Iterator[list[ObjectId]]:
    return (ids[first : first + _WRITTEN_AT_ONCE] for first in range(0, len(ids), _WRITTEN_AT_ONCE))


def _report_each(sessions: list[Session], report: Report) -> None:
    done: list[ObjectId] = []
    try:
        for session in sessions:
            report(session.user, session.id)
            done.append(session.id)
    finally:
        if done:
            Session.note_told(done)


def _leave(end: float) -> None:
    if time.monotonic() >= end:
        raise NotFinished
