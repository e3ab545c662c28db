"""The languages of the pages in a browser: choosing one, keeping it, and how they look from right to left."""

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect

from authsvc import languages
from tests.browser.windows import at_home, at_rest, looks_right, sign_in, window
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.browser

PAGES = ("sign-in", "sign-up", "forgot-password", "verify-email#token=asl_x", "device")
NAMES = {"de": "Deutsch", "ar": "العربية"}
SIZES = ((320, "light"), (1280, "dark"))


def choose(page: Page, language: str) -> None:
    """Choose a language at the foot of a page."""
    page.locator(".languages summary").click()
    with page.expect_navigation():
        page.get_by_role("button", name=NAMES[language], exact=True).click()
    expect(page.locator("html")).to_have_attribute("lang", language)


def locale_of(service: Service, account: dict[str, str]) -> Any:
    """Return the language that an account has."""
    return Visitor(service.url).login(account["email"]).json()["user"]["locale"]


class TestChoice:
    def test_it_counts_for_pages_scripts_and_the_account(self, desk: Page, clean: None, mongo: Database):
        desk.goto("/account/sign-up")
        choose(desk, "de")
        expect(desk.get_by_role("heading", level=1)).not_to_have_text("Create your account")
        desk.locator("#sign-up .button").first.click()
        expect(desk.locator(".error:visible").first).to_be_visible()
        assert "Fill this in" not in desk.locator(".error:visible").first.inner_text()  # which a script says
        desk.locator("#name").fill("Ada")
        desk.locator("#email").fill("ada@example.com")
        desk.locator("#password").fill(PASSWORD)
        desk.locator("#sign-up .button.primary").click()
        expect(desk.locator("#who")).to_have_text("Ada")
        expect(desk.locator("html")).to_have_attribute("lang", "de")
        stored = mongo.users.find_one({"email": "ada@example.com"})
        assert stored is not None
        assert stored["locale"] == "de"

    def test_at_home_it_becomes_that_of_the_account_and_of_its_other_browsers(
        self, desk: Page, browser: Browser, service: Service, account: dict[str, str]
    ):
        sign_in(desk, account)
        at_home(desk)
        choose(desk, "de")
        expect(desk.locator("#account")).to_be_visible()
        assert locale_of(service, account) == "de"
        with window(browser, service) as other:
            sign_in(other, account)
            expect(other.locator("html")).to_have_attribute("lang", "de")
            expect(other.locator("#account")).to_be_visible()

    def test_a_letters_secret_survives_it(self, desk: Page):
        desk.goto("/account/verify-email#token=asl_x")
        step = desk.locator('[data-step="bad-link"]')  # and not that it is incomplete
        expect(step).to_be_visible()
        choose(desk, "ar")
        expect(step).to_be_visible()
        assert "token" not in desk.url

    def test_without_its_texts_a_page_says_that_it_could_not_be_loaded(self, browser: Browser, service: Service):
        def lose(route: Route) -> None:
            route.abort()

        context = browser.new_context(base_url=service.url, locale="de-DE")
        page = context.new_page()
        page.route("**/texts/*.js", lose)
        page.goto("/account/sign-in")
        expect(page.locator("#not-loaded")).to_be_visible()
        context.close()


class TestLook:
    """In every language; and from right to left, so that nothing is cut off or out of its place."""

    @pytest.mark.parametrize("language", languages.known())
    @pytest.mark.parametrize(("width", "scheme"), SIZES)
    def test_the_pages(
        self,
        browser: Browser,
        service: Service,
        axe: str,
        account: dict[str, str],
        language: str,
        width: int,
        scheme: str,
    ):
        options: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
        with window(browser, service, bypass_csp=True, locale=language, reduced_motion="reduce", **options) as page:
            for path in PAGES:
                page.goto(f"/account/{path}")
                expect(page.locator("html")).to_have_attribute("lang", language)
                expect(page.locator("html")).to_have_attribute("dir", languages.direction(language))
                expect(page.get_by_role("heading", level=1)).to_be_visible()
                looks_right(page, axe)
            page.goto("/account/sign-in")
            page.locator("#email").fill(account["email"])
            page.locator("#password").fill(account["password"])
            page.locator("#by-password .button.primary").click()
            expect(page.locator("#account")).to_be_visible()
            for section in ("profile", "security", "tokens"):
                page.goto(f"/account/#{section}")
                expect(page.locator(f"#{section}-title")).to_be_visible()
                at_rest(page)
                looks_right(page, axe)


def test_a_service_has_all_six(app: Flask):
    assert list(languages.names()) == ["en", "de", "fr", "es", "ja", "ar"]
