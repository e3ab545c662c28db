"""Personal access tokens, for scripts that act for their owner."""

from typing import Any

from authsvc.errors import NotFound, TooManyAttempts
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import current_user, requires_fresh_login, requires_login
from authsvc.schemas.access_tokens import AccessTokenPageSchema, IssuedTokenSchema, NewAccessTokenSchema
from authsvc.schemas.paging import PagingSchema
from authsvc.services import access_tokens
from authsvc.services.access_tokens import IssuedToken
from authsvc.services.paging import Page

blp = Blueprint(
    "access_tokens", __name__, description="Personal access tokens: for scripts that act on a user's behalf."
)


@blp.post("/auth/access-tokens")
@requires_fresh_login
@blp.arguments(NewAccessTokenSchema)
@blp.response(201, IssuedTokenSchema)
@blp.problems(TooManyAttempts)
def create(new_token: dict[str, Any]) -> IssuedToken:
    """Create a personal access token. Its text is shown only now."""
    return access_tokens.issue(current_user, **new_token)


@blp.get("/auth/access-tokens")
@requires_login
@blp.arguments(PagingSchema, location="query")
@blp.response(200, AccessTokenPageSchema)
def index(paging: dict[str, Any]) -> Page:
    """List the caller's personal access tokens, newest first."""
    return access_tokens.list_of(current_user.user_id, **paging)


@blp.delete("/auth/access-tokens/<id:token_id>")
@requires_login
@blp.response(204)
@blp.problems(NotFound)
def revoke(token_id: str) -> None:
    """Revoke one of the caller's personal access tokens, immediately and for good."""
    access_tokens.revoke(current_user, token_id)
