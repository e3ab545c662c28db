"""Connected apps: what somebody has allowed, as they and their export see it. O50, T10."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import Person, problem
from tests.support.accounts import Database
from tests.support.oauth import AppClient, bearer, new_app


@pytest.fixture
def notes(app: Flask, client: FlaskClient) -> AppClient:
    return new_app(app, client)


class TestList:
    def test_o50_it_says_which_app_may_do_what(self, app: Flask, notes: AppClient, alice: Person, bob: Person):
        notes.sign_in(alice.tokens["accessToken"])
        other = new_app(app, alice.client, name="Mail")
        tokens = other.sign_in(alice.tokens["accessToken"], scope="openid offline_access")
        notes.sign_in(bob.tokens["accessToken"])
        answer = alice.client.get("/auth/grants", headers=alice.headers).get_json()
        assert answer["next"] is None
        mail, first = answer["items"]
        assert (mail["app"], mail["scopes"]) == ({"id": other.id, "name": "Mail"}, ["openid", "offline_access"])
        assert (first["app"]["name"], first["scopes"], first["resources"]) == ("Notes", ["openid", "email"], [])
        assert first["createdAt"] <= first["lastUsedAt"] < mail["lastUsedAt"]
        assert other.refresh(tokens["refresh_token"]).status == 200
        again = alice.client.get("/auth/grants", headers=alice.headers).get_json()["items"][0]
        assert again["lastUsedAt"] > mail["lastUsedAt"]

    def test_it_comes_in_pages(self, app: Flask, alice: Person):
        for name in ("One", "Two", "Three"):
            new_app(app, alice.client, name=name).sign_in(alice.tokens["accessToken"])
        names, cursor = [], ""
        while cursor is not None:
            page = alice.client.get(f"/auth/grants?limit=2{cursor}", headers=alice.headers).get_json()
            names += [one["app"]["name"] for one in page["items"]]
            cursor = f"&cursor={page['next']}" if page["next"] else None
        assert names == ["Three", "Two", "One"]

    def test_o50_nobody_disconnects_what_another_allowed(self, notes: AppClient, alice: Person, bob: Person):
        tokens = notes.sign_in(alice.tokens["accessToken"])
        grant = alice.client.get("/auth/grants", headers=alice.headers).get_json()["items"][0]["id"]
        assert bob.client.delete(f"/auth/grants/{grant}", headers=bob.headers).status_code == 404
        assert notes.userinfo(tokens["access_token"]).status == 200

    @pytest.mark.parametrize(("method", "path"), [("GET", "/auth/grants"), ("DELETE", "/auth/grants/" + "f" * 24)])
    def test_o38_no_token_with_scopes_opens_it(self, notes: AppClient, alice: Person, method: str, path: str):
        body = {"name": "script", "scopes": ["account:read", "account:write"]}
        made = alice.client.post("/auth/access-tokens", json=body, headers=alice.headers).get_json()
        problem(alice.client.open(path, method=method, headers=bearer(made["token"])), 403, "scope_missing")
        theirs = notes.sign_in(alice.tokens["accessToken"])["access_token"]
        assert alice.client.open(path, method=method, headers=bearer(theirs)).status_code in (401, 403)
        assert alice.client.open(path, method=method).status_code == 401


class TestSessions:
    def test_t10_the_list_names_the_app(self, app: Flask, notes: AppClient, alice: Person):
        notes.sign_in(alice.tokens["accessToken"])
        first, own = alice.client.get("/auth/sessions", headers=alice.headers).get_json()["items"]
        assert (first["app"], first["current"]) == ({"id": notes.id, "name": "Notes"}, False)
        assert (own["app"], own["current"]) == (None, True)
        assert alice.client.delete(f"/auth/sessions/{first['id']}", headers=alice.headers).status_code == 204
        assert len(alice.client.get("/auth/sessions", headers=alice.headers).get_json()["items"]) == 1

    def test_t10_the_export_has_grants_and_sessions_at_apps(self, notes: AppClient, alice: Person):
        notes.sign_in(alice.tokens["accessToken"])
        exported = alice.client.get("/auth/me/export", headers=alice.headers).get_json()
        assert [one["app"]["name"] for one in exported["grants"]] == ["Notes"]
        assert [(one["app"], one["scopes"]) for one in exported["sessions"]] == [
            (notes.id, ["openid", "email"]),
            (None, None),
        ]

    def test_t10_a_session_at_an_app_that_is_gone_has_its_id(self, notes: AppClient, alice: Person, mongo: Database):
        notes.sign_in(alice.tokens["accessToken"])
        mongo.apps.delete_many({})
        first = alice.client.get("/auth/sessions", headers=alice.headers).get_json()["items"][0]
        assert first["app"] == {"id": notes.id, "name": notes.id}
