"""Administration: looking up accounts and events, and changing accounts."""

from typing import Any

from authsvc.errors import (
    AccountDisabled,
    EmailTaken,
    FreshLoginRequired,
    HookFailed,
    HookRefused,
    LastAdmin,
    NotFound,
    OwnRole,
    TooManyAttempts,
)
from authsvc.flows import administer_account, delete_account
from authsvc.flows.invite import invite as invite_user
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import current_user, requires_role
from authsvc.schemas.access_tokens import AccessTokenPageSchema
from authsvc.schemas.admin import (
    AccountChangeSchema,
    AdminUserPageSchema,
    AdminUserSchema,
    AuditPageSchema,
    AuditQuerySchema,
    DirectoryQuerySchema,
    InvitationSchema,
)
from authsvc.schemas.federation import FullIdentityPageSchema
from authsvc.schemas.mfa import MfaStatusSchema
from authsvc.schemas.paging import PagingSchema
from authsvc.schemas.sessions import SessionPageSchema
from authsvc.services import access_tokens, audit, factors, identities, sessions
from authsvc.services.paging import Page
from authsvc.services.users import listing, profile
from authsvc.services.users.listing import UserRow

blp = Blueprint("admin", __name__, description="For administrators.")

reads = requires_role("admin", "users:read")
writes = requires_role("admin", "users:write")


@blp.get("/admin/users")
@reads
@blp.arguments(DirectoryQuerySchema, location="query")
@blp.response(200, AdminUserPageSchema)
def index(query: dict[str, Any]) -> Page:
    """List accounts: all of them, or those whose email address or name begins with `q`."""
    return listing.search(**query)


@blp.post("/admin/users")
@writes
@blp.arguments(InvitationSchema)
@blp.response(201, AdminUserSchema)
@blp.problems(EmailTaken, FreshLoginRequired, TooManyAttempts, HookRefused, HookFailed)
def invite(invitation: dict[str, str]) -> UserRow:
    """Create an account without a password, and mail its owner a link to set one, valid for seven days.

    Any role except `user` needs a fresh sign-in.
    """
    return listing.row_of(invite_user(current_user, **invitation))


@blp.get("/admin/users/<id:user_id>")
@reads
@blp.response(200, AdminUserSchema)
@blp.problems(NotFound)
def show(user_id: str) -> UserRow:
    """Show an account."""
    return listing.row_of(profile.find(user_id))


@blp.patch("/admin/users/<id:user_id>")
@writes
@blp.arguments(AccountChangeSchema)
@blp.response(200, AdminUserSchema)
@blp.problems(NotFound, LastAdmin, OwnRole, FreshLoginRequired)
def change(changes: dict[str, Any], user_id: str) -> UserRow:
    """Change the name, role or state of an account. Disabling it ends its sessions and access tokens at once.

    Changing a role needs a fresh sign-in, and so does enabling an account with any role except `user`.
    """
    return listing.row_of(administer_account.change(current_user, user_id, changes))


@blp.delete("/admin/users/<id:user_id>")
@writes
@blp.response(204)
@blp.problems(NotFound, LastAdmin, FreshLoginRequired)
def remove(user_id: str) -> None:
    """Delete an account with its sessions and access tokens. This can't be undone."""
    delete_account.delete(current_user, user_id)


@blp.get("/admin/users/<id:user_id>/sessions")
@reads
@blp.arguments(PagingSchema, location="query")
@blp.response(200, SessionPageSchema)
@blp.problems(NotFound)
def list_sessions(paging: dict[str, Any], user_id: str) -> Page:
    """List an account's live sessions, newest first."""
    user = profile.find(user_id)
    return sessions.list_of(str(user.id), **paging, current=current_user.session_id)


@blp.delete("/admin/users/<id:user_id>/sessions")
@writes
@blp.response(204)
@blp.problems(NotFound)
def end_sessions(user_id: str) -> None:
    """Sign a user out everywhere."""
    administer_account.sign_out(current_user, user_id)


@blp.get("/admin/users/<id:user_id>/access-tokens")
@reads
@blp.arguments(PagingSchema, location="query")
@blp.response(200, AccessTokenPageSchema)
@blp.problems(NotFound)
def list_access_tokens(paging: dict[str, Any], user_id: str) -> Page:
    """List an account's personal access tokens, newest first."""
    user = profile.find(user_id)
    return access_tokens.list_of(str(user.id), **paging)


@blp.delete("/admin/users/<id:user_id>/access-tokens")
@writes
@blp.response(204)
@blp.problems(NotFound)
def revoke_access_tokens(user_id: str) -> None:
    """Revoke all personal access tokens of an account."""
    administer_account.revoke_access_tokens(current_user, user_id)


@blp.get("/admin/users/<id:user_id>/mfa")
@reads
@blp.response(200, MfaStatusSchema)
@blp.problems(NotFound)
def show_mfa(user_id: str) -> dict[str, Any]:
    """Show which factors an account has."""
    return factors.status_of(profile.find(user_id))


@blp.delete("/admin/users/<id:user_id>/mfa")
@writes
@blp.response(204)
@blp.problems(NotFound, FreshLoginRequired)
def reset_mfa(user_id: str) -> None:
    """Remove all second factors of a user who has lost them. A password is then enough, and the user is notified.

    It needs a fresh sign-in if their role is anything except `user`.
    """
    administer_account.reset_second_factors(current_user, user_id)


@blp.get("/admin/users/<id:user_id>/identities")
@reads
@blp.arguments(PagingSchema, location="query")
@blp.response(200, FullIdentityPageSchema)
@blp.problems(NotFound)
def list_identities(paging: dict[str, Any], user_id: str) -> Page:
    """List an account's identities at other providers, newest first."""
    return identities.list_of(profile.find(user_id), **paging)


@blp.delete("/admin/users/<id:user_id>/identities")
@writes
@blp.response(204)
@blp.problems(NotFound, FreshLoginRequired)
def unlink_identities(user_id: str) -> None:
    """Let no identity at another provider sign in to an account any longer, and notify the user. Sessions go on.

    A user who has nothing left to sign in by gets a link to set a password. It needs a fresh sign-in if their role is
    anything except `user`.
    """
    administer_account.unlink_identities(current_user, user_id)


@blp.post("/admin/users/<id:user_id>/password-reset")
@writes
@blp.response(202)
@blp.problems(NotFound, AccountDisabled, TooManyAttempts)
def send_reset(user_id: str) -> dict[str, str]:
    """Mail a user a link to set a new password. The current one works until then."""
    administer_account.send_reset_link(current_user, user_id)
    return {}


@blp.get("/admin/audit")
@requires_role("admin", "audit:read")
@blp.arguments(AuditQuerySchema, location="query")
@blp.response(200, AuditPageSchema)
def search_audit(query: dict[str, Any]) -> Page:
    """List recorded events, newest first: to or by a user, of one kind, within a time range."""
    return audit.search(**query)
