"""`flask sessions`: signing somebody out."""

import click
from flask.cli import AppGroup

from authsvc.cli.output import plainly
from authsvc.services import accounts

group = AppGroup("sessions", help="Who is signed in.", short_help="Sessions.")


@group.command()
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
@plainly
def end(user: str, *, yes: bool) -> None:
    """Sign USER (an address or an id) out everywhere; access tokens stay, `flask users disable` ends those too."""
    found = accounts.look_up(user)
    count = accounts.count_sessions(found)
    if not yes:
        click.confirm(f"{found.email} will be signed out of {count} sessions. Go on?", abort=True)
    accounts.end_sessions(None, str(found.id))
    click.echo(f"{found.email} is signed out everywhere ({count} sessions).")
