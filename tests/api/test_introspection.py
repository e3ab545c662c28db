"""`POST /auth/introspect`: what a token is good for (RFC 7662, R70)."""

from typing import Any

import pytest
import time_machine
from flask import Flask
from pymongo.database import Database

from authsvc.services.users import state
from tests.api.forging import altered, claims_of, now
from tests.conftest import Person, problem

Mongo = Database[dict[str, Any]]


def introspect(person: Person, token: Any, **form: str) -> Any:
    """Return the answer to a service that signed in as the person."""
    return person.client.post("/auth/introspect", data={"token": token, **form}, headers=person.headers)


def described(person: Person, token: str, **form: str) -> dict[str, Any]:
    """Return what is told of a token."""
    answer = introspect(person, token, **form)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return dict(answer.get_json())


def new_token(person: Person, **members: Any) -> dict[str, Any]:
    """Return a new personal access token."""
    body = {"name": "script", "scopes": ["account:read", "tokens:introspect"], **members}
    return dict(person.client.post("/auth/access-tokens", json=body, headers=person.headers).get_json())


class TestActive:
    def test_an_access_token(self, alice: Person, bob: Person) -> None:
        token = alice.tokens["accessToken"]
        claims = claims_of(token)
        told = ("iss", "aud", "sub", "sid", "jti", "iat", "exp", "auth_time", "amr", "role")
        assert described(bob, token) == {
            "active": True,
            "token_type": "Bearer",
            "username": alice.email,
            **{name: claims[name] for name in told},
        }

    def test_a_refresh_token_and_it_stays_unused(self, alice: Person, bob: Person, mongo: Mongo) -> None:
        token = alice.tokens["refreshToken"]
        claims = claims_of(token)
        before = list(mongo.sessions.find())
        found = described(bob, token, token_type_hint="refresh_token")
        assert (found["active"], found["token_type"], found["aud"]) == (True, "refresh_token", claims["aud"])
        assert (found["sub"], found["sid"], found["exp"]) == (alice.id, claims["sid"], claims["exp"])
        assert list(mongo.sessions.find()) == before
        assert alice.refresh().status_code == 200

    def test_a_personal_access_token_and_it_stays_unused(self, alice: Person, bob: Person, mongo: Mongo) -> None:
        token = new_token(alice, expiresInDays=1)
        found = described(bob, token["token"])
        exp = found.pop("exp")
        assert exp - found.pop("iat") == 86_400
        assert found == {
            "active": True,
            "iss": "http://localhost:8000",
            "token_type": "Bearer",
            "jti": token["id"],
            "sub": alice.id,
            "username": alice.email,
            "role": "user",
            "scope": "account:read tokens:introspect",
        }
        assert mongo.access_tokens.count_documents({"lastUsedAt": None}) == 1
        assert "exp" not in described(bob, new_token(alice)["token"])

    def test_role_and_address_are_of_this_moment(self, alice: Person, bob: Person, mongo: Mongo) -> None:
        """R52"""
        for collection, name in ((mongo.users, "_id"), (mongo.sessions, "user")):
            collection.update_many(
                {name: {"$in": [mongo.users.find_one({"email": alice.email})["_id"]]}}, {"$set": {"role": "admin"}}
            )
        for token in (alice.tokens["accessToken"], alice.tokens["refreshToken"], new_token(alice)["token"]):
            assert described(bob, token)["role"] == "admin"

    def test_by_a_personal_access_token_with_the_scope(self, alice: Person) -> None:
        """The way a service asks: without a person behind it."""
        token = new_token(alice)["token"]
        answer = alice.client.post(
            "/auth/introspect", data={"token": token}, headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.get_json()["active"] is True

    def test_a_refresh_token_in_its_grace(self, alice: Person, bob: Person) -> None:
        first = alice.tokens["refreshToken"]
        second = alice.refresh().get_json()["refreshToken"]
        assert described(bob, first)["active"] is True
        with time_machine.travel(now() + 31, tick=False):
            assert described(bob.login(), first) == {"active": False}
        assert alice.refresh(second).status_code == 200


class TestInactive:
    """RFC 7662 section 2.2: `active` alone, whatever the reason."""

    @pytest.mark.parametrize("text", ["", "x", "a.b.c", "asv_", "asv_" + "0" * 49, "\u00fc", "x" * 60_000])
    def test_what_is_no_token(self, alice: Person, text: str) -> None:
        assert described(alice, text) == {"active": False}

    def test_an_expired_token_is_inactive(self, alice: Person, bob: Person) -> None:
        token = new_token(alice, expiresInDays=1)["token"]
        with time_machine.travel(now() + 86_401, tick=False):
            again = bob.login()
            for old in (alice.tokens["accessToken"], token):
                assert described(again, old) == {"active": False}
        with time_machine.travel(now() + 2_592_001, tick=False):
            assert described(bob.login(), alice.tokens["refreshToken"]) == {"active": False}

    def test_a_token_of_an_ended_session_is_inactive(self, alice: Person, bob: Person) -> None:
        alice.client.post("/auth/logout", headers=alice.headers)
        for token in (alice.tokens["accessToken"], alice.tokens["refreshToken"]):
            assert described(bob, token) == {"active": False}

    def test_a_used_refresh_token_and_looking_at_it_is_no_theft(self, alice: Person, bob: Person) -> None:
        second = alice.refresh().get_json()["refreshToken"]
        third = alice.refresh(second).get_json()["refreshToken"]
        assert described(bob, alice.tokens["refreshToken"]) == {"active": False}
        assert alice.refresh(third).status_code == 200

    def test_whose_owner_is_disabled(self, alice: Person, bob: Person, app: Flask) -> None:
        token = new_token(alice)["token"]
        with app.app_context():
            state.disable(None, alice.id)
        for shown in (token, alice.tokens["accessToken"], alice.tokens["refreshToken"]):
            assert described(bob, shown) == {"active": False}

    def test_what_was_signed_but_not_by_our_rules(self, alice: Person, bob: Person, app: Flask) -> None:
        """R40, R41, R43: with the real key."""
        access, refresh = alice.tokens["accessToken"], alice.tokens["refreshToken"]
        for forged in (
            altered(app, access, without=("type",)),
            altered(app, access, type="reset"),
            altered(app, access, aud="other"),
            altered(app, access, exp=now() + 86_400),
            altered(app, access, sub=bob.id),
            altered(app, refresh, type="access"),
            altered(app, refresh, without=("generation",)),
            altered(app, refresh, generation="1"),
            altered(app, refresh, generation=2),
        ):
            assert described(bob, forged) == {"active": False}


class TestForm:
    def test_other_parameters_are_ignored(self, alice: Person) -> None:
        """RFC 7662 section 2.1: `token_type_hint` may be wrong, and there may be more."""
        token = alice.tokens["accessToken"]
        form = {"token_type_hint": "nonsense", "client_id": "x", "": "y"}
        assert described(alice, token, **form)["active"] is True

    @pytest.mark.parametrize("body", [b"", b"token", b"tok\xffen=x", b"token_type_hint=access_token", b"&&&=&;;"])
    def test_the_token_is_required(self, alice: Person, body: bytes) -> None:
        headers = {**alice.headers, "Content-Type": "application/x-www-form-urlencoded"}
        answer = alice.client.post("/auth/introspect", data=body, headers=headers)
        if body == b"token":
            assert answer.get_json() == {"active": False}
        else:
            (error,) = problem(answer, 422, "validation_failed")["errors"]
            assert (error["pointer"], error["code"]) == ("/token", "required")

    def test_it_may_stand_once(self, alice: Person) -> None:
        """RFC 6749 section 3.1"""
        token = alice.tokens["accessToken"]
        headers = {**alice.headers, "Content-Type": "application/x-www-form-urlencoded"}
        answer = alice.client.post("/auth/introspect", data=f"token={token}&token={token}", headers=headers)
        (error,) = problem(answer, 422, "validation_failed")["errors"]
        assert (error["pointer"], error["code"]) == ("/token", "not_allowed")

    @pytest.mark.parametrize(
        "media_type",
        ["application/json", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form", ""],
    )
    def test_it_is_the_one_route_that_takes_a_form_and_nothing_else(self, alice: Person, media_type: str) -> None:
        body = f"token={alice.tokens['accessToken']}"
        headers = {**alice.headers, "Content-Type": media_type}
        problem(alice.client.post("/auth/introspect", data=body, headers=headers), 415, "unsupported_media_type")

    def test_too_much_is_too_much(self, alice: Person) -> None:
        problem(introspect(alice, "x" * 66_000), 413, "body_too_large")
        headers = {**alice.headers, "Content-Type": "application/x-www-form-urlencoded"}
        answer = alice.client.post("/auth/introspect", data=b"token=x" + b"&a=1" * 15_000, headers=headers)
        assert answer.status_code in (200, 422)

    def test_a_token_in_the_url_does_not_count(self, alice: Person) -> None:
        """R48"""
        answer = alice.client.post(f"/auth/introspect?token={alice.tokens['accessToken']}", headers=alice.headers)
        assert answer.status_code in (415, 422)

    def test_who_asks_must_be_known(self, alice: Person) -> None:
        """RFC 7662 section 4: against those who guess tokens."""
        problem(alice.client.post("/auth/introspect", data={"token": "x"}), 401, "token_missing")
