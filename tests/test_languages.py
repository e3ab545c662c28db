"""Languages: which one somebody gets, and that no catalogue says less, or something else, than the English texts."""

import re
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Catalog
from flask import Flask, render_template_string

from authsvc import languages
from authsvc.services import letter_previews, letters
from catalogues import __main__ as messages
from catalogues import faults, texts

TRANSLATED = languages.known()[1:]


@pytest.fixture
def in_app(app: Flask, clean: None) -> Iterator[None]:
    with app.app_context():
        yield


class TestWhichLanguage:
    @pytest.mark.parametrize(
        ("header", "language"),
        [
            ("de", "de"),
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("DE-de", "de"),
            ("en-GB,de;q=0.9", "en"),
            ("en;q=0.5, de;q=0.7", "de"),
            ("tlh, de;q=0.1", "de"),
            ("de;q=0, en;q=0.1", "en"),
            ("de, en", "de"),
        ],
    )
    def test_the_one_that_somebody_likes_best(self, header: str, language: str):
        assert languages.preferred(header) == language

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "*",
            "tlh",
            "de;q=nan",
            "de;q=9",
            "../../de",
            "de\0",
            ";;;",
            "-",
            "x" * 9,
            ",".join(["tlh"] * 20 + ["de"]),
        ],
    )
    def test_none_if_none_is_known(self, header: str):
        assert languages.preferred(header) is None

    def test_an_unknown_one_changes_nothing(self):
        assert languages.match("../../etc") is None
        assert languages.translations("tlh").gettext("Device") == "Device"
        assert languages.translations("en").gettext("Device") == "Device"
        assert languages.translations("de-CH").gettext("Device") == "Gerät"

    def test_in_which_direction_it_is_written(self):
        assert [languages.direction(one) for one in ("en", "de-AT", "ar", "ar-EG")] == ["ltr", "ltr", "rtl", "rtl"]


class TestCatalogues:
    def test_each_has_every_text_and_is_compiled(self, capsys: pytest.CaptureFixture[str]):
        assert messages.main(["--check"]) == 0, capsys.readouterr().out
        assert TRANSLATED

    def test_each_text_of_a_script_is_in_it(self):
        """A regular expression or a computed name in a script can hide what comes after it from the extraction."""
        known = {one if isinstance(one, str) else one[0] for name in texts.BUNDLES for one in texts.of_bundle(name)}
        scripts = {path: path.read_text(encoding="utf-8") for path in texts.SCRIPTS.glob("*/*.js")}
        marked = {
            (path.name, text)
            for path, script in scripts.items()
            if path.parent.name in {folder for folders in texts.BUNDLES.values() for folder in folders}
            for text in re.findall(r'\b(?:t|tn|tParts)\(\s*"([^"\\]+)"', script)
        }
        assert len(marked) > 400
        assert {(name, text) for name, text in marked if text not in known} == set()

    @pytest.mark.parametrize(
        ("english", "german", "fault"),
        [
            ("Sign in", "", "it is not translated"),
            ("Hello %(name)s,", "Hallo,", "other placeholders: %(name)s"),
            ("Hello %(name)s,", "Hallo %(nmae)s,", "other placeholders: %(name)s, %(nmae)s"),
            ("Again in {seconds} s", "Wieder in {sekunden} s", "other placeholders: {seconds}, {sekunden}"),
            ("${a}", "${a}", "this is a script's template: put it into a constant before the call"),
            ("[Help] is *here*", "Hilfe ist *hier*", "other marks: [ ]"),
            (("{count} code left", "{count} codes left"), ("Noch {count} Code", ""), "a plural form is missing"),
        ],
    )
    def test_what_is_wrong_is_named(self, english: str | tuple[str, str], german: str | tuple[str, str], fault: str):
        catalogue = Catalog(locale="de")
        catalogue.add(english, german)
        (sentence,) = faults.find(catalogue)
        assert sentence.endswith(fault)

    def test_a_form_for_one_may_leave_the_number_out(self):
        catalogue = Catalog(locale="de")
        catalogue.add(("{count} code left", "{count} codes left"), ("Noch ein Code", "Noch {count} Codes"))
        assert list(faults.find(catalogue)) == []


class TestLetters:
    @pytest.mark.parametrize("language", TRANSLATED)
    def test_all_of_a_letter_is_in_its_language(self, in_app: None, language: str):
        for kind in letters.kinds():
            english, other = letter_previews.preview(kind), letter_previews.preview(kind, language=language)
            assert f'<html lang="{language}" dir="{languages.direction(language)}">' in other.html
            assert other.subject != english.subject
            plain = {part for part in english.text.split("\n\n") if " " in part}
            assert not plain & set(other.text.split("\n\n")), kind

    @pytest.mark.parametrize("language", TRANSLATED)
    def test_what_was_added_too(self, in_app: None, language: str):
        facts = {**dict.fromkeys(letters.FACTS, "x"), "at": "2026-11-30 12:00 UTC", "to": "a@b.c"}
        for factor in ("the passkey my laptop", "an authenticator app"):
            text = letters.word("factor_added", {**facts, "factor": factor}, language=language).text
            assert factor not in text
            assert ("my laptop" in text) == ("laptop" in factor)

    def test_an_operators_language_is_that_of_all(self, in_app: None, app: Flask, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setitem(app.config, "MAIL_LANGUAGE", "de")
        letter = letter_previews.preview("new_sign_in")
        assert letter.subject.startswith("Neue Anmeldung in Ihrem Konto · ")
        assert "Hallo Ada Lovelace," in letter.text
        assert "Gerät: Firefox unter Windows" in letter.text


class TestPages:
    def test_their_texts_can_be_marked_and_stay_text(self, app: Flask):
        with app.test_request_context():
            page = render_template_string("{{ _('Signed in as %(name)s', name=name) }}", name="<b>")
        assert page == "Signed in as &lt;b&gt;"
