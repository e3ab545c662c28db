"""Changes over HTTP, each prepared in a world of its own: one request, and how its change shows in the database."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import time_machine
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.services import audit, mail
from tests.conftest import PASSWORD, Person
from tests.support.accounts import Database
from tests.support.app_devices import ADVANCE, Device, new_device_app
from tests.support.factors import enrol, verified, with_totp
from tests.support.federation import Traveller, someone
from tests.support.letters import newest, newest_code
from tests.support.oauth import FORM, TOKEN, basic, new_app
from tests.support.upstreams import Upstream

NEW = "a brand new passphrase"
TYPED = "/auth/login/email/code"


@dataclass
class Attempt:
    """One try of an operation: the request, how its change shows in the database, and what belongs to that."""

    request: dict[str, Any]
    state: Callable[[], Any]
    """Returns what the change changes."""
    action: str
    target: ObjectId | None
    letters: Mapping[str, str] = field(default_factory=dict)
    """Kinds of letters, and to what address."""


@dataclass
class World:
    """What operations are prepared in."""

    app: Flask
    client: FlaskClient
    mongo: Database
    upstream: Upstream

    def somebody(self, *, proved: bool = True) -> Person:
        person = Person(self.client, f"{secrets.token_hex(6)}@example.com", PASSWORD, "Somebody").register()
        return verified(self.mongo, person) if proved else person

    def admin(self) -> Person:
        person = self.somebody()
        self.mongo.users.update_one({"_id": ObjectId(person.id)}, {"$set": {"role": "admin"}})
        return person.login()

    def user(self, person: Person, *fields: str) -> Callable[[], Any]:
        return lambda: self.mongo.users.find_one({"_id": ObjectId(person.id)}, dict.fromkeys(fields, 1))

    def attempt(
        self, who: Person, method: str, path: str, action: str, *fields: str, on: Person | None = None, **more: Any
    ) -> Attempt:
        """Return an attempt that somebody makes signed in, on their own account or another's."""
        owner = on or who
        letter = more.pop("letter", None)
        return Attempt(
            {"method": method, "path": path, "headers": who.headers, **more},
            self.user(owner, *fields),
            action,
            ObjectId(owner.id),
            {letter: owner.email} if letter else {},
        )


def password_change(world: World) -> Attempt:
    body = {"currentPassword": PASSWORD, "newPassword": NEW}
    asked = ("POST", "/auth/me/password", "password.changed", "password")
    return world.attempt(world.somebody(), *asked, json=body, letter="password_changed")


def password_reset(world: World) -> Attempt:
    person = world.somebody()
    world.client.post("/auth/password/forgot", json={"email": person.email})
    body = {"token": newest(world.app, "reset", person.email), "newPassword": NEW}
    asked = ("POST", "/auth/password/reset", "password.reset", "password")
    return world.attempt(person, *asked, json=body, letter="password_changed")


def name_change(world: World) -> Attempt:
    return world.attempt(world.somebody(), "PATCH", "/auth/me", "profile.changed", "name", json={"name": "Another"})


def deletion(world: World) -> Attempt:
    return world.attempt(world.somebody(), "DELETE", "/auth/me", "account.deleted", "_id", letter="account_deleted")


def proof_of_address(world: World) -> Attempt:
    person = world.somebody(proved=False)
    world.client.post("/auth/email/resend", json={"email": person.email})
    body = {"token": newest(world.app, "verify", person.email)}
    return world.attempt(person, "POST", "/auth/email/verify", "email.verified", "emailVerifiedAt", json=body)


def address_change(world: World) -> Attempt:
    person, new = world.somebody(), f"{secrets.token_hex(6)}@example.com"
    answer = world.client.post("/auth/me/email", json={"email": new}, headers=person.headers)
    assert answer.status_code == 202, answer.text
    body = {"token": newest(world.app, "change", new)}
    return world.attempt(
        person, "POST", "/auth/email/verify", "email.changed", "email", json=body, letter="email_changed"
    )


