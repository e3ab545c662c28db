"""What the tests of the console share: an administrator with an authenticator app, and accounts for the lists."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyotp
from bson import ObjectId
from playwright.sync_api import Page, expect

from authsvc import clock
from authsvc.models.users import keys
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.service import Service, Visitor

SIGN_IN = """async ({email, password, code}) => {
  const headers = {"Content-Type": "application/json"};
  const post = async (path, body) => (await fetch(path, {
    method: "POST", headers, body: JSON.stringify({...body, transport: "cookie"}),
  })).json();
  const {mfaToken} = await post("/auth/login", {email, password});
  return mfaToken ? post("/auth/login/mfa", {mfaToken, code}) : null;
}"""


@dataclass
class Administrator:
    """Somebody who may open the console."""

    email: str
    id: str
    app: pyotp.TOTP

    def code(self, mongo: Database) -> str:
        """Return a code of now, which is good once more."""
        mongo.users.update_many({"totp.step": {"$exists": True}}, {"$set": {"totp.step": 0}})
        return self.app.now()


def make_administrator(service: Service, mongo: Database) -> Administrator:
    """Make an administrator with a second factor."""
    email = f"admin-{secrets.token_hex(4)}@example.com"
    visitor = Visitor(service.url)
    answer = visitor.register(email, PASSWORD).json()
    mongo.users.update_one(
        {"email": email}, {"$set": {"role": "admin", "name": "Grace", "emailVerifiedAt": clock.now()}}
    )
    headers = {"Authorization": f"Bearer {answer['accessToken']}"}
    app = pyotp.TOTP(visitor.request("POST", "/auth/mfa/totp", headers=headers).json()["secret"])
    confirmed = visitor.request("POST", "/auth/mfa/totp/confirm", headers=headers, json={"code": app.now()})
    assert confirmed.status_code == 200, confirmed.text
    return Administrator(email, answer["user"]["id"], app)


def enter(page: Page, admin: Administrator, mongo: Database, at: str = "") -> None:
    """Sign an administrator in, and open the console."""
    page.goto("/account/forgot-password")
    proof = {"email": admin.email, "password": PASSWORD, "code": admin.code(mongo)}
    assert page.evaluate(SIGN_IN, proof)["user"]["role"] == "admin"
    page.goto(f"/admin/{at}")
    expect(page.locator("#console")).to_be_visible()


def seed(mongo: Database, count: int, **more: Any) -> list[ObjectId]:
    """Put accounts directly into the database, the last one made last."""
    now = clock.now()
    people = [
        {
            "_id": ObjectId(),
            "name": f"Person {number:05}",
            "email": f"person{number:05}@example.com",
            "role": "user",
            "createdAt": now - timedelta(minutes=count - number),
            **more,
        }
        for number in range(count)
    ]
    mongo.users.insert_many({**person, **keys.of_account(person)} for person in people)
    return [person["_id"] for person in people]
