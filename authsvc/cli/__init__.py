"""The command line: the same services as the API, for whoever runs the service."""

from authsvc.cli import db, doctor, keys, sessions, users

COMMANDS = (users.group, sessions.group, keys.group, db.group, doctor.command)
