"""Every kind of token at every place that takes one: only the diagonal passes. R40, O37; RFC 8725 3.11 and 3.12."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from mongoengine.connection import get_db

from authsvc.security import recovery_codes
from authsvc.services.callers import SCOPES
from tests.api.forging import altered, claims_of, now
from tests.conftest import PASSWORD, Person
from tests.support import app_kinds
from tests.support.accounts import Database
from tests.support.console_routes import CONSOLE_ROUTES
from tests.support.email_codes import ask, challenge_of, follow, type_code
from tests.support.federation import Traveller, someone
from tests.support.letters import code_in, newest, sent
from tests.support.upstreams import Upstream, signing_in_with
from tests.support.wire import ADMIN_ROUTES, APP_ROUTES, WEBHOOK_ROUTES, routes

Call = Callable[[Person, str], Any]


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


def access_token(alice: Person) -> str:
    """Return a personal access token with every scope."""
    body = {"name": "script", "scopes": list(SCOPES)}
    made = alice.client.post("/auth/access-tokens", json=body, headers=alice.headers)
    return str(made.get_json()["token"])


def link(kind: str) -> Callable[[Person, Flask], str]:
    """Return what takes the secret of the link in a letter to Alice, once she has asked for it."""
    path = {"reset": "/auth/password/forgot", "verify": "/auth/email/resend"}[kind]

    def take(alice: Person, app: Flask) -> str:
        assert alice.client.post(path, json={"email": alice.email}).status_code == 202
        return newest(app, kind, alice.email)

    return take


def identity_that_waits(_: Person, app: Flask) -> str:
    """Return the token of an identity at a provider that waits for a sign-in."""
    with Upstream() as upstream, signing_in_with(app, upstream.settings()):
        return str(
            Traveller(app.test_client(), upstream).arrive(someone(email=None)).get_json()["emailRequired"]["token"]
        )


def link_to_change(alice: Person, app: Flask) -> str:
    """Return the secret that makes another address Alice's."""
    asked = alice.client.post("/auth/me/email", json={"email": "other@example.com"}, headers=alice.headers)
    assert asked.status_code == 202
    return newest(app, "change", "other@example.com")


def link_to_revert(alice: Person, app: Flask) -> str:
    """Return the secret that takes a change of Alice's address back."""
    body = {"token": link_to_change(alice, app)}
    assert alice.client.post("/auth/email/verify", json=body, headers=alice.headers).status_code == 200
    return newest(app, "email_changed", alice.email)


def link_to_sign_in(alice: Person, app: Flask) -> str:
    """Return the secret of a link that signs Alice in."""
    ask(alice.client, alice.email)
    return newest(app, "sign_in", alice.email)


def type_right_code(alice: Person, token: str) -> Any:
    """Return the answer to the code of Alice's letter, if there is one, for what may be its challenge."""
    letters = sent(alice.client.application, "sign_in", alice.email)
    return type_code(alice.client, token, code_in(letters[0]) if letters else "000000")


def device(alice: Person, _: Flask) -> str:
    """Return what a browser of Alice's is known by."""
    body = {"email": alice.email, "password": alice.password, "transport": "cookie"}
    cookies = alice.client.post("/auth/login", json=body).headers.getlist("Set-Cookie")
    (found,) = (cookie for cookie in cookies if cookie.startswith("device="))
    return found.partition("=")[2].partition(";")[0]


def pending(alice: Person, _: Flask) -> str:
    """Return the ticket of a sign-in of Alice's that waits for its second factor."""
    users = get_db().users
    users.update_one({"email": alice.email}, {"$set": {"passkeys": [ObjectId()]}})
    body = {"email": alice.email, "password": alice.password}
    ticket = alice.client.post("/auth/login", json=body).get_json()["mfaToken"]
    users.update_one({"email": alice.email}, {"$unset": {"passkeys": 1}})
    return str(ticket)