def address_taken_back(world: World) -> Attempt:
    before = address_change(world)
    who = world.mongo.users.find_one({"_id": before.target})
    assert who is not None
    asked = before.request
    assert world.client.open(asked["path"], method=asked["method"], json=asked["json"]).status_code == 200
    body = {"token": newest(world.app, "email_changed", who["email"])}
    return Attempt(
        {"method": "POST", "path": "/auth/email/revert", "json": body},
        lambda: world.mongo.users.find_one({"_id": before.target}, {"email": 1}),
        "email.change_reverted",
        before.target,
        {"email_restored": who["email"]},
    )


def role_change(world: World) -> Attempt:
    by, person = world.admin(), world.somebody()
    return world.attempt(
        by, "PATCH", f"/admin/users/{person.id}", "role.changed", "role", on=person, json={"role": "admin"}
    )


def disabling(world: World) -> Attempt:
    by, person = world.admin(), world.somebody()
    asked = ("PATCH", f"/admin/users/{person.id}", "account.disabled", "disabledAt")
    return world.attempt(by, *asked, on=person, json={"disabled": True})


def invitation(world: World) -> Attempt:
    by, email = world.admin(), f"{secrets.token_hex(6)}@example.com"
    body = {"name": "Newcomer", "email": email, "role": "user"}
    return Attempt(
        {"method": "POST", "path": "/admin/users", "headers": by.headers, "json": body},
        lambda: world.mongo.users.find_one({"email": email}, {"_id": 1}),
        "account.invited",
        None,
        {"invitation": email},
    )


def registration(world: World) -> Attempt:
    email = f"{secrets.token_hex(6)}@example.com"
    return Attempt(
        {"method": "POST", "path": "/auth/register", "json": {"name": "New", "email": email, "password": PASSWORD}},
        lambda: world.mongo.users.find_one({"email": email}, {"_id": 1}),
        "account.registered",
        None,
    )


def token_made(world: World) -> Attempt:
    person = world.somebody()
    made = {"name": "script", "scopes": ["account:read"]}
    asked = ("POST", "/auth/access-tokens", "access_token.issued")
    attempt = world.attempt(person, *asked, json=made, letter="access_token_made")
    attempt.state = lambda: world.mongo.access_tokens.count_documents({"user": ObjectId(person.id)})
    return attempt


def token_revoked(world: World) -> Attempt:
    person = world.somebody()
    made = {"name": "script", "scopes": ["account:read"]}
    answer = world.client.post("/auth/access-tokens", json=made, headers=person.headers)
    attempt = world.attempt(person, "DELETE", f"/auth/access-tokens/{answer.get_json()['id']}", "access_token.revoked")
    attempt.state = lambda: world.mongo.access_tokens.count_documents({"user": ObjectId(person.id)})
    return attempt


def sign_in(world: World) -> Attempt:
    person = world.somebody()
    world.mongo.audit.delete_many({"target": ObjectId(person.id)})
    body = {"email": person.email, "password": PASSWORD}
    attempt = world.attempt(person, "POST", "/auth/login", "login.succeeded", json=body)
    attempt.state = lambda: world.mongo.sessions.count_documents({"user": ObjectId(person.id)})
    return attempt


def sign_out_everywhere(world: World) -> Attempt:
    person = world.somebody()
    attempt = world.attempt(person, "DELETE", "/auth/sessions?scope=all", "signed_out.everywhere")
    attempt.state = lambda: world.mongo.sessions.count_documents({"user": ObjectId(person.id), "endedAt": None})
    return attempt


def sign_in_by_code(world: World) -> Attempt:
    person = world.somebody()
    attempt = world.attempt(person, "POST", TYPED, "login.succeeded", json=typed(world, person.email))
    attempt.state = lambda: world.mongo.sessions.count_documents({"user": ObjectId(person.id)})
    return attempt


