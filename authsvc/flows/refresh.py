"""Refresh: exchange a refresh token for a new pair of tokens."""

from collections.abc import Mapping
from typing import Any

from authsvc import clock
from authsvc.errors import HookFailed, SessionEnded
from authsvc.models.sessions import EndReason
from authsvc.models.users import User
from authsvc.services import devices, sessions, throttles, token_claims, tokens
from authsvc.services.throttles import Bucket
from authsvc.services.token_claims import Ext
from authsvc.services.tokens import TokenPair
from authsvc.settings import Limit


def refresh(refresh_token: str) -> TokenPair:
    """Exchange a refresh token for a new pair. Raises TokenInvalid, SessionEnded, TooManyAttempts, HookFailed."""
    claims = tokens.read_refresh(refresh_token)
    sessions.require_minted(claims)
    own = Bucket(Limit.REFRESH_SESSION, claims["sid"], claims["sub"])
    # A browser in which its user has signed in does not depend on what others in its network do.
    network = [] if devices.is_known_browser(claims["sub"]) else [throttles.by_network(Limit.REFRESH_ADDRESS)]
    with throttles.counting_unless(HookFailed, *network, own):
        came_at = clock.now()
        ext = _ask_first(claims)
    session = sessions.rotate(claims["sid"], claims["generation"], as_of=came_at)
    user = User.find(str(session.user))
    if user is None or user.disabled_at is not None:
        reason = EndReason.ACCOUNT_DELETED if user is None else EndReason.ACCOUNT_DISABLED
        sessions.end(str(session.id), reason)
        raise SessionEnded(reason)
    sessions.bring_up_to_date(session, user)
    return tokens.mint(session, user, token_claims.of_session(session, user) if ext is None else ext)


def _ask_first(claims: Mapping[str, Any]) -> Ext | None:
    """Ask what the new access token says besides, while the refresh token can still be used again (R124).

    None if the token would be refused: a stolen one is noticed, whatever the hook does. Raises HookFailed.
    """
    if not token_claims.is_asked():
        return None
    session = sessions.find_exchangeable(claims)
    user = User.find(str(session.user)) if session is not None else None
    if session is None or user is None or user.disabled_at is not None:
        return None
    return token_claims.of_session(session, user)
