"""Requests that change and reset a password."""

from flask.testing import FlaskClient

from tests.conftest import PASSWORD, Person
from tests.support.accounts import (
    EMAIL,
)

NEW = "a brand new passphrase"


def change(person: Person, current: object = PASSWORD, new: object = NEW):
    return person.client.post(
        "/auth/me/password", json={"currentPassword": current, "newPassword": new}, headers=person.headers
    )


def forgot(client: FlaskClient, email: object = EMAIL, **headers: str):
    return client.post("/auth/password/forgot", json={"email": email}, headers=headers)


def reset(client: FlaskClient, token: object, new: object = NEW):
    return client.post("/auth/password/reset", json={"token": token, "newPassword": new})
