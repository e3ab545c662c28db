"""What a mail server says and does at each step decides what becomes of the letter, and nothing after its yes does."""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from pymongo.errors import AutoReconnect

from authsvc import clock
from authsvc.clients import mailer
from authsvc.clients.mailer import NotDelivered
from authsvc.models.letters import Letter
from authsvc.services import mail
from tests.support.accounts import Database
from tests.support.mail_server import MailServer
from tests.support.rude_mail_server import RudeMailServer, Step, answers_and_hangs_up, babbles, hangs_up, resets, says

TO = "ada@example.com"
LINK = "https://auth.example.com/account/verify-email#token=asl_x"

AFTER: list[tuple[str, dict[str, Step]]] = [
    ("421 to QUIT", {"QUIT": says("421 4.3.0 shutting down")}),
    ("500 to QUIT", {"QUIT": says("500 what?")}),
    ("no answer to QUIT", {"QUIT": hangs_up}),
    ("a reset at QUIT", {"QUIT": resets}),
    ("nonsense at QUIT", {"QUIT": babbles}),
    ("yes and hangs up", {"BODY": answers_and_hangs_up(b"250 2.0.0 taken\r\n")}),
    ("yes in two lines and hangs up", {"BODY": answers_and_hangs_up(b"250-2.0.0 taken\r\n250 as 1234\r\n")}),
    ("another yes", {"BODY": answers_and_hangs_up(b"251 2.0.0 forwarded\r\n")}),
]
BEFORE: list[tuple[str, dict[str, Step]]] = [
    (f"{name} at {verb}", {verb: step})
    for verb in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "BODY")
    for name, step in {
        "hangs up": hangs_up,
        "resets": resets,
        "babbles": babbles,
        "421": says("421 4.3.2 closing"),
        "451": says("451 4.3.0 later"),
    }.items()
]
FOR_GOOD = [
    "550 5.1.1 no such user",
    "550 5.1.10 null MX",
    "550 5.2.1 disabled",
    "553 5.1.3 syntax",
    "551 not here",
    "550 no",
]
NOT_FOR_GOOD = [
    "550 5.4.5 daily quota exceeded",
    "554 5.7.1 rejected by policy",
    "550 5.7.26 unauthenticated",
    "550 5.1.8 bad sender",
    "552 5.2.2 mailbox full",
    "552 too much mail",
    "452 4.2.2 mailbox full",
    "450 4.2.0 greylisted",
    "503 5.5.1 bad sequence",
    "554 5.3.0 system",
    "554 no",
]  # fmt: skip


@pytest.fixture
def in_app(app: Flask, clean: None) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailer, "_SECONDS", 3.0)


def post(to: str = TO) -> None:
    mail.post("verify", ObjectId(), to=to, link=LINK)


def deliver_twice(server: RudeMailServer) -> None:
    """Deliver what is due now, and what is due after a pause."""
    carrier = mailer.from_url(server.url)
    deliver_all(carrier)
    with time_machine.travel(clock.now() + timedelta(minutes=5)):
        deliver_all(carrier)


def deliver_all(carrier: mailer.Mailer) -> None:
    while mail.deliver(carrier):
        pass


