"""Letters as they go out: one frame, the operator's brand, the act on the button, details in words: P16, P17."""

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from bson import ObjectId
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from authsvc import clock, origin
from authsvc.clients import mailer
from authsvc.errors import NotFound, TooManyAttempts
from authsvc.models.users import User
from authsvc.origin import Origin
from authsvc.services import colours, letter_previews, letters, mail
from authsvc.settings import schema
from tests.conftest import problem
from tests.support.accounts import Database
from tests.support.brands import HELP, LINKS, brand
from tests.support.letters import sent
from tests.support.mail_server import MailServer
from tests.support.production import GOOD

KINDS = letters.kinds()
LINK = "https://auth.example.com/account/verify-email#token=asl_x"
FACTS = {
    "to": "ada@example.com",
    "at": "2026-11-30 05:17 UTC",
    "ip": "203.0.113.7",
    "agent": "“Mozilla/5.0 (X11; L”",
    "browser": "Firefox",
    "system": "Linux",
    "link": LINK,
    "code": "406182",
    "factor": "passkey “Laptop”",
    "remaining": "7",
    "app": "",
    "provider": "Google",
    "target": "shop.example.com/hear",
    "reason": "failed",
    "name": "Ada",
}
HOSTILE = [
    "<img src=x onerror=alert(1)>" + "x" * 72,
    "Ж" * 100,
    "名" * 100,
    "ب" * 100,
    "W" * 100,
    "{{ 7 * 7 }}{% raw %}%(to)s &amp;" + "y" * 68,
    "visit https://evil.example/now for a prize",
]


class Reader(HTMLParser):
    """Reads what of a letter matters: links with their texts, pictures, styles, the text as a whole."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: dict[str, str] = {}
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self._href = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag, its attributes, and where it leads."""
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "a":
            self._href = dict(attrs)["href"] or ""
            self.links.setdefault(self._href, "")

    def handle_endtag(self, tag: str) -> None:
        """Note that a link ends."""
        if tag == "a":
            self._href = ""

    def handle_data(self, data: str) -> None:
        """Note a text."""
        if self.tags[-1:] != ["style"]:
            self.texts.append(data)
        if self._href and not self.links[self._href]:
            self.links[self._href] = data


