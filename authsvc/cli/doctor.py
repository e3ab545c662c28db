"""`flask doctor`: what is wrong with a deployment, and how to mend it."""

from dataclasses import asdict

import click
from flask.cli import with_appcontext

from authsvc.cli.output import as_json_option, plainly, show
from authsvc.services import doctor


@click.command("doctor")
@as_json_option
@with_appcontext
@plainly
def command(as_json: bool) -> None:
    """Check this deployment: settings, database, keys, machine. Exits with 1 where something is wrong."""
    found = doctor.examine()
    if as_json:
        show([asdict(one) for one in found], as_json=True)
    for one in () if as_json else found:
        click.echo(f"{one.about}: {one.what}\n    {one.remedy}")
    if found:
        raise click.exceptions.Exit(1)