class TestU27AfterTheYes:
    @pytest.mark.parametrize(("_what", "at"), AFTER, ids=[what for what, _ in AFTER])
    def test_a_letter_that_was_taken_is_not_sent_again(
        self, in_app: None, mongo: Database, _what: str, at: dict[str, Step]
    ) -> None:
        post()
        with RudeMailServer(**at) as server:
            deliver_twice(server)
        assert sum(command.startswith(b"DATA") for command in server.commands) == 1
        stored = mongo.letters.find_one()
        assert (stored["attempts"], "deliveredAt" in stored, stored.get("error")) == (1, True, None)

    @pytest.mark.parametrize(("_what", "at"), BEFORE, ids=[what for what, _ in BEFORE])
    def test_a_letter_that_was_not_taken_is_tried_again(
        self, in_app: None, mongo: Database, _what: str, at: dict[str, Step]
    ) -> None:
        post()
        with RudeMailServer(**at) as server:
            carrier = mailer.from_url(server.url)
            assert mail.deliver(carrier)
            stored = mongo.letters.find_one()
            assert ("dueAt" in stored, "deliveredAt" in stored, "failedAt" in stored) == (True, False, False)
            server.at.clear()
            with time_machine.travel(clock.now() + timedelta(minutes=1)):
                assert mail.deliver(carrier)
        assert "deliveredAt" in mongo.letters.find_one()
        assert server.taken == 1

    def test_a_server_that_does_not_answer_quit_is_not_waited_for(
        self, in_app: None, mongo: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mailer, "_FAREWELL_SECONDS", 0.2)
        post()
        with RudeMailServer(QUIT=lambda _line: True) as server:
            begun = time.monotonic()
            assert mail.deliver(mailer.from_url(server.url))
        assert time.monotonic() - begun < 3
        assert "deliveredAt" in mongo.letters.find_one()

    def test_the_doctor_s_question_is_answered_before_the_goodbye(self) -> None:
        with RudeMailServer(QUIT=says("421 4.3.0 shutting down")) as server:
            mailer.from_url(server.url).check()
        with RudeMailServer(EHLO=hangs_up) as server, pytest.raises(NotDelivered):
            mailer.from_url(server.url).check()

    def test_a_database_that_is_away_for_a_moment_sends_no_letter_twice(
        self, in_app: None, mongo: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settle, failed = Letter.settle, []

        def settle_later(letter: Letter, **outcome: Any) -> None:
            if len(failed) < 2:
                failed.append(outcome)
                raise AutoReconnect("gone")
            settle(letter, **outcome)

        monkeypatch.setattr(Letter, "settle", settle_later)
        monkeypatch.setattr("authsvc.outbox.outbox._NOTING_PAUSES", (0.01, 0.01))
        post()
        with MailServer() as server:
            assert mail.deliver(mailer.from_url(server.url))
        assert len(failed) == 2
        assert "deliveredAt" in mongo.letters.find_one()


class TestU28Refusals:
    @pytest.mark.parametrize("answer", FOR_GOOD)
    def test_a_recipient_who_is_not_there_ends_it(self, in_app: None, mongo: Database, answer: str) -> None:
        post()
        with RudeMailServer(RCPT=says(answer)) as server:
            deliver_twice(server)
        stored = mongo.letters.find_one()
        assert ("failedAt" in stored, "dueAt" in stored, stored["attempts"]) == (True, False, 1)

    @pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "BODY"])
    @pytest.mark.parametrize("answer", NOT_FOR_GOOD)
    def test_what_an_operator_can_mend_is_put_off(self, in_app: None, mongo: Database, answer: str, step: str) -> None:
        post()
        with RudeMailServer(**{step: says(answer)}) as server:
            assert mail.deliver(mailer.from_url(server.url))
        stored = mongo.letters.find_one()
        assert ("failedAt" in stored, "dueAt" in stored) == (False, True)
        code, _, rest = answer.partition(" ")
        enhanced = re.match(r"[45]\.\d+\.\d+", rest)
        told = f"{code} {enhanced[0]}" if enhanced else code
        assert stored["error"].endswith(f" {told}")

    @pytest.mark.parametrize("step", ["MAIL", "BODY"])
    def test_a_plain_550_to_the_sender_or_the_letter_is_put_off(self, in_app: None, mongo: Database, step: str) -> None:
        """It says nothing about the recipient."""
        post()
        with RudeMailServer(**{step: says("550 no")}) as server:
            assert mail.deliver(mailer.from_url(server.url))
        assert "dueAt" in mongo.letters.find_one()

    def test_what_the_server_says_is_not_kept(self, in_app: None, mongo: Database) -> None:
        post()
        with RudeMailServer(BODY=says(f"554 5.7.1 not your {LINK} to {TO}")) as server:
            mail.deliver(mailer.from_url(server.url))
        assert mongo.letters.find_one()["error"] == "SMTPDataError 554 5.7.1"

    @pytest.mark.parametrize(
        ("public_url", "named"),
        [
            ("https://auth.corp.example", "auth.corp.example"),
            ("https://auth.corp.example:8443", "auth.corp.example"),
            ("http://127.0.0.1:8000", "[127.0.0.1]"),
            ("http://[::1]:8000", "[IPv6:::1]"),
        ],
    )
    def test_ehlo_names_the_host_of_public_url(
        self, make_app: Callable[..., Flask], clean: None, public_url: str, named: str
    ) -> None:
        with MailServer() as server:
            mailing = make_app(PUBLIC_URL=public_url, MAIL_URL=server.url)
            with mailing.app_context():
                post()
                assert mail.deliver(mail.transport())
            assert server.greetings == [named]


class TestU6Turns:
    def test_one_recipient_s_letters_do_not_come_before_all_others(self, in_app: None) -> None:
        for _ in range(12):
            post("flooded@example.com")
        for number in range(3):
            post(f"{number}@example.com")
        with MailServer() as server:
            carrier = mailer.from_url(server.url)
            for _ in range(4):
                assert mail.deliver(carrier)
            assert len({letter["To"] for letter in server.letters}) == 4
            deliver_all(carrier)
        assert Counter(letter["To"] for letter in server.letters)["flooded@example.com"] == 12

    def test_a_slow_mailbox_takes_one_hand_and_not_all(self, app: Flask, in_app: None) -> None:
        """While the server thinks about one letter, further ones to that address wait and others go out."""
        carrier = SlowCarrier("slow@example.com")
        others = [f"{number}@example.com" for number in range(3)]
        for to in ["slow@example.com"] * 3 + others:
            post(to)

        def slow() -> None:
            with app.app_context():
                assert mail.deliver(carrier)

        with ThreadPoolExecutor(1) as hand:
            first = hand.submit(slow)
            assert carrier.entered.wait(20)
            deliver_all(carrier)
            assert sorted(carrier.sent) == others
            carrier.go_on.set()
            first.result(20)
        deliver_all(carrier)
        assert carrier.sent.count("slow@example.com") == 3


class SlowCarrier:
    """Thinks about letters to one address until it is told to go on."""

    def __init__(self, slow: str) -> None:
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.sent: list[str] = []
        self._slow = slow

    def send(self, _message: EmailMessage, to: str) -> None:
        if to == self._slow:
            self.entered.set()
            self.go_on.wait(20)
        self.sent.append(to)

    def check(self) -> None:
        pass
