"""The command line: the same services as the API, for whoever runs the service."""

from authsvc.cli import doctor, keys, users

COMMANDS = (keys.group, users.group, doctor.command)
