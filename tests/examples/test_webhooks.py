"""The receivers of webhooks, started as their README says: the libraries of PyPI and npm verify what really comes."""

import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from authsvc.security import standard_webhooks
from tests.examples.running import EXAMPLES, end
from tests.support.between import Between, Message
from tests.support.npm import installed
from tests.support.races import eventually, race
from tests.support.service import Service, Visitor, free_port

pytestmark = pytest.mark.external

FOLDER = EXAMPLES / "webhooks"
README = (FOLDER / "README.md").read_text()
RECEIVERS = ("receiver.py", "receiver.js")
EVENTS = re.findall(r"--event (\S+?)[\s\"]", README)
PATIENCE = 300
"""Seconds: what was signed longer ago is refused."""


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return authsvc, with two workers."""
    with Service(**{**settings, "WEB_CONCURRENCY": 2}) as running:
        yield running


@pytest.fixture(scope="module", params=RECEIVERS)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a copy of the folder with what a receiver needs, and the command that starts it there."""
    folder = tmp_path_factory.mktemp("receiver") / "webhooks"
    if request.param == "receiver.js":
        return installed(FOLDER, folder), _started_by("npm start")
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("node_modules"))
    pip = [sys.executable, "-m", "pip", "install", "-q", "-r", str(folder / "requirements.txt")]
    subprocess.run(pip, check=True, timeout=90)
    return folder, _started_by(".venv/bin/python receiver.py").replace(".venv/bin/python", sys.executable)


def _started_by(words: str) -> str:
    """Return the command of the README that ends so, without the settings before it."""
    (command,) = re.findall(rf"^WEBHOOK_SECRET=whsec_… PORT=3000 ({re.escape(words)})$", README, re.MULTILINE)
    return str(command)


class Receiver:
    """A receiver at work, the webhook that tells it, and a person whose account it follows."""

    def __init__(self, app: Flask, program: tuple[Path, str], between: Between) -> None:
        self.app, self.between = app, between
        self._folder, self._command = program
        self._process: subprocess.Popen[bytes] | None = None
        events = [word for event in EVENTS for word in ("--event", event)]
        made = json.loads(self.command("create", between.url, *events, "--json"))
        self.webhook, self.secret = made["id"], made["secret"]

    def command(self, *words: str) -> str:
        """Run `flask webhooks …`; return what it prints."""
        said = self.app.test_cli_runner().invoke(args=["webhooks", *words])
        assert said.exit_code == 0, said.output
        return str(said.stdout)

    def rotate(self) -> str:
        """Give the webhook a new secret."""
        return str(json.loads(self.command("secret", self.webhook, "--yes", "--json"))["secret"])

    def start(self, secret: str) -> None:
        """Start the program with this secret, instead of the one that runs."""
        self.stop()
        environ = {**os.environ, "WEBHOOK_SECRET": secret, "PORT": str(self.between.to)}
        command = ["bash", "-c", self._command]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, env=environ, stdout=log, stderr=log, start_new_session=True
            )
        eventually(self._answers, 30)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()
        return requests.get(f"http://127.0.0.1:{self.between.to}/", timeout=5).status_code == 404

    def stop(self) -> None:
        """Kill the program."""
        if self._process is not None:
            end(self._process)

    def table(self) -> dict[str, tuple[str | None, str | None, int]]:
        """Return the accounts that it knows, by their ids: name, address, number of the last message."""
        return self._kept()[0]

    def heard(self) -> list[str]:
        """Return the ids of the messages that it has taken."""
        return self._kept()[1]

    def _kept(self) -> tuple[dict[str, Any], list[str]]:
        if (self._folder / "accounts.db").exists():
            with closing(sqlite3.connect(self._folder / "accounts.db")) as db:
                accounts = {row[0]: row[1:] for row in db.execute("SELECT * FROM accounts")}
                return accounts, [row[0] for row in db.execute("SELECT id FROM heard")]
        if not (self._folder / "accounts.json").exists():
            return {}, []
        kept = json.loads((self._folder / "accounts.json").read_text())
        accounts = {key: (one["name"], one["email"], one["sequence"]) for key, one in kept["accounts"].items()}
        return accounts, kept["heard"]

    def messages(self, count: int) -> list[Message]:
        """Return what it was told, once it was told so often."""
        eventually(lambda: len(self.between.messages) >= count, 30)
        return self.between.messages


class Someone:
    """A person with an account."""

    def __init__(self, service: Service) -> None:
        self.visitor = Visitor(service.url)
        self.email = f"{secrets.token_hex(6)}@example.com"
        made = self.visitor.register(self.email).json()
        self.id = made["user"]["id"]
        self._headers = {"Authorization": f"Bearer {made['accessToken']}"}

    def rename(self, name: str) -> None:
        """Take another name."""
        assert self.visitor.request("PATCH", "/auth/me", json={"name": name}, headers=self._headers).status_code == 200

    def leave(self) -> None:
        """Delete the account."""
        assert self.visitor.request("DELETE", "/auth/me", headers=self._headers).status_code == 204


