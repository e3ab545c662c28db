"""`flask users`: the accounts of the service."""

from flask.cli import AppGroup

from authsvc.cli import moving

group = AppGroup("users", help="The accounts of the service.", short_help="Accounts.")
group.add_command(moving.import_users)
group.add_command(moving.export_users)
