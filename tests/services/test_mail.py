"""Letters: what is in the outbox gets delivered, at least once, by a real SMTP server; or is kept as dead."""

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
import time_machine
from bson import ObjectId
from flask import Flask

from authsvc import clock, origin
from authsvc.clients import mailer
from authsvc.clients.mailer import Folder, Mailer, NotDelivered
from authsvc.origin import Origin
from authsvc.outbox import LEASE
from authsvc.services import letters, mail
from tests.support.accounts import Database
from tests.support.letters import sent
from tests.support.mail_server import MailServer
from tests.support.races import race

TO = "ada@example.com"
LINK = "https://auth.example.com/account/verify-email#token=asl_x"
KINDS = letters.kinds()


@pytest.fixture
def in_app(app: Flask, clean: None) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture
def owner(in_app: None, mongo: Database) -> ObjectId:
    """Return the id of whose address is `TO`, and proved."""
    return mongo.users.insert_one({"email": TO, "emailVerifiedAt": clock.now()}).inserted_id


def post(kind: str = "verify", to: str = TO, owner: ObjectId | None = None) -> None:
    facts = {"link": LINK, "factor": "a factor", "remaining": "9", "code": "123456", "provider": "Work"}
    facts |= {"target": "shop.example.com/hear", "reason": "gone"}
    mail.post(kind, owner or ObjectId(), to=to, **facts, **mail.request_facts())


def deliver_all(transport: Mailer) -> int:
    count = 0
    while mail.deliver(transport):
        count += 1
    return count