KINDS: dict[str, Callable[[Person, Flask], str]] = {
    "access": lambda alice, _: alice.tokens["accessToken"],
    "refresh": lambda alice, _: alice.tokens["refreshToken"],
    "personal": lambda alice, _: access_token(alice),
    "expired access": lambda alice, app: altered(app, alice.tokens["accessToken"], iat=now() - 1000, exp=now() - 100),
    "no type": lambda alice, app: altered(app, alice.tokens["accessToken"], without=("type",)),
    "type foo": lambda alice, app: altered(app, alice.tokens["accessToken"], type="foo"),
    "type ACCESS": lambda alice, app: altered(app, alice.tokens["accessToken"], type="ACCESS"),
    "type list": lambda alice, app: altered(app, alice.tokens["accessToken"], type=["access"]),
    "mfa pending": lambda alice, app: altered(app, alice.tokens["accessToken"], type="mfa_pending"),
    "password reset": lambda alice, app: altered(app, alice.tokens["accessToken"], type="password_reset"),
    "access for refreshing": lambda alice, app: altered(app, alice.tokens["refreshToken"], type="access"),
    "refresh for access": lambda alice, app: altered(app, alice.tokens["accessToken"], type="refresh", generation=1),
    "session id": lambda alice, _: claims_of(alice.tokens["accessToken"])["sid"],
    "user id": lambda alice, _: alice.id,
    "link to verify": link("verify"),
    "link to change": link_to_change,
    "link to revert": link_to_revert,
    "link to reset": link("reset"),
    "link to sign in": link_to_sign_in,
    "e-mail challenge": lambda alice, _: challenge_of(ask(alice.client, alice.email)),
    "device": device,
    "identity that waits": identity_that_waits,
    "mfa ticket": pending,
    "passkey challenge": lambda alice, _: str(
        alice.client.post("/auth/login/passkey/options", json={}).get_json()["challengeId"]
    ),
    "recovery code": lambda *_: recovery_codes.generate()[0],
    "cursor": lambda _alice, _app: "NmIwNTE2NDk0ODY4NzY3YzVmMWJhNTU3",
    **app_kinds.KINDS,
}
BY_SCOPE = {"access", "personal", "app access to our API"}
"""What opens the routes that have a scope."""


def fresh(method: str, path: str, **body: Any) -> Call:
    """Return the call of a route that second factors are managed by."""
    return lambda a, t: a.client.open(path, method=method, json=body or None, headers=bearer(t))


