"""What a sign-in answers: a pair of tokens, in the body or in part by cookie; or that a second factor is to come."""

from typing import Any

from flask import Response, json

from authsvc.api.cookies import device_cookie, refresh_cookie
from authsvc.schemas.mfa import MfaRequiredSchema
from authsvc.services import auth, devices
from authsvc.services.mfa import Pending
from authsvc.services.tokens import TokenPair


def signed_in(pair: TokenPair | Pending, transport: str) -> dict[str, Any] | Response:
    """Answer a sign-in; one by cookie ends the session whose cookie it replaces, and makes the browser known."""
    if isinstance(pair, Pending):
        said = json.dumps(MfaRequiredSchema().dump(pair), separators=(",", ":"))
        return Response(said + "\n", 202, content_type="application/json")
    if transport == "cookie":
        replaced = refresh_cookie.read()
        if replaced is not None:
            auth.replace_session(replaced)
        device_cookie.store(devices.introduce(pair.user))
    return answer(pair, transport)


def answer(pair: TokenPair, transport: str) -> dict[str, Any]:
    """Answer with a pair of tokens, the refresh token the way that `transport` says."""
    said = {
        "access_token": pair.access_token,
        "token_type": "Bearer",
        "expires_in": pair.expires_in,
        "user": pair.user,
    }
    if transport == "body":
        return {**said, "refresh_token": pair.refresh_token}
    refresh_cookie.store(pair.refresh_token)
    return said
