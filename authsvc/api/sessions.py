"""The caller's sessions."""

from typing import Any

from authsvc.errors import NotFound
from authsvc.http.blueprint import Blueprint
from authsvc.http.cookies import refresh_cookie
from authsvc.http.guards import current_user, requires_login, requires_scope
from authsvc.schemas.paging import PagingSchema
from authsvc.schemas.sessions import ScopeSchema, SessionPageSchema
from authsvc.services import sessions
from authsvc.services.paging import Page

blp = Blueprint("sessions", __name__, description="Where the caller is signed in.")


@blp.get("/auth/sessions")
@requires_scope("account:read")
@blp.arguments(PagingSchema, location="query")
@blp.response(200, SessionPageSchema)
def index(paging: dict[str, Any]) -> Page:
    """List the caller's live sessions, newest first."""
    return sessions.list_of(current_user.user_id, **paging, current=current_user.session_id)


@blp.delete("/auth/sessions/<id:session_id>")
@requires_login
@blp.response(204)
@blp.problems(NotFound)
def end(session_id: str) -> None:
    """End one of the caller's sessions. Ending the current one signs out and clears the cookie."""
    if sessions.end_own(current_user, session_id):
        refresh_cookie.clear()


@blp.delete("/auth/sessions")
@requires_login
@blp.arguments(ScopeSchema, location="query")
@blp.response(204)
def end_many(query: dict[str, str]) -> None:
    """End the caller's other sessions or all of them, and sign-ins still waiting for a second factor."""
    if query["scope"] == "others":
        sessions.end_others(current_user)
    else:
        sessions.end_everywhere(current_user)
        refresh_cookie.clear()
