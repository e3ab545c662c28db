"""HTTP: the table of blueprints."""

from authsvc.api import access_tokens, auth, openapi, ops, sessions, tokens, users

BLUEPRINTS = (auth.blp, users.blp, sessions.blp, access_tokens.blp, tokens.blp, ops.blp, openapi.blp)
