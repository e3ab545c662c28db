"""Signing in by a code from a letter: asking for it, reading it, typing it."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from tests.support import letters
from tests.support.accounts import EMAIL


def ask(client: FlaskClient, email: str = EMAIL, **members: Any) -> Any:
    """Return the answer to a request for a code."""
    return client.post("/auth/login/email", json={"email": email, **members})


def challenge_of(answer: Any) -> str:
    """Return the id of the challenge that an answer begins."""
    return str(answer.get_json()["challengeId"])


def type_code(client: FlaskClient, challenge_id: str, code: str, **members: Any) -> Any:
    """Return the answer to a code."""
    return client.post("/auth/login/email/code", json={"challengeId": challenge_id, "code": code, **members})


def follow(client: FlaskClient, token: str, *, headers: dict[str, str] | None = None, **members: Any) -> Any:
    """Return the answer to a link that signs in."""
    return client.post("/auth/login/email/link", json={"token": token, **members}, headers=headers)


def newest_code(app: Flask, kind: str = "sign_in", to: str | None = None) -> str:
    """Return the code in the newest letter of a kind."""
    return letters.newest_code(app, kind, to)


def wrong(code: str) -> str:
    """Return another code."""
    return f"{(int(code) + 1) % 1_000_000:06}"
