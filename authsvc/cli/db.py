"""`flask db`: indexes, what has expired, and integrity checks."""

import time

import click
from flask.cli import AppGroup

from authsvc import clock
from authsvc.cli.output import as_json_option, plainly, print_findings
from authsvc.events import happened
from authsvc.events.catalogue import DatabaseBackedUp
from authsvc.models import expiry, readiness
from authsvc.services import indexes
from authsvc.services.users import integrity

_TURN_SECONDS = 5.0

group = AppGroup(
    "db",
    help="The database: build indexes, remove what has expired, check integrity, note backups.",
    short_help="Database.",
)


@group.command("ensure-indexes")
@click.option("--drop-former", is_flag=True, help="Drop those of earlier releases too, none of which may be running.")
@plainly
def ensure_indexes(*, drop_former: bool) -> None:
    """Build missing indexes, for example before starting a new release on a large database."""
    missing = indexes.missing()
    try:
        while missing and not indexes.build():
            click.echo("another process is building them; waiting", err=True)
            time.sleep(_TURN_SECONDS)
        dropped = indexes.finish_upgrade() if drop_former else []
    except readiness.IndexBlocked as blocked:
        raise click.ClickException(
            f"a unique index of {blocked} can't be built, because documents share a value: `flask db check` lists them"
        ) from blocked
    except readiness.IndexConflict as conflict:
        raise click.ClickException(f"{conflict}; drop that index") from conflict
    lines = [*(f"built {name}" for name in missing), *(f"dropped {name}" for name in dropped)]
    click.echo("\n".join(lines) or "all indexes exist")


@group.command("note-backup")
@plainly
def note_backup() -> None:
    """Note that a backup has just been made, for the console: the last line of a backup script."""
    happened(DatabaseBackedUp())
    click.echo("noted")


@group.command()
@plainly
def prune() -> None:
    """Remove what has expired. MongoDB does so by itself; for servers that don't, run this once a day."""
    lines = [f"removed from {collection}: {count}" for collection, count in expiry.prune(clock.now())]
    click.echo("\n".join(lines) or "nothing has expired")


@group.command()
@as_json_option
@plainly
def check(*, as_json: bool) -> None:
    """Check the integrity of everything that is stored. Exits with 1 if something is wrong."""
    print_findings(integrity.examine(), as_json=as_json)
    if not as_json:
        click.echo("no problems")
