"""`flask doctor`: what is wrong with a deployment, and how to mend it."""

import click
from flask.cli import with_appcontext

from authsvc.cli.output import as_json_option, plainly, tell
from authsvc.services import doctor


@click.command("doctor")
@as_json_option
@with_appcontext
@plainly
def command(as_json: bool) -> None:
    """Check this deployment: settings, database, keys, machine. Exits with 1 where something is wrong."""
    tell(doctor.examine(), as_json=as_json)
