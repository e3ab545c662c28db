"""`flask letters`: the letters in the outbox that are not delivered, without their text."""

import click
from flask.cli import AppGroup

from authsvc.cli.output import as_json_option, limit_option, plainly, show
from authsvc.models.letters import Letter
from authsvc.services import mail

group = AppGroup("letters", help="Letters that are waiting for delivery or have failed.", short_help="Letters.")

_MOST = 1000


@group.command("list")
@limit_option(_MOST)
@as_json_option
@plainly
def list_letters(*, limit: int, as_json: bool) -> None:
    """List the letters that are waiting, and those that failed in the last 7 days. Their text is not shown."""
    show([_row(letter) for letter in mail.undelivered(limit)], as_json=as_json)


@group.command()
@click.argument("letter", required=False)
@click.option("--all", "everything", is_flag=True, help="All that are waiting or have failed.")
@plainly
def retry(letter: str | None, *, everything: bool) -> None:
    """Try to deliver LETTER (its id in the list) now, and for another 48 hours if that fails."""
    if (letter is None) is not everything:
        raise click.UsageError("Give either a letter or --all.")
    count = mail.retry_all() if letter is None else 1
    if letter is not None:
        mail.retry(letter)
    click.echo(f"{count} {'letter is' if count == 1 else 'letters are'} being tried now.")


@group.command()
@click.argument("letter")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@plainly
def drop(letter: str, *, yes: bool) -> None:
    """Delete LETTER (its id in the list), so that nobody receives it."""
    if not yes:
        click.confirm("Nobody will receive this letter or the links in it. Continue?", abort=True)
    document = mail.drop(letter)
    click.echo(f"The letter {document.kind} ({document.id}) is deleted.")


def _row(letter: Letter) -> dict[str, object]:
    return {
        "id": str(letter.id),
        "kind": letter.kind,
        "to": _mask(letter.to),
        "created": letter.created_at,
        "tries": letter.attempts,
        "next try": letter.due_at,
        "given up": letter.failed_at,
        "last answer": letter.error,
    }


def _mask(address: str) -> str:
    """Return enough of an address to recognise it: lists end up in tickets and chats."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"
