"""Recovery codes."""

from authsvc.errors import MfaNotEnabled, TooManyAttempts
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import current_user, requires_fresh_login
from authsvc.schemas.mfa import RecoveryCodesSchema
from authsvc.services import recovery_codes

blp = Blueprint(
    "recovery_codes", __name__, description="Recovery codes: for users who have lost their other second factors."
)


@blp.post("/auth/mfa/recovery-codes")
@requires_fresh_login
@blp.response(200, RecoveryCodesSchema)
@blp.problems(MfaNotEnabled, TooManyAttempts)
def regenerate() -> dict[str, list[str]]:
    """Create ten new recovery codes, shown only now. The old ones no longer work.

    If a password is still enough, `POST /auth/mfa/require` says that they were saved.
    """
    return {"recovery_codes": recovery_codes.regenerate(current_user)}
