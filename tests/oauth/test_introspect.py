"""Introspection by apps: what a token is valid for now, if it is theirs to know. O46; RFC 7662."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from authsvc.models.apps import AppKind
from tests.api.forging import altered, claims_of, now
from tests.conftest import Person
from tests.support.oauth import FORM, AppClient, bearer, new_app, send

Mongo = Database[dict[str, Any]]
INTROSPECT = "/oauth2/introspect"
INACTIVE = (200, {"active": False})
MAPS = "https://maps.example.net/"


@pytest.fixture
def notes(app: Flask, client: FlaskClient) -> AppClient:
    """Return an app that may call the maps."""
    return new_app(app, client, resources=(MAPS,))


@pytest.fixture
def maps(app: Flask, client: FlaskClient) -> AppClient:
    """Return the maps, which are registered for their own address."""
    return new_app(app, client, name="Maps", resources=(MAPS,))


@pytest.fixture
def other(app: Flask, client: FlaskClient) -> AppClient:
    """Return an app that has nothing to do with either."""
    return new_app(app, client, name="Other", resources=("https://other.example.net/",))


@pytest.fixture
def tokens(notes: AppClient, alice: Person) -> dict[str, Any]:
    """Return what the notes got for calling the maps."""
    return notes.sign_in(alice.tokens["accessToken"], resource=MAPS)


def ask(asking: AppClient, token: str, **more: str) -> tuple[int, Any]:
    """Introspect a token."""
    answer = asking.post(INTROSPECT, {"token": token, **more})
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status, answer.json


class TestIntrospect:
    @pytest.mark.parametrize("hint", ["access_token", "refresh_token", "bogus"])
    def test_o46_of_an_own_access_token(
        self, notes: AppClient, alice: Person, tokens: dict[str, Any], hint: str
    ) -> None:
        """No address and no role, and the hint is ignored."""
        claims = claims_of(tokens["access_token"])
        assert ask(notes, tokens["access_token"], token_type_hint=hint) == (
            200,
            {
                "active": True,
                "token_type": "Bearer",
                "iss": "http://localhost:8000",
                "aud": MAPS,
                "sub": alice.id,
                "client_id": notes.id,
                "sid": claims["sid"],
                "jti": claims["jti"],
                "iat": claims["iat"],
                "exp": claims["exp"],
                "auth_time": claims["auth_time"],
                "scope": "openid email",
            },
        )

    def test_o46_of_an_own_refresh_token(self, notes: AppClient, tokens: dict[str, Any]) -> None:
        """Looking at it exchanges nothing."""
        status, told = ask(notes, tokens["refresh_token"])
        assert (status, told["active"], told["token_type"]) == (200, True, "refresh_token")
        assert (told["aud"], told["scope"]) == ("http://localhost:8000/oauth2/token", "openid email")
        assert notes.refresh(tokens["refresh_token"]).status == 200

    def test_o46_a_resource_knows_of_access_tokens_for_it(
        self, notes: AppClient, maps: AppClient, tokens: dict[str, Any]
    ) -> None:
        """And of nothing else: neither of refresh tokens nor of those for another."""
        status, told = ask(maps, tokens["access_token"])
        assert (status, told["active"], told["client_id"]) == (200, True, notes.id)
        assert ask(maps, tokens["refresh_token"]) == INACTIVE
        userinfo = notes.refresh(tokens["refresh_token"], resource="http://localhost:8000/oauth2/userinfo").json
        assert ask(maps, userinfo["access_token"]) == INACTIVE

    @pytest.mark.parametrize("kind", ["refresh_token", "access_token", "id_token"])
    def test_o46_others_know_of_nothing(self, other: AppClient, tokens: dict[str, Any], kind: str) -> None:
        assert ask(other, tokens[kind]) == INACTIVE

    def test_o46_what_is_no_token_of_an_app_is_not_active(
        self, notes: AppClient, alice: Person, tokens: dict[str, Any]
    ) -> None:
        code = notes.authorize(alice.tokens["accessToken"]).code
        made = alice.client.post(
            "/auth/access-tokens", json={"name": "x", "scopes": ["account:read"]}, headers=alice.headers
        )
        own = (alice.tokens["accessToken"], alice.tokens["refreshToken"], made.get_json()["token"])
        for token in (*own, tokens["id_token"], code, "x", "a.b.c", "\u202e", "x" * 5000):
            assert ask(notes, token) == INACTIVE

    def test_o36_who_may_have_tokens_for_our_own_audience_learns_nothing_of_those_of_people(
        self, app: Flask, client: FlaskClient, alice: Person
    ) -> None:
        """The operator has let it; of an app's token for that audience it is told, by its type."""
        audience = "http://localhost:8000"
        operated = new_app(app, client, resources=(audience,))
        tokens = operated.sign_in(alice.tokens["accessToken"], resource=audience)
        assert ask(operated, tokens["access_token"])[1]["aud"] == audience
        for own in (alice.tokens["accessToken"], alice.tokens["refreshToken"]):
            assert ask(operated, own) == INACTIVE


