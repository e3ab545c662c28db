"""Every kind of token at every place that takes one: only the diagonal passes. R40; RFC 8725 3.11 and 3.12."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from mongoengine.connection import get_db

from authsvc.schemas.access_tokens import SCOPES
from authsvc.security import recovery_codes
from tests.accounts import Database
from tests.api.forging import altered, claims_of, now
from tests.api.test_admin import ROUTES as ADMINISTRATION
from tests.conftest import PASSWORD, Person
from tests.letters import newest

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
    "device": device,
    "mfa ticket": pending,
    "passkey challenge": lambda alice, _: str(
        alice.client.post("/auth/login/passkey/options", json={}).get_json()["challengeId"]
    ),
    "recovery code": lambda *_: recovery_codes.generate()[0],
    "cursor": lambda _alice, _app: "NmIwNTE2NDk0ODY4NzY3YzVmMWJhNTU3",
}


def fresh(method: str, path: str, **body: Any) -> Call:
    """Return the call of a route that second factors are managed by."""
    return lambda a, t: a.client.open(path, method=method, json=body or None, headers=bearer(t))


NOWHERE = "f" * 24
PLACES: dict[str, tuple[Call, set[str]]] = {
    "GET /": (lambda a, t: a.client.get("/", headers=bearer(t)), {"access"}),
    "GET /auth/me": (lambda a, t: a.client.get("/auth/me", headers=bearer(t)), {"access", "personal"}),
    "PATCH /auth/me": (
        lambda a, t: a.client.patch("/auth/me", json={"name": "Al"}, headers=bearer(t)),
        {"access", "personal"},
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
        {"access", "personal"},
    ),
    "GET /auth/sessions": (lambda a, t: a.client.get("/auth/sessions", headers=bearer(t)), {"access", "personal"}),
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
    "GET /auth/verify": (lambda a, t: a.client.get("/auth/verify", headers=bearer(t)), {"access", "personal"}),
    "POST /auth/introspect": (
        lambda a, t: a.client.post("/auth/introspect", data={"token": "x"}, headers=bearer(t)),
        {"access", "personal"},
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
    "GET /auth/mfa": (fresh("GET", "/auth/mfa"), {"access", "personal"}),
    "POST /auth/mfa/totp": (fresh("POST", "/auth/mfa/totp"), {"access"}),
    "POST /auth/mfa/totp/confirm": (fresh("POST", "/auth/mfa/totp/confirm", code="123456"), {"access"}),
    "DELETE /auth/mfa/totp": (fresh("DELETE", "/auth/mfa/totp"), {"access"}),
    "POST /auth/mfa/recovery-codes": (fresh("POST", "/auth/mfa/recovery-codes"), {"access"}),
    "POST /auth/passkeys/options": (fresh("POST", "/auth/passkeys/options"), {"access"}),
    "POST /auth/passkeys": (
        fresh("POST", "/auth/passkeys", challengeId=NOWHERE, name="x", credential={}),
        {"access"},
    ),
    "GET /auth/passkeys": (fresh("GET", "/auth/passkeys"), {"access", "personal"}),
    "PATCH /auth/passkeys/{id}": (fresh("PATCH", f"/auth/passkeys/{NOWHERE}", name="x"), {"access"}),
    "DELETE /auth/passkeys/{id}": (fresh("DELETE", f"/auth/passkeys/{NOWHERE}"), {"access"}),
    "POST /auth/reauthenticate/options": (fresh("POST", "/auth/reauthenticate/options"), {"access"}),
    **{
        f"{method} {path}": (fresh(method, path.replace("{id}", NOWHERE)), set[str]())
        for method, path, _ in ADMINISTRATION
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
    "POST /auth/email/revert, body": (
        lambda a, t: a.client.post("/auth/email/revert", json={"token": t}),
        {"link to revert"},
    ),
    "POST /auth/password/reset, body": (
        lambda a, t: a.client.post("/auth/password/reset", json={"token": t, "newPassword": PASSWORD[::-1]}),
        {"link to reset"},
    ),
}

LOOKED_AT: dict[str, tuple[Call, set[str]]] = {
    "POST /auth/introspect, body": (
        lambda a, t: a.client.post("/auth/introspect", data={"token": t}, headers=a.headers),
        {"access", "refresh", "personal"},
    ),
}


def new_id(alice: Person) -> str:
    """Return the id of a new personal access token."""
    body = {"name": "x", "scopes": ["account:read"]}
    return str(alice.client.post("/auth/access-tokens", json=body, headers=alice.headers).get_json()["id"])


def refused(place: str, kind: str, answer: Any) -> bool:
    """Tell whether an answer is the refusal that this place has for what is not meant for it."""
    if place in LINKED:
        return (answer.status_code, answer.get_json()["code"]) == (400, "link_invalid")
    if place in LOOKED_AT:
        return (answer.status_code, answer.get_json()) == (200, {"active": False})
    if " /admin/" in place and kind == "access":
        return (answer.status_code, answer.get_json()["code"]) == (403, "forbidden")
    return answer.status_code == 401 or (answer.status_code == 403 and kind == "personal")


MISSING = ("challenge_invalid", "mfa_code_invalid", "not_found", "mfa_not_enabled", "email_unverified")
"""What is said to who may, where what they ask for is not there."""


def passed(place: str, answer: Any) -> bool:
    """Tell whether an answer is what this place has for what is meant for it."""
    if place in LOOKED_AT:
        return answer.status_code == 200 and answer.get_json()["active"] is True
    if answer.status_code in (400, 403, 404, 409):
        return answer.get_json()["code"] in MISSING
    return answer.status_code in (200, 201, 202, 204)


class Kept:
    """The accounts as they are now, to be put back when something was done to them."""

    def __init__(self, mongo: Database) -> None:
        self.mongo = mongo
        self.documents = {
            name: list(mongo[name].find())
            for name in ("users", "sessions", "access_tokens", "devices", "links", "letters", "mfa_tickets")
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
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_token_passes_only_where_it_is_meant_to(
        self, alice: Person, app: Flask, mongo: Database, kind: str
    ) -> None:
        """And is refused everywhere else, and nothing ends by its being tried there."""
        token = KINDS[kind](alice, app)
        before = Kept(mongo)
        wrong = []
        for place, (call, wanted) in {**PLACES, **LINKED, **LOOKED_AT}.items():
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
        tried = {place.partition(",")[0] for place in PLACES}
        assert {name for name, who, _ in asked if who} - tried == {
            "POST /auth/login",
            "POST /auth/login/passkey",
            "DELETE /auth/logout",
        }
        in_bodies = {f"{name}, body" for name, _, takes_token in asked if takes_token}
        assert {"POST /auth/email/revert, body", "POST /auth/refresh-token, body"} < in_bodies
        assert in_bodies - {*PLACES, *LINKED, *LOOKED_AT} == {"DELETE /auth/logout, body"}
