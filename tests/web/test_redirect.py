"""Where a sign-in returns to. Anyone can write the address into a link (OWASP: unvalidated redirects)."""

import pytest

from tests.web.scripts import evaluate

pytestmark = pytest.mark.external

HERE = "http://localhost:8000"
APP = "https://app.example.com"
GOOD = {
    "/": f"{HERE}/",
    "/account/#security": f"{HERE}/account/#security",
    "/docs?a=b#c": f"{HERE}/docs?a=b#c",
    "/.//evil.example": f"{HERE}//evil.example",
    f"{HERE}/x": f"{HERE}/x",
    f"{APP}/welcome?to=//evil.example": f"{APP}/welcome?to=//evil.example",
    "https://APP.example.com:443/": f"{APP}/",
}
BAD = [
    "",
    "evil",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "http:app.example.com",
    "https://evil.example",
    "http://app.example.com/",
    f"{APP}.evil.example/",
    f"{APP}@evil.example/",
    f"{APP}:444/",
    "https://user@app.example.com/",
    "https://user:word@app.example.com/",
    "https://app.example.com\\@evil.example",
    "javascript:alert(1)",
    "JavaScript:alert(1)//https://app.example.com",
    "data:text/html,hello",
    "blob:https://app.example.com/x",
    " https://app.example.com",
    "https://app.example.com ",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    "\x00//evil.example",
    "ht\ntps://app.example.com",
    "/a\x7fb",
    "/a\u00a0b",
    "?next",
    "#part",
    "http://[::1",
]


def asked(texts: list[str]) -> dict[str, str | None]:
    """Return what the pages' own function makes of each text, if `APP` is listed and the page is at `HERE`."""
    expression = "value.texts.map((text) => module.allowed(text, [value.app], value.here))"
    return dict(
        zip(texts, evaluate("ui/redirect.js", expression, {"texts": texts, "app": APP, "here": HERE}), strict=True)
    )


class TestAllowed:
    def test_where_it_may_go(self):
        assert asked(list(GOOD)) == GOOD

    def test_a_bad_target_leads_nowhere(self):
        assert {text: address for text, address in asked(BAD).items() if address is not None} == {}

    def test_what_is_no_text_leads_nowhere(self):
        assert (
            evaluate("ui/redirect.js", "[undefined, null, 1].map((it) => module.allowed(it, [], 'http://x'))")
            == [None] * 3
        )
