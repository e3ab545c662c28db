"""`flask notices`: what apps are still to be told about sign-outs, and could not be."""

import click
from flask.cli import AppGroup

from authsvc.cli.output import as_json_option, limit_option, plainly, show
from authsvc.models.logout_notices import LogoutNotice
from authsvc.services import logout_notices

group = AppGroup(
    "notices", help="Notices to apps of sign-outs that are waiting for delivery or have failed.", short_help="Notices."
)

_MOST = 1000


@group.command("list")
@limit_option(_MOST)
@as_json_option
@plainly
def list_notices(*, limit: int, as_json: bool) -> None:
    """List the notices that are waiting, and those that failed in the last 7 days.

    One of kind every_logout is about all sessions of an app that was disabled, deleted, or may do less.
    """
    show([_row(notice) for notice in logout_notices.undelivered(limit)], as_json=as_json)


@group.command()
@click.argument("notice", required=False)
@click.option("--all", "everything", is_flag=True, help="All that are waiting or have failed.")
@plainly
def retry(notice: str | None, *, everything: bool) -> None:
    """Try to deliver NOTICE (its id in the list) now, and for another 48 hours if that fails."""
    if (notice is None) is not everything:
        raise click.UsageError("Give either a notice or --all.")
    count = logout_notices.retry_all() if notice is None else 1
    if notice is not None:
        logout_notices.retry(notice)
    click.echo(f"{count} {'notice is' if count == 1 else 'notices are'} being tried now.")


def _row(notice: LogoutNotice) -> dict[str, object]:
    return {
        "id": str(notice.id),
        "kind": notice.kind,
        "app": notice.to,
        "created": notice.created_at,
        "tries": notice.attempts,
        "next try": notice.due_at,
        "given up": notice.failed_at,
        "last answer": notice.error,
    }
