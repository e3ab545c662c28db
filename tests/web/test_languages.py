"""The languages of pages: which one somebody gets, and that a page is in it, with its scripts."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient

from authsvc import languages
from tests.web.scripts import STATIC, evaluate

PAGES = (
    *("", "sign-in", "sign-up", "forgot-password", "reset-password", "verify-email", "undo-email", "email-code"),
    *("federation/work", "sign-out", "authorize", "device"),
)
each_page = pytest.mark.parametrize("page", PAGES)
PAGE = "/account/sign-in"
GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.8"}


MARKED = re.compile(r'\b(?:t|tn|tParts)\(\s*"(?:[^"\\\\]|\\\\.)*"(?:,\s*"(?:[^"\\\\]|\\\\.)*")?')
NAMED = re.compile(r'(?:class: |className = |querySelector(?:All)?\()(?:"[^"\n]*"|`[^`]*`)')
STRING = re.compile(r"""("[^"\n]*"|`[^`]*`|'[^'\n]*')""")
SENTENCE = re.compile(r"[A-Z][a-z]{2,}(?: |[.?!]?$)|[^<>=:;#]*\b[a-z]{2,} [a-z]{2,}\b[^<>=:;#]*$")
"""What may be one: a capitalised word, or words with a blank between them."""
INNER = re.compile(
    r"authsvc |tile |badge |no script$|\[|Edge"
    r"|Opera|Samsung|Firefox|Chrome|Safari|Android|Windows|Linux|use strict|Escape|Enter|Arrow"
    r"|(?:Home|End|Tab)$|Authorization|Content-Type"
)
"""Names of browsers, keys and places in a storage."""
SIDES = re.compile(r"(?:margin|padding|border)-(?:left|right)|(?<![-\w])(?:left|right):|text-align: (?:left|right)")
FOUR = re.compile(r"(?:margin|padding|inset): [^\s;]+ ([^\s;]+) [^\s;]+ ([^\s;]+)")
SUPPORT = {"ACCOUNT_SUPPORT": "123@456.example", "ADMIN_PAGES": "on"}
ALLOWED = re.compile(
    r"(?:\b(?:user|admin)$|^CSV(?:$|:)|ŝervo|123@456.example|JSON|[a-z]+:[a-z]+|/[a-z/]+|localhost:?\d*|authsvc)"
)
"""What stays as it is in any language: names, and what only programs read."""


@pytest.fixture
def pseudo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every text be translated into letters that English has not."""

    class Foreign:
        def gettext(self, text: str) -> str:
            return re.sub(r"%\(\w+\)s|[A-Za-z]+", lambda found: found[0] if found[0][0] == "%" else "ф", text)

        def ngettext(self, one: str, other: str, count: int) -> str:
            return self.gettext(one if count == 1 else other)

    monkeypatch.setattr(languages, "translations", lambda _: Foreign())


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.inside, self.words = "", list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # What has a language of its own calls itself by its name.
        self.inside = "code" if tag != "html" and any(name == "lang" for name, _ in attrs) else tag
        self.words += [value or "" for name, value in attrs if name in ("aria-label", "placeholder", "alt")]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside not in ("style", "script", "code"):
            self.words.append(data)


def unmarked(html: str) -> list[str]:
    """Return what of a page's words is not marked."""
    parser = _Words()
    parser.feed(html)
    return [word.strip() for word in parser.words if re.search(r"[A-Za-z]{2}", ALLOWED.sub("", word))]


def language_of(client: FlaskClient, address: str = PAGE, headers: dict[str, str] | None = None) -> str:
    """Return the language that a page says it is in."""
    answer = client.get(address, headers=headers)
    (language, direction) = re.findall(r'<html lang="([^"]*)" dir="([^"]*)">', answer.text)[0]
    assert answer.headers["Content-Language"] == language
    assert direction == languages.direction(language)
    return str(language)


class TestWhichLanguage:
    def test_a_browser_gets_what_it_prefers(self, client: FlaskClient):
        assert language_of(client) == "en"
        assert language_of(client, headers=GERMAN) == "de"
        assert {"Accept-Language", "Cookie"} <= set(client.get(PAGE, headers=GERMAN).vary)

    def test_what_somebody_chose_counts_more(self, browser_client: FlaskClient):
        browser_client.set_cookie("pages_language", "en")
        assert language_of(browser_client, headers=GERMAN) == "en"
        assert language_of(browser_client, f"{PAGE}?ui_locales=de") == "en"

    def test_what_an_app_asks_for_stays_until_the_browser_is_closed(self, browser_client: FlaskClient):
        assert language_of(browser_client, f"{PAGE}?ui_locales=tlh%20de-CH") == "de"
        (cookie,) = browser_client.get(f"{PAGE}?ui_locales=de").headers.getlist("Set-Cookie")
        assert "Max-Age" not in cookie
        assert "HttpOnly" in cookie
        assert language_of(browser_client) == "de"

    @pytest.mark.parametrize("name", ["../../de", "xx", "d" * 4_000, "", "<b>", ";=,"])
    def test_an_unknown_one_is_none(self, browser_client: FlaskClient, name: str):
        browser_client.set_cookie("pages_language", name)
        address = f"{PAGE}?ui_locales={quote(name)}"
        assert language_of(browser_client, address, headers={"Accept-Language": name}) == "en"


