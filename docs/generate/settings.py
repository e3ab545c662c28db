"""`reference/settings.md`: every setting and every limit, from their schema."""

from collections.abc import Mapping

from flask import Flask

from authsvc.settings import schema
from docs.generate import markdown

INTRODUCTION = """
All settings are environment variables. Durations are in seconds. Required settings have no default in production; in
development every setting has one. An empty variable counts as not set. Production refuses to start if a setting is
missing or weak, and names all of them in one message, without their values.
"""
LIMITS = """
## Limits

How many attempts may be made in how many seconds. `LIMITS` names those that differ from the defaults:
`LIMITS="login_account=5/300 mfa_account=10/900"`. In this version a variable for each limit, such as
`LIMIT_LOGIN_ACCOUNT=5/300`, still sets one that `LIMITS` does not name; `flask doctor` lists those that are set.
[Limits](../operate/limits.md) says who shares one.
"""
CHAPTERS: Mapping[str, tuple[str, ...]] = {
    "The service": (
        "APP_ENV",
        "SECRET_KEY",
        "SECRET_KEY_FALLBACKS",
        "MONGODB_URI",
        "PUBLIC_URL",
        "ROLES",
        "RATE_LIMITS",
        "LIMITS",
        "LOG_LEVEL",
        "METRICS",
    ),
    "Listening": (
        "PORT",
        "WEB_CONCURRENCY",
        "CORS_ORIGINS",
        "TRUSTED_PROXIES",
        "KEEPALIVE",
        "REQUEST_DEADLINE",
        "MAX_BODY_BYTES",
    ),
    "Tokens and sessions": (
        "ACCESS_TOKEN_TTL",
        "SESSION_IDLE_TTL",
        "SESSION_MAX_TTL",
        "REFRESH_REUSE_GRACE",
        "SESSION_CACHE",
        "TOKEN_ISSUER",
        "TOKEN_AUDIENCE",
        "PASSWORD_GRANT",
    ),
    "Apps": ("APP_DOCUMENTS", "APP_DOCUMENT_RESOURCES"),
    "Signing in with others": ("IDENTITY_PROVIDERS",),
    "Hooks": ("HOOK_SIGN_UP", "HOOK_TOKEN", "HOOK_SECRET"),
    "Passwords and passkeys": (
        "BCRYPT_ROUNDS",
        "HASHING_MAX_WAIT",
        "PASSWORD_MIN_LENGTH",
        "WEBAUTHN_RP_ID",
        "WEBAUTHN_ORIGINS",
    ),
    "Account pages": ("ACCOUNT_PAGES", "ADMIN_PAGES", "LINK_URL"),
    "Your brand": (
        "ACCOUNT_NAME",
        "ACCOUNT_LOGO",
        "ACCOUNT_LOGO_DARK",
        "ACCOUNT_LOGO_NAME",
        "ACCOUNT_ICON",
        "ACCOUNT_ACCENT",
        "ACCOUNT_THEME",
        "ACCOUNT_SUPPORT",
        "ACCOUNT_LINKS",
        "SECURITY_CONTACT",
    ),
    "Letters": ("EMAIL_VERIFICATION", "EMAIL_CODES", "MAIL_URL", "MAIL_FROM", "MAIL_TEMPLATES", "MAIL_LANGUAGE"),
}
MORE: Mapping[str, str] = {
    "SECRET_KEY": "[Keys](../operate/keys.md)",
    "KEEPALIVE": "[Idle connections](../operate/proxies.md#idle-connections)",
    "APP_DOCUMENTS": "[Apps that nobody registered](../guides/apps.md#apps-that-nobody-registered)",
    "HOOK_SIGN_UP": "[Hooks](../guides/hooks.md)",
    "IDENTITY_PROVIDERS": "[Identity providers](identity-providers.md)",
    "ACCOUNT_PAGES": "[Account pages](../guides/account-pages.md)",
    "ACCOUNT_ACCENT": "[Branding](../guides/branding.md)",
    "ACCOUNT_THEME": "[Account pages](../guides/account-pages.md#make-them-yours)",
    "ADMIN_PAGES": "[The console](../guides/console.md)",
    "EMAIL_VERIFICATION": "[Must addresses be verified?](../guides/letters.md#must-addresses-be-verified)",
    "PASSWORD_GRANT": "[The password grant](../guides/apps.md#the-password-grant)",
    "LIMITS": "[Limits](#limits)",
    "notice_letters": "[How many go to one address](../guides/letters.md#how-many-go-to-one-address)",
}
"""Where a setting or a limit is explained at length."""


def text(_app: Flask) -> str:
    """Return the page."""
    rows = {row.name: row for row in schema.reference()}
    head = ("setting", "default", "what it does", "bounds")
    sections = [
        f"## {title}\n\n{markdown.table(head, (cells(rows[name]) for name in names))}"
        for title, names in CHAPTERS.items()
    ]
    limits = (cells(row)[:3] for row in schema.limits_reference())
    table = markdown.table(("limit", "default", "what is counted"), limits)
    return markdown.page("Settings", INTRODUCTION, *sections, LIMITS, table)


def cells(row: schema.Row) -> tuple[str, str, str, str]:
    """Return the cells of one setting."""
    more = f". {MORE[row.name]}" if row.name in MORE else ""
    return (f"`{row.name}`", row.default, row.about + more, row.bounds)