@pytest.fixture
def receiver(app: Flask, service: Service, clean: None, program: tuple[Path, str]) -> Iterator[Receiver]:
    """Return a receiver at work, which knows nobody yet."""
    for kept in program[0].glob("accounts.*"):
        kept.unlink()
    with Between(free_port()) as between:
        made = Receiver(app, program, between)
        try:
            made.start(made.secret)
            yield made
        finally:
            made.stop()


def signed(secret: str, message: dict[str, Any] | bytes, *, ago: int = 0, key: str = "msg_other") -> Message:
    """Return a message as the service would have signed it so many seconds ago."""
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    keys = [standard_webhooks.read_secret(secret)]
    return Message(standard_webhooks.headers(keys, key, int(time.time()) - ago, body), body, 0)


def renamed(receiver: Receiver, person: Someone, name: str, sequence: int) -> dict[str, Any]:
    """Return a message that says that a person has another name."""
    account = {**json.loads(receiver.between.messages[0].body)["data"]["account"], "id": person.id, "name": name}
    data = {"account": account, "sequence": sequence, "actor": person.id, "details": {"changed": ["name"]}}
    return {"type": "profile.changed", "timestamp": "2026-01-01T00:00:00.000Z", "data": data}


class TestDocumentation:
    @pytest.mark.parametrize("name", RECEIVERS)
    def test_each_is_under_forty_lines(self, name: str) -> None:
        assert 0 < len((FOLDER / name).read_text().splitlines()) < 40

    def test_the_readme_asks_for_every_event_that_the_table_needs(self) -> None:
        assert {"account.registered", "account.invited", "account.created", "account.deleted"} < {*EVENTS}


class TestTable:
    def test_it_follows_whoever_signs_up_changes_and_leaves(self, receiver: Receiver, service: Service) -> None:
        ada, bob = Someone(service), Someone(service)
        receiver.messages(2)
        assert receiver.table() == {ada.id: ("Somebody", ada.email, 1), bob.id: ("Somebody", bob.email, 1)}
        ada.rename("Ada")
        bob.leave()
        receiver.messages(4)
        assert receiver.table() == {ada.id: ("Ada", ada.email, 2), bob.id: (None, None, 2)}
        assert receiver.between.statuses() == [204] * 4

    def test_a_test_message_is_taken_and_changes_nothing(self, receiver: Receiver) -> None:
        receiver.command("test", receiver.webhook)
        receiver.messages(1)
        assert receiver.between.statuses() == [204]
        assert (receiver.table(), len(receiver.heard())) == ({}, 1)

    def test_what_comes_while_it_is_down_comes_later(self, receiver: Receiver, service: Service) -> None:
        ada = Someone(service)
        receiver.messages(1)
        receiver.stop()
        ada.rename("Ada")
        receiver.messages(2)
        receiver.start(receiver.secret)
        retry_all(receiver)
        eventually(lambda: receiver.table() == {ada.id: ("Ada", ada.email, 2)})
        assert receiver.between.statuses()[1] == 502


class TestSecrets:
    def test_before_and_after_a_rotation_every_message_is_verified(self, receiver: Receiver, service: Service) -> None:
        """R122: with the former secret for as long as both sign, and with the new one from the first moment."""
        ada = Someone(service)
        receiver.messages(1)
        new = receiver.rotate()
        assert new != receiver.secret
        ada.rename("Ada with the former one")
        assert len(receiver.messages(2)[1].headers["webhook-signature"].split()) == 2
        receiver.start(new)
        ada.rename("Ada with the new one")
        receiver.messages(3)
        assert receiver.between.statuses() == [204] * 3
        assert receiver.table() == {ada.id: ("Ada with the new one", ada.email, 3)}

    def test_a_secret_that_signs_no_more_is_refused_and_nothing_is_lost(
        self, receiver: Receiver, service: Service
    ) -> None:
        """R122."""
        ada = Someone(service)
        receiver.messages(1)
        receiver.rotate()
        newest = receiver.rotate()  # of the former ones only the latest still signs
        ada.rename("Ada")
        assert receiver.messages(2)[1].status == 400
        assert receiver.table() == {ada.id: ("Somebody", ada.email, 1)}
        receiver.start(newest)
        retry_all(receiver)
        eventually(lambda: receiver.table() == {ada.id: ("Ada", ada.email, 2)})
        assert receiver.between.statuses()[-1] == 204


