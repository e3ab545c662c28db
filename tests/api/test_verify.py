"""`GET /auth/verify`: what a proxy learns of who is calling."""

from typing import Any
from urllib.parse import quote, unquote

import pytest
from flask.testing import FlaskClient
from pymongo.database import Database

from tests.api.forging import claims_of
from tests.conftest import Person, problem

Mongo = Database[dict[str, Any]]

IDENTITY = ("X-Auth-User-Id", "X-Auth-Email", "X-Auth-Role", "X-Auth-Session-Id", "X-Auth-Scope")
NASTY = [
    "a\r\nX-Auth-Role: admin@example.com",
    "a\nb@example.com",
    "a\0@example.com",
    "jürgen@münchen.example",
    "\u202eadmin@example.com",
    "\U0001f980@example.com",
    "a%0d%0a@example.com",
    "a b@example.com",
    "\x7f\x1b[31m@example.com",
    "x" * 2000 + "@example.com",
]


def verify(person: Person, query: str = "", headers: dict[str, str] | None = None) -> Any:
    """Return the answer to a proxy that shows the person's token."""
    return person.client.get(f"/auth/verify{query}", headers=headers or person.headers)


def by_token(person: Person, *scopes: str) -> dict[str, str]:
    """Return the header that shows a new personal access token."""
    body = {"name": "script", "scopes": list(scopes)}
    made = person.client.post("/auth/access-tokens", json=body, headers=person.headers)
    return {"Authorization": f"Bearer {made.get_json()['token']}"}


class TestIdentity:
    def test_a_session_names_its_user(self, alice: Person) -> None:
        answer = verify(alice)
        assert (answer.status_code, answer.data) == (204, b"")
        assert answer.headers["Cache-Control"] == "no-store"
        shown = {name: answer.headers[name] for name in IDENTITY if name in answer.headers}
        assert shown == {
            "X-Auth-User-Id": alice.id,
            "X-Auth-Email": alice.email,
            "X-Auth-Role": "user",
            "X-Auth-Session-Id": claims_of(alice.tokens["accessToken"])["sid"],
        }

    def test_of_a_personal_access_token(self, alice: Person) -> None:
        answer = verify(alice, headers=by_token(alice, "audit:read", "account:read"))
        shown = {name: answer.headers[name] for name in IDENTITY if name in answer.headers}
        assert shown == {
            "X-Auth-User-Id": alice.id,
            "X-Auth-Email": alice.email,
            "X-Auth-Role": "user",
            "X-Auth-Scope": "account:read audit:read",
        }

    @pytest.mark.parametrize("email", NASTY, ids=ascii)
    @pytest.mark.parametrize("kind", ["session", "access token"])
    def test_no_address_breaks_out_of_its_header(self, alice: Person, mongo: Mongo, email: str, kind: str) -> None:
        """Whatever an older system stored: visible ASCII, and back again by percent-decoding (RFC 3986 section 2.1)."""
        headers = alice.headers if kind == "session" else by_token(alice, "account:read")
        mongo.users.update_one({}, {"$set": {"email": email}})
        mongo.sessions.update_many({}, {"$set": {"email": email}})
        answer = verify(alice, headers=headers)
        value = answer.headers["X-Auth-Email"]
        assert value.isascii()
        assert value.isprintable()
        assert " " not in value
        assert unquote(value) == email
        assert answer.headers.getlist("X-Auth-Role") == ["user"]

    @pytest.mark.parametrize("role", ["admin\r\nX-Auth-User-Id: 1", "rôle", "a,b", "%61dmin"], ids=ascii)
    def test_no_role_does_either(self, alice: Person, mongo: Mongo, role: str) -> None:
        mongo.sessions.update_many({}, {"$set": {"role": role}})
        answer = verify(alice)
        assert unquote(answer.headers["X-Auth-Role"]) == role
        assert answer.headers.getlist("X-Auth-User-Id") == [alice.id]
        assert verify(alice, f"?role={quote(role, safe='')}").status_code == 204
        assert (verify(alice, "?role=admin").status_code, role != "admin") == (403, True)


class TestCondition:
    def test_the_role_is_the_one_of_this_moment(self, alice: Person, mongo: Mongo) -> None:
        """R52: not the token's."""
        assert verify(alice, "?role=user").status_code == 204
        problem(verify(alice, "?role=admin"), 403, "forbidden")
        mongo.sessions.update_many({}, {"$set": {"role": "admin"}})
        assert verify(alice, "?role=admin").status_code == 204
        problem(verify(alice, "?role=user"), 403, "forbidden")

    def test_a_scope_binds_personal_access_tokens_alone(self, alice: Person) -> None:
        headers = by_token(alice, "account:read")
        assert verify(alice, "?scope=account:read", headers).status_code == 204
        problem(verify(alice, "?scope=account:write", headers), 403, "scope_missing")
        assert verify(alice, "?scope=account:write").status_code == 204
        assert verify(alice, "?role=user&scope=account:read", headers).status_code == 204
        problem(verify(alice, "?role=admin&scope=account:read", headers), 403, "forbidden")

    @pytest.mark.parametrize(
        ("query", "parameter", "code"),
        [
            ("?role=", "role", "too_short"),
            (f"?role={'x' * 65}", "role", "too_long"),
            ("?role=user&role=admin", "role", "not_allowed"),
            ("?scope=", "scope", "not_allowed"),
            ("?scope=account:read account:write", "scope", "not_allowed"),
            ("?scope=everything", "scope", "not_allowed"),
            ("?rôle=admin", "rôle", "unknown_field"),
            ("?Role=admin", "Role", "unknown_field"),
        ],
    )
    def test_a_condition_that_is_none_lets_nobody_in(
        self, alice: Person, query: str, parameter: str, code: str
    ) -> None:
        """A mistake in a proxy's configuration must not open what it guards."""
        (error,) = problem(verify(alice, query), 422, "validation_failed")["errors"]
        assert (error["parameter"], error["code"]) == (parameter, code)


class TestRefusal:
    def test_who_shows_nothing_or_what_has_ended(self, alice: Person) -> None:
        """A refusal names nobody."""
        alice.client.post("/auth/logout", headers=alice.headers)
        for answer, code in (
            (alice.client.get("/auth/verify"), "token_missing"),
            (verify(alice), "session_ended"),
            (verify(alice, headers={"Authorization": "Bearer x"}), "token_invalid"),
        ):
            problem(answer, 401, code)
            assert not set(IDENTITY) & set(answer.headers.keys())

    def test_a_cookie_is_no_access_token(self, browser_client: FlaskClient, alice: Person) -> None:
        credentials = {"email": alice.email, "password": alice.password, "transport": "cookie"}
        assert browser_client.post("/auth/login", json=credentials).status_code == 200
        problem(browser_client.get("/auth/verify"), 401, "token_missing")
