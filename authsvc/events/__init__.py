"""A change is one event: say once what happens, and everything that follows from it follows.

The subscribers are one fixed tuple, which `create_app` sets. Each is a context manager around the change: it prepares
before, confirms after, withdraws if the change is refused, and leaves things as they are if the outcome is unknown.
A change may be several events: all are told at once. Their order is semantics; see `authsvc.subscribers`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from authsvc.errors import DatabaseUnavailable, OutcomeUnknown
from authsvc.events.event import Event

Subscriber = Callable[[tuple[Event, ...]], AbstractContextManager[None]]

_subscribers: list[Subscriber] = []


def subscribe(*subscribers: Subscriber) -> None:
    """Set who is told of events, outermost first, in place of those who were told before."""
    _subscribers[:] = subscribers


def each(subscriber: Callable[[Event], AbstractContextManager[None]]) -> Subscriber:
    """Return a subscriber that is told of several events one after the other."""

    @contextmanager
    def in_turn(events: tuple[Event, ...]) -> Iterator[None]:
        with ExitStack() as stack:
            for event in events:
                stack.enter_context(subscriber(event))
            yield

    return in_turn


@contextmanager
def happening(*events: Event) -> Iterator[None]:
    """Tell every subscriber of what is done inside: before it is done, and how it ended.

    Raises what a subscriber raises that can't prepare (DatabaseUnavailable): then nothing inside is done. If the same
    is raised inside, it may have been done, and is raised as OutcomeUnknown. Raises RuntimeError if nobody has
    subscribed: an event that nobody hears must not pass for one that was recorded.
    """
    if not _subscribers:
        raise RuntimeError("no subscriber: create_app has not run")
    with ExitStack() as stack:
        for subscriber in _subscribers:
            stack.enter_context(subscriber(events))
        with begun():
            yield


@contextmanager
def begun() -> Iterator[None]:
    """Raise a DatabaseUnavailable from inside, of another event, as OutcomeUnknown: this one may have been done."""
    try:
        yield
    except OutcomeUnknown:
        raise
    except DatabaseUnavailable as error:
        raise OutcomeUnknown(error.detail) from error


def happened(event: Event) -> None:
    """Tell every subscriber of what is done already, or needs nothing to be done but what follows from it."""
    with happening(event):
        pass