@pytest.fixture
def branded(app: Flask, tmp_path: Path, clean: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """Return the application with a brand, in its context."""
    values, faults = schema.read({**GOOD, **brand(tmp_path)}, production=True, database_fault=lambda _: None)
    assert faults == {}
    for name, value in values.items():
        if name.startswith("ACCOUNT_"):
            monkeypatch.setitem(app.config, name, value)
    with app.app_context():
        yield app


@pytest.fixture
def plain(app: Flask, clean: None) -> Iterator[Flask]:
    """Return an application without a brand, in its context."""
    with app.app_context():
        yield app


class TestFrame:
    @pytest.mark.parametrize("kind", KINDS)
    def test_p17_each_letter_is_framed_alike(self, branded: Flask, kind: str):
        letter = letters.word(kind, FACTS, language="en")
        read = Reader(letter.html)
        assert letter.html.startswith('<!doctype html>\n<html lang="en" dir="ltr">')
        assert letter.subject.endswith(" · Contoso & Söhne")
        assert (read.tags.count("h1"), "div" in read.tags, "script" in read.tags) == (1, True, False)
        assert ("table", "role", "presentation") in read.attributes
        assert "prefers-color-scheme: dark" in letter.html
        assert ("meta", "name", "color-scheme") in read.attributes
        assert not re.search(
            r"\drem|Mozilla|localhost|\{\{|Undefined", letter.html.replace("http://localhost:8000", "")
        )
        assert [value for tag, name, value in read.attributes if name == "src"] == [
            "http://localhost:8000/account/logo"
        ]
        assert len(letter.subject) < 80
        (preheader,) = re.findall(r"<div style=\"display:none[^>]*>([^<&]{20,})", letter.html)
        assert preheader.strip() not in ("", "Hello Ada,")
        assert "Hello Ada," in letter.text
        if "{{ details }}" in source(kind):
            assert (
                "Device: Firefox on Linux\nPlace: IP address 203.0.113.7\nWhen: 30 November 2026, 05:17 UTC"
                in letter.text
            )
            assert {"Firefox on Linux", "IP address 203.0.113.7", "30 November 2026, 05:17 UTC"} <= set(read.texts)

    @pytest.mark.parametrize("kind", KINDS)
    def test_p17_the_act_is_on_the_button_and_addresses_are_links(self, branded: Flask, kind: str):
        letter = letters.word(kind, FACTS, language="en")
        links = Reader(letter.html).links
        addresses = set(re.findall(r"https?://\S*[^\s.]", letter.text))
        assert addresses <= set(links)
        assert {text for href, text in links.items() if "localhost" in href} <= {
            "Set a new password",
            "Look at your account",
        }
        assert ("{{ link }}" in source(kind)) == (LINK in links)
        if LINK in links:
            assert links[LINK] in (
                *("Confirm your email address", "Take your address back", "Set a new password", "Choose a password"),
                *("Sign in", "Create your account"),
            )
        if "{{ code }}" in source(kind):
            assert re.search(r"font-size:32px[^>]*><span dir=\"ltr\">406182</span>", letter.html)
            assert "\n406182\n" in letter.text

    def test_p16_name_help_and_links_are_the_operators(self, branded: Flask):
        letter = letters.word("factor_added", FACTS, language="en")
        read = Reader(letter.html)
        expected = {f"mailto:{HELP}": HELP, LINKS["terms"]: "Terms of service", LINKS["privacy"]: "Privacy"}
        assert expected.items() <= read.links.items()
        assert read.links[LINKS["imprint"]] == "Imprint"
        assert letter.html.index(LINKS["terms"]) < letter.html.index(LINKS["imprint"])
        assert f"Questions? Write to {HELP}.\nContoso & Söhne sent this email to ada@example.com." in letter.text
        assert f"Imprint: {LINKS['imprint']}" in letter.text
        assert f"ask for help at {HELP}" in letter.text
        assert "Contoso &amp; Söhne" in letter.html

    def test_p16_a_picture_that_mail_programs_do_not_show_leaves_the_name(
        self, branded: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        (tmp_path / "own.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
        change(monkeypatch, branded, ACCOUNT_LOGO=str(tmp_path / "own.svg"), ACCOUNT_LOGO_NAME=False)
        read = Reader(letters.word("verify", FACTS, language="en").html)
        assert "img" not in read.tags
        assert "Contoso & Söhne" in read.texts

    def test_p16_a_wordmark_stands_alone_and_has_a_dark_form(
        self, branded: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        change(monkeypatch, branded, ACCOUNT_LOGO_DARK=str(tmp_path / "logo.png"), ACCOUNT_LOGO_NAME=False)
        html = letters.word("verify", FACTS, language="en").html
        assert re.findall(r'<img[^>]* src="http://localhost:8000/account/([^"]*)" alt="([^"]*)"', html) == [
            ("logo", "Contoso &amp; Söhne"),
            ("logo-dark", "Contoso &amp; Söhne"),
        ]
        assert '<span style="vertical-align:middle">' not in html

    def test_without_a_brand_nothing_is_loaded(self, plain: Flask):
        letter = letters.word("new_sign_in", FACTS, language="en")
        read = Reader(letter.html)
        assert [name for _, name, _ in read.attributes if name in ("src", "srcset", "background")] == []
        assert "url(" not in letter.html
        assert set(read.links) == {"http://localhost:8000/account/forgot-password"}
        assert "Questions?" not in letter.text

    @pytest.mark.parametrize("name", HOSTILE)
    def test_what_people_write_stays_text(self, branded: Flask, name: str):
        facts = {**FACTS, "name": name, "factor": name, "app": name, "provider": name}
        for kind in ("factor_added", "session_stolen", "identity_linked"):
            letter = letters.word(kind, facts, language="en")
            read = Reader(letter.html)
            assert name in "".join(read.texts)
            assert name in letter.text
            assert ("script" in read.tags, read.tags.count("img")) == (False, 1)
            assert not any(href.startswith("https://evil") for href in read.links)

    def test_a_template_of_before_keeps_working(self, branded: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        (tmp_path / "en").mkdir()
        old = "{{ at }} {{ ip }} ({{ agent }}) {{ service }}"
        (tmp_path / "en" / "verify.txt").write_text(f"Mine\n\n{old}\n\n{{{{ link }}}}\n\nWrite to {HELP}.\n")
        (tmp_path / "en" / "reset.html").write_text(
            "{% for paragraph in paragraphs %}{% if link is defined and paragraph == link %}<b>{{ link }}</b>"
            "{% else %}<p>{{ paragraph }}</p>{% endif %}{% endfor %}"
        )
        monkeypatch.setitem(branded.config, "MAIL_TEMPLATES", str(tmp_path))
        verify = letters.word("verify", FACTS, language="en")
        assert verify.subject == "Mine"
        assert "30 November 2026, 05:17 UTC 203.0.113.7 (Firefox on Linux) Contoso & Söhne" in verify.text
        assert Reader(verify.html).links[LINK] == "Confirm your email address"
        assert Reader(verify.html).links[f"mailto:{HELP}"] == HELP
        assert f"<b>{LINK}</b>" in letters.word("reset", FACTS, language="en").html

    def test_a_letter_that_waited_over_an_upgrade_is_readable(self, plain: Flask):
        facts = {name: FACTS[name] for name in ("to", "at", "ip", "agent")}
        text = letters.word("new_sign_in", facts, language="en").text
        assert "Device: “Mozilla/5.0 (X11; L”\n" in text
        assert not text.startswith("Hello")


class TestDevice:
    @pytest.mark.parametrize(
        ("agent", "told"),
        [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36 Edg/131",
                "Edge on Linux",
            ),
            ("Mozilla/5.0 (Windows NT 10.0; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Windows"),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Safari/604.1", "Safari on iPhone"),
            (
                "Mozilla/5.0 (Linux; Android 14) SamsungBrowser/27.0 Chrome/125 Safari/537",
                "Samsung Internet on Android",
            ),
            ("curl/8.5.0", "curl"),
            ("my-program/1", "“my-program/1”"),
            (None, "Unknown device"),
        ],
    )
    def test_p17_it_is_told_in_words(self, plain: Flask, agent: str | None, told: str):
        origin.set_origin(Origin(ip="203.0.113.7", user_agent=agent))
        try:
            facts = {"to": "ada@example.com", "at": FACTS["at"], **mail.request_facts()}
        finally:
            origin.set_origin(Origin())
        assert f"Device: {told}\n" in letters.word("new_sign_in", facts, language="en").text


class TestGreeting:
    @pytest.mark.parametrize(
        ("verified", "address", "greeted"),
        [(True, "ada@example.com", True), (False, "ada@example.com", False), (True, "else@example.com", False)],
    )
    def test_p17_only_the_owner_of_an_address_is_called_by_name(
        self, plain: Flask, mongo: Database, verified: bool, address: str, greeted: bool
    ):
        """Whoever registers somebody else's address would write to them, in our name."""
        account = {"name": "Ada Lovelace", "email": "ada@example.com"}
        owner = mongo.users.insert_one(
            {**account, **({"emailVerifiedAt": clock.now()} if verified else {})}
        ).inserted_id
        mail.post("verify", owner, to=address, link=LINK)
        (letter,) = sent(plain)
        assert ("Hello Ada Lovelace," in letter["text"]) is greeted


class TestColours:
    @given(st.integers(0, 0xFFFFFF))
    def test_p16_every_accent_can_be_read(self, number: int):
        """WCAG 2.2, success criterion 1.4.3: as text, and under it."""
        accent = colours.accent(f"#{number:06x}")
        for one, other in (
            *((accent.light, accent.on_light), (accent.dark, accent.on_dark)),
            *((accent.light, ground) for ground in ("#ffffff", "#f4f5f8")),
            *((accent.dark, ground) for ground in ("#181c23", "#101318")),
        ):
            assert colours.contrast(one, other) >= 4.5

    def test_one_that_can_be_read_stays(self):
        assert colours.accent("#0F766E").light.lower() == "#0f766e"
        assert colours.accent("#facc15").dark == "#facc15"


class TestPreview:
    @pytest.mark.parametrize("kind", KINDS)
    def test_each_can_be_looked_at(self, branded: Flask, kind: str):
        answer = branded.test_client().get(f"/account/letter-preview/{kind}?scheme=dark&language=en")
        assert (answer.status_code, answer.mimetype) == (200, "text/html")
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert policy.endswith("sandbox allow-popups allow-popups-to-escape-sandbox")
        assert "@media all" in answer.text
        assert '<base target="_blank">' in answer.text

    def test_others_are_not_there(self, branded: Flask):
        client = branded.test_client()
        problem(client.get("/account/letter-preview/nope"), 404, "not_found")
        problem(client.get("/account/letter-preview/verify?scheme=blue"), 422, "validation_failed")

    def test_one_is_sent_to_oneself_by_a_mail_server(self, branded: Flask, mongo: Database):
        owner = mongo.users.insert_one({"name": "Ada", "email": "ada@example.com", "emailVerifiedAt": clock.now()})
        user = User.find(str(owner.inserted_id))
        assert user is not None
        letter_previews.send_sample(user, "verify", language="en")
        with MailServer() as server:
            while mail.deliver(mailer.from_url(server.url)):
                pass
        (letter,) = server.letters
        assert letter["To"] == "ada@example.com"
        assert letter["Subject"] == "Sample: Confirm your email address · Contoso & Söhne"
        text, html = (letter.get_body((kind,)).get_content() for kind in ("plain", "html"))
        assert "#token=asl_sample" in text
        assert ">Confirm your email address</a>" in html
        with pytest.raises(NotFound):
            letter_previews.send_sample(user, "../verify")

    def test_samples_are_throttled(self, make_app: Callable[..., Flask], clean: None):
        app = make_app(RATE_LIMITS="on", LIMITS="asked_letters=2/3600")
        user = User(id=ObjectId(), name="Ada", email="ada@example.com")
        with app.app_context():
            for _ in range(2):
                letter_previews.send_sample(user, "reset")
            with pytest.raises(TooManyAttempts):
                letter_previews.send_sample(user, "reset")


def change(monkeypatch: pytest.MonkeyPatch, app: Flask, **settings: object) -> None:
    """Change settings until the test is over."""
    for name, value in settings.items():
        monkeypatch.setitem(app.config, name, value)


def source(kind: str) -> str:
    """Return the template of a letter."""
    return (Path(letters.__file__).parents[1] / "letters" / f"{kind}.txt").read_text(encoding="utf-8")
