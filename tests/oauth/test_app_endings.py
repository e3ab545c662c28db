"""The end of all that an app has, however much: of everybody's sessions, and what the app is told. O33, O49, O50."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from time import perf_counter
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.clients.connector import Answer, Connector
from authsvc.services import app_changes, app_endings, apps, logout_notices
from tests.conftest import Person
from tests.support.accounts import Database
from tests.support.logouts import Told
from tests.support.outside import Server, saying

HUGE, MANY, SOME = 5_000, 2_000, 300


@pytest.fixture
def told(app: Flask, client: FlaskClient, mongo: Database) -> Iterator[Told]:
    with Server() as server:
        yield Told(app, client, mongo, server)


def crowd(told: Told, alice: Person, count: int) -> dict[str, Any]:
    """Let so many people be signed in to the app, with what they allow it; return the tokens of one of them."""
    tokens = told.client.sign_in(alice.tokens["accessToken"])
    mongo = told.mongo
    session, grant = mongo.sessions.find_one({"app": told.client.id}), mongo.grants.find_one({})
    assert session is not None
    assert grant is not None
    mongo.sessions.delete_one({"_id": session["_id"]})
    mongo.grants.delete_one({"_id": grant["_id"]})
    sessions, grants = [session], [grant]
    for user in [ObjectId() for _ in range(count - 1)]:
        sessions.append({**session, "_id": ObjectId(), "user": user})
        grants.append({**grant, "_id": ObjectId(), "user": user})
    mongo.sessions.insert_many(sessions)
    mongo.grants.insert_many(grants)
    return tokens


def disable(app: Flask, app_id: str) -> None:
    with app.test_request_context():
        app_changes.disable(None, app_id)


def delete(app: Flask, app_id: str) -> None:
    with app.test_request_context():
        apps.delete(app_id)


def narrow(app: Flask, app_id: str) -> None:
    with app.test_request_context():
        app_changes.change(None, app_id, {"scopes": ["openid"]})


CHANGES: list[Callable[[Flask, str], None]] = [disable, delete, narrow]
every_change = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)


def live(told: Told) -> int:
    return told.mongo.sessions.count_documents({"app": told.client.id, "endedAt": None})


class TestMany:
    @every_change
    def test_o50_of_thousands_each_ends_and_is_told_once(
        self, app: Flask, told: Told, alice: Person, change: Callable[[Flask, str], None]
    ):
        """Whoever makes the change waits for the first thousand alone; nothing works from then on."""
        many = MANY if change is disable else SOME
        tokens = crowd(told, alice, many)
        change(app, told.client.id)
        assert live(told) >= many - app_endings.MOST_IN_A_REQUEST
        told.mongo.sessions.update_many({}, {"$unset": {"endedAt": 1, "endReason": 1, "notice": 1}})  # as if none had
        assert told.client.userinfo(tokens["access_token"]).status == 401
        assert told.client.refresh(tokens["refresh_token"]).status in (400, 401)
        told.deliver()
        assert live(told) == 0
        ended = {str(one["_id"]) for one in told.mongo.sessions.find({"app": told.client.id})}
        heard = [claims["sid"] for claims in told.heard()]
        assert len(heard) == many
        assert set(heard) == ended
        assert told.mongo.grants.count_documents({}) == (0 if change is delete else many)
        assert told.mongo.logout_notices.count_documents({}) == 1
        assert told.mongo.sessions.count_documents({"notice": {"$exists": True}}) == 0

    def test_o33_what_was_not_ended_yet_is_worth_nothing(self, app: Flask, told: Told, alice: Person, mongo: Database):
        """Also once the app may do the same again: what it has is of an earlier epoch."""
        tokens = crowd(told, alice, 1)
        told.mongo.apps.update_one({"_id": told.client.id}, {"$inc": {"epoch": 1}})  # by a process that then died
        assert told.client.userinfo(tokens["access_token"]).status == 401
        for kind in ("access_token", "refresh_token"):
            assert told.client.post("/oauth2/introspect", {"token": tokens[kind]}).json == {"active": False}
        assert told.client.refresh(tokens["refresh_token"]).error == "invalid_grant"

    def test_o50_what_is_opened_after_the_change_goes_on(self, app: Flask, told: Told, alice: Person, mongo: Database):
        crowd(told, alice, app_endings.MOST_IN_A_REQUEST + 10)
        narrow(app, told.client.id)
        later = told.client.sign_in(alice.tokens["accessToken"], scope="openid")
        told.deliver()
        assert live(told) == 1
        assert told.client.userinfo(later["access_token"]).status == 200

    def test_o50_an_app_that_is_not_to_be_told_is_not(self, app: Flask, told: Told, alice: Person, mongo: Database):
        crowd(told, alice, app_endings.MOST_IN_A_REQUEST + 10)
        mongo.apps.update_one({"_id": told.client.id}, {"$unset": {"backchannelUri": 1}})
        disable(app, told.client.id)
        told.deliver()
        assert live(told) == 0
        assert told.heard() == []
        assert mongo.sessions.count_documents({"notice": {"$exists": True}}) == 0

    def test_o50_the_request_does_not_wait_for_all(
        self, app: Flask, told: Told, alice: Person, admin: Person, mongo: Database
    ):
        """Over HTTP, within its deadline."""
        crowd(told, alice, HUGE)
        begin = perf_counter()
        answer = admin.client.patch(f"/admin/apps/{told.client.id}", json={"disabled": True}, headers=admin.headers)
        assert answer.status_code == 200, answer.text
        assert perf_counter() - begin < app.config["REQUEST_DEADLINE"]
        assert live(told) >= HUGE - app_endings.MOST_IN_A_REQUEST


class Died(BaseException):
    """A process that is gone in the middle."""


class Dying(Connector):
    """Gone once it has posted so often."""

    def __init__(self, posts: int) -> None:
        super().__init__(local=True)
        self.posts = posts

    def post(self, uri: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if self.posts == 0:
            raise Died
        self.posts -= 1
        return super().post(uri, body, headers)


class TestDeath:
    @every_change
    def test_o50_another_goes_on_where_a_process_died(
        self, app: Flask, told: Told, alice: Person, change: Callable[[Flask, str], None]
    ):
        crowd(told, alice, 200)
        change(app, told.client.id)
        with pytest.raises(Died), app.app_context():
            logout_notices.deliver(Dying(posts=90))
        assert told.deliver() == 0  # until its lease is over
        with time_machine.travel(clock.now() + timedelta(minutes=4)):
            assert told.deliver() == 1
        heard = [claims["sid"] for claims in told.heard()]
        assert len(set(heard)) == 200
        assert len(heard) <= 220


class TestTelling:
    def test_o49_an_app_that_is_deleted_is_told_at_the_address_that_it_had(self, app: Flask, told: Told, alice: Person):
        """Also of what had ended before."""
        told.client.sign_in(alice.tokens["accessToken"])
        alice.client.post("/auth/logout", headers=alice.headers)
        told.client.sign_in(alice.login().tokens["accessToken"])
        delete(app, told.client.id)
        assert told.deliver() == 2
        assert len({claims["sid"] for claims in told.heard()}) == 2

    def test_o49_a_disabled_one_is_told(self, app: Flask, told: Told, alice: Person):
        told.client.sign_in(alice.tokens["accessToken"])
        disable(app, told.client.id)
        told.deliver()
        assert len(told.heard()) == 1

    def test_o49_what_is_not_taken_is_tried_again_and_what_was_told_is_not(
        self, app: Flask, told: Told, alice: Person, mongo: Database
    ):
        crowd(told, alice, 100)
        disable(app, told.client.id)
        told.server.behaviour = after(told, 50, saying("500 Internal Server Error"))
        assert told.deliver() == 1
        (notice,) = mongo.logout_notices.find({})
        assert (notice["error"], "failedAt" in notice) == ("the app answered 500", False)
        told.server.behaviour = saying()
        with time_machine.travel(clock.now() + timedelta(minutes=1)):
            assert told.deliver() == 1
        heard = [claims["sid"] for claims in told.heard()]
        assert len(heard) == 101  # with the one that was answered 500
        assert len(set(heard)) == 100

    def test_o49_what_an_app_does_not_know_does_not_hold_up_the_others(
        self, app: Flask, told: Told, alice: Person, mongo: Database
    ):
        crowd(told, alice, 100)
        disable(app, told.client.id)
        told.server.behaviour = after(told, 3, saying("400 Bad Request"), until=6)
        assert told.deliver() == 1
        assert len({claims["sid"] for claims in told.heard()}) == 100
        assert mongo.logout_notices.count_documents({"kind": "logout", "dueAt": {"$ne": None}}) == 3
        with time_machine.travel(clock.now() + timedelta(minutes=1)):
            assert told.deliver() == 3
        assert mongo.logout_notices.count_documents({"dueAt": {"$ne": None}}) == 0

    def test_o49_an_app_that_takes_nothing_is_left_alone_for_a_while(
        self, app: Flask, told: Told, alice: Person, mongo: Database
    ):
        crowd(told, alice, 100)
        disable(app, told.client.id)
        told.server.behaviour = saying("404 Not Found")
        assert told.deliver() == 1
        assert told.server.connections <= 12

    def test_o49_it_takes_turns(
        self, app: Flask, told: Told, alice: Person, monkeypatch: pytest.MonkeyPatch, mongo: Database
    ):
        """So that others are told meanwhile."""
        monkeypatch.setattr(app_endings, "TURN", timedelta(0))
        crowd(told, alice, 100)
        disable(app, told.client.id)
        assert told.deliver() == 6  # the last one finds nothing
        assert len(told.heard()) == 100


def after(told: Told, count: int, behaviour: Any, until: int | None = None) -> Any:
    """Return a behaviour of the server that changes after so many requests."""

    def behave(*args: Any) -> Any:
        number = len(told.server.requests)
        is_other = number > count and (until is None or number <= until)
        return (behaviour if is_other else saying())(*args)

    return behave
