"""Every way to refuse, as a fact: HTTP status, stable code, title.

Services raise these, views never catch them, `api.problems` alone renders them (RFC 9457). The docstring of a class is
what `GET /problems/<code>` tells the client's developer.

    Problem
    ├── BadRequest 400 ── MalformedJson, LinkInvalid, ChallengeInvalid
    ├── Unauthenticated 401
    │   ├── InvalidCredentials, MfaTokenInvalid, PasskeyInvalid
    │   ├── TokenMissing
    │   └── TokenRefused ── TokenInvalid, TokenExpired, SessionEnded(reason)
    ├── Forbidden 403 ── AccountDisabled, EmailUnverified, PasswordIncorrect, MfaCodeInvalid,
    │                    SecondFactorRequired(methods), CrossOriginRefused, RoleMissing, ScopeMissing(scope),
    │                    FreshLoginRequired
    ├── NotFound 404 · MethodNotAllowed 405 · BodyTooLarge 413 · UnsupportedMediaType 415
    ├── Conflict 409 ── EmailTaken, PasskeyKnown, LastLoginMethod, MfaAlreadyEnabled, MfaNotEnabled, LastAdmin, OwnRole
    ├── ValidationFailed 422 (errors: one FieldError for each)
    ├── TooManyAttempts 429 (limit, most, seconds, retry_after)
    ├── InternalError 500
    └── Unavailable 503 ── HashingBusy, DatabaseUnavailable, NotReady
"""

from collections.abc import Sequence

from authsvc.errors.conflict import (
    Conflict,
    EmailTaken,
    LastAdmin,
    LastLoginMethod,
    MfaAlreadyEnabled,
    MfaNotEnabled,
    OwnRole,
    PasskeyKnown,
)
from authsvc.errors.forbidden import (
    AccountDisabled,
    CrossOriginRefused,
    EmailUnverified,
    Forbidden,
    FreshLoginRequired,
    MfaCodeInvalid,
    PasswordIncorrect,
    RoleMissing,
    ScopeMissing,
    SecondFactorRequired,
)
from authsvc.errors.problem import FieldError, Problem, all_problems
from authsvc.errors.unauthenticated import (
    InvalidCredentials,
    MfaTokenInvalid,
    PasskeyInvalid,
    SessionEnded,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
    TokenRefused,
    Unauthenticated,
)
from authsvc.errors.unavailable import DatabaseUnavailable, HashingBusy, InternalError, NotReady, Unavailable

__all__ = [
    "AccountDisabled",
    "Conflict",
    "CrossOriginRefused",
    "DatabaseUnavailable",
    "EmailTaken",
    "EmailUnverified",
    "FieldError",
    "Forbidden",
    "FreshLoginRequired",
    "HashingBusy",
    "InternalError",
    "InvalidCredentials",
    "LastAdmin",
    "LastLoginMethod",
    "MfaAlreadyEnabled",
    "MfaCodeInvalid",
    "MfaNotEnabled",
    "MfaTokenInvalid",
    "NotReady",
    "OwnRole",
    "PasskeyInvalid",
    "PasskeyKnown",
    "PasswordIncorrect",
    "Problem",
    "RoleMissing",
    "ScopeMissing",
    "SecondFactorRequired",
    "SessionEnded",
    "TokenExpired",
    "TokenInvalid",
    "TokenMissing",
    "TokenRefused",
    "Unauthenticated",
    "Unavailable",
    "all_problems",
]


class BadRequest(Problem):
    status = 400


class MalformedJson(BadRequest):
    """The body is not one strict JSON text (RFC 8259) in UTF-8: it is cut off, nests too deep, repeats a key, holds NaN
    or a lone surrogate, or could not be read as HTTP frames it. Send what a JSON encoder writes.
    """

    code = "malformed_json"
    title = "The request body is not valid JSON"


class LinkInvalid(BadRequest):
    """The link is not one of ours, has expired, was used, or was overtaken: by a newer one, or by a change of what it
    was made for. Ask for a new one.
    """

    code = "link_invalid"
    title = "The link is not valid"


class ChallengeInvalid(BadRequest):
    """The challenge is not one of ours for this use, has expired (after five minutes), or was answered already: each is
    good for one answer, right or wrong. Ask for new options.
    """

    code = "challenge_invalid"
    title = "The challenge is not valid"


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


class TooManyAttempts(Problem):
    """There were too many attempts: from this address, on this account or with this session. Whether this one was right
    is not said, since it was not looked at. Try again after `Retry-After` seconds; `RateLimit-Policy` names the limit.
    """

    status = 429
    code = "too_many_attempts"
    title = "Too many attempts"

    def __init__(self, limit: str, most: int, seconds: int, retry_after: int) -> None:
        """Tell of a limit of so many in so many seconds (draft-ietf-httpapi-ratelimit-headers)."""
        super().__init__(
            headers={
                "Retry-After": str(retry_after),
                "RateLimit-Policy": f'"{limit}";q={most};w={seconds}',
                "RateLimit": f'"{limit}";r=0;t={retry_after}',
            }
        )
        self.limit = limit
