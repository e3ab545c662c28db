"""OAuth 2.1 and OpenID Connect: the table of blueprints, and what is special about their paths."""

from authsvc.oauth import authorize, device, errors, introspect, logout, metadata, revoke, token, userinfo

__all__ = ["BLUEPRINTS", "FOR_ANY_ORIGIN", "PREFIX", "errors"]

BLUEPRINTS = (authorize.blp, token.blp, device.blp, revoke.blp, introspect.blp, userinfo.blp, logout.blp, metadata.blp)

PREFIX = "/oauth2/"
"""No cookie is read there, and errors have the shape of OAuth."""

FOR_ANY_ORIGIN = frozenset({*metadata.PATHS, "/oauth2/token", "/oauth2/revoke", "/oauth2/userinfo"})
"""What pages of any origin may read: apps in browsers are everywhere."""