class TestHostileMessages:
    def test_a_replay_of_five_minutes_ago_is_refused(self, receiver: Receiver, service: Service) -> None:
        """R122: with a valid signature, and what was signed a little later is taken."""
        ada = Someone(service)
        receiver.messages(1)
        message = renamed(receiver, ada, "Mallory", 9)
        old = signed(receiver.secret, message, ago=PATIENCE + 10)
        ahead = signed(receiver.secret, message, ago=-PATIENCE - 10)
        for refused in (old, ahead):
            assert receiver.between.post(refused.body, refused.headers) == 400
        assert receiver.table() == {ada.id: ("Somebody", ada.email, 1)}
        assert len(receiver.heard()) == 1
        recent = signed(receiver.secret, message, ago=PATIENCE - 10)
        assert receiver.between.post(recent.body, recent.headers) == 204
        assert receiver.table() == {ada.id: ("Mallory", ada.email, 9)}

    def test_a_replay_at_once_is_taken_once(self, receiver: Receiver, service: Service) -> None:
        ada = Someone(service)
        first = receiver.messages(1)[0]
        ada.rename("Ada")
        receiver.messages(2)
        assert race(*[lambda: receiver.between.post(first.body, first.headers)] * 8) == [204] * 8
        assert receiver.table() == {ada.id: ("Ada", ada.email, 2)}
        assert len(receiver.heard()) == 2

    def test_the_same_message_at_the_same_time_is_taken_once(self, receiver: Receiver, service: Service) -> None:
        ada = Someone(service)
        receiver.messages(1)
        message = signed(receiver.secret, renamed(receiver, ada, "Ada", 2))
        assert race(*[lambda: receiver.between.post(message.body, message.headers)] * 8) == [204] * 8
        assert sorted(receiver.heard()) == sorted([receiver.between.messages[0].headers["webhook-id"], "msg_other"])
        again = signed(receiver.secret, renamed(receiver, ada, "of the same id", 3))
        assert receiver.between.post(again.body, again.headers) == 204
        assert receiver.table() == {ada.id: ("Ada", ada.email, 2)}

    def test_what_comes_late_changes_nothing_back(self, receiver: Receiver, service: Service) -> None:
        ada, bob = Someone(service), Someone(service)
        receiver.messages(2)
        ada.rename("Ada")
        bob.leave()
        receiver.messages(4)
        before = receiver.table()
        for number, person in enumerate((ada, bob)):
            late = signed(receiver.secret, renamed(receiver, person, "late", 1), key=f"msg_{number}")
            assert receiver.between.post(late.body, late.headers) == 204
        assert receiver.table() == before
        assert before[bob.id] == (None, None, 2)

    def test_a_changed_message_is_refused(self, receiver: Receiver, service: Service) -> None:
        """R122: another body, id, time or secret."""
        ada = Someone(service)
        (real,) = receiver.messages(1)
        later = str(int(real.headers["webhook-timestamp"]) + 1)
        forged = signed(standard_webhooks.new_secret(), renamed(receiver, ada, "Mallory", 9))
        for body, headers in (
            (real.body.replace(b"Somebody", b"Somebodi"), real.headers),
            (real.body + b" ", real.headers),
            (b"", real.headers),
            (real.body, {**real.headers, "webhook-id": "msg_x"}),
            (real.body, {**real.headers, "webhook-timestamp": later}),
            (forged.body, forged.headers),
        ):
            assert receiver.between.post(body, headers) == 400, (body, headers)
        assert receiver.table() == {ada.id: ("Somebody", ada.email, 1)}
        assert len(receiver.heard()) == 1

    @pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
    def test_what_is_no_signature_is_refused(self, receiver: Receiver, service: Service, name: str) -> None:
        message = signed(receiver.secret, {"type": "webhook.test", "timestamp": "", "data": {}})
        without = {key: value for key, value in message.headers.items() if key != name}
        assert receiver.between.post(message.body, without) == 400
        for value in ("", "x", "v1", "v1,", "v1,%%%", "v2,AAAA", "v1,a,b", "nan", "1e400", "-1", ","):
            assert receiver.between.post(message.body, {**message.headers, name: value}) == 400, value
        assert receiver.between.post(b"\xff\xfe{", message.headers) == 400
        assert receiver.between.post(b"x" * 200_000, message.headers) == 413
        assert receiver.heard() == []
        assert receiver.between.post(message.body, message.headers) == 204


def retry_all(receiver: Receiver) -> None:
    """Try what was not taken again at once, unless that has been done by itself meanwhile."""
    for one in json.loads(receiver.command("deliveries", receiver.webhook, "--json")):
        if one["state"] != "delivered":
            receiver.app.test_cli_runner().invoke(args=["webhooks", "retry", receiver.webhook, one["id"]])
