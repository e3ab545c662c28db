"""How often each journey asks the database: counted on the wire, as the driver tells of each command that it sends.

The numbers are those of MongoDB, where a compare-and-set is one command. Throttles are on, and each journey is counted
when its counters, its device and its account are known already: as it is most of the time.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD, Person
from tests.support.accounts import EMAIL, Database, counted_work, login, register, throttled
from tests.support.service import ROOT

PAGE = ROOT / "docs/explain/journeys.md"
ORIGIN = {"Origin": "http://localhost:8000"}
COOKIE = {"email": EMAIL, "password": PASSWORD, "transport": "cookie"}

Journey = Callable[[Person, FlaskClient], Any]


def forget(path: str, **body: str) -> Journey:
    """Return a request of somebody who is not signed in."""
    return lambda person, _: person.client.post(path, json=body)


def own(method: str, path: str, **body: Any) -> Journey:
    """Return a request of somebody who is signed in."""
    return lambda person, _: person.client.open(path, method=method, headers=person.headers, json=body or None)


def sign_out(person: Person, _: FlaskClient) -> Any:
    """End a session of its own."""
    return person.client.post("/auth/logout", headers=person.headers)


JOURNEYS: dict[str, tuple[int, Journey]] = {
    "`GET /`": (200, own("GET", "/")),
    "Register": (201, lambda person, _: register(person.client, email="new@example.com")),
    "Register, the address is taken": (409, lambda person, _: register(person.client, email=EMAIL)),
    "Sign in": (200, lambda person, _: login(person.client)),
    "Sign in by cookie": (200, lambda _, browser: browser.post("/auth/login", json=COOKIE, headers=ORIGIN)),
    "Sign in, wrong password": (401, lambda person, _: login(person.client, password="not the right phrase")),
    "Sign in, unknown address": (401, lambda person, _: login(person.client, "nobody@example.com")),
    "Refresh": (200, lambda person, _: person.refresh()),
    "Refresh by cookie": (200, lambda _, browser: browser.post("/auth/refresh-token", json={}, headers=ORIGIN)),
    "Sign out": (204, sign_out),
    "Ask for a letter that resets the password": (202, forget("/auth/password/forgot", email=EMAIL)),
    "Ask for a code to sign in": (202, forget("/auth/login/email", email=EMAIL)),
    "Re-authenticate": (200, own("POST", "/auth/reauthenticate", password=PASSWORD)),
    "One's own account": (200, own("GET", "/auth/me")),
    "Change one's name": (200, own("PATCH", "/auth/me", name="Somebody Else")),
    "List one's sessions": (200, own("GET", "/auth/sessions")),
}
BUDGETS = {"Register": 11, "Sign in": 10, "Refresh": 5, "`GET /`": 1}
"""What they may cost at most, whatever the page says."""


def told() -> dict[str, int]:
    """Return the table of the page: how many commands each journey takes."""
    rows = re.findall(r"^\| (.+?) \| (\d+) \|", PAGE.read_text(), re.MULTILINE)
    return {name: int(commands) for name, commands in rows}


@pytest.fixture
def browser(app: Flask, alice: Person) -> FlaskClient:
    """Return a browser in which somebody has signed in."""
    client = app.test_client()
    assert client.post("/auth/login", json=COOKIE, headers=ORIGIN).status_code == 200
    return client


class TestCommands:
    @pytest.mark.parametrize("name", JOURNEYS)
    def test_a_journey_takes_as_many_as_the_page_says(
        self, app: Flask, alice: Person, browser: FlaskClient, mongo: Database, name: str
    ):
        status, journey = JOURNEYS[name]
        with throttled(app):
            for turn in range(2):
                mongo.users.delete_many({"email": "new@example.com"})
                person = alice if turn == 0 else alice.login()
                with counted_work() as work:
                    answer = journey(person, browser)
                assert answer.status_code == status, answer.text
        assert (len(work.commands), work.commands) == (told()[name], work.commands)

    def test_a_registration_stores_the_session_before_the_account(self, client: FlaskClient):
        """Whoever changes an account ends its sessions afterwards, so none is missed."""
        with counted_work() as work:
            assert register(client).status_code == 201
        assert work.commands.index("insert sessions") < work.commands.index("insert users")

    def test_a_registration_that_is_refused_leaves_no_session(self, alice: Person, mongo: Database):
        before = list(mongo.sessions.find())
        assert register(alice.client, email=alice.email).status_code == 409
        assert list(mongo.sessions.find()) == before

    def test_none_takes_more_than_its_budget(self):
        assert {name: told()[name] for name in BUDGETS if told()[name] > BUDGETS[name]} == {}

    def test_the_page_tells_of_no_other(self):
        assert sorted(told()) == sorted(JOURNEYS)
