"""5xx: not the caller's fault."""

from typing import Any

from authsvc.errors.problem import Problem


class InternalError(Problem):
    """The service made a mistake. It is logged under the `requestId`: report that."""

    status = 500
    code = "internal_error"
    title = "Internal error"


class Unavailable(Problem):
    """Nothing was decided; `Retry-After` says when to try again."""

    status = 503

    def __init__(self, detail: str | None = None, *, retry_after: int = 2, **extra: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, **extra)


class HashingBusy(Unavailable):
    """More passwords are waiting to be hashed than can be within `HASHING_MAX_WAIT`. Try again after `Retry-After`
    seconds; nothing was done.
    """

    code = "hashing_busy"
    title = "Too many passwords are being hashed"


class DatabaseUnavailable(Unavailable):
    """The database did not answer in time, so the service decides nothing. Try again after `Retry-After` seconds; the
    session is not affected. A request that changes something may or may not have taken effect.
    """

    code = "database_unavailable"
    title = "The database is not available"


class NotReady(Unavailable):
    """The service is starting, or something it needs is missing; `GET /readyz` says what in `reasons`."""

    code = "not_ready"
    title = "The service is not ready"
