"""`flask apps`: what people can sign in to, and what acts for itself."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click
from flask import current_app
from flask.cli import AppGroup

from authsvc.cli.output import as_json_option, plainly, say, show, show_one
from authsvc.models.apps import App, AppKind, AuthMethod, GrantType, IdTokenAlg
from authsvc.services import app_changes, app_rules, app_secrets, apps, resources

_WARNING = (
    "Warning: one of the resources is TOKEN_AUDIENCE. A service that does not check the type of a token takes this "
    "app's tokens for those of people who are signed in."
)

_NO_PAGES = "Warning: nobody can sign in to this app, since the pages for that are switched off (ACCOUNT_PAGES)."

_NEXT_BY_DEVICE = (
    "Next, the device asks for a code to show: curl {url}/oauth2/device -d client_id={id}. "
    "People type it at {url}/account/device."
)

group = AppGroup("apps", help="Apps that people sign in to with their account here.", short_help="Apps.")

_Command = TypeVar("_Command", bound=Callable[..., Any])

_MEMBERS = (
    click.option("--redirect-uri", "redirect_uris", multiple=True, help="Where answers may go. May be repeated."),
    click.option(
        "--logout-uri", "logout_uris", multiple=True, help="Where people may go after a sign-out. Repeatable."
    ),
    click.option("--backchannel-uri", help="Where the app is told that somebody has signed out."),
    click.option(
        "--grant-type",
        "grant_types",
        multiple=True,
        type=click.Choice([grant.value for grant in GrantType]),
        help="How it gets tokens. Repeatable.",
    ),
    click.option("--scope", "scopes", multiple=True, help="What it may ask for. Repeatable."),
    click.option(
        "--resource", "resources", multiple=True, help="URI of an API that its tokens may be for. Repeatable."
    ),
    click.option(
        "--auth-method", type=click.Choice([way.value for way in AuthMethod]), help="How it proves who it is."
    ),
    click.option("--jwks", type=click.File(), help="A file with its public keys (a JWK set), for private_key_jwt."),
    click.option("--id-token-alg", type=click.Choice(list(IdTokenAlg)), help="How its ID tokens are signed."),
    click.option("--pkce/--no-pkce", "requires_pkce", default=None, help="Whether codes need PKCE. They should."),
    click.option(
        "--trusted/--untrusted", default=None, help="It is your own: people are not asked whether they allow it."
    ),
)


def _member_options(command: _Command) -> _Command:
    for option in reversed(_MEMBERS):
        command = option(command)
    return command


@group.command()
@click.argument("name")
@click.option("--kind", type=click.Choice([kind.value for kind in AppKind]), required=True, help="What the app is.")
@_member_options
@as_json_option
@plainly
def create(name: str, kind: str, as_json: bool, **members: Any) -> None:
    """Register an app called NAME. Its secret, if it can keep one, is shown only now."""
    made = apps.create(name, AppKind(kind), **_values(members))
    _warn(made.app)
    row = {"client_id": made.app.id, "client_secret": made.secret}
    show_one({key: value for key, value in row.items() if value is not None}, as_json=as_json)
    if made.app.kind == AppKind.DEVICE and current_app.config["ACCOUNT_PAGES"] and not as_json:
        say(_NEXT_BY_DEVICE.format(url=current_app.config["PUBLIC_URL"], id=made.app.id))


@group.command("list")
@click.option("--documents", is_flag=True, help="Those with a metadata document that people have allowed instead.")
@as_json_option
@plainly
def list_apps(as_json: bool, documents: bool) -> None:
    """List the apps that are registered."""
    show([_row(app) for app in apps.everything(documents=documents)], as_json=as_json)


@group.command("show")
@click.argument("app_id")
@as_json_option
@plainly
def show_app(app_id: str, as_json: bool) -> None:
    """Show the app with this id, and its secrets by their ids."""
    app = apps.look_up(app_id)
    show_one({**_row(app), **_more(app)}, as_json=as_json)


@group.command()
@click.argument("app_id")
@click.option("--name", help="What people see.")
@_member_options
@plainly
def change(app_id: str, name: str | None, **members: Any) -> None:
    """Change the app with this id. What is repeatable is replaced; once, and empty, it is cleared.

    If it may do less afterwards, everybody is signed out of it.
    """
    values = _values(members) if name is None else {"name": name, **_values(members)}
    if not values:
        raise click.UsageError("Say what to change.")
    _warn(app_changes.change(None, app_id, values))
    say(f"{app_id} is changed.")


@group.command()
@click.argument("app_id")
@click.option("--remove", "secret_id", help="Remove the secret with this id instead.")
@as_json_option
@plainly
def secret(app_id: str, secret_id: str | None, as_json: bool) -> None:
    """Give the app another secret, shown only now. The one before it works for another 24 hours."""
    if secret_id is not None:
        app_secrets.remove(None, app_id, secret_id)
        say(f"The secret {secret_id} is removed.")
        return
    new = app_secrets.add(None, app_id)
    show_one({"client_id": app_id, "secret_id": str(new.secret.id), "client_secret": new.text}, as_json=as_json)


@group.command()
@click.argument("app_id")
@plainly
def disable(app_id: str) -> None:
    """Disable the app with this id. Everybody is signed out of it, and it gets no tokens."""
    app_changes.disable(None, app_id)
    say(f"{app_id} is disabled.")


@group.command()
@click.argument("app_id")
@plainly
def enable(app_id: str) -> None:
    """Enable the app with this id. People have to sign in to it again."""
    app_changes.enable(None, app_id)
    say(f"{app_id} is enabled.")


@group.command()
@click.argument("app_id")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@plainly
def delete(app_id: str, yes: bool) -> None:
    """Delete the app with this id. Nobody is signed in to it any longer."""
    if not yes:
        click.confirm("Everybody will be signed out of this app. Continue?", abort=True)
    apps.delete(app_id)
    say(f"{app_id} is deleted.")


def _values(members: dict[str, Any]) -> dict[str, Any]:
    """Return the members that options name. One empty value stands for none at all."""
    named = {name: value for name, value in members.items() if value not in (None, ())}
    if "jwks" in named:
        try:
            named["jwks"] = json.load(named["jwks"])
        except (ValueError, RecursionError) as error:
            raise click.BadParameter("this is not JSON", param_hint="--jwks") from error
    return {name: [] if value == ("",) else None if value == "" else _plain(value) for name, value in named.items()}


def _warn(app: App) -> None:
    if not current_app.config["ACCOUNT_PAGES"] and app_rules.needs_pages(app):
        click.echo(_NO_PAGES, err=True)
    if any(map(resources.is_audience_of_people, app.resources)):
        click.echo(_WARNING, err=True)


def _plain(value: Any) -> Any:
    return list(dict.fromkeys(value)) if isinstance(value, tuple) else value


def _row(app: App) -> dict[str, object]:
    return {
        "client_id": app.id,
        "name": app.name,
        "kind": app.kind,
        "redirect_uris": " ".join(app.redirect_uris),
        "resources": " ".join(app.resources),
        "trusted": app.trusted,
        "created": app.created_at,
        "disabled": app.disabled_at,
    }


def _more(app: App) -> dict[str, object]:
    return {
        "auth_method": app.auth_method,
        "secrets": " ".join(str(one.id) for one in app.secrets),
        "logout_uris": " ".join(app.logout_uris),
        "backchannel_uri": app.backchannel_uri,
        "grant_types": " ".join(app.grant_types),
        "scopes": " ".join(app.scopes),
        "id_token_alg": app.id_token_alg,
        "requires_pkce": app.requires_pkce,
        "owner": None if app.owner is None else str(app.owner),
    }
