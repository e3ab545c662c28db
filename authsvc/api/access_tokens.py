"""Personal access tokens: for scripts, in their owner's name."""

from typing import Any

from authsvc.api.documenting import Blueprint
from authsvc.api.guards import current_user, requires_fresh_login, requires_login
from authsvc.errors import NotFound
from authsvc.schemas.access_tokens import AccessTokenPageSchema, IssuedTokenSchema, NewAccessTokenSchema
from authsvc.schemas.paging import PagingSchema
from authsvc.services import access_tokens
from authsvc.services.access_tokens import IssuedToken
from authsvc.services.paging import Page

blp = Blueprint("access_tokens", __name__, description="Tokens for scripts, in their owner's name.")


@blp.post("/auth/access-tokens")
@requires_fresh_login
@blp.arguments(NewAccessTokenSchema)
@blp.response(201, IssuedTokenSchema)
def create(new_token: dict[str, Any]) -> IssuedToken:
    """Make a personal access token; its text is shown this once."""
    return access_tokens.issue(current_user, **new_token)


@blp.get("/auth/access-tokens")
@requires_login
@blp.arguments(PagingSchema, location="query")
@blp.response(200, AccessTokenPageSchema)
def index(paging: dict[str, Any]) -> Page:
    """List the caller's personal access tokens, newest first."""
    return access_tokens.list_of(current_user.user_id, **paging)


@blp.delete("/auth/access-tokens/<token_id>")
@requires_login
@blp.response(204)
@blp.problems(NotFound)
def revoke(token_id: str) -> None:
    """Revoke one of the caller's personal access tokens, at once and for good."""
    access_tokens.revoke(current_user, token_id)
