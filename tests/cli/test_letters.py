"""`flask letters`: what waits and what was given up, named without what it says."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from flask import Flask

from authsvc import clock
from authsvc.clients import mailer
from authsvc.services import mail
from tests.support.accounts import Database
from tests.support.mail_server import MailServer
from tests.support.rude_mail_server import RudeMailServer, says

LINK = "https://auth.example.com/account/reset-password#token=asl_secret"


@pytest.fixture
def letters(app: Flask, clean: None) -> Iterator[Callable[..., Any]]:
    """Return a way to run `flask letters …`."""
    runner = app.test_cli_runner()
    with app.app_context():
        yield lambda *args, **options: runner.invoke(args=["letters", *map(str, args)], **options)


def post(to: str) -> None:
    mail.post("reset", ObjectId(), to=to, link=LINK)


def refuse(answer: str) -> None:
    with RudeMailServer(RCPT=says(answer)) as server:
        assert mail.deliver(mailer.from_url(server.url))


class TestU28Letters:
    def test_they_are_listed_by_what_became_of_them(self, letters: Callable[..., Any], mongo: Database) -> None:
        post("ada@example.com")
        refuse("550 5.4.5 quota")
        post("bob@example.com")
        refuse("550 5.1.1 nobody")
        post("eve@example.com")
        listed = json.loads(letters("list", "--json").output)
        assert [(row["to"], row["tries"], row["last answer"]) for row in listed] == [
            ("a…@example.com", 1, "RecipientRefused 550 5.4.5"),
            ("b…@example.com", 1, "RecipientRefused 550 5.1.1"),
            ("e…@example.com", 0, None),
        ]
        assert [(row["next try"] is None, row["given up"] is None) for row in listed] == [
            (False, True),
            (True, False),
            (False, True),
        ]
        title, *rows = letters("list").output.splitlines()
        heads = ["ID", "KIND", "TO", "CREATED", "TRIES", "NEXT TRY", "GIVEN UP", "LAST ANSWER"]
        assert (re.split(r" {2,}", title), len(rows)) == (heads, 3)

    def test_nothing_is_listed_that_was_delivered_or_is_for_nobody(
        self, letters: Callable[..., Any], tmp_path: Path
    ) -> None:
        post("ada@example.com")
        mail.post_decoy("reset", to=None, link=LINK)
        assert mail.deliver(mailer.Folder(tmp_path))
        assert json.loads(letters("list", "--json").output) == []

    def test_no_secret_and_no_whole_address_is_shown(self, letters: Callable[..., Any], mongo: Database) -> None:
        post("ada@example.com")
        stored = mongo.letters.find_one()
        said = "".join(letters(*args).output for args in (["list"], ["list", "--json"], ["retry", stored["_id"]]))
        for secret in ("asl_", stored["sealed"], "ada@example.com"):
            assert secret not in said

    def test_one_that_was_given_up_is_tried_again_for_another_48_hours(
        self, letters: Callable[..., Any], mongo: Database
    ) -> None:
        post("ada@example.com")
        begun = clock.now()
        with time_machine.travel(begun + timedelta(days=3)):
            refuse("451 later")
            (row,) = json.loads(letters("list", "--json").output)
            assert row["given up"] is not None
            assert letters("retry", row["id"]).exit_code == 0
            refuse("451 later")
            assert "failedAt" not in mongo.letters.find_one()
        with time_machine.travel(begun + timedelta(days=4)), MailServer() as server:
            assert mail.deliver(mailer.from_url(server.url))
            assert len(server.to("ada@example.com")) == 1
        assert mongo.audit.count_documents({"action": "letter.retried"}) == 1

    def test_all_of_them_are_tried_again(self, letters: Callable[..., Any], mongo: Database) -> None:
        for to in ("ada@example.com", "bob@example.com"):
            post(to)
            refuse("550 5.1.1 nobody")
        assert letters("retry", "--all").output == "2 letters are being tried now.\n"
        assert mongo.letters.count_documents({"dueAt": {"$exists": True}}) == 2

    def test_r2_12_all_means_all_however_many_there_are(
        self, letters: Callable[..., Any], mongo: Database, tmp_path: Path
    ) -> None:
        post("ada@example.com")
        assert mail.deliver(mailer.Folder(tmp_path))
        mail.post_decoy("reset", to=None, link=LINK)
        kept = list(mongo.letters.find({}, {"dueAt": 1}))
        post("bob@example.com")
        letter = mongo.letters.find_one({"to": "bob@example.com"})
        later, dead = clock.now() + timedelta(hours=1), {"failedAt": clock.now(), "expiresAt": clock.now()}
        states: list[dict[str, Any]] = [{"dueAt": later}, {**dead, "dueAt": None}]
        mongo.letters.insert_many({**letter, "_id": ObjectId(), **states[number % 2]} for number in range(1_200))
        assert letters("retry", "--all").output == "1201 letters are being tried now.\n"
        assert mongo.letters.count_documents({"dueAt": {"$lte": clock.now()}, "expiresAt": {"$exists": False}}) == 1_201
        left = list(mongo.letters.find({"_id": {"$in": [one["_id"] for one in kept]}}, {"dueAt": 1}))
        assert left in (kept, kept[:1])  # the database deletes the decoy once it has expired
        (event,) = mongo.audit.find({"action": "letter.retried"})
        assert event["details"] == {"letters": "all"}

    def test_dropping_one_asks_and_is_on_record(self, letters: Callable[..., Any], mongo: Database) -> None:
        post("ada@example.com")
        letter_id = mongo.letters.find_one()["_id"]
        assert letters("drop", letter_id, input="n\n").exit_code == 1
        assert mongo.letters.count_documents({}) == 1
        assert letters("drop", letter_id, "--yes").exit_code == 0
        assert mongo.letters.count_documents({}) == 0
        event = mongo.audit.find_one({"action": "letter.dropped"})
        assert event["details"] == {"letter": str(letter_id), "kind": "reset"}

    @pytest.mark.parametrize("args", [["retry"], ["retry", "x", "--all"], ["retry", "nope"], ["drop", "nope", "--yes"]])
    def test_what_is_not_there_is_said_in_one_line(self, letters: Callable[..., Any], args: list[str]) -> None:
        refused = letters(*args)
        assert refused.exit_code in (1, 2)
        assert "Error: " in refused.output
        assert "Traceback" not in refused.output

    def test_one_that_was_delivered_stays_as_it_is(
        self, letters: Callable[..., Any], mongo: Database, tmp_path: Path
    ) -> None:
        post("ada@example.com")
        assert mail.deliver(mailer.Folder(tmp_path))
        letter_id = mongo.letters.find_one()["_id"]
        assert [letters(*args).exit_code for args in (["retry", letter_id], ["drop", letter_id, "--yes"])] == [1, 1]
        assert mongo.letters.count_documents({}) == 1
