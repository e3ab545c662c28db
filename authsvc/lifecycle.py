"""What an application does in the background, and how to start and stop it."""

# The standard library only: gunicorn's hooks import this too.

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_EXTENSION = "authsvc.lifecycle"


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The background work of an application.

    `stop`: set it to end all of it. `wait_until_ready(seconds)`: returns whether the application can serve by then.
    `deliver_mail()`: begins to deliver letters, and notices to apps, as workers do; commands and tests don't.
    """

    stop: threading.Event
    wait_until_ready: Callable[[float], bool]
    deliver_mail: Callable[[], None]

    def attach(self, app: Any) -> None:
        """Make this the lifecycle of an application."""
        app.extensions[_EXTENSION] = self


def find(app: object) -> Lifecycle | None:
    """Return the lifecycle of an application; None if it is some other WSGI application."""
    known: Lifecycle | None = getattr(app, "extensions", {}).get(_EXTENSION)
    return known


def of(app: object) -> Lifecycle:
    """Return the lifecycle of one of our own applications. Raises LookupError."""
    known = find(app)
    if known is None:
        raise LookupError("the application has no lifecycle")
    return known
