"""Back-channel logout: which events end a session that may be an app's, so that the app is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from authsvc.events import catalogue
from authsvc.events.event import Event
from authsvc.services import logout_notices
from authsvc.subscribers.changes import evidence

ENDS_A_SESSION: frozenset[type[Event]] = frozenset(
    {
        catalogue.SessionEnded,
        catalogue.SessionOutdated,
        catalogue.RefreshTokenReused,
        catalogue.CodeReused,
        catalogue.AppSignedOut,
    }
)
"""With the session in `session`. Whatever else ends sessions of apps says so by `AppSignedOut`, once for each."""


@contextmanager
def telling_apps(event: Event) -> Iterator[None]:
    """Store a notice before a session of an app ends inside, and let it go once that is done."""
    session = getattr(event, "session", None) if type(event) in ENDS_A_SESSION else None
    if session is None or getattr(event, "app", session) is None:  # the session is known to be no app's
        yield
        return
    with logout_notices.notify_on_success(session, partial(evidence, event)):
        yield
