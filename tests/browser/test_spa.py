"""The example page that uses `authsvc.js`, as a visitor would."""

import re
import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, WebError, expect

from authsvc import clock
from tests.browser.windows import plug_in
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.service import ROOT, Service

pytestmark = pytest.mark.browser


@pytest.fixture
def window(browser: Browser, service: Service) -> Iterator[BrowserContext]:
    """Return a browser profile."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def page(window: BrowserContext, pages: dict[str, int]) -> Iterator[Page]:
    """Return the example page; no script of it may fail unseen."""
    failed: list[str] = []

    def note(error: WebError) -> None:
        failed.append(str(error.error))

    window.on("weberror", note)
    yield visit(window, pages)
    assert failed == []


def visit(window: BrowserContext, pages: dict[str, int]) -> Page:
    page = window.new_page()
    page.goto(f"http://localhost:{pages['listed']}/spa/")
    return page


def sign_in(page: Page, account: dict[str, str]) -> None:
    form = page.locator("#sign-in")
    form.get_by_label("Address").fill(account["email"])
    form.get_by_label("Password").fill(account["password"])
    form.get_by_role("button", name="Sign in").click()


def says(page: Page, text: str) -> None:
    expect(page.get_by_role("status")).to_have_text(text)


class TestPage:
    def test_from_signing_up_to_signing_out(
        self, window: BrowserContext, page: Page, pages: dict[str, int], clean: None
    ) -> None:
        page.get_by_text("New here?").click()
        form = page.locator("#sign-up")
        form.get_by_label("Name").fill("Ada")
        form.get_by_label("Address").fill(f"{secrets.token_hex(6)}@example.com")
        form.get_by_label("Password").fill(PASSWORD)
        form.get_by_role("button").click()
        expect(page.get_by_role("heading", name="Hello, Ada")).to_be_visible()
        page.get_by_role("button", name="Call the protected route").click()
        says(page, "It works!")

        second = visit(window, pages)
        expect(second.get_by_role("heading", name="Hello, Ada")).to_be_visible()
        second.get_by_role("button", name="Sign out").click()
        for one in (second, page):
            expect(one.locator("#guest")).to_be_visible()
            expect(one.locator("#member")).to_be_hidden()

    def test_who_has_not_confirmed_the_address_learns_where_the_letter_is(
        self, page: Page, account: dict[str, str], service: Service
    ) -> None:
        plug_in(page)
        sign_in(page, account)
        page.get_by_role("button", name="Add a passkey").click()
        expect(page.get_by_role("status")).to_contain_text("/dev/outbox")
        for name, path in (("Your account", "/account/"), ("Forgot your password?", "/account/forgot-password")):
            link = page.get_by_text(name)
            expect(link).to_have_attribute("href", f"http://localhost:{service.port}{path}")
            assert page.request.get(f"http://localhost:{service.port}{path}").status == 200

    def test_a_wrong_password_is_told(self, page: Page, account: dict[str, str]) -> None:
        sign_in(page, {**account, "password": "wrong"})
        expect(page.get_by_role("status")).to_have_text(
            re.compile("not right|not correct|wrong|invalid", re.IGNORECASE)
        )

    def test_a_passkey_is_the_second_step_and_enough_alone(
        self, page: Page, account: dict[str, str], mongo: Database
    ) -> None:
        mongo.users.update_one({"email": account["email"]}, {"$set": {"emailVerifiedAt": clock.now()}})
        # The authenticator below would take up the form's offer by itself.
        page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
        page.reload()
        plug_in(page)
        sign_in(page, account)
        page.get_by_role("button", name="Add a passkey").click()
        says(page, "Added: This device")
        page.get_by_role("button", name="Sign out").click()
        page.locator("#sign-in").get_by_role("button", name="Use a passkey").click()
        expect(page.locator("#member")).to_be_visible()

        page.get_by_role("button", name="Sign out").click()
        sign_in(page, account)
        expect(page.locator("#member")).to_be_visible()  # P2: a first passkey alone makes no password insufficient
        page.get_by_role("button", name="Ask for it at every sign-in").click()
        says(page, "From now on it is asked for after your password.")
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, account)
        expect(page.get_by_role("heading", name="One more step")).to_be_visible()
        page.locator("#second").get_by_role("button", name="Use a passkey").click()
        expect(page.locator("#member")).to_be_visible()


class TestDocumentation:
    def test_it_says_how_to_start_it(self) -> None:
        page = (ROOT / "docs/start/browser.md").read_text()
        assert "python3 -m http.server 3000 -d examples/spa" in page
        assert "CORS_ORIGINS=http://localhost:3000" in page
