"""A reset or a change of password that is interrupted: all or nothing, and nobody stays signed in (F3, F4, R78)."""

import secrets
from functools import partial
from typing import Any

import pytest
from flask import Flask
from pymongo.database import Database as MongoDatabase

from tests.support.fault_proxy import FaultProxy
from tests.support.faults import kill_while
from tests.support.letters import newest
from tests.support.races import ROUNDS, race
from tests.support.service import Service, Visitor

OLD = "correct horse battery"
NEW = "a brand new passphrase"


def prepare(app: Flask, visitor: Visitor) -> tuple[str, dict[str, Any], str]:
    """Return somebody's address, tokens, and the secret of a link that resets their password."""
    email = f"{secrets.token_hex(6)}@example.com"
    tokens = visitor.register(email).json()
    visitor.request("POST", "/auth/password/forgot", json={"email": email})
    return email, tokens, newest(app, "reset", email)


def reset(visitor: Visitor, token: str) -> Any:
    return visitor.request("POST", "/auth/password/reset", json={"token": token, "newPassword": NEW})


def check_all_or_nothing(visitor: Visitor, email: str, tokens: dict[str, Any], token: str) -> None:
    """Assert that the link has worked or still works, and that afterwards the session is over."""
    if visitor.login(email).status_code == 200:
        assert reset(visitor, token).status_code == 204
    assert visitor.login(email, NEW).status_code == 200
    assert visitor.login(email).status_code == 401
    assert visitor.home(tokens["accessToken"]).json()["reason"] == "password_reset"
    assert reset(visitor, token).status_code == 400


class TestReset:
    def test_whose_answer_was_lost(
        self, app: Flask, behind_proxy: Service, proxy: FaultProxy, served: MongoDatabase[dict[str, Any]]
    ) -> None:
        """F3: the database did it, and nobody heard."""
        visitor = Visitor(behind_proxy.url)
        for _ in range(max(2, ROUNDS // 3)):
            email, tokens, token = prepare(app, visitor)
            proxy.swallow_reply_to("findAndModify", of="users")
            assert reset(visitor, token).status_code in (204, 400, 503)
            assert proxy.swallowed
            check_all_or_nothing(visitor, email, tokens, token)

    @pytest.mark.race
    def test_whose_worker_was_killed(
        self, app: Flask, service_to_kill: Service, served: MongoDatabase[dict[str, Any]]
    ) -> None:
        """F4: at any moment of it."""
        visitor = Visitor(service_to_kill.url)
        for turn in range(max(3, ROUNDS // 3)):
            email, tokens, token = prepare(app, visitor)
            kill_while(service_to_kill, partial(reset, visitor, token), 0.02 * (turn % 4))
            check_all_or_nothing(visitor, email, tokens, token)


class TestAgainst:
    @pytest.mark.race
    def test_an_access_token_that_is_made_meanwhile(
        self, app: Flask, visitor: Visitor, served: MongoDatabase[dict[str, Any]]
    ) -> None:
        """R78: once both answers are there no token is."""
        made = {"name": "script", "scopes": ["account:read"]}
        for _ in range(ROUNDS):
            _, tokens, token = prepare(app, visitor)
            headers = {"Authorization": f"Bearer {tokens['accessToken']}"}
            calls = [
                lambda headers=headers: visitor.request("POST", "/auth/access-tokens", json=made, headers=headers)
            ] * 4
            *issued, done = race(*calls, lambda token=token: reset(visitor, token))
            assert done.status_code == 204
            assert {answer.status_code for answer in issued} <= {201, 401}
            assert served.access_tokens.count_documents({}) == 0


def change(visitor: Visitor, tokens: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {tokens['accessToken']}"}
    body = {"currentPassword": OLD, "newPassword": NEW}
    return visitor.request("POST", "/auth/me/password", json=body, headers=headers)


def check_changed_or_not(visitor: Visitor, email: str, own: dict[str, Any], other: dict[str, Any]) -> None:
    """Assert that the other session is over where the password is new, and that the own one goes on."""
    assert visitor.home(own["accessToken"]).status_code == 200
    if visitor.login(email, NEW).status_code == 401:
        assert change(visitor, own).status_code == 204
        assert visitor.login(email, NEW).status_code == 200
    assert visitor.login(email).status_code == 401
    assert visitor.home(other["accessToken"]).json()["reason"] == "password_changed"
    assert visitor.refresh(other["refreshToken"]).json()["reason"] == "password_changed"


class TestChange:
    def test_whose_answer_was_lost(self, behind_proxy: Service, proxy: FaultProxy) -> None:
        """F3"""
        visitor = Visitor(behind_proxy.url)
        for _ in range(max(2, ROUNDS // 3)):
            email = f"{secrets.token_hex(6)}@example.com"
            own, other = visitor.register(email).json(), visitor.login(email).json()
            proxy.swallow_reply_to("findAndModify", of="users")
            assert change(visitor, own).status_code in (204, 403, 503)
            assert proxy.swallowed
            check_changed_or_not(visitor, email, own, other)

    @pytest.mark.race
    def test_whose_worker_was_killed(
        self, app: Flask, service_to_kill: Service, served: MongoDatabase[dict[str, Any]]
    ) -> None:
        """F4: at any moment of it."""
        visitor = Visitor(service_to_kill.url)
        for turn in range(max(3, ROUNDS // 3)):
            email = f"{secrets.token_hex(6)}@example.com"
            own, other = visitor.register(email).json(), visitor.login(email).json()
            kill_while(service_to_kill, partial(change, visitor, own), 0.06 + 0.02 * (turn % 4))
            check_changed_or_not(visitor, email, own, other)
