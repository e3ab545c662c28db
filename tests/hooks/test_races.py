"""Many at once while a hook thinks: what the database holds decides. R14, R119, R124."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from tests.conftest import Person, problem
from tests.support.accounts import login, register
from tests.support.email_codes import ask, challenge_of, newest_code, type_code
from tests.support.factors import complete, ticket, verified, with_totp
from tests.support.hooks import HookServer, writes
from tests.support.oauth import new_app
from tests.support.races import race, rounds

Mongo = Database[dict[str, Any]]

MANY = 8
NEW = "newcomer@example.com"
YES = {"allow": True, "claims": {"plan": "pro"}}


def together(hook: HookServer, many: int = MANY) -> None:
    """Let the hook answer only once so many have asked: then all of them are past every check before it."""
    barrier = threading.Barrier(many)

    def answer(_: Any) -> Any:
        barrier.wait(10)
        return YES

    hook.answer = answer


@pytest.mark.race
class TestRaces:
    @rounds
    def test_of_many_registrations_one_makes_the_account(
        self, app: Flask, client: FlaskClient, sign_up_hook: HookServer, mongo: Mongo, turn: int
    ) -> None:
        together(sign_up_hook)
        answers = race(*[lambda: register(app.test_client(), email=NEW)] * MANY)
        assert sorted(one.status_code for one in answers) == [201, *[409] * (MANY - 1)]
        assert mongo.users.count_documents({}) == mongo.sessions.count_documents({"endedAt": None}) == 1

    @rounds
    def test_a_code_that_signs_up_makes_one_account_and_one_session(
        self, app: Flask, client: FlaskClient, sign_up_hook: HookServer, mongo: Mongo, turn: int
    ) -> None:
        challenge = challenge_of(ask(client, NEW, name="New"))
        code = newest_code(app, "sign_up")
        together(sign_up_hook, 5)  # a code has five tries
        answers = race(*[lambda: type_code(app.test_client(), challenge, code)] * 5)
        assert sorted(one.status_code for one in answers) == [200, *[403] * 4]
        assert mongo.users.count_documents({}) == mongo.sessions.count_documents({}) == 1

    @rounds
    def test_a_code_of_an_app_opens_one_session(
        self, app: Flask, alice: Person, token_hook: HookServer, mongo: Mongo, turn: int
    ) -> None:
        token_hook.answer = lambda _: YES
        protected = with_totp(verified(mongo, alice), mongo)
        begun, code = ticket(alice.client, alice), protected.app.code()
        before = mongo.sessions.count_documents({})
        together(token_hook)
        answers = race(*[lambda: complete(app.test_client(), begun, code=code)] * MANY)
        assert [one.status_code for one in answers].count(200) == 1
        assert {one.status_code for one in answers} <= {200, 401, 403}
        assert mongo.sessions.count_documents({}) == before + 1

    @rounds
    def test_an_app_s_code_gives_one_session_which_a_second_use_ends(
        self, app: Flask, alice: Person, token_hook: HookServer, mongo: Mongo, turn: int
    ) -> None:
        notes = new_app(app, alice.client)
        code = notes.authorize(alice.tokens["accessToken"])
        together(token_hook)
        exchange: Callable[[], Any] = lambda: notes.exchange(code)  # noqa: E731
        answers = race(*[exchange] * MANY)
        assert [one.status for one in answers].count(200) <= 1
        assert {one.error for one in answers if one.status != 200} == {"invalid_grant"}
        (session,) = mongo.sessions.find({"app": notes.id})
        assert session["endReason"] == "token_reuse"

    def test_a_hook_that_fails_for_some_lets_the_others_in(
        self, app: Flask, client: FlaskClient, sign_up_hook: HookServer, mongo: Mongo
    ) -> None:
        sign_up_hook.answer = lambda question: (
            YES if question["data"]["email"][0] in "aceg" else writes(b"", status=500)
        )
        answers = race(
            *[lambda name=name: register(app.test_client(), email=f"{name}@example.com") for name in "abcdefgh"]
        )
        assert [one.status_code for one in answers] == [201, 503] * 4
        assert {one["email"][0] for one in mongo.users.find()} == set("aceg")
        assert mongo.sessions.count_documents({}) == 4


class TestCookie:
    def test_a_browser_keeps_its_cookie_while_the_hook_fails(
        self, browser_client: FlaskClient, alice: Person, token_hook: HookServer
    ) -> None:
        token_hook.answer = lambda _: YES
        body = {"email": alice.email, "password": alice.password, "transport": "cookie"}
        assert browser_client.post("/auth/login", json=body).status_code == 200
        token_hook.answer = lambda _: None
        answer = browser_client.post("/auth/refresh-token", json={})
        problem(answer, 503, "hook_failed")
        assert "Set-Cookie" not in answer.headers
        token_hook.answer = lambda _: YES
        assert browser_client.post("/auth/refresh-token", json={}).status_code == 200

    def test_a_sign_in_that_failed_left_nothing_behind(
        self, alice: Person, token_hook: HookServer, mongo: Mongo
    ) -> None:
        token_hook.answer = lambda _: None
        before = mongo.sessions.count_documents({}), mongo.audit.count_documents({}), mongo.devices.count_documents({})
        problem(login(alice.client), 503, "hook_failed")
        after = mongo.sessions.count_documents({}), mongo.audit.count_documents({}), mongo.devices.count_documents({})
        assert after == before
