"""U7: where the answer is the same for known and unknown, so is everything that whoever asked can see afterwards."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD, Person
from tests.support.accounts import EMAIL, Database, login, register, throttled
from tests.support.authenticator import Authenticator
from tests.support.factors import complete, post, register_passkey, with_totp
from tests.support.letters import newest

KNOWN = "bob@example.com"
UNKNOWN = "nobody.there@example.com"
_NAMES = re.compile(rf"{re.escape(KNOWN)}|{re.escape(UNKNOWN)}")
_IDS = re.compile(r"[0-9a-f]{24}|asc_[0-9A-Za-z]{49}")
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z")


@dataclass
class Asker:
    """Somebody signed in, with links, a ticket and a challenge that were there before."""

    person: Person
    app: Flask
    mongo: Database
    change: str
    reset: str
    verify: str
    ticket: str
    recovery_code: str

    def counters(self) -> list[tuple[Any, ...]]:
        """Return the counters, without names: they hold digests of what is counted."""
        return sorted((one["count"],) for one in self.mongo.throttles.find())

    def links(self) -> list[tuple[Any, ...]]:
        """Return the asker's links."""
        own = self.mongo.links.find({"user": ObjectId(self.person.id)})
        return sorted((one["purpose"], _NAMES.sub("x", one["email"])) for one in own)

    def sees(self) -> dict[str, Any]:
        """Return everything that the asker is told about themselves, without ids, times, and whom they asked for."""
        seen = {}
        for path in ("/auth/me", "/auth/me/export", "/auth/me/activity", "/auth/sessions", "/auth/mfa"):
            answer = self.person.client.get(path, headers=self.person.headers)
            assert answer.status_code == 200, path
            told = json.dumps(answer.get_json(), sort_keys=True)
            seen[path] = _TIMES.sub("t", _IDS.sub("i", _NAMES.sub("x", told)))
        return seen

    def can(self) -> dict[str, int]:
        """Return what becomes of what was begun before."""
        client = self.person.client
        return {
            "ticket": complete(client, self.ticket, recoveryCode=self.recovery_code).status_code,
            "verify link": client.post("/auth/email/verify", json={"token": self.verify}).status_code,
            "change link": client.post("/auth/email/verify", json={"token": self.change}).status_code,
            "reset link": client.post(
                "/auth/password/reset", json={"token": self.reset, "newPassword": "short"}
            ).status_code,
        }


@pytest.fixture
def asker(alice: Person, app: Flask, mongo: Database) -> Asker:
    return prepared(alice, app, mongo)


def prepared(alice: Person, app: Flask, mongo: Database) -> Asker:
    """Let somebody begin whatever can be finished later."""
    protected = with_totp(alice, mongo)
    assert register_passkey(alice, Authenticator()).status_code == 201
    mongo.users.update_one({"email": EMAIL}, {"$unset": {"emailVerifiedAt": True}})
    alice.client.post("/auth/password/forgot", json={"email": EMAIL})
    assert post(alice, "/auth/me/email", email="alice.new@example.com").status_code == 202
    ticket = str(login(alice.client).get_json()["mfaToken"])
    return Asker(
        alice,
        app,
        mongo,
        newest(app, "change"),
        newest(app, "reset", EMAIL),
        newest(app, "verify", EMAIL),
        ticket,
        protected.recovery_codes[0],
    )


def call(path: str, **body: Any) -> Callable[[Asker, str], Any]:
    return lambda asker, email: asker.person.client.post(path, json={**body, "email": email})


ROUTES: dict[str, Callable[[Asker, str], Any]] = {
    "POST /auth/me/email": lambda asker, email: post(asker.person, "/auth/me/email", email=email),
    "POST /auth/password/forgot": call("/auth/password/forgot"),
    "POST /auth/email/resend": call("/auth/email/resend"),
    "POST /auth/login/email": call("/auth/login/email"),
    "POST /auth/login": call("/auth/login", password="not the right phrase"),
    "POST /auth/register": call("/auth/register", name="Somebody", password=PASSWORD),
}
"""All routes that take an address and answer the same for one that has an account and one that has none."""


class TestU7:
    @pytest.fixture(autouse=True)
    def _as_it_was(self, app: Flask) -> Iterator[None]:
        yield
        app.config["EMAIL_VERIFICATION"] = "optional"

    @pytest.mark.slow
    @pytest.mark.parametrize("times", [1, 3])
    @pytest.mark.parametrize("route", ROUTES)
    def test_u7_the_asker_finds_everything_the_same(
        self, make_asker: Callable[[], Asker], app: Flask, route: str, times: int
    ):
        """Within the limits of letters to one address and beyond them."""
        outcomes = []
        for email in (KNOWN, UNKNOWN):
            asker = make_asker()
            register(asker.person.client, email=KNOWN)
            if route == "POST /auth/register":
                app.config["EMAIL_VERIFICATION"] = "required"
            with throttled(app, verify_account=2, forgot_account=2):
                answers = [ROUTES[route](asker, email) for _ in range(times)]
                said = [(one.status_code, _IDS.sub("i", re.sub(r'"requestId":"\w+"', "", one.text))) for one in answers]
                counters = asker.counters()
            app.config["EMAIL_VERIFICATION"] = "optional"
            outcomes.append((said, counters, asker.links(), asker.sees(), asker.can()))
        for known, unknown in zip(*outcomes, strict=True):
            assert known == unknown

    def test_u7_every_route_that_takes_an_address_is_there(self, app: Flask):
        """Except what an administrator does: they may know."""
        document = app.test_client().get("/openapi.json").get_json()
        taking = {
            f"{method.upper()} {path}"
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if method != "parameters" and not path.startswith("/admin") and "email" in members(document, operation)
        }
        assert taking == ROUTES.keys()

    def test_u7_a_request_for_an_address_that_is_taken_replaces_the_earlier_one_too(self, asker: Asker, app: Flask):
        """As a request for a free one does."""
        register(asker.person.client, email=KNOWN)
        assert post(asker.person, "/auth/me/email", email=KNOWN).status_code == 202
        assert asker.can()["change link"] == 400


def members(document: dict[str, Any], operation: dict[str, Any]) -> set[str]:
    """Return the names of the members that a JSON body may have."""
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return set(schema.get("properties", {}))


@pytest.fixture
def make_asker(client: FlaskClient, app: Flask, mongo: Database) -> Callable[[], Asker]:
    """Return what makes an asker in an empty database, again and again."""

    def make() -> Asker:
        for name in mongo.list_collection_names():
            if name != "signing_keys" and not name.startswith("system."):
                mongo[name].delete_many({})
        alice = Person(client, EMAIL, PASSWORD, "Alice").register()
        return prepared(alice, app, mongo)

    return make
