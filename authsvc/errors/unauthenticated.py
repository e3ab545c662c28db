"""401: no valid token, or the sign-in itself failed."""

from typing import Any

from authsvc.errors.problem import Problem


class Unauthenticated(Problem):
    """The caller is not known. `WWW-Authenticate` says how to authenticate (RFC 9110 section 11.6.1)."""

    status = 401

    def __init__(self, detail: str | None = None, **extra: Any) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": self.challenge()}, **extra)

    @classmethod
    def challenge(cls) -> str:
        """Return the WWW-Authenticate challenge (RFC 6750 section 3)."""
        return "Bearer"


class InvalidCredentials(Unauthenticated):
    """The email address is unknown or the password is wrong. The answer does not say which. Ask the user for both
    again.
    """

    code = "invalid_credentials"
    title = "Email address or password is wrong"


class MfaTokenInvalid(Unauthenticated):
    """The `mfaToken` is unknown, has expired (after five minutes), was used already, or the password has changed since.
    Sign in again.
    """

    code = "mfa_token_invalid"
    title = "The sign-in can't be completed"


class PasskeyInvalid(Unauthenticated):
    """The passkey is unknown, was removed, or did not prove what was asked. Sign in another way."""

    code = "passkey_invalid"
    title = "The passkey is not valid"


class TokenMissing(Unauthenticated):
    """The route needs a token, and the request has none. Send `Authorization: Bearer <access token>`; for a refresh,
    send `refreshToken` in the body or the refresh cookie. Tokens in the URL are ignored.
    """

    code = "token_missing"
    title = "A token is required"


class TokenRefused(Unauthenticated):
    """The request has a token that is not valid."""

    @classmethod
    def challenge(cls) -> str:
        """Return the challenge for a token that is not valid (RFC 6750 section 3.1)."""
        return 'Bearer error="invalid_token"'


class TokenInvalid(TokenRefused):
    """The token was not issued by this service for this purpose, or the header that carries it is malformed. Sign in
    again.
    """

    code = "token_invalid"
    title = "The token is not valid"


class TokenExpired(TokenRefused):
    """The access token has expired. Exchange the refresh token for a new pair at `POST /auth/refresh-token`."""

    code = "token_expired"
    title = "The access token has expired"


class SessionEnded(TokenRefused):
    """The token is genuine, but its session has ended. `reason` says why: `logout`, `logout_others`,
    `email_verified` (elsewhere, by whoever reads its mail), `replaced`, `password_changed`, `password_reset`,
    `token_reuse` (an old refresh token was used again, which is a sign of theft), `admin`, `account_disabled`,
    `account_deleted` or `expired`. Sign in again.
    """

    code = "session_ended"
    title = "The session has ended"

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)
