"""Callers: who makes a request, by whatever credential, and what they may do with it."""

from dataclasses import dataclass
from datetime import datetime

from authsvc.errors import RoleMissing, ScopeMissing

SCOPES = (
    *("account:read", "account:write", "users:read", "users:write", "apps:read", "apps:write", "audit:read"),
    *("webhooks:write", "tokens:introspect"),
)
"""What a token with scopes can be for, on our own routes."""

PROFILE_READ = "profile:read"
"""Less than `account:read`, which tells where and how people sign in: for apps."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, as the database says at this moment.

    By session: `session_id` and `auth_time` are set and `scopes` is None, which means everything the user may. By a
    personal access token, or by an app (`app` is its id), it is the other way round.
    """

    user_id: str
    email: str
    role: str
    session_id: str | None = None
    auth_time: datetime | None = None
    scopes: frozenset[str] | None = None
    app: str | None = None


def require_scope(who: Caller, scope: str | None, *, or_app: str | None = None) -> None:
    """Raise ScopeMissing for a caller with scopes, but not this one; if there is none, for any caller with scopes.

    For an app the scope `or_app` is enough.
    """
    if who.scopes is None or scope in who.scopes:
        return
    if who.app is None or or_app is None or or_app not in who.scopes:
        raise ScopeMissing(scope if who.app is None or or_app is None else or_app)


def require_role(who: Caller, role: str) -> None:
    """Raise RoleMissing for a caller who has another role at this moment."""
    if who.role != role:
        raise RoleMissing


def require_own_role(who: Caller, role: str) -> None:
    """Raise RoleMissing as `require_role` does, and for any app: it must not even learn its user's role."""
    if who.app is not None:
        raise RoleMissing
    require_role(who, role)


def id_of(by: Caller | None) -> str | None:
    """Return the id of whoever acts, None for a command."""
    return by.user_id if by is not None else None
