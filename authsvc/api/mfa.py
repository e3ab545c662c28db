"""Second factors: status, and completing a sign-in."""

from typing import Any

from flask import Response

from authsvc.api.token_response import answer_sign_in
from authsvc.errors import (
    ChallengeInvalid,
    HookFailed,
    InvalidCredentials,
    MfaCodeInvalid,
    MfaNotEnabled,
    MfaTokenInvalid,
    TooManyAttempts,
)
from authsvc.flows import sign_in
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import current_user, public, requires_fresh_login, requires_scope
from authsvc.schemas.auth import TokenResponseSchema
from authsvc.schemas.mfa import MfaStatusSchema, SecondFactorSchema
from authsvc.services import factors

blp = Blueprint("mfa", __name__, description="Second factors: what is set up, and signing in with one.")


@blp.get("/auth/mfa")
@requires_scope("account:read")
@blp.response(200, MfaStatusSchema)
def show() -> dict[str, Any]:
    """Show which factors the caller has set up."""
    return factors.status(current_user)


@blp.post("/auth/mfa/require")
@requires_fresh_login
@blp.response(204)
@blp.problems(MfaNotEnabled, TooManyAttempts)
def require() -> None:
    """Ask for a second factor at every sign-in from now on.

    A first passkey leaves the password enough until its owner has saved recovery codes, or wants more: either is said
    by this. With an authenticator app it is so already.
    """
    factors.require(current_user)


@blp.post("/auth/login/mfa")
@public
@blp.arguments(SecondFactorSchema)
@blp.response(200, TokenResponseSchema)
@blp.problems(MfaTokenInvalid, MfaCodeInvalid, ChallengeInvalid, InvalidCredentials, TooManyAttempts, HookFailed)
def complete(proof: dict[str, Any]) -> dict[str, Any] | Response:
    """Complete a sign-in with a second factor: a code, a recovery code or a passkey."""
    transport = proof.pop("transport")
    return answer_sign_in(sign_in.complete(proof.pop("mfa_token"), proof), transport)
