"""Personal access tokens: what a script may in its owner's name, and for how long. R86."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from authsvc.errors import SessionEnded
from authsvc.security import opaque_tokens
from authsvc.services import access_tokens, sessions
from authsvc.services.callers import SCOPES, Caller
from authsvc.services.users import state
from tests.api.forging import claims_of, now
from tests.conftest import Person, problem
from tests.support.accounts import WRONG_TYPES, told

Mongo = Database[dict[str, Any]]
MEMBERS = {"id", "name", "scopes", "createdAt", "expiresAt"}


def create(person: Person, **members: Any) -> Any:
    """Return the answer to a request for a token that is good but for the members given."""
    body = {"name": "a script", "scopes": ["account:read"], **members}
    return person.client.post("/auth/access-tokens", json=body, headers=person.headers)


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


def listed(person: Person, query: str = "") -> dict[str, Any]:
    """Return a page of the person's tokens."""
    answer = person.client.get(f"/auth/access-tokens{query}", headers=person.headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


@pytest.fixture
def token(alice: Person) -> str:
    """Return a token of Alice's that reads her account."""
    return str(create(alice).get_json()["token"])


class TestCreate:
    def test_it_is_shown_once_and_kept_as_a_hash(self, alice: Person, mongo: Mongo) -> None:
        answer = create(alice, name="backup", scopes=["account:read", "account:write"], expiresInDays=30)
        assert answer.status_code == 201
        assert answer.headers["Cache-Control"] == "no-store"
        issued = answer.get_json()
        assert set(issued) == {*MEMBERS, "token"}
        assert (issued["name"], issued["scopes"]) == ("backup", ["account:read", "account:write"])
        lasts = datetime.fromisoformat(issued["expiresAt"]) - datetime.fromisoformat(issued["createdAt"])
        assert lasts == timedelta(days=30)
        assert opaque_tokens.is_well_formed(issued["token"], "asv_")
        (stored,) = mongo.access_tokens.find()
        assert stored["digest"] == hashlib.sha256(issued["token"].encode()).hexdigest()
        assert issued["token"][4:] not in str(stored)
        (item,) = listed(alice)["items"]
        assert item == {**{name: issued[name] for name in MEMBERS}, "lastUsedAt": None}

    def test_without_a_limit_it_lasts(self, alice: Person) -> None:
        token = create(alice).get_json()
        assert token["expiresAt"] is None
        with time_machine.travel(now() + 20 * 365 * 86_400, tick=True):
            assert alice.client.get("/auth/me", headers=bearer(token["token"])).status_code == 200

    @pytest.mark.parametrize(
        ("members", "errors"),
        [
            ({"name": ""}, {("/name", "too_short")}),
            ({"name": "x" * 101}, {("/name", "too_long")}),
            ({"name": "a\0b"}, {("/name", "bad_format")}),
            ({"name": "a\nb"}, {("/name", "bad_format")}),
            ({"scopes": []}, {("/scopes", "too_short")}),
            ({"scopes": ["account:read", "account:read"]}, {("/scopes", "not_allowed")}),
            ({"scopes": ["account:*"]}, {("/scopes/0", "not_allowed")}),
            ({"scopes": ["account:read", "admin"]}, {("/scopes/1", "not_allowed")}),
            ({"scopes": "account:read"}, {("/scopes", "wrong_type")}),
            ({"scopes": None}, {("/scopes", "wrong_type")}),
            ({"scopes": [None]}, {("/scopes/0", "wrong_type")}),
            ({"scopes": {"0": "account:read"}}, {("/scopes", "wrong_type")}),
            *(({"expiresInDays": days}, {("/expiresInDays", "not_allowed")}) for days in (0, -1, 3651, 10**30)),
            *(({"expiresInDays": days}, {("/expiresInDays", "wrong_type")}) for days in ("1", 1.5, True, None, [])),
            ({"token": "mine"}, {("/token", "unknown_field")}),
            ({"user": "0" * 24}, {("/user", "unknown_field")}),
        ],
    )
    def test_bad_input_is_named(self, alice: Person, mongo: Mongo, members: dict[str, Any], errors: set[Any]) -> None:
        answer = create(alice, **members)
        problem(answer, 422, "validation_failed")
        assert told(answer) == errors
        assert mongo.access_tokens.count_documents({}) == 0

    @pytest.mark.parametrize("name", ["name", "scopes"])
    @pytest.mark.parametrize("value", WRONG_TYPES, ids=str)
    def test_operators_and_other_types_are_refused(self, alice: Person, name: str, value: Any) -> None:
        """R91"""
        problem(create(alice, **{name: value}), 422, "validation_failed")

    def test_what_is_needed_is_said(self, alice: Person) -> None:
        answer = alice.client.post("/auth/access-tokens", json={}, headers=alice.headers)
        assert told(answer) == {("/name", "required"), ("/scopes", "required")}

    def test_it_needs_a_fresh_sign_in(self, alice: Person) -> None:
        """ASVS 7.5.1: of the last ten minutes; a refresh is none."""
        with time_machine.travel(now() + 590, tick=True):
            assert create(alice).status_code == 201
        with time_machine.travel(now() + 601, tick=True):
            problem(create(alice), 403, "fresh_login_required")
            alice.tokens.update(alice.refresh().get_json())
            problem(create(alice), 403, "fresh_login_required")
            assert create(alice.login()).status_code == 201

    def test_an_account_that_is_disabled_meanwhile_gets_none(self, alice: Person, app: Flask, mongo: Mongo) -> None:
        """F8: the token is stored, then the user is read again."""
        who = Caller(alice.id, alice.email, "user")
        with app.app_context():
            state.disable(None, alice.id)
            with pytest.raises(SessionEnded):
                access_tokens.issue(who, "late", ["account:read"], None)
            mongo.users.delete_many({})
            with pytest.raises(SessionEnded):
                access_tokens.issue(who, "later", ["account:read"], None)
        assert mongo.access_tokens.count_documents({}) == 0

    @pytest.mark.parametrize("reason", ["logout", "password_reset"])
    def test_nor_does_one_whose_session_ends_meanwhile(
        self, alice: Person, app: Flask, mongo: Mongo, reason: str
    ) -> None:
        """R78: else a thief's token outlives the reset that was to shut them out."""
        who = Caller(alice.id, alice.email, "user", claims_of(alice.tokens["accessToken"])["sid"])
        with app.app_context():
            sessions.end_all(alice.id, reason)
            with pytest.raises(SessionEnded) as refused:
                access_tokens.issue(who, "late", ["account:read"], None)
        assert refused.value.extra["reason"] == reason
        assert mongo.access_tokens.count_documents({}) == 0


class TestScope:
    ROUTES = {
        ("GET", "/auth/me"): "account:read",
        ("GET", "/auth/sessions"): "account:read",
        ("PATCH", "/auth/me"): "account:write",
        ("POST", "/auth/introspect"): "tokens:introspect",
    }

    @pytest.mark.parametrize("scope", SCOPES)
    def test_each_opens_its_own_routes_and_no_other(self, alice: Person, scope: str) -> None:
        headers = bearer(create(alice, scopes=[scope]).get_json()["token"])
        for (method, path), needed in self.ROUTES.items():
            given = {"data": {"token": "x"}} if path.endswith("introspect") else {"json": {"name": "Al"}}
            answer = alice.client.open(path, method=method, headers=headers, **given)
            if scope == needed:
                assert answer.status_code == 200
            else:
                problem(answer, 403, "scope_missing")
                assert answer.headers["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{needed}"'

    def test_all_of_them_do_not_open_a_route_without_one(self, alice: Person, mongo: Mongo) -> None:
        """Nor one that needs a fresh sign-in, however young the token is."""
        headers = bearer(create(alice, scopes=list(SCOPES)).get_json()["token"])
        call = alice.client.open
        session = claims_of(alice.tokens["accessToken"])["sid"]
        (token,) = mongo.access_tokens.find()
        for method, path in (
            ("GET", "/"),
            ("DELETE", f"/auth/sessions/{session}"),
            ("DELETE", "/auth/sessions?scope=all"),
            ("GET", "/auth/access-tokens"),
            ("DELETE", f"/auth/access-tokens/{token['_id']}"),
        ):
            problem(call(path, method=method, headers=headers), 403, "scope_missing")
        body = {"name": "another", "scopes": ["account:read"]}
        problem(call("/auth/access-tokens", method="POST", json=body, headers=headers), 403, "fresh_login_required")
        problem(call("/auth/logout", method="POST", headers=headers), 401, "token_invalid")
        assert alice.home().status_code == 200
        assert mongo.access_tokens.count_documents({}) == 1

    def test_it_shows_the_account_as_it_is_now(self, alice: Person, mongo: Mongo, token: str) -> None:
        """R52: never more than its owner may at that moment."""
        mongo.users.update_one({}, {"$set": {"role": "admin"}})
        assert alice.client.get("/auth/me", headers=bearer(token)).get_json()["role"] == "admin"
        verified = alice.client.get("/auth/verify", headers=bearer(token))
        assert verified.headers["X-Auth-Role"] == "admin"


class TestUse:
    def test_the_last_use_is_kept_to_the_minute_without_a_write_each(
        self, alice: Person, mongo: Mongo, token: str
    ) -> None:
        def use() -> datetime:
            assert alice.client.get("/auth/me", headers=bearer(token)).status_code == 200
            (stored,) = mongo.access_tokens.find()
            return stored["lastUsedAt"]

        begin = now()
        with time_machine.travel(begin, tick=False) as clock:
            first = use()
            clock.shift(59)
            assert use() == first == datetime.fromtimestamp(begin, UTC)
            clock.shift(1)
            assert use() == first + timedelta(seconds=60)
        assert listed(alice)["items"][0]["lastUsedAt"].startswith(f"{first + timedelta(seconds=60):%Y-%m-%dT%H:%M:%S}")

    def test_a_use_does_not_bring_a_revoked_one_back(self, alice: Person, app: Flask, mongo: Mongo, token: str) -> None:
        """C3, D8"""
        (stored,) = mongo.access_tokens.find()
        mongo.access_tokens.delete_many({})
        with app.app_context():
            access_tokens.AccessToken.touch(stored["_id"], datetime.now(UTC), timedelta(0))
        assert mongo.access_tokens.count_documents({}) == 0

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda token: token[:-1],
            lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
            lambda token: token + "A",
            lambda token: token.swapcase().replace("ASV_", "asv_"),
            lambda _: opaque_tokens.generate("asv_"),
            lambda _: "asv_",
            lambda _: "asv_" + "x" * 5000,
        ],
    )
    def test_one_that_is_none_is_refused(self, alice: Person, token: str, spoil: Callable[[str], str]) -> None:
        problem(alice.client.get("/auth/me", headers=bearer(spoil(token))), 401, "token_invalid")
        assert alice.client.get("/auth/me", headers=bearer(token)).status_code == 200

    def test_it_expires_by_the_second(self, alice: Person) -> None:
        token = create(alice, expiresInDays=1).get_json()["token"]
        with time_machine.travel(now() + 86_399, tick=False):
            assert alice.client.get("/auth/me", headers=bearer(token)).status_code == 200
        with time_machine.travel(now() + 86_401, tick=False):
            problem(alice.client.get("/auth/me", headers=bearer(token)), 401, "token_invalid")
            assert create(alice.login()).status_code == 201
            assert len(listed(alice.login())["items"]) == 1

    def test_it_counts_in_the_header_alone(self, client: FlaskClient, token: str) -> None:
        """R48"""
        problem(client.get(f"/auth/me?access_token={token}"), 401, "token_missing")
        problem(client.get("/auth/me", headers={"Cookie": f"refresh_token={token}"}), 401, "token_missing")


