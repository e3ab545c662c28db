"""The page that `docs/start/browser.md` gives to paste."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import registered
from tests.support.service import ROOT, Service

pytestmark = pytest.mark.browser

TEXT = (ROOT / "docs/start/browser.md").read_text()


@pytest.fixture
def page(browser: Browser, service: Service, pages: dict[str, int]) -> Page:
    """Return a tab with the page, on the origin that is listed."""
    (source,) = re.findall(r"```html\n(.*?)```", TEXT, re.DOTALL)
    tab = browser.new_context().new_page()
    tab.goto(f"http://localhost:{pages['listed']}/")
    tab.set_content(source.replace("http://localhost:8000", f"http://localhost:{service.port}"))
    return tab


def test_it_signs_in_as_it_stands(page: Page, service: Service, clean: None) -> None:
    account = registered(service)
    expect(page.get_by_text("Signed out")).to_be_visible()
    page.get_by_placeholder("Address").fill(account["email"])
    page.get_by_placeholder("Password").fill("wrong")
    page.get_by_role("button").click()
    expect(page.locator("#who")).not_to_have_text("Signed out")
    page.get_by_placeholder("Password").fill(account["password"])
    page.get_by_role("button").click()
    expect(page.get_by_text("Hello, Somebody")).to_be_visible()
    page.context.close()
