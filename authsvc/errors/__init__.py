"""Every refusal as a fact: HTTP status, stable code, title.

Services raise them, views never catch them, and only `api.problems` renders them (RFC 9457). The docstring of a class
is the explanation at `GET /problems/<code>`, and its first sentence is the default detail.

    Problem
    ├── BadRequest 400 ── RequestMalformed, MalformedJson, LinkInvalid, ChallengeInvalid, UserCodeInvalid
    ├── Unauthenticated 401
    │   ├── InvalidCredentials, MfaTokenInvalid, PasskeyInvalid
    │   ├── TokenMissing
    │   └── TokenRefused ── TokenInvalid, TokenExpired, SessionEnded(reason)
    ├── Forbidden 403 ── AccountDisabled, EmailUnverified, PasswordIncorrect, MfaCodeInvalid,
    │                    EmailCodeInvalid, SecondFactorRequired(methods), CrossOriginRefused, RoleMissing,
    │                    ScopeMissing(scope), FreshLoginRequired, ProviderRefused, HookRefused
    ├── NotFound 404 · MethodNotAllowed 405 · RequestGone 410 · BodyTooLarge 413 · UnsupportedMediaType 415
    ├── Conflict 409 ── EmailTaken, IdentityTaken, LinkConfirmationRequired, PasskeyKnown, LastLoginMethod,
    │                   MfaAlreadyEnabled, MfaNotEnabled, LastAdmin, OwnRole
    ├── ValidationFailed 422 (errors: one FieldError for each)
    ├── TooManyAttempts 429 (limit, most, seconds, retry_after)
    ├── InternalError 500
    └── Unavailable 503 ── HashingBusy, DatabaseUnavailable, NotReady, UpstreamUnavailable, HookFailed
"""

from collections.abc import Sequence

from authsvc.errors.conflict import (
    Conflict,
    EmailTaken,
    IdentityTaken,
    LastAdmin,
    LastLoginMethod,
    LinkConfirmationRequired,
    MfaAlreadyEnabled,
    MfaNotEnabled,
    OwnRole,
    PasskeyKnown,
)
from authsvc.errors.forbidden import (
    AccountDisabled,
    CrossOriginRefused,
    EmailCodeInvalid,
    EmailUnverified,
    Forbidden,
    FreshLoginRequired,
    HookRefused,
    MfaCodeInvalid,
    PasswordIncorrect,
    ProviderRefused,
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
from authsvc.errors.unavailable import (
    DatabaseUnavailable,
    HashingBusy,
    HookFailed,
    InternalError,
    NotReady,
    OutcomeUnknown,
    Unavailable,
    UpstreamUnavailable,
)

__all__ = [
    "AccountDisabled",
    "Conflict",
    "CrossOriginRefused",
    "DatabaseUnavailable",
    "EmailCodeInvalid",
    "EmailTaken",
    "EmailUnverified",
    "FieldError",
    "Forbidden",
    "FreshLoginRequired",
    "HashingBusy",
    "HookFailed",
    "HookRefused",
    "IdentityTaken",
    "InternalError",
    "InvalidCredentials",
    "LastAdmin",
    "LastLoginMethod",
    "LinkConfirmationRequired",
    "MfaAlreadyEnabled",
    "MfaCodeInvalid",
    "MfaNotEnabled",
    "MfaTokenInvalid",
    "NotReady",
    "OutcomeUnknown",
    "OwnRole",
    "PasskeyInvalid",
    "PasskeyKnown",
    "PasswordIncorrect",
    "Problem",
    "ProviderRefused",
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
    "UpstreamUnavailable",
    "UserCodeInvalid",
    "all_problems",
]


class BadRequest(Problem):
    status = 400


class RequestMalformed(BadRequest):
    """The request can't be read as HTTP (RFC 9112), or is too large. The status says which. 400: the request line,
    `Host`, another header or the framing is malformed. 414: the request line has more than 8,190 characters. 417 and
    501: `Expect` or `Transfer-Encoding` asks for something unknown. 431: a header field has more than 32 kB, all of
    them together have more than 64 kB, or there are more than 100. The usual cause of 431 is cookies of other
    applications on the same domain; deleting them helps.
    """

    code = "request_malformed"
    title = "The request can't be read"


class MalformedJson(BadRequest):
    """The body is not a single strict JSON text (RFC 8259) in UTF-8. It is cut off, is nested too deeply, repeats a
    key, contains NaN or a lone surrogate, or its HTTP framing could not be read. Send what a JSON encoder writes.
    """

    code = "malformed_json"
    title = "The request body is not valid JSON"


class LinkInvalid(BadRequest):
    """The link is unknown, has expired, was used already, or was superseded: by a newer link, or by a change to what it
    was made for. Request a new one.
    """

    code = "link_invalid"
    title = "The link is not valid"


class ChallengeInvalid(BadRequest):
    """The challenge is unknown, was issued for another purpose, has expired (after five minutes), or was answered
    already. Each challenge accepts one answer, right or wrong. Request new options.
    """

    code = "challenge_invalid"
    title = "The challenge is not valid"


class UserCodeInvalid(BadRequest):
    """The code of a device is unknown, has expired (after fifteen minutes), or was answered already. The answer does
    not say which. Type what the device shows, or start again there.
    """

    code = "user_code_invalid"
    title = "The device's code is not valid"


class NotFound(Problem):
    """There is nothing here, or nothing that you may know of."""

    status = 404
    code = "not_found"
    title = "Not found"


class RequestGone(Problem):
    """The request to sign in to an app, or with another provider, has been answered, has expired (after an hour, or ten
    minutes), or was begun in another browser. Go back to where it began, and begin again.
    """

    status = 410
    code = "request_gone"
    title = "The request is gone"


class MethodNotAllowed(Problem):
    """The path exists, but not for this method. `Allow` lists the methods that it has."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"


class BodyTooLarge(Problem):
    """The request body is longer than `MAX_BODY_BYTES`."""

    status = 413
    code = "body_too_large"
    title = "The request body is too large"


class UnsupportedMediaType(Problem):
    """A body needs `Content-Type: application/json` (with no parameter except `charset=utf-8`) and no
    `Content-Encoding`. Only introspection takes `application/x-www-form-urlencoded` (RFC 7662).
    """

    status = 415
    code = "unsupported_media_type"
    title = "The content type is not supported"


class ValidationFailed(Problem):
    """The input is well-formed but not valid. Each entry of `errors` names a place (`pointer` into the body, or query
    `parameter`), a `code` and a sentence. The codes are `required`, `unknown_field`, `wrong_type`, `too_short`,
    `too_long`, `bad_format`, `not_ascii`, `not_allowed`, `password_too_common` and `password_like_account`.
    """

    status = 422
    code = "validation_failed"
    title = "The input is not valid"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(errors=[error.as_member() for error in errors])


class TooManyAttempts(Problem):
    """There were too many attempts from this network, on this account or in this session. This attempt was not looked
    at, so the answer says nothing about whether it was right. Try again after `Retry-After` seconds. `RateLimit-Policy`
    names the limit.
    """

    status = 429
    code = "too_many_attempts"
    title = "Too many attempts"

    def __init__(self, limit: str, most: int, seconds: int, retry_after: int) -> None:
        """Name the limit: `most` attempts in `seconds` (draft-ietf-httpapi-ratelimit-headers)."""
        super().__init__(
            headers={
                "Retry-After": str(retry_after),
                "RateLimit-Policy": f'"{limit}";q={most};w={seconds}',
                "RateLimit": f'"{limit}";r=0;t={retry_after}',
            }
        )
        self.limit = limit
