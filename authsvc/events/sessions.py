"""Events of signing in and of sessions."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from authsvc.events.event import PRIVATE, Event, Failure, Recorded, Weighty


@dataclass(frozen=True, kw_only=True)
class Reauthenticated(Event):
    """A user re-authenticated.

    `methods` are those of RFC 8176.
    """

    name = "session.reauthenticated"
    session: str | None
    methods: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class LoginSucceeded(Weighty):
    """Somebody signed in.

    `methods` are those of RFC 8176. `registered` says that this makes the account.
    """

    name = "login.succeeded"
    session: str
    methods: Sequence[str]
    registered: bool = field(default=False, metadata=PRIVATE)


@dataclass(frozen=True, kw_only=True)
class LoginFailed(Failure):
    """A sign-in failed; `details.reason` says why.

    `reason` is the code of the problem.
    """

    name = "login.failed"
    reason: str


@dataclass(frozen=True, kw_only=True)
class LoginCodeRequested(Event):
    """A code to sign in was asked for."""

    name = "login.code_requested"


@dataclass(frozen=True, kw_only=True)
class AttemptsThrottled(Failure):
    """A limit was reached; recorded once for each window, not for each refusal.

    `limit` is its name.
    """

    name = "attempts.throttled"
    limit: str


@dataclass(frozen=True, kw_only=True)
class SessionEnded(Event):
    """One or more sessions ended; `details.reason` says why.

    `session` is the one, or `count` says how many. `app` is whose it was, if it was an app's.
    """

    name = "session.ended"
    reason: str
    count: int = 1
    session: str | None = None
    app: str | None = None


@dataclass(frozen=True, kw_only=True)
class SessionOutdated(Event):
    """A session ended because its refresh token is newer than the database.

    The database was restored from a backup.
    """

    name = "session.outdated"
    session: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class RefreshTokenReused(Failure):
    """A used-up refresh token was presented, so its session ended.

    `app` is whose it was, if it was an app's.
    """

    name = "refresh_token.reused"
    session: str
    reason: str
    app: str | None = None


@dataclass(frozen=True, kw_only=True)
class SignedOutEverywhere(Event):
    """An owner ended all their sessions."""

    recorded = Recorded.BY_EFFECT
    name = "signed_out.everywhere"


@dataclass(frozen=True, kw_only=True)
class SignedOutElsewhere(Event):
    """An owner ended all sessions but their own."""

    recorded = Recorded.BY_EFFECT
    name = "signed_out.elsewhere"


@dataclass(frozen=True, kw_only=True)
class SignedOutByAdmin(Event):
    """An administrator ended all sessions of an account."""

    recorded = Recorded.BY_EFFECT
    name = "signed_out.by_admin"


@dataclass(frozen=True, kw_only=True)
class SecondFactorAsked(Event):
    """A first factor was right, and a second factor was asked for.

    `ticket` is the digest of what stands for the password until then.
    """

    name = "login.second_factor_asked"
    ticket: str = field(metadata=PRIVATE)
