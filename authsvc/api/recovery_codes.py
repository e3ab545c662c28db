"""Recovery codes: a new set of them."""

from authsvc.api.documenting import Blueprint
from authsvc.api.guards import current_user, requires_fresh_login
from authsvc.errors import MfaNotEnabled
from authsvc.schemas.mfa import RecoveryCodesSchema
from authsvc.services import recovery_codes

blp = Blueprint("recovery_codes", __name__, description="The way in for who has lost the other second factors.")


@blp.post("/auth/mfa/recovery-codes")
@requires_fresh_login
@blp.response(200, RecoveryCodesSchema)
@blp.problems(MfaNotEnabled)
def regenerate() -> dict[str, list[str]]:
    """Make ten new recovery codes, shown this once; the old ones are good no more."""
    return {"recovery_codes": recovery_codes.regenerate(current_user)}
