"""Helping others: what an administrator may look up, and do to somebody's account."""

from typing import Any

from authsvc.api.documenting import Blueprint
from authsvc.api.guards import current_user, requires_role
from authsvc.errors import AccountDisabled, EmailTaken, FreshLoginRequired, LastAdmin, NotFound, OwnRole
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
from authsvc.schemas.paging import PagingSchema
from authsvc.schemas.sessions import SessionPageSchema
from authsvc.services import accounts, audit, directory, mfa
from authsvc.services.directory import Seen
from authsvc.services.paging import Page

blp = Blueprint("admin", __name__, description="For administrators.")

reads = requires_role("admin", "users:read")
writes = requires_role("admin", "users:write")


@blp.get("/admin/users")
@reads
@blp.arguments(DirectoryQuerySchema, location="query")
@blp.response(200, AdminUserPageSchema)
def index(query: dict[str, Any]) -> Page:
    """List accounts: those whose address or name begins with `q`, or all."""
    return directory.search(**query)


@blp.post("/admin/users")
@writes
@blp.arguments(InvitationSchema)
@blp.response(201, AdminUserSchema)
@blp.problems(EmailTaken)
def invite(invitation: dict[str, str]) -> Seen:
    """Make an account without a password; the link that sets one is mailed to its owner, and is good for seven days."""
    return directory.seen(accounts.invite(current_user, **invitation))[0]


@blp.get("/admin/users/<user_id>")
@reads
@blp.response(200, AdminUserSchema)
@blp.problems(NotFound)
def show(user_id: str) -> Seen:
    """Show an account."""
    return directory.seen(accounts.find(user_id))[0]


@blp.patch("/admin/users/<user_id>")
@writes
@blp.arguments(AccountChangeSchema)
@blp.response(200, AdminUserSchema)
@blp.problems(NotFound, LastAdmin, OwnRole, FreshLoginRequired)
def change(changes: dict[str, Any], user_id: str) -> Seen:
    """Change name, role and state of an account; disabling it ends its sessions and access tokens at once."""
    return directory.seen(accounts.change(current_user, user_id, changes))[0]


@blp.delete("/admin/users/<user_id>")
@writes
@blp.response(204)
@blp.problems(NotFound, LastAdmin, FreshLoginRequired)
def remove(user_id: str) -> None:
    """Delete an account, with its sessions and access tokens; it can't be undone."""
    accounts.remove(current_user, user_id)


@blp.get("/admin/users/<user_id>/sessions")
@reads
@blp.arguments(PagingSchema, location="query")
@blp.response(200, SessionPageSchema)
@blp.problems(NotFound)
def list_sessions(paging: dict[str, Any], user_id: str) -> Page:
    """List somebody's live sessions, newest first."""
    return accounts.list_sessions(current_user, user_id, **paging)


@blp.delete("/admin/users/<user_id>/sessions")
@writes
@blp.response(204)
@blp.problems(NotFound)
def end_sessions(user_id: str) -> None:
    """Sign somebody out everywhere."""
    accounts.end_sessions(current_user, user_id)


@blp.get("/admin/users/<user_id>/access-tokens")
@reads
@blp.arguments(PagingSchema, location="query")
@blp.response(200, AccessTokenPageSchema)
@blp.problems(NotFound)
def list_access_tokens(paging: dict[str, Any], user_id: str) -> Page:
    """List somebody's personal access tokens, newest first."""
    return accounts.list_access_tokens(user_id, **paging)


@blp.delete("/admin/users/<user_id>/access-tokens")
@writes
@blp.response(204)
@blp.problems(NotFound)
def revoke_access_tokens(user_id: str) -> None:
    """Revoke all of somebody's personal access tokens."""
    accounts.revoke_access_tokens(current_user, user_id)


@blp.delete("/admin/users/<user_id>/mfa")
@writes
@blp.response(204)
@blp.problems(NotFound, FreshLoginRequired)
def reset_mfa(user_id: str) -> None:
    """Remove all second factors of somebody who has lost them: they sign in by password alone, and are told."""
    mfa.reset(user_id, by=current_user)


@blp.post("/admin/users/<user_id>/password-reset")
@writes
@blp.response(202)
@blp.problems(NotFound, AccountDisabled)
def send_reset(user_id: str) -> dict[str, str]:
    """Mail somebody a link to set a password; the one they have keeps working until then."""
    accounts.send_reset(current_user, user_id)
    return {}


@blp.get("/admin/audit")
@requires_role("admin", "audit:read")
@blp.arguments(AuditQuerySchema, location="query")
@blp.response(200, AuditPageSchema)
def search_audit(query: dict[str, Any]) -> Page:
    """List what happened, newest first: to or by a user, of one kind, in a span of time."""
    return audit.search(**query)
