"""The real Mongoose and npm's bcrypt on the same collection: each reads, verifies and keeps what the other wrote."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bson.json_util import RELAXED_JSON_OPTIONS, dumps
from flask.testing import FlaskClient

from authsvc.models.users import unkeyed
from tests.conftest import PASSWORD, Person, problem, wipe
from tests.support.accounts import Database, hashing, login, register, stored
from tests.support.programs import require
from tests.support.service import ROOT

pytestmark = pytest.mark.external

EXPRESS = ROOT / "tests" / "express"
NEW = "another good phrase"
PEOPLE = [
    {"name": "Old Hand", "email": "old.hand@example.com", "password": PASSWORD, "rounds": 10},
    {"name": "Mixed Case", "email": "Mixed.Case@Example.com", "password": PASSWORD, "rounds": 4},
    {"name": "Short", "email": "short@example.com", "password": "secret", "rounds": 4},
    {"name": "Unicode ✓", "email": "unicode@example.com", "password": "pässwörd ✓ phrase", "rounds": 4},
    {"name": "Long", "email": "long@example.com", "password": "x" * 72 + "and more", "rounds": 4},
    {"name": "Root", "email": "root@example.com", "password": PASSWORD, "rounds": 4, "role": "admin"},
]

Express = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def packages() -> None:
    """Install what the Express service stood on."""
    require("node", "npm")
    subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=EXPRESS, check=True, timeout=110)


@pytest.fixture
def express(packages: None, settings: dict[str, str], mongo: Database, clean: None) -> Express:
    """Return a way to let the Express code do a step for some people."""

    def run(step: str, people: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Let it do so, and then look at the collection as authsvc does when it starts, or a moment later."""
        done = subprocess.run(
            ["node", "users.js", settings["MONGODB_URI"], step],
            cwd=EXPRESS,
            input=json.dumps(people),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert unkeyed.complete() == 0
        return list(json.loads(done.stdout))

    return run


def let_them_sign_in(client: FlaskClient) -> list[Person]:
    """Let everybody sign in here, each after a wrong password."""
    people = []
    for one in PEOPLE:
        problem(login(client, one["email"], "?" + one["password"]), 401, "invalid_credentials")
        people.append(Person(client, one["email"], one["password"]).login())
        assert people[-1].home().status_code == 200
        user = people[-1].tokens["user"]
        assert (user["name"], user["email"], user["role"]) == (one["name"], one["email"], one.get("role", "user"))
    return people


class TestServedAsItIs:
    def test_who_registered_with_express_signs_in_here_and_there_again(
        self, express: Express, client: FlaskClient, mongo: Database
    ):
        made = express("register", PEOPLE)
        before = {one["email"]: one for one in mongo.users.find()}
        with hashing(6):
            people = let_them_sign_in(client)
        assert [person.id for person in people] == [one["_id"] for one in made]
        assert [person.tokens["user"]["createdAt"] for person in people] == [one["createdAt"] for one in made]
        for one in PEOPLE:
            after = stored(mongo, one["email"])
            assert int(after["password"][4:6]) == max(6, one["rounds"])
            changed = {name for name in after if after[name] != before[one["email"]].get(name)}
            assert changed <= {"password", "passwordChangedAt"}
        for one, found in zip(PEOPLE, express("login", PEOPLE), strict=True):
            assert found["right"] == (one["name"] != "Long"), "what is longer than 72 bytes is no more cut"

    def test_what_was_written_here_is_read_and_verified_there(
        self, express: Express, client: FlaskClient, mongo: Database
    ):
        express("register", PEOPLE[:1])
        person = Person(client, PEOPLE[0]["email"], PASSWORD).login()
        body = {"currentPassword": PASSWORD, "newPassword": NEW}
        assert client.post("/auth/me/password", json=body, headers=person.headers).status_code == 204
        assert client.patch("/auth/me", json={"name": "Renamed"}, headers=person.headers).status_code == 200
        assert register(client, email="new@example.com", name="Newcomer", password=NEW).status_code == 201
        emails = [PEOPLE[0]["email"], "new@example.com"]
        found = express("login", [{"email": email, "password": NEW} for email in emails])
        assert [one["right"] for one in found] == [True, True]
        assert [one["user"]["name"] for one in found] == ["Renamed", "Newcomer"]
        assert {one["user"]["role"] for one in found} == {"user"}
        wrong = express("login", [{"email": email, "password": PASSWORD} for email in emails])
        assert [one["right"] for one in wrong] == [False, False]

    def test_what_mongoose_saves_keeps_what_it_does_not_know(
        self, express: Express, client: FlaskClient, mongo: Database
    ):
        register(client, email="new@example.com", password=NEW)
        before = stored(mongo, "new@example.com")
        express("rename", [{"email": "new@example.com", "name": "Renamed by Express"}])
        assert stored(mongo, "new@example.com") == {**before, "name": "Renamed by Express"}
        assert login(client, "new@example.com", NEW).get_json()["user"]["name"] == "Renamed by Express"


class TestImported:
    def test_an_export_of_the_collection_signs_in_and_is_still_read_there(
        self, express: Express, client: FlaskClient, mongo: Database, tmp_path: Path
    ):
        """What mongoexport writes: a line for each document, relaxed extended JSON."""
        express("register", PEOPLE)
        before = list(mongo.users.find().sort("_id"))
        file = tmp_path / "users.json"
        file.write_text("".join(dumps(one, json_options=RELAXED_JSON_OPTIONS) + "\n" for one in before))
        wipe(mongo)
        done = client.application.test_cli_runner().invoke(args=["users", "import", str(file)])
        assert done.exit_code == 0, done.output
        assert list(mongo.users.find().sort("_id")) == before
        let_them_sign_in(client)
        short = [one for one in PEOPLE if one["name"] != "Long"]
        assert all(found["right"] for found in express("login", short))