ENDS: dict[str, Callable[[Any], Any]] = {
    "the app is disabled": lambda it: it.mongo.apps.update_one(
        {"_id": it.notes.id}, {"$set": {"disabledAt": it.mongo.users.find_one()["createdAt"]}}
    ),
    "the app is deleted": lambda it: it.mongo.apps.delete_one({"_id": it.notes.id}),
    "the account is disabled": lambda it: it.mongo.users.update_one(
        {"email": it.alice.email}, {"$set": {"disabledAt": it.mongo.users.find_one()["createdAt"]}}
    ),
    "the account is deleted": lambda it: it.alice.client.delete("/auth/me", headers=it.alice.headers),
    "the user signs out": lambda it: it.alice.client.delete("/auth/logout", headers=it.alice.headers),
    "the user signs out everywhere": lambda it: it.alice.client.delete(
        "/auth/sessions?scope=all", headers=it.alice.headers
    ),
    "the user takes back what they allowed": lambda it: it.alice.client.delete(
        f"/auth/grants/{it.mongo.grants.find_one()['_id']}", headers=it.alice.headers
    ),
    "the app has another epoch": lambda it: it.mongo.apps.update_one({"_id": it.notes.id}, {"$inc": {"epoch": 1}}),
    "the app revokes": lambda it: it.notes.post("/oauth2/revoke", {"token": it.tokens["access_token"]}),
}


class TestEnd:
    @pytest.fixture
    def it(self, mongo: Mongo, notes: AppClient, alice: Person, tokens: dict[str, Any]) -> Any:
        """Return all that there is."""
        return type("It", (), {"mongo": mongo, "notes": notes, "alice": alice, "tokens": tokens})

    @pytest.mark.parametrize("end", ENDS)
    def test_o46_what_has_ended_is_not_active(self, it: Any, maps: AppClient, end: str) -> None:
        assert ask(maps, it.tokens["access_token"])[1]["active"] is True
        ENDS[end](it)
        assert ask(maps, it.tokens["access_token"]) == INACTIVE
        if "the app is d" not in end:
            assert ask(it.notes, it.tokens["access_token"]) == INACTIVE
            assert ask(it.notes, it.tokens["refresh_token"]) == INACTIVE

    def test_o46_what_the_app_may_no_longer_ask_for_is_not_active(self, it: Any, maps: AppClient) -> None:
        it.mongo.apps.update_one({"_id": it.notes.id}, {"$set": {"scopes": ["openid"]}})
        assert ask(maps, it.tokens["access_token"])[1]["scope"] == "openid"
        it.mongo.apps.update_one({"_id": it.notes.id}, {"$set": {"resources": []}})
        assert ask(maps, it.tokens["access_token"]) == INACTIVE

    def test_o46_an_old_refresh_token_is_not_active(self, it: Any, mongo: Mongo) -> None:
        """After the next one was used: until then it is within the grace time."""
        later = it.notes.refresh(it.tokens["refresh_token"]).json
        it.notes.refresh(later["refresh_token"])
        assert ask(it.notes, it.tokens["refresh_token"]) == INACTIVE
        assert ask(it.notes, it.tokens["access_token"])[1]["active"] is True

    @pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
    def test_o46_what_has_expired_is_not_active(self, it: Any, app: Flask, kind: str) -> None:
        expired = altered(app, it.tokens[kind], iat=now() - 100, exp=now() - 1)
        assert ask(it.notes, expired) == INACTIVE

    def test_o40_what_lasts_too_long_is_not_active(self, it: Any, app: Flask) -> None:
        assert ask(it.notes, altered(app, it.tokens["access_token"], exp=now() + 100_000)) == INACTIVE


class TestRequest:
    def test_o46_an_id_alone_is_not_enough(
        self, app: Flask, client: FlaskClient, alice: Person, notes: AppClient
    ) -> None:
        """Not even for an app's own tokens: anybody can say an id."""
        page = new_app(app, client, AppKind.SPA)
        tokens = page.sign_in(alice.tokens["accessToken"])
        form = {"token": tokens["access_token"]}
        for headers in ({}, bearer(tokens["access_token"]), alice.headers, {"Authorization": "Basic eDp5"}):
            answer = notes.post(INTROSPECT, form, headers=headers)
            assert (answer.status, answer.error) == (401, "invalid_client")
        assert page.post(INTROSPECT, form).error == "invalid_client"

    @pytest.mark.parametrize("form", [{}, {"token": ""}, {"token": ["a", "b"]}, {"token": "\0"}])
    def test_what_is_malformed_is_refused(self, notes: AppClient, form: dict[str, Any]) -> None:
        answer = notes.post(INTROSPECT, form)
        assert (answer.status, answer.error) == (400, "invalid_request")

    def test_it_is_a_form_by_post(self, notes: AppClient) -> None:
        headers, _ = notes.credentials()
        assert send(notes.client, "POST", INTROSPECT, json={"token": "x"}, headers=headers).error == "invalid_request"
        asked = send(notes.client, "POST", f"{INTROSPECT}?token=x", data="token=x", headers={**FORM, **headers})
        assert asked.error == "invalid_request"
        assert send(notes.client, "GET", INTROSPECT).status == 405

    def test_o51_no_page_of_another_origin_may_read_it(self, notes: AppClient) -> None:
        headers, _ = notes.credentials()
        origin = {"Origin": "https://notes.example.com"}
        told = send(notes.client, "POST", INTROSPECT, data="token=x", headers={**FORM, **headers, **origin})
        assert "Access-Control-Allow-Origin" not in told.headers

    def test_o44_the_metadata_name_it(self, notes: AppClient) -> None:
        told = send(notes.client, "GET", "/.well-known/oauth-authorization-server").json
        assert told["introspection_endpoint"] == f"http://localhost:8000{INTROSPECT}"
        assert "none" not in told["introspection_endpoint_auth_methods_supported"]