class TestPages:
    def test_english_ones_load_no_texts_and_others_load_theirs(self, client: FlaskClient):
        assert "/texts/" not in client.get(PAGE).text
        (address,) = re.findall(r'src="([^"]*/texts/[^"]*)" data-aside', client.get(PAGE, headers=GERMAN).text)
        assert address.endswith("/texts/de-account.js")
        assert client.get(address).data == (STATIC / "texts/de-account.js").read_bytes()

    def test_what_is_put_into_a_text_stays_text(self, app: Flask):
        with app.test_request_context():
            page = render_template_string("{{ _('Signed in as %(name)s', name=name) }}", name="<b>")
        assert page == "Signed in as &lt;b&gt;"

    def test_a_translation_stays_text_too(self, app: Flask, monkeypatch: pytest.MonkeyPatch):
        class Hostile:
            def gettext(self, text: str) -> str:
                return f'<b title="x">{text}'

        monkeypatch.setattr(languages, "translations", lambda _: Hostile())
        with app.test_request_context():
            assert render_template_string("{{ _('Help') }}") == "&lt;b title=&#34;x&#34;&gt;Help"

    @each_page
    def test_no_text_breaks_the_attribute_that_it_is_in(self, client: FlaskClient, page: str):
        assert not re.search(r"=&#34;|=&quot;", client.get(f"/account/{page}", headers=GERMAN).text)

    def test_a_part_of_a_sentence_can_be_emphasised_or_lead_somewhere(self, app: Flask):
        with app.test_request_context():
            page = render_template_string("{{ _('Only *now*, at [your <account>].')|with_code|linked('/a?b&c') }}")
        assert page == 'Only <em>now</em>, at <a href="/a?b&amp;c">your &lt;account&gt;</a>.'

    def test_a_script_can_fill_in_a_part_of_a_sentence(self, app: Flask):
        with app.test_request_context():
            page = render_template_string("{{ _('Signed in as %(email)s', email=slot('email')) }}")
        assert page == 'Signed in as <strong data-email dir="auto"></strong>'


@pytest.mark.external
class TestScripts:
    def test_without_a_translation_they_speak_english(self):
        texts = (
            "[module.t('Hello {name}, {other}', {name: 'Ada'}),"
            " ...[0, 1, 2].map((n) => module.tn('{count} code', '{count} codes', n))]"
        )
        assert evaluate("ui/language.js", texts) == ["Hello Ada, {other}", "0 codes", "1 code", "2 codes"]

    def test_they_use_the_translations_that_a_page_adds(self):
        texts = (
            "(module.add({'Hello {name}': 'Hallo {name}', '{count} code': {one: 'ein Code', other: '{count} Codes'}}),"
            " [module.t('Hello {name}', {name: 'Ada'}), ...[1, 1234].map((n) => module.tn('{count} code', '', n))])"
        )
        assert evaluate("ui/language.js", texts) == ["Hallo Ada", "ein Code", "1,234 Codes"]


class TestTexts:
    """Every text is marked: in a language of none but foreign letters, no other is left."""

    @each_page
    def test_no_page_has_one_that_is_not(self, make_app: Callable[..., Flask], pseudo: None, page: str):
        client = make_app(ACCOUNT_NAME="ŝervo", **SUPPORT).test_client()
        assert unmarked(client.get(f"/account/{page}").text) == []

    @pytest.mark.parametrize("path", ["/", "/nothing-here", "/admin/"])
    def test_nor_has_one_that_leads_there(self, make_app: Callable[..., Flask], pseudo: None, path: str):
        client = make_app(ACCOUNT_NAME="ŝervo", **SUPPORT).test_client()
        assert unmarked(client.get(path, headers={"Accept": "text/html"}).text) == []

    @pytest.mark.parametrize("folder", ["ui", "account", "admin"])
    def test_no_script_has_one_that_is_not(self, folder: str):
        found = {}
        for path in (STATIC / folder).glob("*.js"):
            if path.name == "passkey-names.js":  # names of products
                continue
            # Comments may come after code, but no text has `//` in it.
            code = re.sub(r"^\s*(?://|/?\*).*$|\s// .*$", "", path.read_text(), flags=re.MULTILINE)
            unwrapped = MARKED.sub("", NAMED.sub("", code))
            strings = [text[1:-1] for text in STRING.findall(unwrapped)]
            if path.name == "passkey-names.js":  # of programs, which are the same in any language
                continue
            texts = [text for text in strings if SENTENCE.match(text) and not INNER.match(text)]
            if texts:
                found[path.name] = texts
        assert found == {}


class TestProblems:
    def test_their_titles_are_in_the_language_that_a_program_asks_for(self, client: FlaskClient):
        english = client.get("/auth/me")
        german = client.get("/auth/me", headers=GERMAN)
        assert german.json is not None
        assert english.json is not None
        assert german.json["title"] != english.json["title"]
        assert german.json["code"] == english.json["code"] == "token_missing"
        assert "Accept-Language" in german.vary


class TestStyles:
    @pytest.mark.parametrize("sheet", sorted(STATIC.rglob("*.css")), ids=lambda sheet: sheet.name)
    def test_what_is_read_from_right_to_left_has_its_sides_there(self, sheet: Path):
        plain = re.sub(r"\([^()]*\)", "", sheet.read_text())  # what is calculated holds blanks too
        rules = [line for line in plain.splitlines() if not line.lstrip().startswith(('[dir="rtl"]', ".offscreen"))]
        assert [line for line in rules if SIDES.search(line)] == []
        assert [line for line in rules if any(right != left for right, left in FOUR.findall(line))] == []
