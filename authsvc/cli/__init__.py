"""The command line: the same services as the API, for operators."""

from authsvc.cli import apps, db, doctor, keys, letters, notices, providers, sessions, users

COMMANDS = (
    users.group,
    sessions.group,
    keys.group,
    letters.group,
    apps.group,
    providers.group,
    notices.group,
    db.group,
    doctor.command,
)
