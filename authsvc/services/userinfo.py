"""What an app learns of a person, by its scopes (OpenID Connect Core section 5.4)."""

from typing import Any

from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.models.users import User
from authsvc.services import app_scopes
from authsvc.services.callers import Caller

CLAIMS = ("name", "email", "email_verified")
"""What it may tell beside `sub`."""

_CHALLENGE = f'Bearer error="{OAuthError.INSUFFICIENT_SCOPE}", scope="{app_scopes.OPENID}"'


def claims(who: Caller) -> dict[str, Any]:
    """Return the claims that a caller's scopes allow. Raises OAuthRefusal without `openid`."""
    scopes = who.scopes or frozenset()
    if app_scopes.OPENID not in scopes:
        raise OAuthRefusal(OAuthError.INSUFFICIENT_SCOPE, "The scope openid is required.", challenge=_CHALLENGE)
    user = User.find(who.user_id)
    if user is None or user.disabled_at is not None:
        raise OAuthRefusal(OAuthError.INVALID_TOKEN, "The account is gone or disabled.")
    answer: dict[str, Any] = {"sub": who.user_id}
    if app_scopes.PROFILE in scopes and user.name:
        answer["name"] = user.name
    if app_scopes.EMAIL in scopes:
        answer |= {"email": user.email, "email_verified": user.is_verified}
    return answer