NOWHERE = "f" * 24
CARRIERS: dict[str, tuple[Call, set[str]]] = {
    "GET /": (lambda a, t: a.client.get("/", headers=bearer(t)), {"access"}),
    "GET /auth/me": (lambda a, t: a.client.get("/auth/me", headers=bearer(t)), BY_SCOPE),
    "PATCH /auth/me": (
        lambda a, t: a.client.patch("/auth/me", json={"name": "Al"}, headers=bearer(t)),
        BY_SCOPE,
    ),
    "DELETE /auth/me": (lambda a, t: a.client.delete("/auth/me", headers=bearer(t)), {"access"}),
    "GET /auth/me/export": (lambda a, t: a.client.get("/auth/me/export", headers=bearer(t)), {"access"}),
    "POST /auth/me/password": (
        lambda a, t: a.client.post(
            "/auth/me/password", json={"currentPassword": PASSWORD, "newPassword": PASSWORD[::-1]}, headers=bearer(t)
        ),
        {"access"},
    ),
    "POST /auth/me/email": (
        lambda a, t: a.client.post("/auth/me/email", json={"email": "new@example.com"}, headers=bearer(t)),
        {"access"},
    ),
    "GET /auth/me/email": (fresh("GET", "/auth/me/email"), BY_SCOPE),
    "DELETE /auth/me/email": (fresh("DELETE", "/auth/me/email"), {"access"}),
    "POST /auth/reauthenticate": (
        lambda a, t: a.client.post("/auth/reauthenticate", json={"password": PASSWORD}, headers=bearer(t)),
        {"access"},
    ),
    "POST /auth/email/verify": (
        lambda a, t: a.client.post(
            "/auth/email/verify", json={"token": newest(a.client.application, "verify", a.email)}, headers=bearer(t)
        ),
        {"access", "expired access"},
    ),
    "GET /auth/me/activity": (
        lambda a, t: a.client.get("/auth/me/activity", headers=bearer(t)),
        BY_SCOPE,
    ),
    "GET /auth/sessions": (lambda a, t: a.client.get("/auth/sessions", headers=bearer(t)), BY_SCOPE),
    "DELETE /auth/sessions": (
        lambda a, t: a.client.delete("/auth/sessions?scope=others", headers=bearer(t)),
        {"access"},
    ),
    "POST /auth/access-tokens": (
        lambda a, t: a.client.post(
            "/auth/access-tokens", json={"name": "x", "scopes": ["account:read"]}, headers=bearer(t)
        ),
        {"access"},
    ),
    "GET /auth/access-tokens": (lambda a, t: a.client.get("/auth/access-tokens", headers=bearer(t)), {"access"}),
    "GET /auth/grants": (lambda a, t: a.client.get("/auth/grants", headers=bearer(t)), {"access"}),
    "DELETE /auth/grants/{id}": (
        lambda a, t: a.client.delete(f"/auth/grants/{app_kinds.new_grant(a)}", headers=bearer(t)),
        {"access"},
    ),
    "GET /auth/verify": (lambda a, t: a.client.get("/auth/verify", headers=bearer(t)), {"access", "personal"}),
    "POST /auth/introspect": (
        lambda a, t: a.client.post("/auth/introspect", data={"token": "x"}, headers=bearer(t)),
        BY_SCOPE,
    ),
    "POST /auth/refresh-token, body": (
        lambda a, t: a.client.post("/auth/refresh-token", json={"refreshToken": t}),
        {"refresh"},
    ),
    "POST /auth/refresh-token, cookie": (
        lambda a, t: a.client.post("/auth/refresh-token", headers={"Cookie": f"refresh_token={t}"}),
        {"refresh"},
    ),
    "POST /auth/logout, header": (
        lambda a, t: a.client.post("/auth/logout", headers=bearer(t)),
        {"access", "expired access"},
    ),
    "POST /auth/logout, body": (lambda a, t: a.client.post("/auth/logout", json={"refreshToken": t}), {"refresh"}),
    "POST /auth/logout, cookie": (
        lambda a, t: a.client.post("/auth/logout", headers={"Cookie": f"refresh_token={t}"}),
        {"refresh"},
    ),
    "GET /auth/mfa": (fresh("GET", "/auth/mfa"), BY_SCOPE),
    "POST /auth/mfa/totp": (fresh("POST", "/auth/mfa/totp"), {"access"}),
    "POST /auth/mfa/totp/confirm": (fresh("POST", "/auth/mfa/totp/confirm", code="123456"), {"access"}),
    "DELETE /auth/mfa/totp": (fresh("DELETE", "/auth/mfa/totp"), {"access"}),
    "POST /auth/mfa/recovery-codes": (fresh("POST", "/auth/mfa/recovery-codes"), {"access"}),
    "POST /auth/mfa/require": (fresh("POST", "/auth/mfa/require"), {"access"}),
    "POST /auth/passkeys/options": (fresh("POST", "/auth/passkeys/options"), {"access"}),
    "POST /auth/passkeys": (
        fresh("POST", "/auth/passkeys", challengeId=NOWHERE, name="x", credential={}),
        {"access"},
    ),
    "GET /auth/passkeys": (fresh("GET", "/auth/passkeys"), BY_SCOPE),
    "PATCH /auth/passkeys/{id}": (fresh("PATCH", f"/auth/passkeys/{NOWHERE}", name="x"), {"access"}),
    "DELETE /auth/passkeys/{id}": (fresh("DELETE", f"/auth/passkeys/{NOWHERE}"), {"access"}),
    "POST /auth/reauthenticate/options": (fresh("POST", "/auth/reauthenticate/options"), {"access"}),
    "POST /auth/reauthenticate/email": (fresh("POST", "/auth/reauthenticate/email"), {"access"}),
    "GET /auth/identities": (fresh("GET", "/auth/identities"), BY_SCOPE),
    "DELETE /auth/identities/{id}": (fresh("DELETE", f"/auth/identities/{NOWHERE}"), {"access"}),
    "POST /auth/federation/{provider}": (fresh("POST", "/auth/federation/nobody", intent="link"), {"access"}),
    "POST /auth/federation/confirm": (fresh("POST", "/auth/federation/confirm", token="x"), {"access"}),
    **{
        f"{method} {path}": (fresh(method, re.sub(r"{\w+}", NOWHERE, path)), set[str]())
        for method, path, _ in (*ADMIN_ROUTES, *APP_ROUTES, *WEBHOOK_ROUTES, *CONSOLE_ROUTES)
    },
    "POST /auth/login/mfa, body": (
        lambda a, t: a.client.post("/auth/login/mfa", json={"mfaToken": t, "code": "000000"}),
        {"mfa ticket"},
    ),
    "POST /auth/login/passkey/options, body": (
        lambda a, t: a.client.post("/auth/login/passkey/options", json={"mfaToken": t}),
        {"mfa ticket"},
    ),
    "DELETE /auth/sessions/{id}": (
        lambda a, t: a.client.delete(
            f"/auth/sessions/{claims_of(a.tokens['accessToken'])['sid']}",
            headers=bearer(t),
        ),
        {"access"},
    ),
    "DELETE /auth/access-tokens/{id}": (
        lambda a, t: a.client.delete(f"/auth/access-tokens/{new_id(a)}", headers=bearer(t)),
        {"access"},
    ),
}

