"""The pages' texts: there is one for every code that the service can answer or record."""

import re
from typing import Any

import pytest

from authsvc.errors import SessionEnded, all_problems
from authsvc.events import catalogue
from authsvc.services import app_scopes
from tests.web.scripts import FOLDER, evaluate

pytestmark = pytest.mark.external


@pytest.fixture(scope="module")
def messages() -> dict[str, dict[str, str | None]]:
    """Return the tables of texts."""
    names = (
        "{problems: module.PROBLEMS, reasons: module.END_REASONS, labels: module.END_LABELS, actions: module.ACTIONS}"
    )
    return dict(evaluate("messages.js", names))


class TestTexts:
    def test_every_problem_has_one(self, messages: dict[str, Any]):
        assert set(all_problems()) <= set(messages["problems"])

    def test_every_action_on_record_has_one_and_nothing_else_has(self, messages: dict[str, Any]):
        assert set(messages["actions"]) == set(catalogue.names())

    def test_every_reason_for_the_end_of_a_session_has_two(self, messages: dict[str, Any]):
        named = re.findall(r"`(\w+)`", SessionEnded.explanation().partition("`reason`")[2])
        assert len(named) == 10
        assert set(messages["reasons"]) == set(messages["labels"]) == set(named)

    def test_every_scope_of_an_app_has_one(self):
        assert set(evaluate("messages.js", "Object.keys(module.SCOPES)")) == set(app_scopes.ALL)

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
            "messages.js",
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

    def test_all_scripts_are_modules_of_a_page(self):
        """What a page loads is named by a script or a template, so no file is left over."""
        templates = FOLDER.parents[1] / "templates" / "account"
        named = "".join(path.read_text() for path in [*FOLDER.glob("*.js"), *templates.rglob("*.html")])
        pages = {
            "sign-in.js",
            "sign-up.js",
            "links.js",
            "home.js",
            "authorize.js",
            "device.js",
            "email-code.js",
            "federation.js",
            "forgot-password.js",
            "sign-out.js",
            "account.css",
            "home.css",
            "icons.svg",
            "logo.svg",
            *(f"mark-{name}.svg" for name in ("apple", "github", "gitlab", "google", "microsoft")),
        }
        assert {path.name for path in FOLDER.iterdir()} == pages | set(re.findall(r'"\./([a-z-]+\.js)"', named))
