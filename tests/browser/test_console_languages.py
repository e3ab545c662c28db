"""The console in other languages: it fits, shuts nobody out, and is read from right to left."""

import pytest
from playwright.sync_api import Browser, expect

from authsvc import languages
from tests.browser.windows import at_rest, looks_right, window
from tests.support.accounts import Database
from tests.support.console import enter, make_administrator
from tests.support.service import Service

pytestmark = pytest.mark.browser

SCREENS = ("overview", "people", "events", "letters", "apps", "webhooks", "settings")


@pytest.mark.parametrize("language", ["de", "ja", "ar"])
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_each_screen(
    browser: Browser, service: Service, clean: None, mongo: Database, axe: str, language: str, width: int, scheme: str
):
    admin = make_administrator(service, mongo)
    viewport = {"width": width, "height": 800}
    with window(
        browser,
        service,
        bypass_csp=True,
        locale=language,
        viewport=viewport,
        color_scheme=scheme,
        reduced_motion="reduce",
    ) as page:
        enter(page, admin, mongo)
        for screen in SCREENS:
            page.goto(f"/admin/#{screen}")
            expect(page.locator(f"#{screen}-title")).to_be_visible()
            expect(page.locator("html")).to_have_attribute("lang", language)
            expect(page.locator("html")).to_have_attribute("dir", languages.direction(language))
            at_rest(page)
            looks_right(page, axe)
