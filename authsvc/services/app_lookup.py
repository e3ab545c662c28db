"""Finding an app by its id, as far as it may be used at this moment."""

from flask import current_app

from authsvc.models.apps import App
from authsvc.security import app_documents


def find(app_id: str | None) -> App | None:
    """Return the app with this id, unless it is disabled; one with a document only as long as those are admitted."""
    if app_id is None or (has_address(app_id) and not is_admitted(app_id)):
        return None
    return App.find_enabled(app_id)


def has_address(app_id: str) -> bool:
    """Tell whether an id is an address, as those of apps with a document are; ours are not."""
    return app_id.startswith(app_documents.SCHEME)


def is_admitted(address: str) -> bool:
    """Tell whether an address may be that of an app's document, and APP_DOCUMENTS admits it at this moment.

    None is of an origin that our tokens name as issuer or audience (O6).
    """
    config = current_app.config
    origins = {config[name] for name in ("PUBLIC_URL", "TOKEN_ISSUER", "TOKEN_AUDIENCE", "LINK_URL")}
    return app_documents.is_address(address, own_origins=origins) and app_documents.is_admitted(
        address, config["APP_DOCUMENTS"]
    )
