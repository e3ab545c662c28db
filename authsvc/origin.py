"""Who asks: set once for each request (or command), read wherever it has to be recorded."""

from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: IP address in canonical form, User-Agent cut to 512 characters, request id.

    `ip` is None if nobody knows the address: that is nobody's place, and one network for all who have none.
    `language` is one that they read, if they say so and it is known. `devices` are what device cookies hold, whatever
    that is: there are several if somebody else planted one.
    """

    ip: str | None = None
    user_agent: str | None = None
    request_id: str = "-"
    language: str | None = None
    devices: tuple[str, ...] = field(default=(), repr=False)


_NOBODY = Origin()
_origin: ContextVar[Origin] = ContextVar("origin", default=_NOBODY)


def set_origin(origin: Origin) -> None:
    """Name the origin of everything that follows in this context."""
    _origin.set(origin)


def current() -> Origin:
    """Return the origin of the work at hand."""
    return _origin.get()
