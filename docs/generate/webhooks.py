"""`reference/webhooks.md`: everything that webhooks can be told of, each with an example."""

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from flask import Flask

from authsvc.events import catalogue
from authsvc.events.event import Event, Outcome
from authsvc.services.webhook_kinds import INTERNAL, heard_names
from authsvc.services.webhook_messages import TEST
from docs.generate import markdown

INTRODUCTION = """
[Webhooks](../guides/webhooks.md) says how to receive these messages. Each is one JSON object:
"""
MEMBERS = (
    ("`type`", "string", "the name of the event, as in the list below"),
    ("`timestamp`", "string, date-time", "when it happened, in UTC, to the millisecond; the same at each attempt"),
    (
        "`data.account`",
        "object or null",
        "whom it is about, as the account is when the message is made; a deleted one as it was; null for none",
    ),
    (
        "`data.sequence`",
        "integer or null",
        "its number among all messages about this account; whoever is not told of everything sees gaps",
    ),
    (
        "`data.actor`",
        "string or null",
        "the id of the account that did it; null for nobody, or the operator",
    ),
    ("`data.details`", "object", "what is put on record with it; a member that has no value is left out"),
)
NOTES = """
An `account` that is gone when its message is made has only its `id`. New members can come with any release; ignore
those that you don't know. Never told are passwords, their hashes, secrets, tokens, codes, links and network addresses.
"""
ACCOUNT = {
    "id": "6b0de32003a9fd21eea098ea",
    "name": "Ada",
    "email": "ada@example.com",
    "emailVerified": True,
    "role": "user",
    "locale": "en",
    "mfaEnabled": False,
    "disabled": False,
    "createdAt": "2026-11-02T08:15:00.000Z",
}
ADMINISTRATOR = "6b0de32003a9fd21eea098eb"
ABOUT_NO_ACCOUNT = (
    catalogue.AppCreated,
    catalogue.AppChanged,
    catalogue.AppDisabled,
    catalogue.AppEnabled,
    catalogue.AppSecretAdded,
    catalogue.AppSecretRemoved,
    catalogue.AppDeleted,
    catalogue.UsersImported,
)
BY_ADMINISTRATORS = (
    *("account.invited", "account.disabled", "account.enabled", "second_factors.reset", "signed_out.by_admin"),
    *("role.changed", "app.created", "app.changed", "app.disabled", "app.enabled", "app.deleted"),
    *("app.secret_added", "app.secret_removed"),
)
BY_NOBODY = ("account.created", "users.imported")
VALUES: dict[str, Any] = {
    "app": "app_6b0de32003a9fd21eea098ec",
    "before": "user",
    "changed": ["name"],
    "count": 1,
    "factor": "passkey",
    "fields": ["name"],
    "limit": "login_account",
    "method": "totp",
    "methods": ["pwd"],
    "passkey": "6b0de32003a9fd21eea098ed",
    "provider": "google",
    "reason": "logout",
    "remaining": "9",
    "role": "user",
    "scopes": ["account:read"],
    "state": "done",
    "trusted": False,
}
SPECIAL: dict[str, dict[str, Any]] = {
    "app.code_reused": {"reason": "token_reuse"},
    "grant.given": {"scopes": ["openid", "email"]},
    "login.failed": {"reason": "invalid_credentials"},
    "refresh_token.reused": {"reason": "token_reuse"},
    "role.changed": {"role": "admin"},
    "session.outdated": {"reason": "expired"},
    "totp.enabled": {"factor": "totp"},
    "totp.disabled": {"factor": "totp"},
}


def text(_app: Flask) -> str:
    """Return the page."""
    kinds = {kind.name: kind for kind in reversed(list(catalogue.every_kind())) if kind not in INTERNAL}
    sentences = catalogue.sentences()
    sections = [f"## `{name}`\n\n{sentences[name]}\n\n{example(kinds[name])}" for name in heard_names()]
    test = message(TEST, None, None, ADMINISTRATOR, {"webhook": "6b0de32003a9fd21eea098ee"})
    last = f"## `{TEST}`\n\nAn administrator asked for a test. It comes whatever a webhook hears otherwise.\n\n{test}"
    members = markdown.table(("member", "type", "what it is"), MEMBERS)
    return markdown.page("Messages to webhooks", INTRODUCTION, members, NOTES, *sections, last)


def example(kind: type[Event]) -> str:
    """Return an example of an event, as a webhook is told of it."""
    public = [one.name for one in fields(kind) if not one.metadata.get("private")]
    details = {name: SPECIAL.get(kind.name, {}).get(name, value_of(name)) for name in public}
    if issubclass(kind, ABOUT_NO_ACCOUNT):
        return message(kind.name, None, None, actor_of(kind), details)
    return message(kind.name, ACCOUNT, 7, actor_of(kind), details)


def actor_of(kind: type[Event]) -> str | None:
    """Return who did it in the example."""
    if kind.name in BY_NOBODY or kind.outcome is Outcome.FAILURE:
        return None
    return ADMINISTRATOR if kind.name in BY_ADMINISTRATORS else str(ACCOUNT["id"])


def value_of(name: str) -> Any:
    """Return a likely value of what is recorded under a name; an id if it is not known."""
    if name in ("line", "taken", "duplicate", "invalid", "users"):
        return 1200 if name in ("line", "users") else 0
    return VALUES.get(name, "6b0de32003a9fd21eea098ef")


def message(kind: str, account: dict[str, Any] | None, sequence: int | None, actor: str | None, details: Any) -> str:
    """Return a message, a member of `data` on each line."""
    rows: Sequence[tuple[str, Any]] = [
        *(("account", account), ("sequence", sequence), ("actor", actor), ("details", details)),
    ]
    head = f'{{"type": "{kind}", "timestamp": "2026-11-30T12:00:00.000Z", "data": {{'
    members = ",\n".join(f'  "{name}": {json.dumps(value)}' for name, value in rows)
    return f"```json\n{head}\n{members}\n}}}}\n```"
