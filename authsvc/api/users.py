"""The caller's own account."""

from typing import Any

from authsvc.errors import TooManyAttempts
from authsvc.flows import delete_account
from authsvc.http.blueprint import Blueprint
from authsvc.http.cookies import refresh_cookie
from authsvc.http.guards import current_user, requires_fresh_login, requires_scope
from authsvc.models.users import User
from authsvc.schemas.audit import ActivityPageSchema, ActivityQuerySchema
from authsvc.schemas.export import ExportSchema
from authsvc.schemas.users import ProfileChangeSchema, UserSchema
from authsvc.services import audit
from authsvc.services.callers import PROFILE_READ
from authsvc.services.paging import Page
from authsvc.services.users import profile
from authsvc.services.users.export import export as export_account

blp = Blueprint("users", __name__, description="The caller's own account.")


@blp.get("/auth/me")
@requires_scope("account:read", or_app=PROFILE_READ)
@blp.response(200, UserSchema)
def show() -> User:
    """Show the caller's account."""
    return profile.own(current_user)


@blp.get("/auth/me/activity")
@requires_scope("account:read")
@blp.arguments(ActivityQuerySchema, location="query")
@blp.response(200, ActivityPageSchema)
def activity(query: dict[str, Any]) -> Page:
    """List what happened in the caller's account over the last 400 days, newest first."""
    return audit.list_own(current_user, **query)


@blp.get("/auth/me/export")
@requires_fresh_login
@blp.response(200, ExportSchema)
@blp.problems(TooManyAttempts)
def export() -> dict[str, Any]:
    """Return everything that is stored about the caller, except secrets."""
    return export_account(current_user)


@blp.delete("/auth/me")
@requires_fresh_login
@blp.response(204)
def remove() -> None:
    """Delete the caller's account with its sessions and access tokens. This can't be undone."""
    delete_account.delete_own(current_user)
    refresh_cookie.clear()


@blp.patch("/auth/me")
@requires_scope("account:write")
@blp.arguments(ProfileChangeSchema)
@blp.response(200, UserSchema)
@blp.problems(TooManyAttempts)
def change(changes: dict[str, Any]) -> User:
    """Change the caller's name, or the language in which they are written to."""
    return profile.change_own(current_user, changes)
