"""Authenticator apps: enrolling one and removing it."""

from authsvc.api.documenting import Blueprint
from authsvc.api.guards import current_user, requires_fresh_login, requires_login
from authsvc.errors import EmailUnverified, MfaAlreadyEnabled, MfaCodeInvalid, MfaNotEnabled, TooManyAttempts
from authsvc.schemas.mfa import CodeSchema, RecoveryCodesSchema, TotpEnrolmentSchema
from authsvc.services import totp
from authsvc.services.totp import Enrolment

blp = Blueprint("totp", __name__, description="Codes of an authenticator app (RFC 6238).")


@blp.post("/auth/mfa/totp")
@requires_fresh_login
@blp.response(200, TotpEnrolmentSchema)
@blp.problems(EmailUnverified, MfaAlreadyEnabled)
def enrol() -> Enrolment:
    """Begin to enrol an authenticator app; it counts once its first code is confirmed, within an hour."""
    return totp.enrol(current_user)


@blp.post("/auth/mfa/totp/confirm")
@requires_login
@blp.arguments(CodeSchema)
@blp.response(200, RecoveryCodesSchema)
@blp.problems(EmailUnverified, MfaAlreadyEnabled, MfaNotEnabled, MfaCodeInvalid, TooManyAttempts)
def confirm(proof: dict[str, str]) -> dict[str, list[str]]:
    """Enable the app by its first code; the recovery codes are shown this once."""
    return {"recovery_codes": totp.confirm(current_user, **proof)}


@blp.delete("/auth/mfa/totp")
@requires_fresh_login
@blp.response(204)
@blp.problems(MfaNotEnabled)
def remove() -> None:
    """Remove the app; recovery codes go with the last second factor."""
    totp.remove(current_user)
