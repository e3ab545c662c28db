"""`flask sessions`: signing users out."""

import click
from flask.cli import AppGroup

from authsvc.cli.output import plainly, printable, say
from authsvc.flows import administer_account
from authsvc.services import sessions, standings
from authsvc.services.users import profile

group = AppGroup("sessions", help="The sessions of users.", short_help="Sessions.")


@group.command()
@click.argument("user")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@plainly
def end(user: str, *, yes: bool) -> None:
    """Sign USER (an email address or id) out everywhere. Access tokens stay; `flask users disable` ends those too."""
    account = profile.look_up(user)
    count = sessions.count_of(account)
    if not yes:
        click.confirm(printable(f"{account.email} will be signed out of {count} sessions. Continue?"), abort=True)
    administer_account.sign_out(None, str(account.id))
    say(f"{account.email} is signed out everywhere ({count} sessions).")


@group.command()
@plainly
def forget() -> None:
    """Let all workers read again what they keep of sessions (SESSION_CACHE): after changes to the database by hand."""
    standings.forget()
    say("All workers read sessions and access tokens again.")
