"""401: the token, or the sign-in itself."""

from typing import Any

from authsvc.errors.problem import Problem


class Unauthenticated(Problem):
    """Who calls is not known; `WWW-Authenticate` asks (RFC 9110 section 11.6.1)."""

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


class MfaTokenInvalid(Unauthenticated):
    """The `mfaToken` is not one that a sign-in gave, is older than five minutes, or was used, or the password was
    changed since. Sign in again.
    """

    code = "mfa_token_invalid"
    title = "The sign-in cannot be completed"


class PasskeyInvalid(Unauthenticated):
    """The passkey is not known here, was removed, or did not prove what was asked. Sign in another way."""

    code = "passkey_invalid"
    title = "The passkey is not valid"


class TokenMissing(Unauthenticated):
    """The route needs a token and the request shows none. Send `Authorization: Bearer <access token>`; for a refresh,
    `refreshToken` in the body or the refresh cookie. A token in the URL does not count.
    """

    code = "token_missing"
    title = "A token is required"


class TokenRefused(Unauthenticated):
    """A token was shown, and is no good."""

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
