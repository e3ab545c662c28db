"""`flask notices`: what apps could not be told yet. O49."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from tests.conftest import Person
from tests.support.accounts import Database
from tests.support.logouts import Told
from tests.support.outside import Server, saying


@pytest.fixture
def told(app: Flask, client: FlaskClient, mongo: Database) -> Iterator[Told]:
    with Server(saying("500 Internal Server Error")) as server:
        yield Told(app, client, mongo, server)


@pytest.fixture
def notices(app: Flask) -> Callable[..., Any]:
    """Return a way to run `flask notices …`."""
    runner = app.test_cli_runner()
    return lambda *args: runner.invoke(args=["notices", *args])


def listed(notices: Callable[..., Any]) -> list[dict[str, Any]]:
    return list(json.loads(notices("list", "--json").output))


class TestNotices:
    def test_o49_what_was_given_up_is_listed_and_tried_again(
        self, told: Told, alice: Person, notices: Callable[..., Any], mongo: Database
    ):
        told.client.sign_in(alice.tokens["accessToken"])
        alice.client.post("/auth/logout", headers=alice.headers)
        with time_machine.travel(clock.now() + timedelta(hours=49)):
            assert told.deliver() == 1
            (row,) = listed(notices)
            assert (row["app"], row["kind"], row["last answer"]) == (told.client.id, "logout", "the app answered 500")
            assert row["given up"] is not None
            told.server.behaviour = saying()
            assert notices("retry", row["id"]).output == "1 notice is being tried now.\n"
            assert told.deliver() == 1
            assert listed(notices) == []
            assert notices("retry", row["id"]).exit_code != 0
        assert len({claims["sid"] for claims in told.heard()}) == 1

    def test_all_at_once(self, told: Told, alice: Person, notices: Callable[..., Any], mongo: Database):
        for person in (alice.login(), alice.login()):
            told.client.sign_in(person.tokens["accessToken"])
            person.client.post("/auth/logout", headers=person.headers)
        assert told.deliver() == 2
        told.server.behaviour = saying()
        assert notices("retry", "--all").output == "2 notices are being tried now.\n"
        assert told.deliver() == 2

    @pytest.mark.parametrize("args", [("retry",), ("retry", "x", "--all"), ("retry", "x"), ("retry", "f" * 24)])
    def test_what_is_not_there_is_refused(self, clean: None, notices: Callable[..., Any], args: tuple[str, ...]):
        assert notices(*args).exit_code != 0
