"""Helping others: what an administrator may do to somebody's account."""

from authsvc.api.documenting import Blueprint
from authsvc.api.guards import current_user, requires_role
from authsvc.errors import NotFound
from authsvc.services import mfa

blp = Blueprint("admin", __name__, description="For administrators.")


@blp.delete("/admin/users/<user_id>/mfa")
@requires_role("admin", "users:write")
@blp.response(204)
@blp.problems(NotFound)
def reset_mfa(user_id: str) -> None:
    """Remove all second factors of somebody who has lost them: they sign in by password alone, and are told."""
    mfa.reset(user_id, by=current_user)
