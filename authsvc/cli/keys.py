"""`flask keys`: rotating, retiring and resealing signing keys."""

import time
from datetime import datetime, timedelta

import click
from flask.cli import AppGroup

from authsvc import clock
from authsvc.cli.output import as_json_option, moment, plainly, show
from authsvc.models.signing_keys import Ring
from authsvc.models.users import User
from authsvc.models.webhooks import Webhook
from authsvc.services import console, lost_secrets, mail, signing_keys, totp, webhook_secrets
from authsvc.services.console import KeyRow

group = AppGroup(
    "keys",
    help="The keys that sign access and refresh tokens, and those that sign ID tokens.",
    short_help="Signing keys.",
)

_SHORTEST = int(signing_keys.SHORTEST_LEAD.total_seconds())
_LONGEST = 30 * 24 * 60 * 60
_LAST = 2**31 - 1
"""The largest key number that the database can hold."""
_LEAD = int(signing_keys.PUBLISH_LEAD.total_seconds())

_ring_option = click.option(
    "--ring",
    type=click.Choice([ring.value for ring in Ring]),
    default=Ring.TOKENS.value,
    show_default=True,
    help="Whose key: that of access and refresh tokens, or that of ID tokens. Each ring has numbers of its own.",
)


@group.command("list")
@as_json_option
@plainly
def list_keys(as_json: bool) -> None:
    """List the keys of both rings: which one signs, which is next, and which only verify, and until when."""
    show([_row_of_key(row) for row in console.list_keys()], as_json=as_json)


@group.command()
@click.option(
    "--lead",
    type=click.IntRange(_SHORTEST, _LONGEST),
    default=_LEAD,
    show_default=True,
    help="Seconds to publish the new key before it signs. Choose more than other services cache the key set for.",
)
@_ring_option
@plainly
def rotate(lead: int, ring: str) -> None:
    """Publish a new key, which takes over signing later. The current key keeps verifying what it signed.

    If a next key is already published, none is created, so an interrupted rotation can be run again.
    """
    key = signing_keys.rotate(timedelta(seconds=lead), Ring(ring))
    click.echo(f"Key {key.serial} ({key.pair.kid}) is published now, and signs from {moment(key.signs_from)}.")
    click.echo("The current key verifies until the last token that it signed has expired. It is then deleted.")


@group.command()
@click.argument("key", type=click.IntRange(0, _LAST))
@_ring_option
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@plainly
def retire(key: int, ring: str, yes: bool) -> None:
    """Retire KEY (its number in the list) at once, for example after a leak.

    Whatever it signed is refused within seconds. If it is the key that signs, another one takes over first. Users who
    hold no newer tokens have to sign in again. A key of ID tokens signs nobody out: apps get new ones from another key.
    """
    if not yes:
        click.confirm(_WHAT_RETIRING_DOES[Ring(ring)].format(key=key), abort=True)
    takeover = signing_keys.relieve(key, Ring(ring))
    if takeover is not None:
        click.echo(f"Another key signs from {moment(takeover)}. Waiting for that.")
        _wait_until(takeover)
    signing_keys.retire(key, Ring(ring))
    click.echo(
        f"Key {key} is retired. Every worker refuses what it signed within {signing_keys.REREAD_SECONDS:.0f} seconds."
    )
    click.echo(
        "Services that verify with the published keys do so once they read them again, "
        f"within {signing_keys.CACHE_SECONDS // 60} minutes."
    )


@group.command()
@plainly
def reseal() -> None:
    """Encrypt all that SECRET_KEY keeps secret with the current one: keys, authenticator apps, letters, webhooks.

    After that you can empty SECRET_KEY_FALLBACKS.
    """
    click.echo(f"{signing_keys.reseal()} signing keys were encrypted again, with the current SECRET_KEY.")
    click.echo(f"{totp.reseal()} authenticator secrets and {mail.reseal()} letters were encrypted again too.")
    click.echo(f"{webhook_secrets.reseal()} secrets of webhooks were encrypted again too.")


@group.command()
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@plainly
def reset(yes: bool) -> None:
    """Start over after SECRET_KEY was lost: discard what it encrypted, so that the service can start again.

    All users have to sign in again, unless only keys of ID tokens are lost. Accounts, passwords, passkeys, recovery
    codes and access tokens are kept. Authenticator apps are lost, and the accounts that had one are listed. Webhooks
    are disabled until they have a new secret. If SECRET_KEY can decrypt the signing keys, nothing is done.
    """
    lost = lost_secrets.examine()
    if not lost.keys:
        click.echo("Nothing to do: SECRET_KEY or one of SECRET_KEY_FALLBACKS decrypts every signing key.")
        return
    if not yes:
        counts = {"apps": len(lost.apps), "letters": lost.letters, "webhooks": len(lost.webhooks)}
        click.echo(_WHAT_IS_LOST.format(keys=lost.keys, **counts))
        click.confirm("Is the previous SECRET_KEY lost for good?", abort=True)
    lost = lost_secrets.forget()
    click.echo(_WHAT_FOLLOWS if Ring.TOKENS in lost.rings else _WHAT_FOLLOWS_FOR_IDS)
    if lost.apps:
        click.echo(
            "The authenticator apps of these accounts are lost. Their owners sign in as listed, and set up a new one:"
        )
        show([_row_of_lost_app(user) for user in lost.apps], as_json=False)
    if lost.webhooks:
        click.echo("These webhooks are disabled. Give each a new secret, tell it to whoever verifies, and enable it:")
        show([_row_of_lost_webhook(webhook) for webhook in lost.webhooks], as_json=False)


_WHAT_RETIRING_DOES = {
    Ring.TOKENS: "Users who hold only tokens signed by key {key} will have to sign in again. Continue?",
    Ring.IDS: "Apps will refuse ID tokens signed by key {key}. Nobody is signed out. Continue?",
}
_WHAT_FOLLOWS = (
    "A new key signs from now on, and all users have to sign in again. Waiting workers start within seconds."
)
_WHAT_FOLLOWS_FOR_IDS = (
    "The keys of ID tokens that were lost are discarded, and apps refuse what these signed. Nobody is signed out."
)
_WHAT_IS_LOST = (
    "{keys} signing keys, {apps} authenticator apps, {letters} letters and the secrets of {webhooks} webhooks can't be "
    "decrypted, and will be discarded.\n"
    "If any machine or backup still has the previous SECRET_KEY, put it into SECRET_KEY_FALLBACKS instead."
)


def _row_of_lost_app(user: User) -> dict[str, object]:
    codes, passkeys = len(user.recovery_code_hashes or []), len(user.passkeys or [])
    nothing = "" if codes or passkeys else f"flask users reset-factors {user.id}"
    return {"id": str(user.id), "email": user.email, "recovery codes": codes, "passkeys": passkeys, "else": nothing}


def _row_of_lost_webhook(webhook: Webhook) -> dict[str, object]:
    return {"id": str(webhook.id), "url": webhook.url, "secret": f"flask webhooks secret {webhook.id}"}


def _row_of_key(row: KeyRow) -> dict[str, object]:
    return {
        "ring": row.ring,
        "key": row.key,
        "alg": row.alg,
        "kid": row.kid,
        "state": row.state,
        "created": row.created_at,
        "signs from": row.signs_from,
        "verifies until": row.verifies_until,
    }


def _wait_until(moment: datetime) -> None:
    while (seconds := (moment - clock.now()).total_seconds()) > 0:
        time.sleep(min(seconds, 1.0))
