"""Authenticator apps: enrolment and removal."""

from authsvc.errors import (
    EmailUnverified,
    LastLoginMethod,
    MfaAlreadyEnabled,
    MfaCodeInvalid,
    MfaNotEnabled,
    TooManyAttempts,
)
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import current_user, requires_fresh_login, requires_login
from authsvc.schemas.mfa import CodeSchema, RecoveryCodesSchema, TotpEnrolmentSchema
from authsvc.services import totp
from authsvc.services.totp import Enrolment

blp = Blueprint("totp", __name__, description="Authenticator apps (RFC 6238).")


@blp.post("/auth/mfa/totp")
@requires_fresh_login
@blp.response(200, TotpEnrolmentSchema)
@blp.problems(EmailUnverified, MfaAlreadyEnabled, TooManyAttempts)
def enrol() -> Enrolment:
    """Start to set up an authenticator app. It is active once its first code is confirmed, within an hour."""
    return totp.enrol(current_user)


@blp.post("/auth/mfa/totp/confirm")
@requires_login
@blp.arguments(CodeSchema)
@blp.response(200, RecoveryCodesSchema)
@blp.problems(EmailUnverified, MfaAlreadyEnabled, MfaNotEnabled, MfaCodeInvalid, TooManyAttempts)
def confirm(proof: dict[str, str]) -> dict[str, list[str]]:
    """Activate the app with its first code. The recovery codes are shown only now.

    There are none if the account has some: those stay.
    """
    return {"recovery_codes": totp.confirm(current_user, **proof)}


@blp.delete("/auth/mfa/totp")
@requires_fresh_login
@blp.response(204)
@blp.problems(MfaNotEnabled, LastLoginMethod)
def remove() -> None:
    """Remove the app. Recovery codes are removed with the last second factor."""
    totp.remove(current_user)
