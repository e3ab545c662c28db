"""`flask users`: looking after accounts, for whoever runs the service."""

import sys
from collections.abc import Iterator
from typing import Any

import click
from flask.cli import AppGroup

from authsvc.cli import moving
from authsvc.cli.output import as_json_option, plainly, show, show_one
from authsvc.models.users import ADMIN, DEFAULT, User
from authsvc.security import addresses
from authsvc.services import accounts, directory, passwords, roles
from authsvc.services.directory import Seen

group = AppGroup("users", help="The accounts of the service.", short_help="Accounts.")

group.add_command(moving.import_users)
group.add_command(moving.export_users)

_PAGE = 100


@group.command("list")
@click.option("--q", "begins", help="Whose address or name begins so.")
@click.option("--role", help="Who has this role.")
@click.option("--status", type=click.Choice(["active", "disabled"]), help="Who is active, or disabled.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many at most.")
@click.option("--all", "everybody", is_flag=True, help="All of them, whatever the limit.")
@as_json_option
@plainly
def list_users(
    begins: str | None, role: str | None, status: str | None, *, limit: int, everybody: bool, as_json: bool
) -> None:
    """List accounts."""
    most = sys.maxsize if everybody else limit
    rows = [_row(seen) for seen, _ in zip(_found(begins, role, status), range(most), strict=False)]
    show(rows, as_json=as_json)


@group.command("show")
@click.argument("user")
@as_json_option
@plainly
def show_user(user: str, *, as_json: bool) -> None:
    """Show an account."""
    found = accounts.look_up(user)
    show_one({**_row(directory.seen(found)[0]), **_more(found)}, as_json=as_json)


@group.command()
@click.argument("email")
@click.option("--name", required=True, help="What the user is called.")
@click.option("--role", default=DEFAULT, show_default=True, help="The role, one of ROLES.")
@click.option("--verified", is_flag=True, help="The address is known to be the user's.")
@click.option("--invite", is_flag=True, help="Mail a link that sets the password, in place of asking for one here.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input, one line.")
@plainly
def create(email: str, name: str, role: str, *, verified: bool, invite: bool, password_stdin: bool) -> None:
    """Make an account with the address EMAIL; the password is asked for."""
    try:
        address = addresses.canonical(email)
    except addresses.NotAnAddress as error:
        raise click.BadParameter("this is not an email address", param_hint="EMAIL") from error
    if not 1 <= len(name) <= 100 or not name.strip() or not name.isprintable():
        raise click.BadParameter("a name has 1 to 100 printable characters", param_hint="--name")
    roles.require_known(role)
    if invite:
        made = accounts.invite(None, name, address, role)
        click.echo(f"{made.email} ({made.id}) is invited: the letter is on its way.")
        return
    password = _password(from_stdin=password_stdin)
    passwords.check(password, address, name)
    made = accounts.create(name, address, role, passwords.hashed(password), proved=verified)
    click.echo(f"{made.email} ({made.id}) can sign in.")


@group.command()
@click.argument("user")
@click.option("--role", default=ADMIN, show_default=True, help="The role, one of ROLES.")
@plainly
def promote(user: str, role: str) -> None:
    """Make USER an administrator, or give another role."""
    _to_role(user, role)


@group.command()
@click.argument("user")
@plainly
def demote(user: str) -> None:
    """Make USER a user like all others; the last administrator stays one."""
    _to_role(user, DEFAULT)


@group.command()
@click.argument("user")
@plainly
def disable(user: str) -> None:
    """Disable USER: sessions and access tokens end at once, on every worker."""
    found = accounts.disable(None, str(accounts.look_up(user).id))
    click.echo(f"{found.email} is disabled, and signed out everywhere.")


@group.command()
@click.argument("user")
@plainly
def enable(user: str) -> None:
    """Let USER sign in again."""
    found = accounts.enable(None, str(accounts.look_up(user).id))
    click.echo(f"{found.email} can sign in.")


@group.command()
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
@plainly
def delete(user: str, *, yes: bool) -> None:
    """Delete USER, with everything that is theirs; the owner is told by letter."""
    found = accounts.look_up(user)
    if not yes:
        click.confirm(f"{found.email} ({found.id}) will be gone for good. Go on?", abort=True)
    accounts.remove(None, str(found.id))
    click.echo(f"{found.email} is gone.")


@group.command("reset-link")
@click.argument("user")
@plainly
def reset_link(user: str) -> None:
    """Print a link that sets the password of USER: it works once, for an hour, and whoever has it is let in."""
    click.echo(accounts.reset_link(str(accounts.look_up(user).id)))


def _to_role(user: str, role: str) -> None:
    found = accounts.change_role(None, str(accounts.look_up(user).id), role)
    click.echo(f"{found.email} has the role {found.role}.")


def _found(begins: str | None, role: str | None, status: str | None) -> Iterator[Seen]:
    cursor: str | None = None
    while True:
        page = directory.search(_PAGE, cursor, begins or None, role, status)
        yield from page.items
        if page.next is None:
            return
        cursor = page.next


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _row(seen: Seen) -> dict[str, Any]:
    user = seen.user
    return {
        "id": str(user.id),
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "verified": user.is_proved,
        "disabled": user.disabled_at,
        "last login": seen.last_login_at,
        "created": user.created_at,
    }


def _more(user: User) -> dict[str, Any]:
    seen = directory.seen(user)[0]
    return {
        "password": seen.hash_scheme,
        "second factor": user.mfa_enabled,
        "sessions": accounts.count_sessions(user),
        "access tokens": accounts.count_access_tokens(user),
    }
