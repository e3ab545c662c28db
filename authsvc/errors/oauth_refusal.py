"""Refusals in the terms of OAuth: the codes of RFC 6749, and of what builds on it."""

from enum import StrEnum


class OAuthError(StrEnum):
    """A registered error code.

    See RFC 6749 sections 4.1.2.1 and 5.2, RFC 8628 section 3.5, OpenID Connect Core section 3.1.2.6.
    """

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"
    INVALID_TARGET = "invalid_target"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    UNSUPPORTED_RESPONSE_TYPE = "unsupported_response_type"
    ACCESS_DENIED = "access_denied"
    AUTHORIZATION_PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - a code (RFC 8628 section 3.5)
    LOGIN_REQUIRED = "login_required"
    INTERACTION_REQUIRED = "interaction_required"
    CONSENT_REQUIRED = "consent_required"
    REQUEST_NOT_SUPPORTED = "request_not_supported"
    REQUEST_URI_NOT_SUPPORTED = "request_uri_not_supported"
    REGISTRATION_NOT_SUPPORTED = "registration_not_supported"
    SERVER_ERROR = "server_error"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    INVALID_TOKEN = "invalid_token"  # noqa: S105 - a code (RFC 6750 section 3.1)
    INSUFFICIENT_SCOPE = "insufficient_scope"


class OAuthRefusal(Exception):
    """A request that is refused: an error code, and a sentence for developers.

    The sentence is one of ours and quotes nothing: it must consist of ASCII without quotes and backslashes (RFC 6749
    section 5.2), and what a client sent may not. `challenge` is the `WWW-Authenticate` of what wants an access token
    (RFC 6750 section 3); without it, the answer has that which fits the error.
    """

    def __init__(self, error: OAuthError, description: str, *, challenge: str | None = None) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.challenge = challenge


class AppUnknown(Exception):
    """An authorization request that must not be answered by a redirect: nobody can tell whose address it names."""
