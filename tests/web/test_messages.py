"""The pages' texts: there is one for every code that the service can answer or record."""

import re
from typing import Any

import pytest

from authsvc.errors import SessionEnded, all_problems
from authsvc.events import catalogue
from authsvc.services import app_scopes
from authsvc.settings import identity_providers
from authsvc.web import pages
from tests.web.scripts import STATIC, evaluate

pytestmark = pytest.mark.external


@pytest.fixture(scope="module")
def messages() -> dict[str, dict[str, str | None]]:
    """Return the tables of texts."""
    return {
        "problems": evaluate("ui/messages.js", "module.PROBLEMS"),
        "reasons": evaluate("account/end-reasons.js", "module.END_REASONS"),
        "labels": evaluate("ui/history.js", "module.END_LABELS"),
        "actions": evaluate("account/actions.js", "module.ACTIONS"),
    }


class TestTexts:
    def test_every_problem_has_one(self, messages: dict[str, Any]):
        assert set(all_problems()) <= set(messages["problems"])

    def test_every_action_on_record_has_one_and_nothing_else_has(self, messages: dict[str, Any]):
        assert set(messages["actions"]) == set(catalogue.names())

    def test_the_console_has_words_for_every_action(self):
        named = re.findall(r'^  "([\w.]+)": t\(', (STATIC / "admin/event-words.js").read_text(), re.MULTILINE)
        assert sorted(named) == sorted(set(catalogue.names()))

    def test_every_reason_for_the_end_of_a_session_has_two(self, messages: dict[str, Any]):
        named = re.findall(r"`(\w+)`", SessionEnded.explanation().partition("`reason`")[2])
        assert len(named) == 11
        assert set(messages["reasons"]) == set(messages["labels"]) == set(named)

    def test_every_scope_of_an_app_has_one(self):
        assert set(evaluate("ui/scopes.js", "Object.keys(module.SCOPES)")) == set(app_scopes.ALL)

    def test_none_is_said_by_a_program(self, messages: dict[str, Any]):
        """No code, no blank text; what stands alone is a sentence."""
        for name, texts in messages.items():
            for code, text in texts.items():
                if (name, code) == ("problems", "aborted"):  # somebody changed their mind
                    assert text is None
                    continue
                assert re.search(r"[A-Za-z]{3}", text), code
                assert "_" not in text, code
                assert re.search(r"[.?]$", text) if name in ("problems", "reasons") else text[-1].isalpha(), code

    def test_how_long_to_wait_is_said(self):
        waits = [1, 89, 90, 240, 7200, 7201, None]
        texts = evaluate(
            "ui/messages.js",
            "value.map((retryAfter) => module.errorText({code: 'too_many_attempts', status: 429, retryAfter}))",
            waits,
        )
        assert texts == [
            "Too many attempts. Try again in 1 second.",
            "Too many attempts. Try again in 89 seconds.",
            "Too many attempts. Try again in 2 minutes.",
            "Too many attempts. Try again in 4 minutes.",
            "Too many attempts. Try again in 120 minutes.",
            "Too many attempts. Try again in 3 hours.",
            "Too many attempts. Try again later.",
        ]

    def test_whoever_a_hook_refuses_is_told_what_it_says(self):
        errors = [
            {"code": "hook_refused", "status": 403, "reason": "Only <b>us</b>."},
            {"code": "hook_refused", "status": 403},
        ]
        texts = evaluate("ui/messages.js", "value.map(module.errorText)", errors)
        assert texts == [
            "You can't have an account here: Only <b>us</b>.",  # which pages write as text
            "You're not allowed to do this.",
        ]

    def test_no_file_is_left_over(self):
        """What a page loads is named by the page, a script or a style sheet."""
        package = STATIC.parent
        scripts = set(re.findall(r'\bPage\("([a-z/-]+)"', "".join(path.read_text() for path in package.glob("*.py"))))
        assert len(scripts) > 9
        for path in STATIC.glob("*/*.js"):  # those that a script fetches when they are needed
            later = re.findall(r'\bimport\("\./([a-z-]+)\.js"\)', path.read_text())
            scripts |= {f"{path.parent.name}/{name}" for name in later}
        modules = {f"{name}.js" for script in scripts for name in (script, *pages.Page(script).modules)}
        html = "".join(path.read_text() for path in (package / "templates").rglob("*.html"))
        plain = set(re.findall(r'<script src="{{ assets }}/([a-z/-]+\.js)"', html))
        styles = set(re.findall(r"{{ assets }}/([a-z/-]+\.css)", html))
        pictures = {
            f"{path.parent.name}/{name}"
            for path in STATIC.glob("*/*.css")
            for name in re.findall(r'"([\w-]+\.svg)"', path.read_text())
        }
        marks = {f"ui/mark-{name}.svg" for name in identity_providers.PRESETS if name != "oidc"}
        folders = ("ui", "account", "admin")
        there = {f"{folder}/{path.name}" for folder in folders for path in (STATIC / folder).iterdir()}
        assert there == {*modules, *plain, *styles, *pictures, *marks, "ui/logo.svg"}
