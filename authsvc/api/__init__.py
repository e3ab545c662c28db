"""HTTP: the table of blueprints."""

from authsvc.api import access_tokens, auth, emails, landing, openapi, ops, outbox, passwords, sessions, tokens, users

BLUEPRINTS = (
    auth.blp,
    users.blp,
    passwords.blp,
    emails.blp,
    sessions.blp,
    access_tokens.blp,
    tokens.blp,
    landing.blp,
    ops.blp,
    openapi.blp,
)
FOR_DEVELOPMENT = (outbox.blp,)
