"""`flask providers`: those that people can sign in with, and whether they would do."""

import click
from flask.cli import AppGroup

from authsvc.cli.output import as_json_option, plainly, print_findings, show
from authsvc.services import providers
from authsvc.settings.identity_providers import ProviderSettings

group = AppGroup("providers", help="Providers that people can sign in with, as IDENTITY_PROVIDERS names them.")


@group.command("list")
@as_json_option
@plainly
def list_providers(*, as_json: bool) -> None:
    """List the providers, each with the redirect URI that has to be registered there."""
    show([_row(one) for one in providers.settings()], as_json=as_json)


@group.command()
@click.argument("name", required=False)
@as_json_option
@plainly
def check(name: str | None, *, as_json: bool) -> None:
    """Ask the provider NAME, or each, for its metadata and keys, and whether it knows us. Exits with 1 if not."""
    print_findings(providers.check(name), as_json=as_json)


def _row(one: ProviderSettings) -> dict[str, object]:
    return {
        "name": one.name,
        "kind": one.kind,
        "label": one.label,
        "issuer": one.issuer,
        "client": one.client_id,
        "redirect uri": providers.redirect_uri(one),
        "trusted": one.trusted,
        "enabled": one.enabled,
    }
