"""Second factors: which there are, and completing a sign-in by one."""

from typing import Any

from flask import Response

from authsvc.api.documenting import Blueprint
from authsvc.api.guards import current_user, public, requires_scope
from authsvc.api.signed_in import signed_in
from authsvc.errors import ChallengeInvalid, InvalidCredentials, MfaCodeInvalid, MfaTokenInvalid, TooManyAttempts
from authsvc.schemas.auth import TokenResponseSchema
from authsvc.schemas.mfa import MfaStatusSchema, SecondFactorSchema
from authsvc.services import mfa

blp = Blueprint("mfa", __name__, description="Second factors: which there are, and signing in by one.")


@blp.get("/auth/mfa")
@requires_scope("account:read")
@blp.response(200, MfaStatusSchema)
def show() -> dict[str, Any]:
    """Show which factors the caller has."""
    return mfa.status(current_user)


@blp.post("/auth/login/mfa")
@public
@blp.arguments(SecondFactorSchema)
@blp.response(200, TokenResponseSchema)
@blp.problems(MfaTokenInvalid, MfaCodeInvalid, ChallengeInvalid, InvalidCredentials, TooManyAttempts)
def complete(proof: dict[str, Any]) -> dict[str, Any] | Response:
    """Complete a sign-in by a second factor: a code, a recovery code or a passkey."""
    transport = proof.pop("transport")
    return signed_in(mfa.complete(proof.pop("mfa_token"), proof), transport)
