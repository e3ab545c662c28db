"""Sign out: end the session that a token names."""

from authsvc.errors import TokenInvalid
from authsvc.models.sessions import EndReason
from authsvc.services import sessions, tokens


def sign_out(*, access_token: str | None, refresh_token: str | None) -> None:
    """End the session that a token names, expired or not; the access token decides if there are both.

    Raises TokenInvalid.
    """
    if access_token is not None:
        claims = tokens.read_access_even_expired(access_token)
    elif refresh_token is not None:
        claims = tokens.read_refresh_even_expired(refresh_token)
    else:
        raise TokenInvalid
    sessions.end(claims["sid"])


def replace(refresh_token: str) -> None:
    """End the session of a refresh token that a new sign-in replaces; ignore an invalid token."""
    claims = tokens.claims_of_refresh(refresh_token)
    if claims is not None:
        sessions.end(claims["sid"], EndReason.REPLACED)
