"""`flask users`: managing accounts."""

import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import click
from flask.cli import AppGroup

from authsvc.cli import user_transfer
from authsvc.cli.output import as_json_option, limit_option, plainly, printable, say, show, show_one
from authsvc.flows import administer_account, delete_account
from authsvc.flows.invite import invite as invite_user
from authsvc.models.users import ADMIN, DEFAULT, User
from authsvc.security import addresses, names
from authsvc.services import access_tokens, passwords, sessions
from authsvc.services.users import listing, profile, roles, state
from authsvc.services.users.listing import UserRow

group = AppGroup("users", help="The accounts of the service.", short_help="Accounts.")

group.add_command(user_transfer.import_users)
group.add_command(user_transfer.export_users)

_PAGE = 100


@group.command("list")
@click.option("--q", "begins", help="Only accounts whose email address or name begins with this.")
@click.option("--role", help="Only accounts with this role.")
@click.option("--status", type=click.Choice(["active", "disabled"]), help="Only active or disabled accounts.")
@limit_option(50)
@click.option("--all", "everybody", is_flag=True, help="List all, ignoring --limit.")
@as_json_option
@plainly
def list_users(
    begins: str | None, role: str | None, status: str | None, *, limit: int, everybody: bool, as_json: bool
) -> None:
    """List accounts."""
    most = sys.maxsize if everybody else limit
    rows = [_row(row) for row, _ in zip(_search(begins, role, status), range(most), strict=False)]
    show(rows, as_json=as_json)


@group.command("show")
@click.argument("user")
@as_json_option
@plainly
def show_user(user: str, *, as_json: bool) -> None:
    """Show an account."""
    account = profile.look_up(user)
    show_one({**_row(listing.row_of(account)), **_more(account)}, as_json=as_json)


@group.command()
@click.argument("email")
@click.option("--name", required=True, help="The user's name.")
@click.option("--role", default=DEFAULT, show_default=True, help="The role, one of ROLES.")
@click.option("--verified", is_flag=True, help="The email address is known to belong to the user.")
@click.option("--invite", is_flag=True, help="Mail a link to set the password instead of asking for one.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@plainly
def create(email: str, name: str, role: str, *, verified: bool, invite: bool, password_stdin: bool) -> None:
    """Create an account with the email address EMAIL. Asks for the password."""
    try:
        address = addresses.canonical(email)
    except addresses.NotAnAddress as error:
        raise click.BadParameter("this is not an email address", param_hint="EMAIL") from error
    try:
        name = names.canonical(name)
    except names.NotAName as error:
        raise click.BadParameter(
            f"a name has 1 to {names.MAX_LENGTH} printable characters, and not only blanks", param_hint="--name"
        ) from error
    roles.require_known(role)
    if invite:
        account = invite_user(None, name, address, role)
        say(f"{account.email} ({account.id}) is invited: the email is on its way.")
        return
    password = _password(from_stdin=password_stdin)
    passwords.check(password, address, name)
    account = profile.create(name, address, role, passwords.hashed(password), verified=verified)
    say(f"{account.email} ({account.id}) can sign in.")


@group.command()
@click.argument("user")
@click.option("--role", default=ADMIN, show_default=True, help="The role, one of ROLES.")
@plainly
def promote(user: str, role: str) -> None:
    """Make USER an administrator, or give them another role."""
    _to_role(user, role)


@group.command()
@click.argument("user")
@plainly
def demote(user: str) -> None:
    """Make USER an ordinary user. The last administrator can't be demoted."""
    _to_role(user, DEFAULT)


@group.command()
@click.argument("user")
@plainly
def disable(user: str) -> None:
    """Disable USER. Their sessions and access tokens end at once."""
    account = state.disable(None, str(profile.look_up(user).id))
    say(f"{account.email} is disabled and signed out everywhere.")


@group.command()
@click.argument("user")
@plainly
def enable(user: str) -> None:
    """Let USER sign in again."""
    account = state.enable(None, str(profile.look_up(user).id))
    say(f"{account.email} can sign in.")


@group.command()
@click.argument("user")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@plainly
def delete(user: str, *, yes: bool) -> None:
    """Delete USER with everything that belongs to them. The owner is notified by email."""
    account = profile.look_up(user)
    if not yes:
        click.confirm(printable(f"{account.email} ({account.id}) will be deleted for good. Continue?"), abort=True)
    delete_account.delete(None, str(account.id))
    say(f"{account.email} is deleted.")


@group.command("reset-link")
@click.argument("user")
@plainly
def reset_link(user: str) -> None:
    """Print a link to set a new password for USER. It works once, for an hour, for anyone who has it."""
    click.echo(administer_account.reset_link(None, str(profile.look_up(user).id)))


@group.command("reset-factors")
@click.argument("user")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@plainly
def reset_factors(user: str, *, yes: bool) -> None:
    """Remove all second factors of USER, who has lost them. A password is then enough. USER is notified by email."""
    account = profile.look_up(user)
    if not yes:
        click.confirm(f"Have you made sure that {account.email} ({account.id}) asked for this?", abort=True)
    administer_account.reset_second_factors(None, str(account.id))
    click.echo(f"{account.email} no longer has a second factor.")


@group.command()
@click.argument("user")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@plainly
def unlink(user: str, *, yes: bool) -> None:
    """Let no account at another provider sign in to USER any longer. USER is notified by email."""
    account = profile.look_up(user)
    if not yes:
        names = ", ".join(listing.row_of(account).providers) or "no provider"
        click.confirm(printable(f"{account.email} ({account.id}) signs in with {names}. Remove that?"), abort=True)
    administer_account.unlink_identities(None, str(account.id))
    say(f"{account.email} no longer signs in with other providers.")


def _to_role(user: str, role: str) -> None:
    account = state.change_role(None, str(profile.look_up(user).id), role)
    say(f"{account.email} now has the role {account.role}.")


def _search(begins: str | None, role: str | None, status: str | None) -> Iterator[UserRow]:
    cursor: str | None = None
    while True:
        page = listing.search(_PAGE, cursor, begins or None, role, status)
        yield from page.items
        if page.next is None:
            return
        cursor = page.next


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return _line_of_utf8(sys.stdin.buffer)
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _line_of_utf8(source: BinaryIO) -> str:
    """Read a line as UTF-8, whatever the environment says: in another encoding it is another password."""
    try:
        return source.readline().decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise click.ClickException("The password is not valid UTF-8.") from error


def _row(row: UserRow) -> dict[str, Any]:
    user = row.user
    return {
        "id": str(user.id),
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "verified": user.is_verified,
        "disabled": user.disabled_at,
        "last login": row.last_login_at,
        "created": user.created_at,
    }


def _more(user: User) -> dict[str, Any]:
    return {
        "password": listing.row_of(user).hash_scheme,
        "second factor": user.mfa_enabled,
        "identities": ", ".join(listing.row_of(user).providers),
        "sessions": sessions.count_of(user),
        "access tokens": access_tokens.count_of(user),
    }
