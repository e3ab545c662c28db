"""HTTP: the table of blueprints."""

from authsvc.api import (
    access_tokens,
    admin,
    apps,
    auth,
    authorizations,
    device_requests,
    email_codes,
    emails,
    federation,
    grants,
    mfa,
    openapi,
    ops,
    outbox,
    passkeys,
    passwords,
    recovery_codes,
    sessions,
    sign_outs,
    tokens,
    totp,
    users,
)

BLUEPRINTS = (
    auth.blp,
    users.blp,
    passwords.blp,
    emails.blp,
    email_codes.blp,
    mfa.blp,
    totp.blp,
    recovery_codes.blp,
    passkeys.blp,
    federation.blp,
    sessions.blp,
    access_tokens.blp,
    grants.blp,
    tokens.blp,
    admin.blp,
    apps.blp,
    ops.blp,
    openapi.blp,
)
FOR_ACCOUNT_PAGES = (authorizations.blp, device_requests.blp, sign_outs.blp)
"""What only those pages ask for."""
FOR_DEVELOPMENT = (outbox.blp,)
