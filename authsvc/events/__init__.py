"""A change is one event: say once what happens, and everything that follows from it follows.

The subscribers are one fixed tuple, which `create_app` sets. Each is a context manager around the change: it prepares
before, confirms after, withdraws if the change is refused, and leaves things as they are if the outcome is unknown.
Their order is semantics; see `authsvc.subscribers`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from authsvc.events.event import Event

Subscriber = Callable[[Event], AbstractContextManager[None]]

_subscribers: list[Subscriber] = []


def subscribe(*subscribers: Subscriber) -> None:
    """Set who is told of events, outermost first, in place of those who were told before."""
    _subscribers[:] = subscribers


@contextmanager
def happening(*events: Event) -> Iterator[None]:
    """Tell every subscriber of what is done inside: before it is done, and how it ended.

    Raises what a subscriber raises that can't prepare (DatabaseUnavailable): then nothing inside is done. Raises
    RuntimeError if nobody has subscribed: an event that nobody hears must not pass for one that was recorded.
    """
    if not _subscribers:
        raise RuntimeError("no subscriber: create_app has not run")
    with ExitStack() as stack:
        for subscriber in _subscribers:
            for event in events:
                stack.enter_context(subscriber(event))
        yield


def happened(event: Event) -> None:
    """Tell every subscriber of what is done already, or needs nothing to be done but what follows from it."""
    with happening(event):
        pass
