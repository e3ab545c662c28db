"""Back-channel logout: each end of a session at an app tells it. O49, O50."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.clients.connector import Connector
from authsvc.services import app_sessions, logout_notices
from tests.conftest import PASSWORD, Person
from tests.support.accounts import Database
from tests.support.factors import verified
from tests.support.logouts import Told
from tests.support.oauth import new_app
from tests.support.outside import Server, saying, silent
from tests.support.races import eventually
from tests.support.service import Service, Visitor

NEW = "a brand new passphrase"


@pytest.fixture
def told(app: Flask, client: FlaskClient, mongo: Database) -> Any:
    with Server() as server:
        yield Told(app, client, mongo, server)


def sid_of(tokens: dict[str, Any]) -> str:
    return str(jwt.decode(tokens["id_token"], options={"verify_signature": False})["sid"])


class TestToken:
    def test_o49_it_says_whose_session_has_ended(self, told: Told, alice: Person):
        tokens = told.client.sign_in(alice.tokens["accessToken"], nonce="n")
        assert told.deliver() == 0
        assert alice.client.post("/auth/logout", headers=alice.headers).status_code == 204
        assert told.deliver() == 1
        (claims,) = told.heard()
        assert set(claims) == {"iss", "aud", "iat", "exp", "jti", "events", "sub", "sid"}
        assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
        assert (claims["sub"], claims["sid"]) == (alice.id, sid_of(tokens))
        assert 0 < claims["exp"] - claims["iat"] <= 120
        assert told.deliver() == 0

    def test_o37_it_is_no_token_for_anything_else(self, told: Told, alice: Person):
        tokens = told.client.sign_in(alice.tokens["accessToken"])
        alice.client.post("/auth/logout", headers=alice.headers)
        told.deliver()
        token = parse_qs(told.server.requests[0].partition(b"\r\n\r\n")[2].decode())["logout_token"][0]
        assert told.client.userinfo(token).status == 401
        assert alice.client.get("/", headers={"Authorization": f"Bearer {token}"}).status_code == 401
        assert told.client.refresh(token).error == "invalid_grant"
        assert tokens["access_token"] != token


def by_logout(person: Person, **_: Any) -> None:
    assert person.client.post("/auth/logout", headers=person.headers).status_code == 204


def by_sign_out_everywhere(person: Person, **_: Any) -> None:
    assert person.client.delete("/auth/sessions?scope=all", headers=person.headers).status_code == 204


def by_password_change(person: Person, **_: Any) -> None:
    body = {"currentPassword": PASSWORD, "newPassword": NEW}
    assert person.client.post("/auth/me/password", json=body, headers=person.headers).status_code == 204


def by_deletion(person: Person, **_: Any) -> None:
    assert person.client.delete("/auth/me", headers=person.headers).status_code == 204


def by_disconnecting(person: Person, **_: Any) -> None:
    grant = person.client.get("/auth/grants", headers=person.headers).get_json()["items"][0]["id"]
    assert person.client.delete(f"/auth/grants/{grant}", headers=person.headers).status_code == 204


def by_its_entry_in_the_list(person: Person, *, tokens: dict[str, Any], **_: Any) -> None:
    assert person.client.delete(f"/auth/sessions/{sid_of(tokens)}", headers=person.headers).status_code == 204


def by_a_reused_token(person: Person, *, told: Told, tokens: dict[str, Any], **_: Any) -> None:
    first = told.client.refresh(tokens["refresh_token"]).json
    assert told.client.refresh(first["refresh_token"]).status == 200
    assert told.client.refresh(tokens["refresh_token"]).error == "invalid_grant"


def by_expiry(person: Person, *, mongo: Database, tokens: dict[str, Any], told: Told, **_: Any) -> None:
    long_ago = clock.now() - timedelta(days=31)
    mongo.sessions.update_one({"app": told.client.id}, {"$set": {"lastUsedAt": long_ago}})
    assert told.client.refresh(tokens["refresh_token"]).error == "invalid_grant"


ENDS: list[Callable[..., None]] = [
    by_logout,
    by_sign_out_everywhere,
    by_password_change,
    by_deletion,
    by_disconnecting,
    by_its_entry_in_the_list,
    by_a_reused_token,
    by_expiry,
]


class TestEachEnd:
    @pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
    def test_o49_tells_the_app_once(self, told: Told, alice: Person, mongo: Database, end: Callable[..., None]):
        tokens = told.client.sign_in(alice.tokens["accessToken"])
        end(alice, told=told, mongo=mongo, tokens=tokens)
        assert told.deliver() == 1
        assert [claims["sid"] for claims in told.heard()] == [sid_of(tokens)]

    def test_o49_a_code_that_is_used_twice(self, told: Told, alice: Person):
        code = told.client.authorize(alice.tokens["accessToken"])
        tokens = told.client.exchange(code).json
        assert told.client.exchange(code).error == "invalid_grant"
        assert told.deliver() == 1
        assert [claims["sid"] for claims in told.heard()] == [sid_of(tokens)]

    def test_o49_the_oldest_of_more_than_20(self, told: Told, alice: Person):
        first = told.client.sign_in(alice.tokens["accessToken"])
        for _ in range(app_sessions.MAX_LIVE):
            told.client.sign_in(alice.tokens["accessToken"])
        assert told.deliver() == 1
        assert [claims["sid"] for claims in told.heard()] == [sid_of(first)]

    def test_o49_all_of_them_and_no_others(self, app: Flask, told: Told, alice: Person, bob: Person, mongo: Database):
        verified(mongo, alice)
        mine = [told.client.sign_in(alice.tokens["accessToken"]) for _ in range(3)]
        told.client.sign_in(bob.tokens["accessToken"])
        new_app(app, alice.client, name="Mail").sign_in(alice.tokens["accessToken"])  # is not told, and need not be
        by_sign_out_everywhere(alice)
        assert told.deliver() == 3
        assert {claims["sid"] for claims in told.heard()} == {sid_of(tokens) for tokens in mine}
        assert mongo.logout_notices.count_documents({}) == 3

    def test_o49_what_lasts_is_not_told(self, told: Told, alice: Person):
        told.client.sign_in(alice.tokens["accessToken"], scope="openid offline_access")
        by_logout(alice)
        assert told.deliver() == 0


class TestDelivery:
    @pytest.mark.parametrize(
        "behaviour",
        [
            saying("500 Internal Server Error"),
            saying("400 Bad Request", json.dumps({"error": "invalid_request"}).encode()),
            saying("302 Found", Location="http://localhost:1/"),
            silent,
        ],
        ids=["500", "400", "302", "silent"],
    )
    def test_o49_what_is_not_taken_is_tried_again(self, told: Told, alice: Person, mongo: Database, behaviour: Any):
        told.client.sign_in(alice.tokens["accessToken"])
        by_logout(alice)
        told.server.behaviour = behaviour
        assert told.deliver(seconds=0.5) == 1
        pauses = []
        for _ in range(3):
            (notice,) = mongo.logout_notices.find({})
            pauses.append((notice["dueAt"] - clock.now()).total_seconds())
            with time_machine.travel(notice["dueAt"] + timedelta(seconds=1)):
                assert told.deliver(seconds=0.5) == 1
        assert sorted(pauses) == pauses
        assert len({claims["jti"] for claims in told.heard()}) == 4
        told.server.behaviour = saying()
        (notice,) = mongo.logout_notices.find({})
        with time_machine.travel(notice["dueAt"] + timedelta(seconds=1)):
            assert told.deliver() == 1
        (notice,) = mongo.logout_notices.find({})
        assert "dueAt" not in notice
        assert notice["deliveredAt"] is not None

    def test_o49_after_48_hours_it_is_given_up(self, told: Told, alice: Person, mongo: Database):
        told.client.sign_in(alice.tokens["accessToken"])
        by_logout(alice)
        told.server.behaviour = saying("500 Internal Server Error")
        with time_machine.travel(clock.now() + timedelta(hours=49)):
            assert told.deliver() == 1
        (notice,) = mongo.logout_notices.find({})
        assert (notice["error"], "dueAt" in notice) == ("the app answered 500", False)
        assert notice["failedAt"] is not None

    def test_o49_outside_development_no_notice_leads_to_this_machine(self, told: Told, alice: Person, mongo: Database):
        told.client.sign_in(alice.tokens["accessToken"])
        by_logout(alice)
        with told.app.app_context():
            assert logout_notices.deliver(Connector())
        assert told.server.connections == 0

    def test_o49_an_app_without_an_address_now_is_not_told(self, told: Told, alice: Person, mongo: Database):
        told.client.sign_in(alice.tokens["accessToken"])
        by_logout(alice)
        mongo.apps.update_many({}, {"$unset": {"backchannelUri": True}})
        assert told.deliver() == 1
        assert told.server.connections == 0


def test_o49_the_workers_tell_apps(app: Flask, settings: dict[str, str], clean: None, mongo: Database):
    """In development even on this machine."""
    with Server() as server, Service(**{**settings, "APP_ENV": "development"}) as running:
        visitor = Visitor(running.url)
        visitor.register("alice@example.com")
        token = visitor.login("alice@example.com").json()["accessToken"]
        notes = new_app(app, visitor)
        mongo.apps.update_one({"_id": notes.id}, {"$set": {"backchannelUri": server.url("/logout")}})
        notes.sign_in(token)
        headers = {"Authorization": f"Bearer {token}"}
        assert visitor.request("DELETE", "/auth/logout", headers=headers).status_code == 204
        eventually(lambda: len(server.requests) == 1)
        eventually(lambda: mongo.logout_notices.count_documents({"deliveredAt": {"$ne": None}}) == 1)


def test_o49_discovery_lists_it(client: FlaskClient):
    metadata = client.get("/.well-known/openid-configuration").get_json()
    assert metadata["backchannel_logout_supported"] is True
    assert metadata["backchannel_logout_session_supported"] is True
    assert metadata["end_session_endpoint"] == "http://localhost:8000/oauth2/logout"
