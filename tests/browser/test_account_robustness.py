"""The account pages in browsers that are old, and where scripts do not come."""

import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.windows import sign_in_by_id
from tests.support.accounts import Database
from tests.support.service import Service

pytestmark = pytest.mark.browser

NOT_LOADED = "This page could not be loaded. Reload it."
BORDER = "(field) => getComputedStyle(field).borderTopWidth + getComputedStyle(field).borderTopStyle"
GROUND = "(button) => getComputedStyle(button).backgroundColor"


@pytest.fixture
def old(browser: Browser, service: Service) -> Page:
    """Return a window in which things may go wrong."""
    return browser.new_page(base_url=f"http://localhost:{service.port}")


class TestOldBrowsers:
    def test_p4_without_light_dark_fields_and_buttons_are_seen(self, old: Page) -> None:
        def rename(route: Route) -> None:
            answer = route.fetch()
            route.fulfill(response=answer, body=re.sub(r"light-dark\(", "no-such(", answer.text()))

        old.route("**/*.css", rename)
        old.goto("/account/sign-in")
        assert old.get_by_label("Email").evaluate(BORDER) == "1pxsolid"
        assert old.get_by_role("button", name="Sign in", exact=True).evaluate(GROUND) == "rgb(43, 89, 209)"
        old.context.close()

    def test_p5_without_can_parse_a_return_is_no_dead_form(self, old: Page) -> None:
        old.add_init_script("delete URL.canParse")
        old.goto("/account/sign-in?return=/account/")
        expect(old.get_by_role("button", name="Sign in", exact=True)).to_be_enabled()
        expect(old.get_by_text(NOT_LOADED)).to_be_hidden()
        old.context.close()


class TestOddAccounts:
    def test_one_without_a_name_is_shown_by_its_address(
        self, old: Page, account: dict[str, str], mongo: Database
    ) -> None:
        """As another program may have stored it."""
        mongo.users.update_one({"email": account["email"]}, {"$unset": {"name": 1}})
        sign_in_by_id(old, account)
        expect(old.locator("#who")).to_have_text(account["email"])
        expect(old.locator("#profile-name")).to_have_value("")
        old.context.close()


class TestScriptsThatDoNotCome:
    @pytest.mark.parametrize("path", ["sign-in", ""])
    def test_p5_a_lost_script_is_told_and_reload_helps(self, old: Page, path: str) -> None:
        old.route("**/authsvc.js", lambda route: route.abort())
        old.goto(f"/account/{path}")
        expect(old.get_by_text(NOT_LOADED)).to_be_visible()
        old.unroute("**/authsvc.js")
        old.get_by_role("button", name="Reload").click()
        expect(old.get_by_role("button", name="Sign in", exact=True)).to_be_enabled()
        expect(old.get_by_text(NOT_LOADED)).to_be_hidden()
        old.context.close()
