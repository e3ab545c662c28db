"""The caller's own account."""

from typing import Any

from authsvc.api.cookies import refresh_cookie
from authsvc.api.documenting import Blueprint
from authsvc.api.guards import current_user, requires_fresh_login, requires_scope
from authsvc.models.users import User
from authsvc.schemas.audit import ActivityPageSchema
from authsvc.schemas.export import ExportSchema
from authsvc.schemas.paging import PagingSchema
from authsvc.schemas.users import ProfileChangeSchema, UserSchema
from authsvc.services import audit, users
from authsvc.services.paging import Page

blp = Blueprint("users", __name__, description="The caller's own account.")


@blp.get("/auth/me")
@requires_scope("account:read")
@blp.response(200, UserSchema)
def show() -> User:
    """Show the caller's account."""
    return users.profile(current_user)


@blp.get("/auth/me/activity")
@requires_scope("account:read")
@blp.arguments(PagingSchema, location="query")
@blp.response(200, ActivityPageSchema)
def activity(paging: dict[str, Any]) -> Page:
    """List what happened to the caller's account, newest first; kept for 400 days."""
    return audit.list_own(current_user, **paging)


@blp.get("/auth/me/export")
@requires_fresh_login
@blp.response(200, ExportSchema)
def export() -> dict[str, Any]:
    """Show everything that is stored about the caller, without secrets."""
    return users.export(current_user)


@blp.delete("/auth/me")
@requires_fresh_login
@blp.response(204)
def remove() -> None:
    """Delete the caller's account, with its sessions and access tokens; it can't be undone."""
    users.remove(current_user)
    refresh_cookie.clear()


@blp.patch("/auth/me")
@requires_scope("account:write")
@blp.arguments(ProfileChangeSchema)
@blp.response(200, UserSchema)
def change(changes: dict[str, Any]) -> User:
    """Change the caller's name."""
    return users.rename(current_user, **changes)
