"""The address that an app says may want to sign in, as pages read it. Anyone can write it into a link."""

from urllib.parse import quote

import pytest

from tests.web.scripts import evaluate

pytestmark = pytest.mark.external

GOOD = [
    "a@b",
    "ada+notes@example.com",
    "a&b=c#d?e%20@example.com",
    "ädä@exämple.com",
    '"><b>&amp;@example.com',
    "a@" + "b" * 318,
]
BAD = [
    *("", "ada", "@", "a@", "@b", "a@b@c", " a@b", "a@b ", "a b@c", "a\tb@c", "a\nb@c", "a\0@b", "a\x7f@b", "a\x85@b"),
    *("a\u00a0@b", "a\u200b@b", "a\u202e@b", "a\u2028@b", "a\ufeff@b", "a\U000e0041@b", "a@" + "b" * 319),
]


def read(fragments: list[str]) -> list[str]:
    """Return what the pages' own function makes of each fragment."""
    return list(evaluate("account/hint.js", "value.map((it) => module.hintIn(it))", fragments))


class TestHint:
    def test_an_address_is_read(self):
        assert read([f"#login_hint={quote(text, safe='')}" for text in GOOD]) == GOOD

    def test_nothing_else_is(self):
        assert read([f"#login_hint={quote(text, safe='')}" for text in BAD]) == [""] * len(BAD)

    def test_a_fragment_without_one_or_that_is_broken(self):
        broken = [
            "",
            "#",
            "#login_hint",
            "#login_hint=",
            "#LOGIN_HINT=a@b",
            "#x#login_hint=a@b",
            "#login_hint=%ff@%zz%00",
        ]
        assert read(broken) == [""] * len(broken)

    def test_it_is_carried_on_as_it_is(self):
        carried = evaluate("account/hint.js", "value.map((it) => module.hintIn(module.asFragment(it)))", [*GOOD, ""])
        assert carried == [*GOOD, ""]
