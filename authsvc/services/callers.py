"""Who makes a request, whatever credential says so, and what that is good for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from authsvc import clock
from authsvc.errors import FreshLoginRequired, RoleMissing, ScopeMissing

FRESH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, as the database says at this moment.

    By session: `session_id` and `auth_time` are set and `scopes` is None, which means everything the user may. By a
    personal access token it is the other way round.
    """

    user_id: str
    email: str
    role: str
    session_id: str | None = None
    auth_time: datetime | None = None
    scopes: frozenset[str] | None = None


def require_scope(who: Caller, scope: str | None) -> None:
    """Raise ScopeMissing for a personal access token without this scope; without one (None) for every such token."""
    if who.scopes is not None and scope not in who.scopes:
        raise ScopeMissing(scope)


def require_role(who: Caller, role: str) -> None:
    """Raise RoleMissing for who has another role at this moment."""
    if who.role != role:
        raise RoleMissing


def require_fresh(who: Caller) -> None:
    """Raise FreshLoginRequired for who did not prove who they are within `FRESH`; no access token ever did."""
    if who.auth_time is None or clock.now() - who.auth_time >= FRESH:
        raise FreshLoginRequired
