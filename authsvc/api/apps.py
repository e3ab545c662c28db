"""Administration of apps: registering, changing and ending them."""

from typing import Any

from authsvc.errors import FreshLoginRequired, NotFound
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import current_user, requires_role
from authsvc.models.apps import App
from authsvc.schemas.apps import (
    AppChangeSchema,
    AppPageSchema,
    AppQuerySchema,
    AppSchema,
    IssuedAppSchema,
    NewAppSchema,
    NewSecretSchema,
)
from authsvc.services import app_changes, app_secrets, apps
from authsvc.services.app_secrets import NewSecret
from authsvc.services.apps import NewApp
from authsvc.services.paging import Page

blp = Blueprint("apps", __name__, description="For administrators: the apps that people sign in to.")

reads = requires_role("admin", "apps:read")
writes = requires_role("admin", "apps:write")


@blp.get("/admin/apps")
@reads
@blp.arguments(AppQuerySchema, location="query")
@blp.response(200, AppPageSchema)
def index(query: dict[str, Any]) -> Page:
    """List apps: those that are registered, newest first, or those with metadata documents that people have allowed."""
    documents = query.pop("source") == "document"
    return apps.list_of(**query, documents=documents)


@blp.post("/admin/apps")
@writes
@blp.arguments(NewAppSchema)
@blp.response(201, IssuedAppSchema)
@blp.problems(FreshLoginRequired)
def create(new_app: dict[str, Any]) -> NewApp:
    """Register an app. Its secret, if it can keep one, is shown only now.

    A trusted one, or one that does without PKCE, needs a fresh sign-in.
    """
    return apps.create(**new_app, by=current_user)


@blp.get("/admin/apps/<app:app_id>")
@reads
@blp.response(200, AppSchema)
@blp.problems(NotFound)
def show(app_id: str) -> App:
    """Show an app."""
    return apps.look_up(app_id)


@blp.patch("/admin/apps/<app:app_id>")
@writes
@blp.arguments(AppChangeSchema)
@blp.response(200, AppSchema)
@blp.problems(NotFound, FreshLoginRequired)
def change(changes: dict[str, Any], app_id: str) -> App:
    """Change an app. If it is disabled, or may do less than before, everybody is signed out of it at once.

    To change a trusted one, to trust one, or to let one do without PKCE needs a fresh sign-in. One with a metadata
    document can only be `disabled`, or enabled again.
    """
    return app_changes.change(current_user, app_id, changes)


@blp.delete("/admin/apps/<app:app_id>")
@writes
@blp.response(204)
@blp.problems(NotFound, FreshLoginRequired)
def remove(app_id: str) -> None:
    """Delete an app. Everybody is signed out of it at once. It needs a fresh sign-in."""
    apps.delete(app_id, by=current_user)


@blp.post("/admin/apps/<app:app_id>/secrets")
@writes
@blp.response(201, NewSecretSchema)
@blp.problems(NotFound, FreshLoginRequired)
def add_secret(app_id: str) -> NewSecret:
    """Give an app another secret, shown only now. The one before it works for another 24 hours.

    It needs a fresh sign-in, and an app has at most two.
    """
    return app_secrets.add(current_user, app_id)


@blp.delete("/admin/apps/<app:app_id>/secrets/<id:secret_id>")
@writes
@blp.response(204)
@blp.problems(NotFound, FreshLoginRequired)
def remove_secret(app_id: str, secret_id: str) -> None:
    """Remove a secret, which is invalid at once. It needs a fresh sign-in."""
    app_secrets.remove(current_user, app_id, secret_id)
