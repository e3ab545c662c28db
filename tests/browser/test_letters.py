"""Letters as mail programs show them, that is, as Chromium does: at both widths, in both schemes of colours. P17."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from authsvc.services import letter_previews, letters
from tests.browser.windows import looks_right
from tests.support.brands import LINKS

pytestmark = pytest.mark.browser

LONG = "W" * 100
BRAND = {
    "ACCOUNT_NAME": "Contoso Versicherungsgesellschaft auf Gegenseitigkeit",
    "ACCOUNT_ACCENT": "#facc15",
    "ACCOUNT_SUPPORT": "help@contoso.example",
    "ACCOUNT_LINKS": LINKS,
}
FACTS = {
    **dict.fromkeys(letters.FACTS, LONG),
    "to": f"{'a' * 64}@{'b' * 60}.example.com",
    "at": "2026-11-30 05:17 UTC",
    "ip": "2001:db8:1111:2222:3333:4444:5555:6666",
    "agent": f"“{'m' * 60}”",
    "code": "406182",
    "link": f"https://auth.example.com/account/verify-email#token=asl_{'x' * 43}",
    "remaining": "7",
}


@pytest.fixture(params=["light", "dark"])
def reader(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """Return a mail program on a phone, with light or dark colours."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=request.param)
    yield context.new_page()
    context.close()


class TestLetter:
    def test_p17_each_fits_and_can_be_read(
        self, reader: Page, app: Flask, axe: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Pictures don't load: letters are whole without them."""
        for name, value in BRAND.items():
            monkeypatch.setitem(app.config, name, value)
        for kind in letters.kinds():
            with app.app_context():
                sample = letter_previews.preview(kind).html
                hostile = letters.word(kind, FACTS, language="en").html
            reader.set_viewport_size({"width": 360, "height": 740})
            reader.set_content(sample)
            looks_right(reader, axe)
            reader.set_content(hostile)
            assert reader.evaluate("document.documentElement.scrollWidth") <= 360, kind
            reader.set_viewport_size({"width": 600, "height": 740})
            assert reader.evaluate("document.documentElement.scrollWidth") <= 600, kind

    def test_p17_a_theme_of_an_operator_keeps_its_contrast(
        self, reader: Page, app: Flask, axe: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for colour in ("#ffffff", "#000000", "#ff0000", "#777777"):
            monkeypatch.setitem(app.config, "ACCOUNT_ACCENT", colour)
            with app.app_context():
                reader.set_content(letter_previews.preview("verify").html)
            looks_right(reader, axe)
