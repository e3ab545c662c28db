"""5xx: not the caller's fault."""

from typing import Any

from authsvc.errors.problem import Problem


class InternalError(Problem):
    """Something went wrong in the service. It is logged with the `requestId`, so include that in your report."""

    status = 500
    code = "internal_error"
    title = "Internal error"


class Unavailable(Problem):
    """The service can't decide anything at the moment. `Retry-After` says when to try again."""

    status = 503

    def __init__(self, detail: str | None = None, *, retry_after: int = 2, **extra: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, **extra)


class HashingBusy(Unavailable):
    """More passwords are waiting to be hashed than `HASHING_MAX_WAIT` allows. Nothing was done. Try again after
    `Retry-After` seconds.
    """

    code = "hashing_busy"
    title = "Too many passwords are being hashed"


class DatabaseUnavailable(Unavailable):
    """The database did not answer in time, so the service can't decide anything. Try again after `Retry-After` seconds.
    The session is not affected. A request that changes something may or may not have taken effect.
    """

    code = "database_unavailable"
    title = "The database is not available"


class OutcomeUnknown(DatabaseUnavailable):
    """The database failed in the midst of a change, or after it: the change may have been made. Nobody else is told so:
    to a client it is a DatabaseUnavailable, which says the same.
    """


class NotReady(Unavailable):
    """The service is starting, or something that it needs is missing. `GET /readyz` gives the `reasons`."""

    code = "not_ready"
    title = "The service is not ready"


class UpstreamUnavailable(Unavailable):
    """The provider that people sign in with can't be reached, is too slow, or gave an answer that can't be read.
    Nothing was done. Try again after `Retry-After` seconds, or sign in another way.
    """

    code = "upstream_unavailable"
    title = "The provider is not available"


class HookFailed(Unavailable):
    """A program of those who run the service, which decides who may sign up or what tokens say, gave no usable answer.
    Nothing was done. Send the same request again after `Retry-After` seconds: a code, a link or a refresh token is not
    used up. With a passkey or another provider, begin again.
    """

    code = "hook_failed"
    title = "A hook of the service gave no usable answer"
