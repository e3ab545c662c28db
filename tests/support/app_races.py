"""Races of apps with what ends all that they have: by the operator, or by whoever allowed them."""

import secrets
from collections.abc import Callable
from typing import Any

from flask import Flask
from pymongo.database import Database as MongoDatabase

from authsvc.services import app_changes, apps
from authsvc.services.users import state
from tests.support.oauth import Answer, AppClient, bearer, send
from tests.support.races import ROUNDS
from tests.support.service import Visitor

Mongo = MongoDatabase[dict[str, Any]]
TEN = max(10, ROUNDS)
"""Rounds of what has been seen to go wrong in each of ten (T7)."""


def somebody(visitor: Visitor) -> dict[str, Any]:
    """Return the tokens of somebody new."""
    return dict(visitor.register(f"{secrets.token_hex(6)}@example.com").json())


def live(served: Mongo, notes: AppClient) -> int:
    """Return how many live sessions an app has."""
    return served.sessions.count_documents({"app": notes.id, "endedAt": None})


def check_dead(served: Mongo, notes: AppClient, *answers: Answer) -> None:
    """Assert that nothing works that these answers gave."""
    for answer in answers:
        assert answer.status in (200, 400, 401), answer.text
        if answer.status == 200:
            assert notes.userinfo(answer.json["access_token"]).status == 401
            assert notes.refresh(answer.json["refresh_token"]).status in (400, 401)
    assert live(served, notes) == 0


def make(change: str, app: Flask, notes: AppClient, who: dict[str, Any], tokens: dict[str, Any]) -> None:
    """Make a change, by the operator or by the user; it is made when this returns."""
    CHANGES[change](app, notes, who, tokens)


def log_out(_app: Flask, notes: AppClient, who: dict[str, Any], _tokens: dict[str, Any]) -> None:
    assert send(notes.client, "DELETE", "/auth/logout", headers=bearer(who["accessToken"])).status == 204


def disable(app: Flask, _notes: AppClient, who: dict[str, Any], _tokens: dict[str, Any]) -> None:
    with app.test_request_context():
        state.disable(None, who["user"]["id"])


def delete_app(app: Flask, notes: AppClient, _who: dict[str, Any], _tokens: dict[str, Any]) -> None:
    with app.test_request_context():
        apps.delete(notes.id)


def disable_app(app: Flask, notes: AppClient, _who: dict[str, Any], _tokens: dict[str, Any]) -> None:
    with app.test_request_context():
        app_changes.disable(None, notes.id)


def narrow_app(app: Flask, notes: AppClient, _who: dict[str, Any], _tokens: dict[str, Any]) -> None:
    with app.test_request_context():
        app_changes.change(None, notes.id, {"scopes": ["openid"]})


def take_back(_app: Flask, notes: AppClient, who: dict[str, Any], _tokens: dict[str, Any]) -> None:
    headers = bearer(who["accessToken"])
    (grant,) = send(notes.client, "GET", "/auth/grants", headers=headers).json["items"]
    assert send(notes.client, "DELETE", f"/auth/grants/{grant['id']}", headers=headers).status == 204


def revoke(_app: Flask, notes: AppClient, _who: dict[str, Any], tokens: dict[str, Any]) -> None:
    assert notes.post("/oauth2/revoke", {"token": tokens["refresh_token"]}).status == 200


def change_password(_app: Flask, notes: AppClient, who: dict[str, Any], _tokens: dict[str, Any]) -> None:
    body = {"currentPassword": "correct horse battery", "newPassword": "correct horse battery 2"}
    assert send(notes.client, "POST", "/auth/me/password", json=body, headers=bearer(who["accessToken"])).status == 204


CHANGES: dict[str, Callable[[Flask, AppClient, dict[str, Any], dict[str, Any]], None]] = {
    "logout": log_out,
    "disable": disable,
    "delete the app": delete_app,
    "disable the app": disable_app,
    "narrow the app": narrow_app,
    "take back": take_back,
    "revoke": revoke,
    "new password": change_password,
}
