"""The answer to a sign-in: a pair of tokens, in the body or partly by cookie, or that a second factor is required."""

from typing import Any

from flask import Response, json

from authsvc.flows import sign_out
from authsvc.flows.sign_in import Pending
from authsvc.http.cookies import device_cookie, refresh_cookie
from authsvc.models.users import User
from authsvc.schemas.base import Schema
from authsvc.schemas.mfa import MfaRequiredSchema
from authsvc.services import devices, guesses
from authsvc.services.tokens import TokenPair


def answer_sign_in(pair: TokenPair | Pending, transport: str) -> dict[str, Any] | Response:
    """Answer a sign-in, also one that still needs a second factor."""
    return json_answer(MfaRequiredSchema, pair, 202) if isinstance(pair, Pending) else answer_session(pair, transport)


def answer_session(pair: TokenPair, transport: str) -> dict[str, Any]:
    """Answer with a new session. One by cookie ends that whose cookie it replaces, and remembers the browser."""
    if transport == "cookie":
        previous = refresh_cookie.read()
        if previous is not None:
            sign_out.replace(previous)
        device_cookie.store(devices.introduce(pair.user))
    return answer(pair, transport)


def json_answer(schema: type[Schema], content: Any, status: int) -> Response:
    """Answer in another shape than the one that a view declares first."""
    body = json.dumps(schema().dump(content), separators=(",", ":"))
    return Response(f"{body}\n", status, content_type="application/json")


def remember_here(user: User) -> User:
    """Remember this browser and network for a user who has just verified the address by a link."""
    device_cookie.store(devices.settle(user))
    guesses.forgive_passwords(user)
    return user


def answer(pair: TokenPair, transport: str) -> dict[str, Any]:
    """Answer with a pair of tokens, the refresh token by `transport`: in the body or by cookie."""
    body = {
        "access_token": pair.access_token,
        "token_type": "Bearer",
        "expires_in": pair.expires_in,
        "user": pair.user,
    }
    if transport == "body":
        return {**body, "refresh_token": pair.refresh_token}
    refresh_cookie.store(pair.refresh_token)
    return body
