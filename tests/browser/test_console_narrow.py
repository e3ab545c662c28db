"""The console in each language, as narrow as a page at 400 %, and in forced colours."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from authsvc import languages
from tests.browser.windows import at_rest, look, window
from tests.support.accounts import Database
from tests.support.console import Administrator, enter, make_administrator, seed
from tests.support.service import Service

pytestmark = pytest.mark.browser

LONG = "Wolfgang Amadeus Donaudampfschifffahrtsgesellschaftskapitän"
SHOWN = {
    "overview": "#health-sound li",
    "people": "#people-list .row-link",
    "events": "#events-list .row-link",
    "letters": "#preview",
    "apps": "#apps-place .empty",
    "webhooks": "#webhooks-place .empty",
    "settings": "#keys-list .row",
}
"""What is on each screen once it is loaded."""


@pytest.fixture
def admin(service: Service, clean: None, mongo: Database) -> Administrator:
    """Return an administrator with a second factor."""
    return make_administrator(service, mongo)


def look_at_all(page: Page, axe: str, admin: Administrator, mongo: Database, name: str) -> None:
    """Look at every screen, and at an account."""
    seed(mongo, 2, name=LONG)
    enter(page, admin, mongo)
    for screen, element in SHOWN.items():
        page.goto(f"/admin/#{screen}")
        expect(page.locator(element).first).to_be_visible()
        look(page, axe, f"console-{screen}-{name}")
    page.goto(f"/admin/#people/{admin.id}")
    for summary in page.locator("#person summary").all():
        summary.click()
    at_rest(page)
    look(page, axe, f"console-person-{name}")


class TestScreens:
    @pytest.mark.parametrize("language", languages.known())
    def test_each_fits_in_each_language(
        self, browser: Browser, service: Service, axe: str, admin: Administrator, mongo: Database, language: str
    ) -> None:
        narrow: dict[str, Any] = {"viewport": {"width": 320, "height": 800}, "reduced_motion": "reduce"}
        with window(browser, service, bypass_csp=True, locale=language, **narrow) as page:
            look_at_all(page, axe, admin, mongo, language)
            assert page.locator("html").get_attribute("dir") == languages.direction(language)

    def test_each_can_be_read_in_forced_colours(
        self, browser: Browser, service: Service, axe: str, admin: Administrator, mongo: Database
    ) -> None:
        with window(browser, service, bypass_csp=True, forced_colors="active", reduced_motion="reduce") as page:
            look_at_all(page, axe, admin, mongo, "forced")
            current = page.locator("nav a[aria-current]")
            assert current.evaluate("link => getComputedStyle(link).borderStyle") != "none"