LINKED: dict[str, tuple[Call, set[str]]] = {
    "POST /auth/email/verify, body": (
        lambda a, t: a.client.post("/auth/email/verify", json={"token": t}),
        {"link to verify", "link to change"},
    ),
    "POST /auth/links/inspect, body": (
        lambda a, t: a.client.post("/auth/links/inspect", json={"token": t}),
        {"link to verify", "link to change", "link to revert", "link to reset"},
    ),
    "POST /auth/email/revert, body": (
        lambda a, t: a.client.post("/auth/email/revert", json={"token": t}),
        {"link to revert"},
    ),
    "POST /auth/password/reset, body": (
        lambda a, t: a.client.post("/auth/password/reset", json={"token": t, "newPassword": PASSWORD[::-1]}),
        {"link to reset"},
    ),
    "POST /auth/login/email/link, body": (
        lambda a, t: follow(a.client, t, confirm=True),
        {"link to sign in"},
    ),
    "POST /auth/federation/confirm, body": (  # nor what waits, without the cookie of the browser where it does
        lambda a, t: a.client.post("/auth/federation/confirm", json={"token": t}, headers=a.headers),
        set(),
    ),
}

TYPED: dict[str, tuple[Call, set[str]]] = {"POST /auth/login/email/code": (type_right_code, {"e-mail challenge"})}

LOOKED_AT: dict[str, tuple[Call, set[str]]] = {
    "POST /auth/introspect, body": (
        lambda a, t: a.client.post("/auth/introspect", data={"token": t}, headers=a.headers),
        {"access", "refresh", "personal"},
    ),
    **app_kinds.LOOKED_AT,
}


def new_id(alice: Person) -> str:
    """Return the id of a new personal access token."""
    body = {"name": "x", "scopes": ["account:read"]}
    return str(alice.client.post("/auth/access-tokens", json=body, headers=alice.headers).get_json()["id"])


def refused(place: str, kind: str, answer: Any) -> bool:
    """Tell whether an answer is the refusal that this place has for what is not meant for it."""
    if "/federation/" in place and place in LINKED:
        return (answer.status_code, answer.get_json()["code"]) == (410, "request_gone")
    if place in LINKED:
        return (answer.status_code, answer.get_json()["code"]) == (400, "link_invalid")
    if place in TYPED:
        return (answer.status_code, answer.get_json()["code"]) == (403, "email_code_invalid")
    if place in LOOKED_AT:
        return (answer.status_code, answer.get_json()) == (200, {"active": False})
    if place in app_kinds.CARRIERS and not (kind == "personal" and answer.status_code == 403):
        return app_kinds.is_refused(place, answer) or (answer.status_code == 403 and "our API" in kind)
    if " /admin/" in place and kind == "access":
        return (answer.status_code, answer.get_json()["code"]) == (403, "forbidden")
    return answer.status_code == 401 or (answer.status_code == 403 and kind in BY_SCOPE - {"access"})


MISSING = ("request_gone", "challenge_invalid", "mfa_code_invalid", "not_found", "mfa_not_enabled", "email_unverified")
"""What is said to who may, where what they ask for is not there."""


