"""Every event that webhooks can hear of comes to one, provoked over HTTP; what only commands do, by those (R123)."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask

from authsvc.services.webhook_kinds import heard_names
from tests.conftest import PASSWORD, Person
from tests.support import operations
from tests.support.accounts import Database, login, throttled
from tests.support.authenticator import Authenticator
from tests.support.factors import complete, post, register_passkey, sign_in_by, ticket, verified, with_totp
from tests.support.hearers import Hearer
from tests.support.operations import World
from tests.support.outside import Server
from tests.support.sites import SITES, Scene

WRONG = "not the right phrase"
BY_COMMAND = {"account.created", "account.imported", "users.imported"}


def ask(person: Person, method: str, path: str, **body: Any) -> Any:
    """Ask as somebody; it is done."""
    answer = person.client.open(path, method=method, json=body or None, headers=person.headers)
    assert answer.status_code < 300, (path, answer.text)
    return answer.get_json() if answer.status_code != 204 else None


def administer_accounts(world: World) -> None:
    """Disable and enable an account, and sign it out."""
    admin, somebody = world.admin(), world.somebody()
    path = f"/admin/users/{somebody.id}"
    ask(somebody, "POST", "/auth/access-tokens", name="script", scopes=["account:read"])
    ask(admin, "DELETE", f"{path}/access-tokens")
    ask(admin, "DELETE", f"{path}/sessions")
    ask(admin, "PATCH", path, disabled=True)
    ask(admin, "PATCH", path, disabled=False)


def administer_apps(world: World) -> None:
    """Register an app, change it, and delete it."""
    admin = world.admin()
    made = ask(admin, "POST", "/admin/apps", name="Shop", kind="web", redirectUris=["https://shop.example/back"])
    path = f"/admin/apps/{made['id']}"
    ask(admin, "PATCH", path, name="Store")
    ask(admin, "PATCH", path, disabled=True)
    ask(admin, "PATCH", path, disabled=False)
    ask(admin, "DELETE", f"{path}/secrets/{ask(admin, 'POST', f'{path}/secrets')['id']}")
    ask(admin, "DELETE", path)


def look_after_oneself(world: World) -> None:
    """Do what people do in their accounts."""
    person = world.somebody()
    assert login(world.client, person.email, WRONG).status_code == 401
    change = {"currentPassword": WRONG, "newPassword": "a brand new passphrase"}
    assert post(person, "/auth/me/password", **change).status_code == 403
    ask(person, "POST", "/auth/reauthenticate", password=PASSWORD)
    ask(person, "GET", "/auth/me/export")
    ask(person, "POST", "/auth/me/email", email="another@example.com")
    ask(person, "DELETE", "/auth/me/email")
    person.login()
    ask(person, "DELETE", "/auth/sessions?scope=others")
    ask(person, "DELETE", "/auth/sessions?scope=all")


def use_factors(world: World) -> None:
    """Sign in with second factors, right ones and wrong ones."""
    person = world.somebody()
    protected = with_totp(person, world.mongo)
    assert complete(world.client, ticket(world.client, person), code="000000").status_code == 403
    code = protected.recovery_codes[0]
    assert complete(world.client, ticket(world.client, person), recoveryCode=code).status_code == 200


def use_passkeys(world: World) -> None:
    """Rename a passkey, remove another, and use a copy of the first."""
    person, device = world.somebody(), Authenticator()
    assert register_passkey(person, device).status_code == 201
    (passkey,) = ask(person, "GET", "/auth/passkeys")["items"]
    ask(person, "PATCH", f"/auth/passkeys/{passkey['id']}", name="phone")
    assert register_passkey(person, Authenticator(), "another").status_code == 201
    other = next(one for one in ask(person, "GET", "/auth/passkeys")["items"] if one["name"] == "another")
    ask(person, "DELETE", f"/auth/passkeys/{other['id']}")
    assert sign_in_by(world.client, device, sign_count=7).status_code == 200
    assert sign_in_by(world.client, device, sign_count=7).status_code == 401


def mistype_a_code(world: World) -> None:
    """Type a wrong code from a letter that verifies one's address."""
    person = world.somebody(proved=False)
    asked = world.client.post("/auth/email/resend", json={"email": person.email, "challenge": True}).get_json()
    answer = post(person, "/auth/email/verify", challengeId=asked["challengeId"], code="000000")
    assert answer.status_code == 403


def ask_too_often(world: World) -> None:
    """Guess until there is no room for more."""
    person = world.somebody()
    with throttled(world.app, login_device=1):
        for _ in range(3):
            login(world.client, person.email, WRONG)


def come_from_a_backup(world: World) -> None:
    """Show a refresh token that is newer than what is stored."""
    person = world.somebody()
    answer = person.refresh()
    world.mongo.sessions.update_many({"user": ObjectId(person.id)}, {"$set": {"generation": 1}})
    refused = world.client.post("/auth/refresh-token", json={"refreshToken": answer.get_json()["refreshToken"]})
    assert refused.status_code == 401


ACTS: list[Callable[[World], None]] = [
    administer_accounts,
    administer_apps,
    look_after_oneself,
    use_factors,
    use_passkeys,
    mistype_a_code,
    ask_too_often,
    come_from_a_backup,
]


def by_command(app: Flask, password_hash: str) -> None:
    """Do what only commands do."""
    runner = app.test_cli_runner()
    made = ("users", "create", "other@example.com", "--name", "Other", "--password-stdin")
    assert runner.invoke(args=made, input="another good password\n").exit_code == 0
    new = json.dumps({"email": "third@example.com", "name": "Third", "password": password_hash})
    assert runner.invoke(args=["users", "import", "-"], input=io.BytesIO(new.encode())).exit_code == 0


@pytest.mark.slow
def test_r123_every_event_comes_to_who_hears_of_it(
    world: World,
    server: Server,
    mongo: Database,
) -> None:
    hearer = Hearer(world.app, world.admin(), server, ["*"])
    for prepare in operations.OPERATIONS:
        asked = dict(prepare(world).request)
        world.client.open(asked.pop("path"), method=asked.pop("method"), **asked)
    for act in ACTS:
        act(world)
    for site in SITES.values():
        alice, bob = verified(mongo, world.somebody()), world.admin()
        scene = Scene(alice, bob, world.app, mongo)
        if site is SITES["password.set"] or site is SITES["second_factor.required"]:
            site.prepare(scene)
            assert site.act(scene).status_code < 300
    over_http = heard_after(hearer)
    assert {*heard_names()} - over_http == BY_COMMAND
    by_command(world.app, mongo.users.find_one({"password": {"$exists": True}})["password"])
    assert {*heard_names()} - heard_after(hearer) == set()


def heard_after(hearer: Hearer) -> set[str]:
    """Return the names of all events that it has been told of."""
    hearer.deliver()
    return {one["type"] for one in hearer.heard()}
