"""`flask keys`: one signing key follows another, and nobody notices."""

import time
from datetime import datetime, timedelta

import click
from flask.cli import AppGroup

from authsvc import clock
from authsvc.cli.output import as_json_option, moment, plainly, show
from authsvc.services import mail, signing_keys, totp
from authsvc.services.signing_keys import RingKey

group = AppGroup("keys", help="The keys that sign access and refresh tokens.", short_help="Signing keys.")

_SHORTEST = int(signing_keys.SHORTEST_LEAD.total_seconds())
_LEAD = int(signing_keys.PUBLISH_LEAD.total_seconds())


@group.command("list")
@as_json_option
@plainly
def list_keys(as_json: bool) -> None:
    """List the keys: which signs, which is next, which only verifies and until when."""
    keys = signing_keys.reload().keys
    signing = signing_keys.signing_one(keys)
    show([_row(key, signing) for key in keys], as_json=as_json)


@group.command()
@click.option(
    "--lead",
    type=click.IntRange(_SHORTEST),
    default=_LEAD,
    show_default=True,
    help="Seconds for which the new key is published before it signs: longer than other services keep the key set.",
)
@plainly
def rotate(lead: int) -> None:
    """Publish a next key, which signs after a while; the present one goes on verifying what it signed.

    Where a next key is waiting already none is made, so an interrupted rotation can be run again.
    """
    key = signing_keys.rotate(timedelta(seconds=lead))
    click.echo(f"Key {key.serial} ({key.pair.kid}) is published now and signs from {moment(key.signs_from)} on.")
    click.echo("The key before it verifies until the last token that it signed has expired, and is deleted then.")


@group.command()
@click.argument("key", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@plainly
def retire(key: int, yes: bool) -> None:
    """Retire KEY (its number in the list) at once, as after a leak: whatever it signed is refused within seconds.

    Where it signs, another key takes over first. Who holds nothing newer has to sign in again.
    """
    if not yes:
        click.confirm(f"Whoever holds only tokens signed by key {key} has to sign in again. Go on?", abort=True)
    taken_over = signing_keys.relieve(key)
    if taken_over is not None:
        click.echo(f"Another key signs from {moment(taken_over)} on: waiting for that.")
        _wait_until(taken_over)
    signing_keys.retire(key)
    click.echo(
        f"Key {key} is gone. Every worker refuses what it signed within {signing_keys.REREAD_SECONDS:.0f} seconds."
    )
    click.echo(
        "Services that verify with the published keys follow when they read them again: "
        f"within {signing_keys.CACHE_SECONDS // 60} minutes."
    )


@group.command()
@plainly
def reseal() -> None:
    """Seal every key, every authenticator app's secret and every letter still to go with the present SECRET_KEY.

    After that SECRET_KEY_FALLBACKS may be emptied.
    """
    click.echo(f"{signing_keys.reseal()} keys were sealed with a former secret and are now sealed with SECRET_KEY.")
    click.echo(f"{totp.reseal()} secrets of authenticator apps and {mail.reseal()} letters likewise.")


def _row(key: RingKey, signing: RingKey) -> dict[str, object]:
    state = "signs" if key == signing else "next" if key.serial > signing.serial else "verifies"
    return {
        "key": key.serial,
        "kid": key.pair.kid,
        "state": state,
        "created": key.created_at,
        "signs from": key.signs_from,
        "verifies until": key.verifies_until,
    }


def _wait_until(moment: datetime) -> None:
    while (left := (moment - clock.now()).total_seconds()) > 0:
        time.sleep(min(left, 1.0))
