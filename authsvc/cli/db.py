"""`flask db`: what the database must have, and what must not be in it."""

import click
from flask.cli import AppGroup

from authsvc.cli.output import as_json_option, plainly, tell
from authsvc.models import readiness
from authsvc.services import consistency

group = AppGroup(
    "db", help="The database: its indexes, and whether what is stored goes together.", short_help="Database."
)


@group.command("ensure-indexes")
@plainly
def ensure_indexes() -> None:
    """Make the indexes that are missing: before a new release starts, say, where a collection is large."""
    missing = readiness.missing_indexes()
    try:
        readiness.ensure_indexes()
    except readiness.IndexBlocked as blocked:
        raise click.ClickException(
            f"a unique index of {blocked} can't be made: documents share a value; `flask db check` says which"
        ) from blocked
    click.echo("\n".join(f"made {name}" for name in missing) or "all indexes are there")


@group.command()
@as_json_option
@plainly
def check(*, as_json: bool) -> None:
    """Look through everything that is stored for what does not go together. Exits with 1 where something is wrong."""
    tell(consistency.examine(), as_json=as_json)
    if not as_json:
        click.echo("nothing is wrong")