def passed(place: str, answer: Any) -> bool:
    """Tell whether an answer is what this place has for what is meant for it."""
    if place in LOOKED_AT:
        return answer.status_code == 200 and answer.get_json()["active"] is True
    if place in app_kinds.CARRIERS:
        return app_kinds.is_passed(place, answer)
    if answer.status_code in (400, 403, 404, 409, 410):
        return answer.get_json()["code"] in MISSING
    return answer.status_code in (200, 201, 202, 204)


class Kept:
    """The accounts as they are now, to be put back when something was done to them."""

    def __init__(self, mongo: Database) -> None:
        self.mongo = mongo
        self.documents = {
            name: list(mongo[name].find())
            for name in (
                *("users", "sessions", "access_tokens", "devices", "links", "letters", "mfa_tickets", "email_codes"),
                *("apps", "authorizations", "grants"),
            )
        }

    def put_back(self) -> None:
        """Undo what was done since."""
        for name, documents in self.documents.items():
            self.mongo[name].delete_many({})
            if documents:
                self.mongo[name].insert_many(documents)


def asked_for(app: Flask) -> Iterator[tuple[str, bool, bool]]:
    """Yield each operation (with {id} for an id), whether it asks who is calling, and whether for a token in a body."""
    document = app.test_client().get("/openapi.json").get_json()
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            if verb == "parameters":
                continue
            content = operation.get("requestBody", {"content": {}})["content"]
            names = [schemas[body["schema"]["$ref"].rpartition("/")[2]]["properties"] for body in content.values()]
            takes_token = any(name.lower().endswith("token") for properties in names for name in properties)
            shown = re.sub(r"{\w+_id}", "{id}", path)
            yield f"{verb.upper()} {shown}", "401" in operation["responses"], takes_token


class TestMatrix:
    @pytest.mark.slow
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_token_passes_only_where_it_is_meant_to(
        self, alice: Person, app: Flask, mongo: Database, kind: str
    ) -> None:
        """O37: and is refused everywhere else, and nothing ends by its being tried there."""
        app_kinds.mighty(alice, app)
        token = KINDS[kind](alice, app)
        before = Kept(mongo)
        wrong = []
        for place, (call, wanted) in {**CARRIERS, **app_kinds.CARRIERS, **LINKED, **TYPED, **LOOKED_AT}.items():
            answer = call(alice, token)
            fine = passed(place, answer) if kind in wanted else refused(place, kind, answer)
            if kind in wanted:
                before.put_back()
            if not fine or alice.home().status_code != 200:
                wrong.append((place, answer.status_code, answer.text))
        assert wrong == []

    def test_no_place_is_forgotten(self, app: Flask) -> None:
        """Every route that asks who is calling is a column, and so is every member of a body that takes a token."""
        asked = list(asked_for(app))
        tried = {place.partition(",")[0] for place in {**CARRIERS, **app_kinds.CARRIERS, **LINKED, **TYPED}}
        assert {name for name, who, _ in asked if who} - tried == {
            "POST /auth/login",
            "POST /auth/login/passkey",
            "POST /auth/federation/complete",
            "DELETE /auth/logout",
        }
        in_bodies = {f"{name}, body" for name, _, takes_token in asked if takes_token}
        assert {"POST /auth/email/revert, body", "POST /auth/refresh-token, body"} < in_bodies
        assert in_bodies - {*CARRIERS, *LINKED, *LOOKED_AT} == {"DELETE /auth/logout, body"}

    def test_o37_no_place_of_apps_is_forgotten(self, app: Flask) -> None:
        """All that speaks OAuth, but for what takes no token: requests to sign in, and the metadata."""
        tried = {place.partition(",")[0] for place in {**app_kinds.CARRIERS, **app_kinds.LOOKED_AT}}
        there = {f"{method} {path}" for method, path in routes(app, oauth=True) if "/.well-known/" not in path}
        # What is shown at the sign-out is a hint, which opens nothing: tests/oauth/test_logout.py.
        asking = {f"{method} /oauth2/{name}" for method in ("GET", "POST") for name in ("authorize", "logout")}
        assert there - tried == {*asking, "POST /oauth2/device"}
