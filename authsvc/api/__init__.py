"""HTTP: the table of blueprints."""

from authsvc.api import (
    access_tokens,
    admin,
    auth,
    emails,
    mfa,
    openapi,
    ops,
    outbox,
    passkeys,
    passwords,
    recovery_codes,
    sessions,
    tokens,
    totp,
    users,
)

BLUEPRINTS = (
    auth.blp,
    users.blp,
    passwords.blp,
    emails.blp,
    mfa.blp,
    totp.blp,
    recovery_codes.blp,
    passkeys.blp,
    sessions.blp,
    access_tokens.blp,
    tokens.blp,
    admin.blp,
    ops.blp,
    openapi.blp,
)
FOR_DEVELOPMENT = (outbox.blp,)