def proof_by_sign_in(world: World) -> Attempt:
    """R112: whatever a squatter set up goes with the proof, or there is none."""
    person = world.somebody(proved=False)
    asked = ("POST", TYPED, "email.verified", "emailVerifiedAt", "password")
    return world.attempt(person, *asked, json=typed(world, person.email))


def sign_up_by_code(world: World) -> Attempt:
    email = f"{secrets.token_hex(6)}@example.com"
    return Attempt(
        {"method": "POST", "path": TYPED, "json": typed(world, email, "sign_up", name="New")},
        lambda: world.mongo.users.find_one({"email": email}, {"_id": 1}),
        "account.registered",
        None,
    )


def from_provider(world: World, subject: str, email: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what a browser brings back from a provider, and the header with its cookie."""
    traveller = Traveller(world.app.test_client(), world.upstream)
    brought = traveller.visit(someone(subject, email))
    return {"provider": "work", **brought}, cookies_of(traveller)


def cookies_of(traveller: Traveller) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{one.key}={one.value}" for one in traveller.client._cookies.values())}


def sign_up_by_provider(world: World) -> Attempt:
    email = f"{secrets.token_hex(6)}@example.com"
    body, cookie = from_provider(world, email, email)
    return Attempt(
        {"method": "POST", "path": "/auth/federation/complete", "json": body, "headers": cookie},
        lambda: world.mongo.users.find_one({"email": email}, {"_id": 1}),
        "account.registered",
        None,
    )


def proof_by_provider(world: World) -> Attempt:
    """R112: whatever a squatter set up goes with the proof, or there is none."""
    person = world.somebody(proved=False)
    body, cookie = from_provider(world, person.email, person.email)
    asked = ("POST", "/auth/federation/complete", "email.verified", "emailVerifiedAt", "password", "linkedIdentities")
    attempt = world.attempt(person, *asked, json=body)
    attempt.request["headers"] = cookie
    return attempt


def identity_linked(world: World) -> Attempt:
    person = world.somebody()
    traveller = Traveller(world.app.test_client(), world.upstream)
    token = traveller.arrive(someone(person.email, person.email)).get_json()["confirmLink"]["token"]
    asked = ("POST", "/auth/federation/confirm", "identity.linked", "linkedIdentities")
    attempt = world.attempt(person, *asked, json={"token": token}, letter="identity_linked")
    attempt.request["headers"] = {**person.headers, **cookies_of(traveller)}
    return attempt


def identity_unlinked(world: World) -> Attempt:
    person = world.somebody()
    traveller = Traveller(world.app.test_client(), world.upstream, headers=person.headers)
    linked = traveller.arrive(someone(person.email, None), intent="link").get_json()["identity"]["id"]
    asked = ("DELETE", f"/auth/identities/{linked}", "identity.unlinked", "linkedIdentities")
    return world.attempt(person, *asked, letter="identity_unlinked")


def typed(world: World, email: str, kind: str = "sign_in", **members: str) -> dict[str, str]:
    """Return the right code from a letter, with its challenge."""
    asked = world.client.post("/auth/login/email", json={"email": email, **members})
    return {"challengeId": asked.get_json()["challengeId"], "code": newest_code(world.app, kind, email)}


def app_enabled(world: World) -> Attempt:
    person = world.somebody()
    code = enrol(person).code()
    asked = ("POST", "/auth/mfa/totp/confirm", "totp.enabled", "totp.confirmedAt")
    return world.attempt(person, *asked, json={"code": code}, letter="factor_added")


def app_removed(world: World) -> Attempt:
    protected = with_totp(world.somebody(), world.mongo)
    asked = ("DELETE", "/auth/mfa/totp", "totp.disabled", "totp.confirmedAt")
    return world.attempt(protected.person, *asked, letter="factor_removed")


def codes_replaced(world: World) -> Attempt:
    protected = with_totp(world.somebody(), world.mongo)
    asked = ("POST", "/auth/mfa/recovery-codes", "recovery_codes.replaced", "recoveryCodeHashes")
    return world.attempt(protected.person, *asked, letter="recovery_codes_replaced")


def factors_reset(world: World) -> Attempt:
    by, protected = world.admin(), with_totp(world.somebody(), world.mongo)
    asked = ("DELETE", f"/admin/users/{protected.person.id}/mfa", "second_factors.reset", "totp")
    return world.attempt(by, *asked, on=protected.person, letter="factors_reset")


def theft(world: World) -> Attempt:
    person = world.somebody()
    old = person.tokens["refreshToken"]
    for _ in range(2):
        person.tokens = {**person.tokens, **person.refresh().get_json()}
    session = world.mongo.sessions.find_one({"user": ObjectId(person.id)})
    assert session is not None
    return Attempt(
        {"method": "POST", "path": "/auth/refresh-token", "json": {"refreshToken": old}},
        lambda: world.mongo.sessions.find_one({"_id": session["_id"]}, {"endedAt": 1}),
        "refresh_token.reused",
        ObjectId(person.id),
        {"session_stolen": person.email},
    )


def code_reused(world: World) -> Attempt:
    person, notes = world.somebody(), new_app(world.app, world.client)
    code = notes.authorize(person.tokens["accessToken"])
    assert notes.exchange(code).status == 200
    headers = {**FORM, **basic(notes.id, notes.secret)}
    return Attempt(
        {"method": "POST", "path": TOKEN, "data": urlencode(code.form), "headers": headers},
        lambda: world.mongo.sessions.find_one({"app": notes.id}, {"endedAt": 1}),
        "app.code_reused",
        ObjectId(person.id),
        {"session_stolen": person.email},
    )


def app_disconnected(world: World) -> Attempt:
    person = world.somebody()
    new_app(world.app, world.client).sign_in(person.tokens["accessToken"])
    grant = world.mongo.grants.find_one({"user": ObjectId(person.id)})
    assert grant is not None
    attempt = world.attempt(person, "DELETE", f"/auth/grants/{grant['_id']}", "grant.revoked")
    attempt.state = lambda: world.mongo.grants.count_documents({"user": ObjectId(person.id)})
    return attempt


def app_allowed(world: World) -> Attempt:
    person, notes = world.somebody(), new_app(world.app, world.client)
    request, cookie, _ = notes.begin()
    return allowed(world, person, "/auth/authorizations/advance", {"request": request}, cookie)


def device_allowed(world: World) -> Attempt:
    person, tv = world.somebody(), Device.begin(new_device_app(world.app, world.client))
    return allowed(world, person, ADVANCE, {"userCode": tv.user_code}, {})


def allowed(world: World, person: Person, path: str, what: dict[str, str], headers: dict[str, str]) -> Attempt:
    attempt = world.attempt(person, "POST", path, "grant.given", json={**what, "decision": "allow"})
    attempt.request["headers"] = {**person.headers, **headers}
    attempt.state = lambda: world.mongo.grants.count_documents({"user": ObjectId(person.id)})
    return attempt


OPERATIONS: list[Callable[[World], Attempt]] = [
    password_change,
    password_reset,
    name_change,
    deletion,
    proof_of_address,
    address_change,
    address_taken_back,
    role_change,
    disabling,
    invitation,
    registration,
    token_made,
    token_revoked,
    sign_in,
    sign_in_by_code,
    proof_by_sign_in,
    sign_up_by_code,
    sign_up_by_provider,
    proof_by_provider,
    identity_linked,
    identity_unlinked,
    app_enabled,
    app_removed,
    codes_replaced,
    factors_reset,
    theft,
    code_reused,
    app_disconnected,
    app_allowed,
    device_allowed,
]


def settle(app: Flask) -> None:
    """Do what the running processes do once a change has had its time. None may run beside: it would take letters."""
    with app.app_context(), time_machine.travel(clock.now() + timedelta(seconds=62)):
        audit.settle()
        carrier = mail.transport()
        while mail.deliver(carrier):
            pass
