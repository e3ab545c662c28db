"""Every way to refuse, as a fact: HTTP status, stable code, title.

Services raise these, views never catch them, `api.problems` alone renders them (RFC 9457). The docstring of a class is
what `GET /problems/<code>` tells the client's developer.

    Problem
    ├── BadRequest 400 ── MalformedJson
    ├── Unauthenticated 401
    │   ├── InvalidCredentials
    │   ├── TokenMissing
    │   └── TokenRefused ── TokenInvalid, TokenExpired, SessionEnded(reason)
    ├── Forbidden 403 ── AccountDisabled, CrossOriginRefused, RoleMissing, ScopeMissing(scope), FreshLoginRequired
    ├── NotFound 404 · MethodNotAllowed 405 · BodyTooLarge 413 · UnsupportedMediaType 415
    ├── Conflict 409 ── EmailTaken
    ├── ValidationFailed 422 (errors: one FieldError for each)
    ├── InternalError 500
    └── Unavailable 503 ── HashingBusy, DatabaseUnavailable, NotReady
"""

from collections.abc import Sequence
from typing import Any

from authsvc.errors.problem import FieldError, Problem, all_problems

__all__ = ["FieldError", "Problem", "all_problems"]


class BadRequest(Problem):
    status = 400


class MalformedJson(BadRequest):
    """The body is not one strict JSON text (RFC 8259) in UTF-8: it is cut off, nests too deep, repeats a key, holds NaN
    or a lone surrogate, or could not be read as HTTP frames it. Send what a JSON encoder writes.
    """

    code = "malformed_json"
    title = "The request body is not valid JSON"


class Unauthenticated(Problem):
    status = 401

    def __init__(self, detail: str | None = None, **extra: Any) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": self.challenge()}, **extra)

    @classmethod
    def challenge(cls) -> str:
        """Return the WWW-Authenticate challenge (RFC 6750 section 3)."""
        return "Bearer"


class InvalidCredentials(Unauthenticated):
    """The address is unknown or the password is wrong; which of them is not said. Ask the user for both again."""

    code = "invalid_credentials"
    title = "Email or password is wrong"


class TokenMissing(Unauthenticated):
    """The route needs a token and the request shows none. Send `Authorization: Bearer <access token>`; for a refresh,
    `refreshToken` in the body or the refresh cookie. A token in the URL does not count.
    """

    code = "token_missing"
    title = "A token is required"


class TokenRefused(Unauthenticated):
    @classmethod
    def challenge(cls) -> str:
        """Return the challenge for a token that was shown and is no good (RFC 6750 section 3.1)."""
        return 'Bearer error="invalid_token"'


class TokenInvalid(TokenRefused):
    """The token is not one that this service issued for this use, or the header that carries it is malformed. Sign in
    again.
    """

    code = "token_invalid"
    title = "The token is not valid"


class TokenExpired(TokenRefused):
    """The access token is past its expiry. Exchange the refresh token for a new pair at `POST /auth/refresh-token`."""

    code = "token_expired"
    title = "The access token has expired"


class SessionEnded(TokenRefused):
    """The token is genuine but its session is over; `reason` says why: `logout`, `logout_others`, `replaced`,
    `password_changed`, `password_reset`, `token_reuse` (an old refresh token was shown: a sign of theft), `admin`,
    `account_disabled`, `account_deleted` or `expired`. Sign in again.
    """

    code = "session_ended"
    title = "The session has ended"

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


class Forbidden(Problem):
    status = 403


class AccountDisabled(Forbidden):
    """The password is right, but the account has been disabled. Only an administrator can enable it."""

    code = "account_disabled"
    title = "The account is disabled"


class CrossOriginRefused(Forbidden):
    """A page of another origin tried to change something. Requests that change state are taken from the service's own
    origin, from those in `CORS_ORIGINS`, and from clients that are not browsers.
    """

    code = "cross_origin_refused"
    title = "Cross-origin request refused"


class RoleMissing(Forbidden):
    """The caller is known and may not do this: it takes another role. The role is the one that the account has now."""

    code = "forbidden"
    title = "This takes another role"


class ScopeMissing(Forbidden):
    """A personal access token does only what its scopes name, on routes that have a scope. Make one with the scope that
    the route's description names; where it names none, sign in.
    """

    code = "scope_missing"
    title = "The access token lacks the scope"

    def __init__(self, scope: str | None) -> None:
        wanted = "" if scope is None else f', scope="{scope}"'
        super().__init__(headers={"WWW-Authenticate": f'Bearer error="insufficient_scope"{wanted}'})


class FreshLoginRequired(Forbidden):
    """It takes a sign-in or re-authentication within the last 10 minutes; a refresh is none, and no personal access
    token is good for it. Ask the user to sign in again.
    """

    code = "fresh_login_required"
    title = "A fresh sign-in is required"


class NotFound(Problem):
    """There is nothing here, or nothing that the caller may know of."""

    status = 404
    code = "not_found"
    title = "Not found"


class MethodNotAllowed(Problem):
    """The path exists, but not for this method; `Allow` lists those it has."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"


class Conflict(Problem):
    status = 409


class EmailTaken(Conflict):
    """An account with this address exists, in this or another spelling. Sign in instead."""

    code = "email_taken"
    title = "This email is already registered"


class BodyTooLarge(Problem):
    """The request body is longer than `MAX_BODY_BYTES`."""

    status = 413
    code = "body_too_large"
    title = "The request body is too large"


class UnsupportedMediaType(Problem):
    """A body needs `Content-Type: application/json` (with no parameter but `charset=utf-8`) and no Content-Encoding;
    introspection alone takes `application/x-www-form-urlencoded` (RFC 7662).
    """

    status = 415
    code = "unsupported_media_type"
    title = "The content type is not supported"


class ValidationFailed(Problem):
    """The input is well-formed but wrong; `errors` names each place (`pointer` into the body or query `parameter`) with
    a `code` and a sentence. The codes: `required`, `unknown_field`, `wrong_type`, `too_short`, `too_long`,
    `bad_format`, `not_ascii`, `not_allowed`, `password_too_common`, `password_like_account`.
    """

    status = 422
    code = "validation_failed"
    title = "The input is not valid"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(errors=[error.as_member() for error in errors])


class InternalError(Problem):
    """The service made a mistake. It is logged under the `requestId`: report that."""

    status = 500
    code = "internal_error"
    title = "Internal error"


class Unavailable(Problem):
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
