"""Every kind of token at every place that takes one: only the diagonal passes. R40; RFC 8725 3.11 and 3.12."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from authsvc.schemas.access_tokens import SCOPES
from tests.api.forging import altered, claims_of, now
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
    "cursor": lambda _alice, _app: "NmIwNTE2NDk0ODY4NzY3YzVmMWJhNTU3",
}

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


def new_id(alice: Person) -> str:
    """Return the id of a new personal access token."""
    body = {"name": "x", "scopes": ["account:read"]}
    return str(alice.client.post("/auth/access-tokens", json=body, headers=alice.headers).get_json()["id"])


class TestMatrix:
    @pytest.mark.parametrize("place", PLACES)
    @pytest.mark.parametrize("kind", KINDS)
    def test_only_what_is_meant_for_it_passes(self, alice: Person, app: Flask, kind: str, place: str) -> None:
        call, wanted = PLACES[place]
        answer = call(alice, KINDS[kind](alice, app))
        if kind in wanted:
            assert answer.status_code in (200, 201, 202, 204), answer.text
        else:
            assert answer.status_code in (401, 403), answer.text
            assert answer.status_code == 401 or kind == "personal"
            assert alice.home().status_code == 200

    def test_no_place_is_forgotten(self, app: Flask) -> None:
        """Every route that asks who is calling is a column."""
        document = app.test_client().get("/openapi.json").get_json()
        asked = {
            f"{verb.upper()} {path}"
            for path, operations in document["paths"].items()
            for verb, operation in operations.items()
            if verb != "parameters" and "401" in operation["responses"]
        }
        tried = {place.partition(",")[0] for place in PLACES}
        placeholders = {name.replace("{session_id}", "{id}").replace("{token_id}", "{id}") for name in asked}
        assert placeholders - tried == {"POST /auth/login", "DELETE /auth/logout"}
