"""`flask keys`: what an operator types and reads."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskCliRunner
from pymongo.database import Database

from authsvc.services import signing_keys
from tests.api.forging import now
from tests.support.commands import flask


@pytest.fixture
def keys(app: Flask, own_ring: None, mongo: Database[dict[str, Any]]) -> Iterator[Callable[..., Any]]:
    """Return a way to run `flask keys …` on a ring of one new key."""
    mongo.signing_keys.delete_many({})
    mongo.id_signing_keys.delete_many({})
    runner: FlaskCliRunner = app.test_cli_runner()
    with time_machine.travel(now(), tick=True):
        yield lambda *args, **options: runner.invoke(args=["keys", *map(str, args)], **options)


def states(keys: Callable[..., Any], ring: str = "tokens") -> list[str]:
    """Return the states of a ring's keys, in the order of their numbers."""
    listed = json.loads(keys("list", "--json").output)
    return list({row["key"]: row["state"] for row in listed if row["ring"] == ring}.values())


class TestList:
    def test_it_is_a_table_with_the_times(self, keys: Callable[..., Any]) -> None:
        assert keys("list").exit_code == 0
        keys("rotate")
        title, first, second, rsa, ec = keys("list").output.splitlines()
        names = ["RING", "KEY", "ALG", "KID", "STATE", "CREATED", "SIGNS FROM", "VERIFIES UNTIL"]
        assert re.split(r" {2,}", title) == names
        assert re.fullmatch(r"tokens +1 +ES256 +[\w-]{43} +signs +\S+Z +\S+Z +\S+Z", first)
        assert re.fullmatch(r"tokens +2 +ES256 +[\w-]{43} +next +\S+Z +\S+Z", second)
        assert re.fullmatch(r"ids +1 +RS256 +[\w-]{43} +signs +\S+Z +\S+Z", rsa)
        assert re.fullmatch(r"ids +1 +ES256 +[\w-]{43} +signs +\S+Z +\S+Z", ec)

    def test_programs_get_json(self, keys: Callable[..., Any]) -> None:
        """O42: each key is named with the ring that it belongs to."""
        rows = json.loads(keys("list", "--json").output)
        for row in rows:
            assert set(row) == {"ring", "key", "alg", "kid", "state", "created", "signs from", "verifies until"}
            assert (row["key"], row["state"], row["verifies until"]) == (1, "signs", None)
        assert [(row["ring"], row["alg"]) for row in rows] == [
            ("tokens", "ES256"),
            ("ids", "RS256"),
            ("ids", "ES256"),
        ]

    def test_nothing_private_is_printed(self, keys: Callable[..., Any], mongo: Database[dict[str, Any]]) -> None:
        said = "".join(keys(*args).output for args in (["list"], ["list", "--json"], ["rotate"], ["reseal"]))
        for stored in (*mongo.signing_keys.find(), *mongo.id_signing_keys.find()):
            assert stored["sealed"] not in said


class TestRotate:
    def test_it_says_from_when_the_next_key_signs(self, keys: Callable[..., Any]) -> None:
        first = keys("rotate")
        assert first.exit_code == 0
        assert re.match(r"Key 2 \([\w-]{43}\) is published now, and signs from \S+Z\.", first.output)
        assert keys("rotate").output == first.output

    @pytest.mark.parametrize("lead", ["7", "0", "-1", "x", "1.5", "9999999999", "9" * 14, "9" * 400])
    def test_a_lead_too_short_or_too_long_for_the_workers_is_refused(self, keys: Callable[..., Any], lead: str) -> None:
        assert keys("rotate", "--lead", lead).exit_code == 2
        assert states(keys) == ["signs"]


class TestRetire:
    def test_retiring_asks_for_confirmation(self, keys: Callable[..., Any]) -> None:
        refused = keys("retire", "1", input="n\n")
        assert refused.exit_code == 1
        assert "have to sign in again" in refused.output
        assert states(keys) == ["signs"]

    def test_it_waits_until_another_key_signs(self, keys: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(signing_keys, "SHORTEST_LEAD", signing_keys.SHORTEST_LEAD / 4)
        done = keys("retire", "1", input="y\n")
        assert done.exit_code == 0, done.output
        assert "Waiting for that" in done.output
        assert "within 5 seconds" in done.output
        assert states(keys) == ["signs"]

    @pytest.mark.parametrize("key", ["9", "x", "", "1 OR 1=1", "-1", "9" * 20])
    def test_one_that_is_not_there(self, keys: Callable[..., Any], key: str) -> None:
        refused = keys("retire", key, "--yes")
        assert refused.exit_code in (1, 2)
        assert "Error: " in refused.output
        assert "Traceback" not in refused.output


class TestFailure:
    @pytest.mark.slow
    def test_a_database_that_is_away_is_said_in_one_line(self, settings: dict[str, str]) -> None:
        failed = flask(settings, "keys", "list", MONGODB_URI="mongodb://127.0.0.1:1/nowhere")
        assert failed.returncode == 1
        assert failed.stderr.splitlines()[-1] == "Error: the database does not answer"
        assert "Traceback" not in failed.stderr

    def test_settings_that_are_wrong_are_named(self) -> None:
        """R97: a command line without settings is production's."""
        failed = flask({}, "keys", "list", APP_ENV="", MONGODB_URI="", SECRET_KEY="")
        assert failed.returncode != 0
        assert "SECRET_KEY is missing" in failed.stderr
        assert "Traceback" not in failed.stderr
