"""Events of apps that people sign in to: registered, allowed, signed in."""

from collections.abc import Sequence
from dataclasses import dataclass

from authsvc.events.event import Event, Recorded, Weighty


@dataclass(frozen=True, kw_only=True)
class AppCreated(Weighty):
    """An app was registered."""

    name = "app.created"
    app: str
    trusted: bool


@dataclass(frozen=True, kw_only=True)
class AppChanged(Weighty):
    """An app was changed.

    `fields` are the members that have other values now.
    """

    name = "app.changed"
    app: str
    fields: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class AppNarrowed(AppChanged):
    """An app was changed: it may do less, so what it has ends."""


@dataclass(frozen=True, kw_only=True)
class AppDisabled(Weighty):
    """An app was disabled."""

    name = "app.disabled"
    app: str


@dataclass(frozen=True, kw_only=True)
class AppEnabled(Weighty):
    """A disabled app was enabled again."""

    name = "app.enabled"
    app: str


@dataclass(frozen=True, kw_only=True)
class AppSecretAdded(Weighty):
    """An app got a secret."""

    name = "app.secret_added"
    app: str
    secret_id: str


@dataclass(frozen=True, kw_only=True)
class AppSecretRemoved(Weighty):
    """A secret of an app was removed."""

    name = "app.secret_removed"
    app: str
    secret_id: str


@dataclass(frozen=True, kw_only=True)
class AppDeleted(Weighty):
    """An app was deleted."""

    name = "app.deleted"
    app: str


@dataclass(frozen=True, kw_only=True)
class GrantGiven(Event):
    """A user allowed an app to sign them in, or to do more."""

    name = "grant.given"
    app: str
    grant: str
    scopes: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class GrantRevoked(Event):
    """A user took back what they had allowed an app."""

    name = "grant.revoked"
    app: str
    grant: str


@dataclass(frozen=True, kw_only=True)
class AppSignedIn(Weighty):
    """A user was signed in to an app."""

    name = "app.signed_in"
    app: str
    session: str


@dataclass(frozen=True, kw_only=True)
class CodeReused(Event):
    """A code for an app was used twice, so what it gave ended."""

    name = "app.code_reused"
    app: str
    session: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class AppSignedOut(Event):
    """The session of an app ended with something else: all of an account's, a sign-in, a grant."""

    recorded = Recorded.BY_EFFECT
    name = "app.signed_out"
    app: str
    session: str
