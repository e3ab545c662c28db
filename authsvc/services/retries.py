"""The one way of an optimistic change: read, write on condition, and begin again if somebody else was faster."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from authsvc.errors import NotReady
from authsvc.errors.overtaken import Overtaken

ATTEMPTS = 8

P = ParamSpec("P")
T = TypeVar("T")


def retried(change: Callable[P, T]) -> Callable[P, T]:
    """Let a change that raises Overtaken begin again, at most eight times. Raises NotReady after that."""

    @wraps(change)
    def again(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(ATTEMPTS):
            try:
                return change(*args, **kwargs)
            except Overtaken:
                continue
        raise NotReady("Someone else is changing this. Try again.")

    return again
