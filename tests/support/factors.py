"""What the tests of second factors share: people who have some, and the steps of signing in by them."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.security import totp
from tests.conftest import Person
from tests.support.accounts import Database, login
from tests.support.authenticator import Authenticator

STEP = 30
"""Seconds that a code of an authenticator app is shown for."""


@dataclass
class App:
    """An authenticator app: it shows codes, and spends a step for each so that none is shown twice."""

    secret: str
    ahead: int = 0

    def code(self, at: datetime | None = None) -> str:
        """Return the code of now, or of another moment."""
        return totp.code_at(self.secret, at or clock.now())


@dataclass
class Protected:
    """Somebody with an authenticator app, signed in."""

    person: Person
    app: App
    recovery_codes: list[str] = field(default_factory=list)


def verified(mongo: Database, person: Person) -> Person:
    """Let somebody have proved their address."""
    mongo.users.update_one({"_id": ObjectId(person.id)}, {"$set": {"emailVerifiedAt": clock.now()}})
    return person


def post(person: Person, path: str, **body: Any) -> Any:
    """Return the answer to a request that somebody makes signed in."""
    return person.client.post(path, json=body, headers=person.headers)


def enrol(person: Person) -> App:
    """Begin to enrol an app."""
    answer = person.client.post("/auth/mfa/totp", headers=person.headers)
    assert answer.status_code == 200, answer.text
    return App(answer.get_json()["secret"])


def with_totp(person: Person, mongo: Database) -> Protected:
    """Enrol an app and confirm it, by the code of the step before: that of now is still good.

    Not at the end of a step: a code that is two steps old when it arrives is none.
    """
    app = enrol(verified(mongo, person))
    left = STEP - time.time() % STEP
    if left < 2:
        time.sleep(left)
    answer = post(person, "/auth/mfa/totp/confirm", code=app.code(clock.now() - timedelta(seconds=30)))
    assert answer.status_code == 200, answer.text
    return Protected(person, app, answer.get_json()["recoveryCodes"])


def with_passkey(person: Person, mongo: Database, device: Authenticator | None = None) -> Authenticator:
    """Register a passkey that is asked for at every sign-in."""
    device = device or Authenticator()
    verified(mongo, person)
    answer = register_passkey(person, device)
    assert answer.status_code == 201, answer.text
    assert person.client.post("/auth/mfa/require", headers=person.headers).status_code == 204
    return device


def register_passkey(person: Person, device: Authenticator, name: str = "laptop", **lies: Any) -> Any:
    """Return the answer to registering a new passkey."""
    options = person.client.post("/auth/passkeys/options", headers=person.headers).get_json()
    made = device.create(options["publicKey"], **lies)
    return post(person, "/auth/passkeys", challengeId=options["challengeId"], name=name, credential=made)


def ticket(client: FlaskClient, person: Person) -> str:
    """Return the ticket that a right password gives."""
    answer = login(client, person.email, person.password)
    assert answer.status_code == 202, answer.text
    return str(answer.get_json()["mfaToken"])


def complete(client: FlaskClient, mfa_token: str, **proof: Any) -> Any:
    """Return the answer to a second factor."""
    return client.post("/auth/login/mfa", json={"mfaToken": mfa_token, **proof})


def options_for(client: FlaskClient, path: str = "/auth/login/passkey/options", **body: Any) -> dict[str, Any]:
    """Return the options that a page asks for."""
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def sign_in_by(client: FlaskClient, device: Authenticator, *, transport: str = "body", **lies: Any) -> Any:
    """Return the answer to a sign-in by passkey alone."""
    options = options_for(client)
    shown = device.get(options["publicKey"], **lies)
    body = {"challengeId": options["challengeId"], "credential": shown, "transport": transport}
    return client.post("/auth/login/passkey", json=body)
