"""`flask db`: indexes and integrity checks."""

import time

import click
from flask.cli import AppGroup

from authsvc.cli.output import as_json_option, plainly, print_findings
from authsvc.events import happened
from authsvc.events.catalogue import DatabaseBackedUp
from authsvc.models import readiness
from authsvc.services import indexes
from authsvc.services.users import integrity

_TURN_SECONDS = 5.0

group = AppGroup("db", help="The database: build indexes, check integrity, note backups.", short_help="Database.")


@group.command("ensure-indexes")
@plainly
def ensure_indexes() -> None:
    """Build missing indexes, for example before starting a new release on a large database."""
    missing = readiness.missing_indexes()
    try:
        while missing and not indexes.build():
            click.echo("another process is building them; waiting", err=True)
            time.sleep(_TURN_SECONDS)
    except readiness.IndexBlocked as blocked:
        raise click.ClickException(
            f"a unique index of {blocked} can't be built, because documents share a value: `flask db check` lists them"
        ) from blocked
    except readiness.IndexConflict as conflict:
        raise click.ClickException(f"{conflict}; drop that index") from conflict
    click.echo("\n".join(f"built {name}" for name in missing) or "all indexes exist")


@group.command("note-backup")
@plainly
def note_backup() -> None:
    """Note that a backup has just been made, for the console: the last line of a backup script."""
    happened(DatabaseBackedUp())
    click.echo("noted")


@group.command()
@as_json_option
@plainly
def check(*, as_json: bool) -> None:
    """Check the integrity of everything that is stored. Exits with 1 if something is wrong."""
    print_findings(integrity.examine(), as_json=as_json)
    if not as_json:
        click.echo("no problems")
