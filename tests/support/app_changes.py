"""Changes after which nothing that a person allowed an app may go on."""

from collections.abc import Callable
from datetime import UTC, datetime

from flask import Flask

from authsvc.services import apps
from authsvc.services.users import state
from tests.conftest import Person
from tests.support.accounts import Database
from tests.support.letters import newest


def ended_session(app: Flask, mongo: Database, alice: Person) -> None:
    """Sign out."""
    alice.client.delete("/auth/logout", headers=alice.headers)


def idle_session(app: Flask, mongo: Database, alice: Person) -> None:
    """Let every session idle for years."""
    mongo.sessions.update_many({}, {"$set": {"lastUsedAt": datetime(2020, 1, 1, tzinfo=UTC)}})


def disabled(app: Flask, mongo: Database, alice: Person) -> None:
    """Disable the account."""
    with app.test_request_context():
        state.disable(None, alice.id)


def disabled_without_more(app: Flask, mongo: Database, alice: Person) -> None:
    """Disable the account, and die before the sessions end."""
    mongo.users.update_one({}, {"$currentDate": {"disabledAt": True}})


def deleted(app: Flask, mongo: Database, alice: Person) -> None:
    """Delete the account."""
    answer = alice.client.delete("/auth/me", headers=alice.headers)
    assert answer.status_code == 204, answer.text


def new_password(app: Flask, mongo: Database, alice: Person) -> None:
    """Change the password, in the session in which the app was allowed, which goes on."""
    body = {"currentPassword": alice.password, "newPassword": f"{alice.password} 2"}
    answer = alice.client.post("/auth/me/password", json=body, headers=alice.headers)
    assert answer.status_code == 204, answer.text


def new_address(app: Flask, mongo: Database, alice: Person) -> None:
    """Change the address."""
    asked = {"email": "alice@elsewhere.example"}
    assert alice.client.post("/auth/me/email", json=asked, headers=alice.headers).status_code == 202
    token = newest(app, "change", "alice@elsewhere.example")
    answer = alice.client.post("/auth/email/verify", json={"token": token}, headers=alice.headers)
    assert answer.status_code == 200, answer.text


def proved_address(app: Flask, mongo: Database, alice: Person) -> None:
    """Prove the address: what was done before is undone, an app that somebody else let in, too."""
    token = newest(app, "verify", alice.email)
    assert alice.client.post("/auth/email/verify", json={"token": token}, headers=alice.headers).status_code == 200


def no_grant(app: Flask, mongo: Database, alice: Person) -> None:
    """Take back what was allowed."""
    mongo.grants.delete_many({})


def narrower_grant(app: Flask, mongo: Database, alice: Person) -> None:
    """Take back a part of what was allowed."""
    mongo.grants.update_many({}, {"$pull": {"scopes": "email"}})


def disabled_app(app: Flask, mongo: Database, alice: Person) -> None:
    """Disable the app."""
    mongo.apps.update_many({}, {"$currentDate": {"disabledAt": True}})


def deleted_app(app: Flask, mongo: Database, alice: Person) -> None:
    """Delete the app."""
    with app.test_request_context():
        apps.delete(mongo.apps.find_one({})["_id"])


Change = Callable[[Flask, Database, Person], None]
OF_THE_ACCOUNT: list[Change] = [
    *(ended_session, idle_session, disabled, disabled_without_more, deleted, new_password, new_address, proved_address),
    *(no_grant, narrower_grant),
]
OF_THE_APP: list[Change] = [disabled_app, deleted_app]