class TestDelivery:
    def test_a_letter_arrives_whole(self, in_app: None, mongo: Database):
        post(to="ada+ümlaut@example.com".replace("ü", "u"))
        with MailServer() as server:
            assert deliver_all(mailer.from_url(server.url)) == 1
        (letter,) = server.letters
        assert letter["To"] == "ada+umlaut@example.com"
        assert letter["From"] == "authsvc@localhost"
        assert letter["Auto-Submitted"] == "auto-generated"
        assert re.fullmatch(r"<[0-9a-f]{24}@localhost>", letter["Message-ID"])
        text, html = (letter.get_body((kind,)).get_content() for kind in ("plain", "html"))
        assert LINK in text
        assert f'<a href="{LINK}"' in html
        stored = mongo.letters.find_one()
        assert stored["deliveredAt"] is not None
        assert "dueAt" not in stored
        assert stored["expiresAt"] - stored["deliveredAt"] == timedelta(days=7)

    def test_each_once_however_many_deliver(self, app: Flask, in_app: None):
        for number in range(20):
            post(to=f"{number}@example.com")
        with MailServer() as server:
            transport = mailer.from_url(server.url)

            def work() -> int:
                with app.app_context():
                    return deliver_all(transport)

            assert sum(race(*[work] * 8)) == 20
        assert sorted(letter["To"] for letter in server.letters) == sorted(f"{n}@example.com" for n in range(20))

    def test_by_starttls_with_a_password(self, in_app: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        post()
        with MailServer(tls="starttls", login=True, folder=tmp_path) as server:
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
            mailer.from_url(server.url).check()
            deliver_all(mailer.from_url(server.url))
        assert (len(server.letters), server.private) == (1, [True])

    def test_by_tls_from_the_start(self, in_app: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        post()
        with MailServer(tls="implicit", folder=tmp_path) as server:
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
            deliver_all(mailer.from_url(server.url))
        assert (len(server.letters), server.private) == (1, [True])

    def test_not_to_a_server_whose_certificate_is_not_trusted(self, in_app: None, tmp_path: Path, mongo: Database):
        post()
        with MailServer(tls="starttls", folder=tmp_path) as server:
            mail.deliver(mailer.from_url(server.url))
        assert server.letters == []
        assert mongo.letters.find_one()["error"] == "SSLCertVerificationError"

    def test_not_with_a_wrong_password(self, in_app: None, mongo: Database, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(mailer, "_SECONDS", 1.0)  # this server goes silent after a wrong password
        post()
        with MailServer(login=True) as server:
            mail.deliver(mailer.from_url(server.url.replace("a%20mail", "another")))
        assert server.letters == []
        assert mongo.letters.find_one()["error"] in ("SMTPAuthenticationError 535", "SMTPServerDisconnected")

    def test_to_a_folder(self, in_app: None, tmp_path: Path):
        post()
        deliver_all(mailer.from_url(f"file:{tmp_path}/new"))
        (file,) = (tmp_path / "new").iterdir()
        assert file.suffix == ".eml"
        assert file.stat().st_mode & 0o077 == 0
        assert "To: ada@example.com" in file.read_text()

    def test_to_the_console(self, in_app: None, capsys: pytest.CaptureFixture[str]):
        post()
        deliver_all(mailer.from_url("console:"))
        assert LINK in capsys.readouterr().err


class TestFailure:
    @pytest.mark.parametrize("behaviour", ["busy", "drop"])
    def test_it_is_tried_again_later(self, in_app: None, mongo: Database, behaviour: str):
        post()
        with MailServer() as server:
            server.behaviour = behaviour
            transport = mailer.from_url(server.url)
            assert mail.deliver(transport)
            assert not mail.deliver(transport)
            server.behaviour = "take"
            with time_machine.travel(clock.now() + timedelta(seconds=6)):
                assert mail.deliver(transport)
        assert len(server.letters) == 1
        stored = mongo.letters.find_one()
        assert (stored["attempts"], stored.get("error")) == (2, None)

    def test_the_pauses_grow_for_48_hours(self, in_app: None, mongo: Database):
        post()
        server = MailServer()
        transport = mailer.from_url(server.url)
        begun, pauses = clock.now(), []
        with time_machine.travel(begun, tick=False) as traveller:
            for _ in range(11):
                due = mongo.letters.find_one()["dueAt"]
                pauses.append((due - clock.now()).total_seconds())
                traveller.move_to(due + timedelta(milliseconds=1))
                assert mail.deliver(transport)
            for hours, dead in ((47, False), (48, True)):
                traveller.move_to(begun + timedelta(hours=hours, seconds=1))
                assert mail.deliver(transport)
                assert ("failedAt" in mongo.letters.find_one()) is dead
        assert [round(pause) for pause in pauses[1:]] == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]
        stored = mongo.letters.find_one()
        assert stored["failedAt"] is not None
        assert stored["error"] == "ConnectionRefusedError"

    def test_what_is_refused_for_good_is_dead_at_once(self, in_app: None, mongo: Database):
        post()
        with MailServer() as server:
            server.behaviour = "refuse"
            assert mail.deliver(mailer.from_url(server.url))
            assert not mail.deliver(mailer.from_url(server.url))
        stored = mongo.letters.find_one()
        assert (stored["error"], "dueAt" in stored) == ("SMTPDataError 550 5.1.1", False)
        assert stored["expiresAt"] - stored["failedAt"] == timedelta(days=7)

    def test_what_a_dead_worker_held_is_tried_by_another(self, in_app: None, tmp_path: Path):
        post()

        class Dies:
            def send(self, _message: object, _to: str) -> None:
                raise KeyboardInterrupt

            def check(self) -> None: ...

        with pytest.raises(KeyboardInterrupt):
            mail.deliver(Dies())
        assert not mail.deliver(Folder(tmp_path))
        with time_machine.travel(clock.now() + timedelta(minutes=3, seconds=1)):
            assert mail.deliver(Folder(tmp_path))

    def test_a_broken_template_stops_no_other_letter(self, app: Flask, in_app: None, tmp_path: Path):
        (tmp_path / "en").mkdir()
        (tmp_path / "en" / "verify.txt").write_text("{{ nothing.of.the.kind }}")
        app.config["MAIL_TEMPLATES"] = str(tmp_path)
        try:
            post("verify")
            post("reset")
            assert deliver_all(Folder(tmp_path / "mail")) == 2
        finally:
            app.config["MAIL_TEMPLATES"] = ""
        assert len(list((tmp_path / "mail").glob("*.eml"))) == 1

    @pytest.mark.parametrize(
        "url", ["", "smtp:", "smtp://", "http://x", "smtp://host/path", "smtp://host?x=1", "file:", "mail.example.com"]
    )
    def test_no_other_address_names_a_transport(self, url: str):
        with pytest.raises(ValueError, match="mail URL"):
            mailer.from_url(url)

    def test_a_password_is_not_sent_in_the_clear(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(mailer, "_LOOPBACK", ())
        with MailServer(login=True) as server, pytest.raises(NotDelivered, match="no TLS"):
            mailer.from_url(server.url).check()

    def test_a_folder_that_can_t_be_written(self, tmp_path: Path):
        (tmp_path / "file").touch()
        with pytest.raises(NotDelivered):
            Folder(tmp_path / "file").check()
        with pytest.raises(NotDelivered):
            Folder(tmp_path / "file" / "deeper").check()

    def test_a_server_that_drips_does_not_hold_it_up(self, monkeypatch: pytest.MonkeyPatch):
        """F21: each byte begins the time for a step anew, so the whole conversation has one too."""
        monkeypatch.setattr(mailer, "_CONVERSATION_SECONDS", 0.3)
        over = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def drip() -> None:
                with listening.accept()[0] as line, suppress(OSError):
                    while not over.wait(0.05):
                        line.send(b"2")

            with ThreadPoolExecutor(1) as pool:
                pool.submit(drip)
                begun = time.monotonic()
                letter = EmailMessage()
                letter["From"], letter["To"] = "authsvc@localhost", TO
                with pytest.raises(NotDelivered):
                    mailer.from_url(f"smtp://127.0.0.1:{listening.getsockname()[1]}").send(letter, TO)
                over.set()
        assert time.monotonic() - begun < 5

    def test_a_conversation_is_over_before_another_may_try(self):
        assert timedelta(seconds=mailer._CONVERSATION_SECONDS + 2 * mailer._SECONDS) < LEASE


class TestAnnouncing:
    def test_it_is_stored_before_and_goes_out_after(self, owner: ObjectId, tmp_path: Path, mongo: Database):
        with mail.notify_on_success("password_changed", owner, to=TO, evidence=lambda: None, **mail.request_facts()):
            assert mongo.letters.count_documents({}) == 1
            assert not mail.deliver(Folder(tmp_path))
        assert mail.deliver(Folder(tmp_path))

    def test_what_did_not_happen_is_not_told(self, owner: ObjectId, mongo: Database):
        with (
            pytest.raises(ZeroDivisionError),
            mail.notify_on_success("password_changed", owner, to=TO, evidence=lambda: None),
        ):
            raise ZeroDivisionError
        assert mongo.letters.count_documents({}) == 0

    def test_what_nobody_released_goes_out_after_a_minute(self, owner: ObjectId, tmp_path: Path):
        """The process was killed in between."""
        with (
            pytest.raises(KeyboardInterrupt),
            mail.notify_on_success("password_changed", owner, to=TO, evidence=lambda: None, **mail.request_facts()),
        ):
            raise KeyboardInterrupt
        with time_machine.travel(clock.now() + timedelta(seconds=62)):
            assert mail.deliver(Folder(tmp_path))


class TestWording:
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_letter_can_be_written(self, owner: ObjectId, app: Flask, kind: str):
        post(kind, owner=owner)
        (letter,) = sent(app)
        assert letter["subject"]
        assert letter["subject"].endswith(" · localhost")
        assert not re.search(r"[{}]|None|Undefined", letter["text"] + letter["subject"])
        assert letter["html"].startswith("<!doctype html>")

    def test_nothing_it_says_is_readable_in_the_database(self, in_app: None, mongo: Database):
        post()
        assert "asl_x" not in repr(mongo.letters.find_one())

    def test_an_operator_s_words_and_language_come_first(
        self, app: Flask, in_app: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        for language, words in (("en", "mine"), ("nl", "Hallo {{ to }}, {{ agent }}, {{ at }}")):
            (tmp_path / language).mkdir()
            (tmp_path / language / "verify.txt").write_text(f"Subject\n\n{words}\n\n{{{{ link }}}}\n")
        monkeypatch.setitem(app.config, "MAIL_TEMPLATES", str(tmp_path))
        agent = {"agent": "“Mozilla/5.0”", "browser": "Firefox", "system": "Linux"}
        facts = {"to": TO, "link": LINK, "at": "2026-11-30 05:17 UTC", "ip": "::1", **agent}
        assert letters.word("verify", facts, language="en").text.startswith("mine")
        dutch = letters.word("verify", facts, language="nl")
        assert dutch.text.startswith(f"Hallo {TO}, Firefox on Linux, 30 November 2026, 05:17 UTC\n\n{LINK}\n")
        assert f'href="{LINK}"' in dutch.html
        assert ">Confirm your email address</a>" in dutch.html
        assert "Set a new password" in letters.word("reset", facts, language="nl").subject

    def test_what_users_wrote_is_escaped(self, owner: ObjectId, app: Flask):
        mail.post("new_sign_in", owner, to=TO, ip="::1", agent='<script>"\r\nBcc: x@example.com')
        (letter,) = sent(app)
        assert "<script>" not in letter["html"]
        assert "Bcc" not in letter["subject"]


class TestPlace:
    @pytest.mark.parametrize(
        ("agent", "told"),
        [
            (None, "unknown"),
            ("\r\n\t", "unknown"),
            ("curl/8.5.0", "“curl/8.5.0”"),
            ("a” b\x00\u202ec", "“a b c”"),
            ("Unlock it at https://evil.example/unlock now", "“Unlock it at now”"),
            ("Unlock at evil.example/x or www.evil or me@evil or ht\x00tps://evil", "“Unlock at or or or ht”"),
            ("x" * 300, f"“{'x' * 60}”"),
        ],
    )
    def test_little_of_what_a_thief_writes_is_told(self, in_app: None, agent: str | None, told: str):
        """Whoever changes an address also writes into the letter that warns of it."""
        origin.set_origin(Origin(ip="::1", user_agent=agent))
        try:
            facts = mail.request_facts()
            assert (facts["ip"], facts["agent"]) == ("::1", told)
            assert facts.get("browser") == ("curl" if agent and agent.startswith("curl/") else None)
        finally:
            origin.set_origin(Origin())


class TestSettings:
    def test_resealing_opens_what_waits_without_the_former_secret(self, in_app: None, app: Flask, tmp_path: Path):
        post()
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(app.config, "SECRET_KEY_FALLBACKS", [app.config["SECRET_KEY"]])
            patch.setitem(app.config, "SECRET_KEY", "another secret " * 3)
            assert (mail.reseal(), mail.reseal()) == (1, 0)
            patch.setitem(app.config, "SECRET_KEY_FALLBACKS", [])
            assert mail.deliver(Folder(tmp_path))
        assert len(list(tmp_path.glob("*.eml"))) == 1

    def test_a_secret_that_was_changed_opens_old_letters(self, in_app: None, app: Flask, tmp_path: Path):
        post()
        before = {name: app.config[name] for name in ("SECRET_KEY", "SECRET_KEY_FALLBACKS")}
        app.config.update(SECRET_KEY="another secret " * 3, SECRET_KEY_FALLBACKS=[before["SECRET_KEY"]])
        try:
            assert mail.deliver(Folder(tmp_path))
        finally:
            app.config.update(before)
        assert len(list(tmp_path.glob("*.eml"))) == 1

    def test_there_is_a_folder_for_every_suite(self, app: Flask, make_app: Callable[..., Flask]):
        assert app.config["MAIL_URL"].startswith("file:")
        assert os.path.isdir(app.config["MAIL_URL"].removeprefix("file:"))
