"""P14: a phone drops a tab while somebody looks into another app, and the step is still there. P21's rest."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.browser.windows import at_home, code_of, enrol, prove, sign_in, sign_in_here, turn_to, window
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.letters import newest_code, newest_link
from tests.support.service import Service, free_port

pytestmark = pytest.mark.browser

ADA = "ada@example.com"
NEW = "a brand new passphrase"


@pytest.fixture(scope="module")
def strict(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a service that lets nobody in who has not confirmed their address."""
    port = free_port()
    own = {"EMAIL_VERIFICATION": "required", "PUBLIC_URL": f"http://localhost:{port}", "PORT": port}
    with Service(**{**settings, **own, "WEB_CONCURRENCY": 1}) as running:
        yield running


@pytest.fixture
def newcomer(browser: Browser, strict: Service, clean: None) -> Iterator[Page]:
    """Return a window in which somebody has just signed up."""
    with window(browser, strict) as page:
        page.goto("/account/sign-up?return=/account/%23data")
        page.get_by_label("Name").fill("Ada Lovelace")
        page.get_by_label("Email").fill(ADA)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()
        expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
        yield page


class TestSignUp:
    def test_p14_the_code_is_still_asked_for(self, app: Flask, newcomer: Page) -> None:
        newcomer.reload()
        expect(newcomer.get_by_role("heading", name="Check your email")).to_be_visible()
        expect(newcomer.get_by_text(ADA).filter(visible=True)).to_be_visible()
        assert PASSWORD not in newcomer.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
        newcomer.locator("#verify-code").fill(newest_code(app, "verify", ADA))
        newcomer.wait_for_url("**/account/sign-in?**")
        expect(newcomer.locator("#toasts")).to_contain_text("Your email address is confirmed.")
        expect(newcomer.get_by_label("Email")).to_have_value(ADA)
        newcomer.get_by_label("Password", exact=True).fill(PASSWORD)
        newcomer.get_by_role("button", name="Sign in", exact=True).click()
        at_home(newcomer, "Your data")

    def test_p14_a_later_code_leads_to_a_password(self, app: Flask, newcomer: Page) -> None:
        """With it the password was removed: it may be somebody else's."""
        newcomer.evaluate("""() => {
          const [key] = Object.keys(sessionStorage).filter((name) => name.startsWith("authsvc letters"));
          delete sessionStorage[key];
        }""")
        newcomer.reload()
        newcomer.get_by_role("button", name="Send it again").click()
        expect(newcomer.locator("#toasts")).to_contain_text("on its way")
        newcomer.reload()
        newcomer.locator("#verify-code").fill(newest_code(app, "verify", ADA))
        expect(newcomer.get_by_role("heading", name="Choose your password once more")).to_be_visible()
        newcomer.locator("#password-again").get_by_label("New password").fill(NEW)
        newcomer.get_by_role("button", name="Set password").click()
        at_home(newcomer, "Your data")

    def test_p14_once_it_was_done_nothing_waits(self, app: Flask, newcomer: Page) -> None:
        newcomer.locator("#verify-code").fill(newest_code(app, "verify", ADA))
        at_home(newcomer, "Your data")
        newcomer.get_by_role("button", name="Sign out").click()
        newcomer.goto("/account/sign-up")
        expect(newcomer.get_by_role("heading", name="Create your account")).to_be_visible()


class TestSecondFactor:
    @pytest.fixture
    def asked(self, desk: Page, account: dict[str, str], mongo: Database) -> Page:
        """Return a window that asks for a second factor."""
        prove(mongo, account["email"])
        sign_in(desk, account, at="/account/#security")
        at_home(desk, "Sign-in and security")
        self.totp = enrol(desk)
        desk.goto("/account/sign-in?return=/account/%23data")
        sign_in_here(desk, account)
        expect(desk.get_by_role("heading", name="One more step")).to_be_visible()
        desk.reload()
        expect(desk.get_by_role("heading", name="One more step")).to_be_visible()
        return desk

    def test_p14_the_password_is_not_asked_for_again(self, asked: Page, mongo: Database) -> None:
        asked.locator("#code").fill(code_of(self.totp, mongo))
        at_home(asked, "Your data")
        asked.get_by_role("button", name="Sign out").click()
        expect(asked.get_by_label("Email")).to_be_visible()  # and nothing waits
        asked.reload()
        expect(asked.get_by_label("Email")).to_be_visible()

    def test_p14_whoever_wants_another_account_is_not_asked_again(self, asked: Page) -> None:
        asked.get_by_role("button", name="Use another account").click()
        asked.reload()
        expect(asked.get_by_label("Email")).to_be_visible()

    def test_p14_what_has_expired_begins_anew(self, asked: Page, mongo: Database) -> None:
        mongo.mfa_tickets.delete_many({})
        asked.locator("#code").fill("123456")
        expect(asked.get_by_label("Email")).to_be_visible()
        expect(asked.get_by_role("heading", name="Sign in")).to_be_visible()


def test_p14_the_link_beside_a_code_is_still_there(
    app: Flask, desk: Page, account: dict[str, str], mongo: Database
) -> None:
    prove(mongo, account["email"])
    desk.request.post("/auth/login/email", data={"email": account["email"]})
    desk.context.clear_cookies()
    desk.goto(newest_link(app, "sign_in", account["email"]))
    expect(desk.get_by_role("heading", name="Sign in here?")).to_be_visible()
    desk.reload()
    desk.get_by_role("button", name="Sign in").click()
    at_home(desk)
    desk.goto("/account/email-code")
    expect(desk.get_by_role("heading", name="This link is incomplete")).to_be_visible()


def test_p14_a_token_that_is_shown_is_not_lost_by_mistake(desk: Page, account: dict[str, str], mongo: Database) -> None:
    prove(mongo, account["email"])
    sign_in(desk, account)
    at_home(desk)
    turn_to(desk, "Tokens", "Access tokens")
    desk.get_by_label("Token name").fill("script")
    desk.get_by_label("account:read").check()
    desk.get_by_role("button", name="Create token").click()
    expect(desk.get_by_role("dialog", name="Your new token")).to_be_visible()
    asked = []
    desk.once("dialog", lambda one: (asked.append(one.type), one.dismiss()))
    desk.close(run_before_unload=True)
    desk.wait_for_timeout(500)
    assert asked == ["beforeunload"]


def test_p21_whoever_has_an_account_signs_in_with_the_address(desk: Page, account: dict[str, str]) -> None:
    desk.goto("/account/sign-up?return=/account/%23data")
    desk.get_by_label("Name").fill("Ada Lovelace")
    desk.get_by_label("Email").fill(account["email"])
    desk.get_by_label("Password", exact=True).fill(PASSWORD)
    way = desk.get_by_role("link", name="Sign in with this address")
    expect(way).to_be_hidden()
    desk.get_by_role("button", name="Create account").click()
    expect(way).to_be_visible()
    desk.get_by_label("Email").press("End")
    desk.keyboard.type("x")
    expect(way).to_be_hidden()
    desk.keyboard.press("Backspace")
    desk.get_by_role("button", name="Create account").click()
    way.click()
    expect(desk.get_by_label("Email")).to_have_value(account["email"])
    desk.get_by_label("Password", exact=True).fill(account["password"])
    desk.get_by_role("button", name="Sign in", exact=True).click()
    at_home(desk, "Your data")
