"""`flask doctor`: problems of a deployment, and how to fix them."""

import click
from flask.cli import with_appcontext

from authsvc.cli.output import as_json_option, plainly, print_findings, say
from authsvc.services import doctor, servers


@click.command("doctor")
@as_json_option
@with_appcontext
@plainly
def command(as_json: bool) -> None:
    """Check this deployment: settings, database, keys, machine. Exits with 1 if something is wrong."""
    for line in () if as_json else servers.description():
        say(line)
    print_findings(doctor.examine(), as_json=as_json)
