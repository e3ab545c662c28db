"""A letter goes to the address that is stored, byte for byte, whatever its header looks like."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as options
from hypothesis import strategies as st
from pymongo.database import Database as MongoDatabase

from authsvc.clients import mailer
from authsvc.clients.mailer import NotDelivered
from authsvc.security import addresses
from authsvc.services import mail
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import Database, import_account, login, told
from tests.support.factors import verified
from tests.support.letters import newest, sent
from tests.support.mail_server import MailServer
from tests.support.rude_mail_server import RudeMailServer

PLANTED = "=?utf-8?q?attacker=40evil.example=28=29?=x@corp.example.com"
HOSTILE = [
    PLANTED,
    "=?utf-8?q?attacker=40evil.example?=@corp.example.com",
    "=?us-ascii?q?a=40evil.example?=.x@corp.example.com",
    "x.=?utf-8?q?a=40evil.example?=@corp.example.com",
    "x=?utf-8?b?YUBldmlsLmV4YW1wbGU=?=@corp.example.com",
    "=?utf-8?q?=0d=0abcc=3a_a=40evil.example?=@corp.example.com",
    "=?UTF-8?Q?a=2Cb=40evil.example?=@corp.example.com",
    "=??=@corp.example.com",
]
LEGITIMATE = [
    "ada+tag=list@example.com",
    "o'hara@example.com",
    "ada/sales@example.com",
    "bounce-ada=example.org@example.com",
    "a=?b@example.com",
    "what?=ever@example.com",
    "!#$%&'*+-/=^_`{|}~@example.com",
    "x" * 64 + "@" + ".".join(["y" * 60] * 3) + ".io",
]
UNREADABLE = [
    PLANTED,
    "Ada <ada@example.com>",
    "ada@example.com, eve@evil.example",
    "ada@example.com\nBcc: eve@evil.example",
    "ada@example.com\r\n",
    '"ada"@example.com',
    "ada(comment)@example.com",
    "<ada@example.com>",
    "group: ada@example.com, eve@evil.example;",
    "ada@b\u00fccher.example",
    "\u00fc <ada@example.com>",
    "\u00fc@example.com\u2028",
    "ada@[127.0.0.1]>",
    "ada",
    "",
]
ATEXT = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+/=?^_`{|}~-."
PIECES = [
    "=?utf-8?q?",
    "?=",
    "=40",
    "=28",
    "=29",
    "?q?",
    "?b?",
    "=?",
    "a",
    "x",
    ".",
    "+",
    "'",
    "/",
    "=",
    "evil.example",
]
locals_ = st.one_of(
    st.text(ATEXT, min_size=1, max_size=64),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join),
    st.text(min_size=1, max_size=12),
)
domains = st.one_of(
    st.sampled_from(["corp.example.com", "b\u00fccher.de", "x.io", ".".join(["z" * 60] * 3) + ".com"]),
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z]{2,10}){1,3}", fullmatch=True),
)
texts = st.builds("{}@{}".format, locals_, domains)


def accepted(text: str) -> str | None:
    try:
        return addresses.canonical(text)
    except addresses.NotAnAddress:
        return None


@pytest.fixture
def in_app(app: Flask, clean: None) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer() as listening:
        yield listening


class TestU2WhoMayRegister:
    @pytest.mark.parametrize("email", HOSTILE)
    def test_an_address_that_hides_another_is_refused(self, client: FlaskClient, email: str) -> None:
        answer = client.post("/auth/register", json={"name": "Eve", "email": email, "password": PASSWORD})
        problem(answer, 422, "validation_failed")
        assert told(answer) == {("/email", "bad_format")}

    @pytest.mark.parametrize("email", HOSTILE)
    def test_nor_can_it_be_had_by_any_other_way(
        self, app: Flask, alice: Person, mongo: Database, tmp_path: Path, email: str
    ) -> None:
        verified(mongo, alice)
        moved = alice.client.post("/auth/me/email", json={"email": email}, headers=alice.headers)
        assert told(moved) == {("/email", "bad_format")}
        mongo.users.update_one({"_id": ObjectId(alice.id)}, {"$set": {"role": "admin"}})
        admin = alice.login()
        body = {"name": "Eve", "email": email, "role": "user"}
        invited = admin.client.post("/admin/users", json=body, headers=admin.headers)
        assert told(invited) == {("/email", "bad_format")}
        run = app.test_cli_runner().invoke
        assert run(args=["users", "create", email, "--name", "Eve", "--invite"]).exit_code == 2
        (tmp_path / "users.csv").write_text(f"email,name\n{email},Eve\n")
        assert "bad_format" in run(args=["users", "import", str(tmp_path / "users.csv")]).output
        assert mongo.users.count_documents({}) == 1

    @pytest.mark.parametrize("email", LEGITIMATE)
    def test_unusual_addresses_go_on_working(
        self, app: Flask, client: FlaskClient, server: MailServer, mongo: Database, email: str
    ) -> None:
        answer = client.post("/auth/register", json={"name": "Ada", "email": email, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        server.envelopes.clear()
        with app.app_context():
            while mail.deliver(mailer.from_url(server.url)):
                pass
        assert [recipients for _, recipients in server.envelopes] == [[email]]


class TestU2WhatIsSent:
    @pytest.mark.slow
    @given(texts)
    @options(deadline=None, max_examples=300)
    def test_what_has_a_canonical_form_is_read_back_from_a_letter_as_itself(self, app: Flask, text: str) -> None:
        address = accepted(text)
        if address is None:
            return
        with app.app_context():
            content = mailer.serialise(written(address), address)[1]
        read = message_from_bytes(content, policy=default)
        assert isinstance(read, EmailMessage)
        assert [one.addr_spec for one in read["To"].addresses] == [address]
        assert f"To: {address}\r\n".encode() in content

    @given(texts)
    @options(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_it_arrives_for_that_recipient(self, app: Flask, server: MailServer, text: str) -> None:
        address = accepted(text)
        if address is None:
            return
        server.envelopes.clear()
        with app.app_context():
            mailer.from_url(server.url).send(written(address), address)
        assert server.envelopes == [("authsvc@localhost", [address])]

    @pytest.mark.parametrize("address", UNREADABLE, ids=ascii)
    def test_what_another_program_stored_is_sent_to_nobody_if_it_is_not_one_address(
        self, in_app: None, mongo: MongoDatabase[dict[str, object]], server: MailServer, address: str
    ) -> None:
        """It is given up at once, on record, and does not hold up the others."""
        server.envelopes.clear()
        mongo.letters.delete_many({})
        mail.post("verify", ObjectId(), to="ada@example.com", link="x")
        mail.post("verify", ObjectId(), to="second@example.com", link="x")
        mongo.letters.update_one({"to": "ada@example.com"}, {"$set": {"to": address}})
        while mail.deliver(mailer.from_url(server.url)):
            pass
        assert [recipients for _, recipients in server.envelopes] == [["second@example.com"]]
        stored = mongo.letters.find_one({"to": address})
        assert stored is not None
        assert ("failedAt" in stored, "dueAt" in stored) == (True, False)

    @pytest.mark.parametrize(
        ("stored_as", "goes_to"),
        [
            ("Idn@m\u00fcnchen.de", "Idn@xn--mnchen-3ya.de"),
            ("foo@stra\u00dfe.de", "foo@xn--strae-oqa.de"),
            ("j\u00fc@stra\u00dfe.de", "j\u00fc@xn--strae-oqa.de"),
            ("Jo.\u00dc@Example.com", "Jo.\u00dc@Example.com"),
        ],
    )
    def test_u29_it_arrives_at_an_address_with_letters_of_any_script(
        self,
        app: Flask,
        client: FlaskClient,
        mongo: Database,
        server: MailServer,
        tmp_path: Path,
        stored_as: str,
        goes_to: str,
    ) -> None:
        """Any server takes the domain as an A-label; the part before it needs SMTPUTF8 (RFC 6531)."""
        import_account(mongo, email=stored_as, emailVerifiedAt=datetime(2020, 1, 1, tzinfo=UTC))
        mongo.letters.delete_many({})
        server.envelopes.clear()
        server.letters.clear()
        assert client.post("/auth/password/forgot", json={"email": stored_as}).status_code == 202
        with app.app_context():
            assert mail.deliver(mailer.from_url(server.url))
            assert [recipients for _, recipients in server.envelopes] == [[goes_to]]
            assert len(server.to(goes_to)) == 1
            mailer.from_url(f"file:{tmp_path}").send(written(goes_to), goes_to)
        assert f"To: {goes_to}\n".encode() in next(tmp_path.iterdir()).read_bytes()

    def test_u29_a_thief_who_changes_an_address_with_a_unicode_domain_is_told_on(
        self, app: Flask, client: FlaskClient, mongo: Database, server: MailServer
    ) -> None:
        document = import_account(mongo, email="idn@m\u00fcnchen.de", emailVerifiedAt=datetime(2020, 1, 1, tzinfo=UTC))
        headers = {"Authorization": f"Bearer {login(client, document['email']).get_json()['accessToken']}"}
        client.post("/auth/me/email", json={"email": "new@example.com"}, headers=headers)
        proof = {"token": newest(app, "change", "new@example.com")}
        assert client.post("/auth/email/verify", json=proof, headers=headers).status_code == 200
        server.letters.clear()
        with app.app_context():
            while mail.deliver(mailer.from_url(server.url)):
                pass
        undo = [letter for letter in server.to("idn@xn--mnchen-3ya.de") if "undo-email" in str(letter)]
        assert len(undo) == 1
        token = newest(app, "email_changed")
        assert client.post("/auth/email/revert", json={"token": token}).status_code == 200
        assert sent(app, "email_restored")[0]["to"] == "idn@xn--mnchen-3ya.de"

    def test_u29_without_smtputf8_it_waits(self, in_app: None, mongo: MongoDatabase[dict[str, object]]) -> None:
        """An operator can name another server: nobody's letter dies of this one."""
        mail.post("reset", ObjectId(), to="\u00fc@example.com", link="x")
        with RudeMailServer() as plain:
            assert mail.deliver(mailer.from_url(plain.url))
        stored = mongo.letters.find_one({"to": "\u00fc@example.com"})
        assert stored is not None
        assert ("failedAt" in stored, "dueAt" in stored) == (False, True)
        assert "SMTPUTF8" in str(stored["error"])

    @pytest.mark.parametrize("url", ["console:", "file:{}"])
    def test_no_transport_takes_a_letter_whose_header_names_somebody_else(
        self, in_app: None, tmp_path: Path, url: str
    ) -> None:
        letter = written("eve@evil.example")
        with pytest.raises(NotDelivered) as refusal:
            mailer.from_url(url.format(tmp_path)).send(letter, "ada@example.com")
        assert refusal.value.for_good
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("header", ["Cc", "Bcc", "Resent-To"])
    def test_nor_one_that_names_more(self, in_app: None, server: MailServer, header: str) -> None:
        letter = written("ada@example.com")
        letter[header] = "eve@evil.example"
        with pytest.raises(NotDelivered):
            mailer.from_url(server.url).send(letter, "ada@example.com")

    @pytest.mark.parametrize("name", ["Acme, Inc.", '"a" <b@c.io>', "M\u00fcller", "a@b.io,"])
    def test_the_sender_s_name_changes_no_envelope(
        self, make_app: Callable[..., Flask], clean: None, server: MailServer, name: str
    ) -> None:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        mailing = make_app(MAIL_FROM=f'"{quoted}" <no-reply@acme.example>')
        server.envelopes.clear()
        server.letters.clear()
        with mailing.app_context():
            mail.post("verify", ObjectId(), to="ada@example.com", link="x")
            assert mail.deliver(mailer.from_url(server.url))
        assert server.envelopes == [("no-reply@acme.example", ["ada@example.com"])]
        assert [one.addr_spec for one in server.letters[0]["From"].addresses] == ["no-reply@acme.example"]

    @pytest.mark.parametrize(
        "name", ["\u2029", "=?utf-8?q?a?=", "x\u2028Bcc: a@b.io", "a" * 100, "\U0001f469\u200d\U0001f4bb"]
    )
    def test_what_users_call_things_stays_within_its_place(
        self, in_app: None, server: MailServer, tmp_path: Path, name: str
    ) -> None:
        """A factor's name is the one text of a user's that a letter quotes; an operator may quote it in a subject."""
        (tmp_path / "en").mkdir()
        (tmp_path / "en" / "verify.txt").write_text("{{ link }} was added\n\n{{ link }}\n")
        server.letters.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(mail.current_app.config, "MAIL_TEMPLATES", str(tmp_path))
            mail.post("verify", ObjectId(), to="ada@example.com", link=name)
            assert mail.deliver(mailer.from_url(server.url))
        (letter,) = server.letters
        assert letter["Bcc"] is None
        assert letter["To"] == "ada@example.com"


def written(to: str) -> EmailMessage:
    """Return a letter as the outbox writes it."""
    letter = mail._new_letter("verify", ObjectId(), to, {"link": "https://x"}, due_at=None)
    return mail._message(letter)
