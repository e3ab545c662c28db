"""The caller's own account."""

from typing import Any

from authsvc.api.documenting import Blueprint
from authsvc.api.guards import current_user, requires_scope
from authsvc.models.users import User
from authsvc.schemas.users import ProfileChangeSchema, UserSchema
from authsvc.services import users

blp = Blueprint("users", __name__, description="The caller's own account.")


@blp.get("/auth/me")
@requires_scope("account:read")
@blp.response(200, UserSchema)
def show() -> User:
    """Show the caller's account."""
    return users.profile(current_user)


@blp.patch("/auth/me")
@requires_scope("account:write")
@blp.arguments(ProfileChangeSchema)
@blp.response(200, UserSchema)
def change(changes: dict[str, Any]) -> User:
    """Change the caller's name."""
    return users.rename(current_user, **changes)
