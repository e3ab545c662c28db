"""What an application does in the background, and how to start and stop it."""

# The standard library only: gunicorn's hooks import this too.

import atexit
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_EXTENSION = "authsvc.lifecycle"

_EXIT_SECONDS = 0.5
"""How long the exit of a process waits for its background work: what waits for a database is not waited for."""

_running: list[tuple[threading.Event, threading.Thread]] = []


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


def run_in_background(work: Callable[[], None], stop: threading.Event, *, name: str) -> None:
    """Run work that ends soon after `stop` is set, which the exit of the process does too, and waits a moment for it.

    A command that ends while the driver is opening its client there would print the driver's own errors.
    """
    thread = threading.Thread(target=work, name=name, daemon=True)
    if not _running:
        atexit.register(_end_all)  # now, so that it runs before what the driver has registered
    _running.append((stop, thread))
    thread.start()


def _end_all() -> None:
    for stop, _ in _running:
        stop.set()
    end = time.monotonic() + _EXIT_SECONDS
    for _, thread in _running:
        thread.join(max(0, end - time.monotonic()))