class TestEnd:
    def test_revoked_it_is_refused_at_once(self, alice: Person, token: str) -> None:
        (item,) = listed(alice)["items"]
        path = f"/auth/access-tokens/{item['id']}"
        assert alice.client.delete(path, headers=alice.headers).status_code == 204
        problem(alice.client.get("/auth/me", headers=bearer(token)), 401, "token_invalid")
        assert listed(alice)["items"] == []
        problem(alice.client.delete(path, headers=alice.headers), 404, "not_found")

    def test_another_users_is_not_there(self, alice: Person, bob: Person, token: str) -> None:
        """R88"""
        (item,) = listed(alice)["items"]
        assert listed(bob)["items"] == []
        problem(bob.client.delete(f"/auth/access-tokens/{item['id']}", headers=bob.headers), 404, "not_found")
        assert alice.client.get("/auth/me", headers=bearer(token)).status_code == 200

    @pytest.mark.parametrize("token_id", ["nope", "f" * 24, "%7B%22$ne%22:null%7D", "..%2f", "%00", "0" * 4000])
    def test_an_id_that_is_none(self, alice: Person, token: str, token_id: str) -> None:
        """R88"""
        problem(alice.client.delete(f"/auth/access-tokens/{token_id}", headers=alice.headers), 404, "not_found")

    def test_it_dies_with_its_owner(self, alice: Person, app: Flask, mongo: Mongo, token: str) -> None:
        with app.app_context():
            state.disable(None, alice.id)
        problem(alice.client.get("/auth/me", headers=bearer(token)), 401, "token_invalid")
        mongo.users.update_one({}, {"$unset": {"disabledAt": 1}})
        problem(alice.client.get("/auth/me", headers=bearer(token)), 401, "token_invalid")

    @pytest.mark.parametrize("change", [{"$set": {"disabledAt": datetime(2026, 1, 1, tzinfo=UTC)}}, None])
    def test_it_asks_its_owner_each_time(self, alice: Person, mongo: Mongo, token: str, change: Any) -> None:
        """R52: also where somebody wrote to the database past the service."""
        mongo.users.update_one({}, change) if change else mongo.users.delete_many({})
        problem(alice.client.get("/auth/me", headers=bearer(token)), 401, "token_invalid")

    def test_it_outlives_the_session_that_made_it(self, alice: Person, token: str) -> None:
        alice.client.post("/auth/logout", headers=alice.headers)
        assert alice.client.get("/auth/me", headers=bearer(token)).status_code == 200


class TestList:
    def test_pages_are_stable(self, alice: Person) -> None:
        for number in range(5):
            create(alice, name=f"script {number}")
        page = listed(alice, "?limit=2")
        names = [item["name"] for item in page["items"]]
        create(alice, name="new")
        while page["next"]:
            page = listed(alice, f"?limit=2&cursor={page['next']}")
            names += [item["name"] for item in page["items"]]
        assert names == [f"script {number}" for number in range(4, -1, -1)]

    def test_it_never_shows_the_token(self, alice: Person, token: str, mongo: Mongo) -> None:
        shown = json.dumps(listed(alice))
        (stored,) = mongo.access_tokens.find()
        assert token[4:] not in shown
        assert stored["digest"] not in shown


class TestRemoval:
    def test_the_database_has_its_indexes(self, app: Flask, mongo: Mongo) -> None:
        """R69: one for the hash, by which each request asks; one that removes what has expired."""
        found = mongo.access_tokens.index_information()
        assert found["digest"]["unique"]
        assert (found["expiry"]["key"], found["expiry"]["expireAfterSeconds"]) == ([("expiresAt", 1)], 0)
        assert found["user"]["key"] == [("user", 1), ("_id", -1)]
