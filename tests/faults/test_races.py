"""Races over the two workers of a real gunicorn, judged by the database."""

import secrets
from collections import Counter
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from pymongo.database import Database as MongoDatabase
from requests import Response

from authsvc.models.users import User
from authsvc.services import passwords, sessions
from authsvc.services.users import state
from tests.conftest import PASSWORD
from tests.support.races import ROUNDS, race
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.race

MANY = 50


def new_address() -> str:
    """Return an address that nobody has."""
    return f"{secrets.token_hex(6)}@example.com"


def spellings(email: str) -> list[str]:
    """Return many spellings of one address."""
    return [email.upper() if number % 3 == 0 else email.title() if number % 3 == 1 else email for number in range(MANY)]


class TestRegister:
    def test_of_fifty_who_register_one_address_one_wins(
        self, visitor: Visitor, served: MongoDatabase[dict[str, Any]]
    ) -> None:
        """R14, F5: in any spelling, over all workers; the winner's password signs in."""
        for _ in range(max(1, ROUNDS // 5)):
            email = new_address()
            tries = [
                lambda spelling=spelling, number=number: visitor.register(spelling, f"{PASSWORD} {number}")
                for number, spelling in enumerate(spellings(email))
            ]
            answers = race(*tries)
            counted = Counter(answer.status_code for answer in answers)
            assert counted == {201: 1, 409: MANY - 1}
            assert served.users.count_documents({"email": email}) == 1
            winner = next(number for number, answer in enumerate(answers) if answer.status_code == 201)
            assert visitor.login(email, f"{PASSWORD} {winner}").status_code == 200


class TestRefresh:
    def test_fifty_with_one_token_share_one_generation(
        self, visitor: Visitor, served: MongoDatabase[dict[str, Any]]
    ) -> None:
        """R56, F7: with grace every answer is the same successor, and the client goes on with any of them."""
        tokens = visitor.register(new_address()).json()
        session_id = visitor.request("GET", "/auth/sessions", headers=bearer(tokens)).json()["items"][0]["id"]
        for turn in range(ROUNDS):
            answers = race(*[lambda token=tokens["refreshToken"]: visitor.refresh(token)] * MANY)
            assert {answer.status_code for answer in answers} == {200}
            session = served.sessions.find_one({"_id": ObjectId(session_id)})
            assert session is not None
            assert (session["generation"], session.get("endedAt")) == (turn + 2, None)
            tokens = answers[turn % MANY].json()
            assert visitor.home(tokens["accessToken"]).status_code == 200

    def test_without_grace_at_most_one_wins(
        self, strict_service: Service, served: MongoDatabase[dict[str, Any]]
    ) -> None:
        """R55, F7: and the session ends, since the others show a used token."""
        visitor = Visitor(strict_service.url)
        for _ in range(ROUNDS):
            tokens = visitor.register(new_address()).json()
            answers = race(*[lambda token=tokens["refreshToken"]: visitor.refresh(token)] * MANY)
            counted = Counter(answer.status_code for answer in answers)
            assert counted[200] <= 1
            assert counted[200] + counted[401] == MANY
            for answer in answers:
                if answer.status_code == 200:
                    assert reason(visitor.home(answer.json()["accessToken"])) == "token_reuse"


class TestRefreshAgainst:
    """R57, F8: what a refresh returned is worth nothing once the other answer is there."""

    def test_logout(self, visitor: Visitor) -> None:
        for _ in range(ROUNDS):
            tokens = visitor.register(new_address()).json()
            refreshed, ended = race(
                lambda tokens=tokens: visitor.refresh(tokens["refreshToken"]),
                lambda tokens=tokens: visitor.logout(tokens["accessToken"]),
            )
            assert ended.status_code == 204
            check_dead(visitor, tokens, refreshed, "logout")

    @pytest.mark.parametrize("change", ["disable", "change_password", "delete"])
    def test_a_change_by_an_operator(
        self, visitor: Visitor, app: Flask, change: str, served: MongoDatabase[dict[str, Any]]
    ) -> None:
        for _ in range(ROUNDS):
            tokens = visitor.register(new_address()).json()
            refreshed, _ = race(
                lambda tokens=tokens: visitor.refresh(tokens["refreshToken"]),
                lambda tokens=tokens: by_operator(app, served, change, tokens["user"]["id"]),
            )
            check_dead(visitor, tokens, refreshed, REASONS[change])
            if change == "delete":
                assert served.users.count_documents({"_id": ObjectId(tokens["user"]["id"])}) == 0


class TestLoginAgainst:
    """A sign-in in flight does not outlive the change."""

    @pytest.mark.parametrize("change", ["disable", "change_password", "delete"])
    @pytest.mark.parametrize("way", ["login", "password grant"])
    def test_a_change_by_an_operator(
        self, visitor: Visitor, app: Flask, way: str, change: str, served: MongoDatabase[dict[str, Any]]
    ) -> None:
        """O52: by the password grant as by the login."""
        for _ in range(ROUNDS):
            email = new_address()
            user_id = visitor.register(email).json()["user"]["id"]
            signed_in, _ = race(
                lambda email=email: WAYS[way](visitor, email),
                lambda user_id=user_id: by_operator(app, served, change, user_id),
            )
            assert signed_in.status_code in (200, 400, 401, 403)
            if signed_in.status_code == 200:
                told = signed_in.json()
                assert reason(visitor.home(told.get("accessToken") or told["access_token"])) == REASONS[change]
            assert served.sessions.count_documents({"user": ObjectId(user_id), "endedAt": None}) == 0

    def test_a_logout_of_all(self, visitor: Visitor, served: MongoDatabase[dict[str, Any]]) -> None:
        """The sign-in is before or after it, nothing between: its token works exactly if its session lives."""
        for _ in range(ROUNDS):
            email = new_address()
            tokens = visitor.register(email).json()
            signed_in, ended = race(
                lambda email=email: visitor.login(email),
                lambda tokens=tokens: visitor.request("DELETE", "/auth/sessions?scope=all", headers=bearer(tokens)),
            )
            assert (signed_in.status_code, ended.status_code) == (200, 204)
            live = served.sessions.count_documents({"user": ObjectId(tokens["user"]["id"]), "endedAt": None})
            assert visitor.home(signed_in.json()["accessToken"]).status_code == (200 if live else 401)
            assert reason(visitor.home(tokens["accessToken"])) == "logout"


class TestLogout:
    def test_ends_the_session_on_every_worker_and_for_good(self, service: Service, visitor: Visitor) -> None:
        """R64: twenty calls, each on a connection of its own."""
        tokens = visitor.register(new_address()).json()
        assert visitor.logout(tokens["accessToken"]).status_code == 204
        for _ in range(20):
            assert reason(visitor.home(tokens["accessToken"])) == "logout"
            assert reason(visitor.refresh(tokens["refreshToken"])) == "logout"
        assert visitor.logout(tokens["accessToken"]).status_code == 204
        assert len(service.workers()) == 2


def by_password_grant(visitor: Visitor, email: str) -> Response:
    """Sign in as OAuth has it."""
    form = {"grant_type": "password", "username": email, "password": PASSWORD}
    return visitor.request("POST", "/oauth2/token", data=form)


WAYS = {"login": Visitor.login, "password grant": by_password_grant}
REASONS = {"disable": "account_disabled", "change_password": "password_changed", "delete": "account_deleted"}


def by_operator(app: Flask, served: MongoDatabase[dict[str, Any]], change: str, user_id: str) -> None:
    """Change an account as the operator's side does: the user first, the sessions second."""
    with app.app_context():
        if change == "disable":
            state.disable(None, user_id)
        elif change == "delete":
            served.users.delete_one({"_id": ObjectId(user_id)})
            sessions.end_all(user_id, "account_deleted")
        else:
            user = User.find(user_id)
            assert user is not None
            assert passwords.replace(user, "another good password")


def check_dead(visitor: Visitor, tokens: dict[str, Any], refreshed: Response, why: str) -> None:
    """Assert that neither the old tokens nor those of the refresh work."""
    pairs = [tokens, *([refreshed.json()] if refreshed.status_code == 200 else [])]
    if refreshed.status_code != 200:
        assert reason(refreshed) == why
    for pair in pairs:
        assert reason(visitor.home(pair["accessToken"])) == why
        assert reason(visitor.refresh(pair["refreshToken"])) == why


def reason(answer: Response) -> str | None:
    """Return why a session ended, as a 401 says."""
    assert answer.status_code == 401, answer.text
    found: str | None = answer.json().get("reason")
    return found


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    """Return the header that shows an access token."""
    return {"Authorization": f"Bearer {tokens['accessToken']}"}
