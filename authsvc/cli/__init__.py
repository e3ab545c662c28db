"""The command line: the same services as the API, for operators."""

from authsvc.cli import apps, db, doctor, keys, letters, notices, providers, sessions, users, webhooks

COMMANDS = (
    users.group,
    sessions.group,
    keys.group,
    letters.group,
    apps.group,
    providers.group,
    notices.group,
    webhooks.group,
    db.group,
    doctor.command,
)
