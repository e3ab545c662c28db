"""The apps that the caller has allowed to sign them in."""

from typing import Any

from authsvc.errors import NotFound
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import current_user, requires_login
from authsvc.schemas.grants import GrantPageSchema
from authsvc.schemas.paging import PagingSchema
from authsvc.services import grants
from authsvc.services.paging import Page

blp = Blueprint("grants", __name__, description="Apps that the caller has allowed to sign them in.")


@blp.get("/auth/grants")
@requires_login
@blp.arguments(PagingSchema, location="query")
@blp.response(200, GrantPageSchema)
def index(paging: dict[str, Any]) -> Page:
    """List what the caller has allowed apps, newest first."""
    return grants.list_of(current_user.user_id, **paging)


@blp.delete("/auth/grants/<id:grant_id>")
@requires_login
@blp.response(204)
@blp.problems(NotFound)
def revoke(grant_id: str) -> None:
    """Disconnect an app: its sessions end at once, and it has to ask again."""
    grants.revoke(current_user, grant_id)
