"""P1 and its kind: the usual ways through the account pages lead on, wherever a letter is opened."""

from collections.abc import Iterator

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.browser.windows import at_home, follow, plug_in, prove, says, sign_in, sign_in_here, turn_to, window
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.letters import newest, newest_code
from tests.support.service import Service

pytestmark = pytest.mark.browser

ADA = "ada@example.com"
NEW = "a brand new passphrase"
NO_OFFERS = "PublicKeyCredential.isConditionalMediationAvailable = async () => false"


@pytest.fixture
def phone(browser: Browser, service: Service) -> Iterator[Page]:
    """Return a window of another browser, in which nobody is signed in."""
    with window(browser, service, viewport={"width": 360, "height": 740}) as page:
        yield page


def sign_up(page: Page, at: str = "/account/sign-up") -> None:
    page.goto(at)
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("Email").fill(ADA)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()


class TestP1ConfirmedOnThePhone:
    def test_p1_the_code_goes_on_at_the_laptop(self, app: Flask, clean: None, desk: Page, phone: Page) -> None:
        """The phone only looks: it says how to stay signed in."""
        sign_up(desk)
        at_home(desk)
        follow(phone, "verify-email", newest(app, "verify", ADA))
        expect(phone.get_by_text("type it there and go on where you were")).to_be_visible()
        desk.get_by_label("Six-digit code").filter(visible=True).fill(newest_code(app, "verify", ADA))
        expect(desk.get_by_text("Confirmed", exact=True)).to_be_visible()
        turn_to(desk, "Devices", "Where you are signed in")

    def test_p1_the_link_elsewhere_alarms_nobody(self, app: Flask, clean: None, desk: Page, phone: Page) -> None:
        sign_up(desk)
        at_home(desk)
        code = newest_code(app, "verify", ADA)
        follow(phone, "verify-email", newest(app, "verify", ADA))
        phone.get_by_role("button", name="Confirm").click()
        phone.get_by_label("New password").fill(NEW)
        phone.get_by_role("button", name="Set password").click()
        expect(phone.get_by_text("Go back to where you signed up")).to_be_visible()
        desk.get_by_label("Six-digit code").filter(visible=True).fill(code)  # which is over, as the session is
        desk.wait_for_url("**/account/sign-in?ended=email_verified")
        told = "Your address was confirmed from another browser. Sign in once more."
        expect(desk.get_by_text(told)).to_be_visible()
        sign_in_here(desk, {"email": ADA, "password": NEW})
        at_home(desk)
        expect(desk.get_by_text("Confirmed", exact=True)).to_be_visible()


class TestP2FirstPasskey:
    """P2, P3, P13: nobody is locked out by one passkey, and codes that were saved stay."""

    @pytest.fixture
    def secure(self, desk: Page, account: dict[str, str], mongo: Database) -> Page:
        """Return a window in which somebody looks at how they sign in, with an authenticator."""
        prove(mongo, account["email"])
        desk.add_init_script(NO_OFFERS)
        sign_in(desk, account, at="/account/#security")
        at_home(desk, "Sign-in and security")
        plug_in(desk)
        return desk

    def add(self, page: Page) -> None:
        page.get_by_role("button", name="Add a passkey").click()
        page.get_by_role("dialog", name="Add a passkey").get_by_role("button", name="Continue").click()

    def test_p2_the_codes_come_by_themselves_and_can_wait(
        self, secure: Page, phone: Page, account: dict[str, str]
    ) -> None:
        self.add(secure)
        codes = secure.get_by_role("dialog", name="Your recovery codes")
        expect(codes.get_by_role("listitem")).to_have_count(10)
        codes.get_by_role("button", name="Not now").click()
        expect(secure.get_by_text("Your password on its own still signs you in")).to_be_visible()
        sign_in(phone, account)  # in a browser without the passkey
        at_home(phone)
        secure.get_by_role("button", name="Require it at sign-in").click()
        secure.get_by_role("dialog").get_by_role("button", name="Require it").click()
        says(secure, "now required")
        phone.context.clear_cookies()
        sign_in(phone, account)
        expect(phone.get_by_role("heading", name="One more step")).to_be_visible()
        expect(phone.get_by_text("Lost what you need for this?")).to_be_visible()

    def test_p3_saved_codes_stay_when_an_app_is_set_up(
        self, secure: Page, phone: Page, account: dict[str, str]
    ) -> None:
        self.add(secure)
        codes = secure.get_by_role("dialog", name="Your recovery codes")
        saved = codes.get_by_role("listitem").first.inner_text()
        codes.get_by_role("button", name="I've saved them").click()
        expect(secure.get_by_text("10 left")).to_be_visible()
        secure.get_by_role("button", name="Set up").click()
        dialog = secure.get_by_role("dialog", name="Set up an authenticator app")
        secret = dialog.locator("#totp-secret").inner_text().replace(" ", "")
        dialog.get_by_label("Code from the app").fill(pyotp.TOTP(secret).now())
        says(secure, "Your recovery codes stay the same")
        secure.get_by_role("button", name="Create new codes for recovery").click()
        expect(secure.get_by_text("They replace the codes you have")).to_be_visible()
        secure.get_by_role("button", name="Cancel").click()
        sign_in(phone, account)
        expect(phone.get_by_role("button", name="Continue").filter(visible=True)).not_to_have_class("primary")
        phone.get_by_role("button", name="Use a recovery code").click()
        phone.get_by_label("Recovery code").fill(saved)
        phone.keyboard.press("Enter")
        at_home(phone)

    def test_p13_the_same_device_twice_is_told_as_that(self, secure: Page) -> None:
        self.add(secure)
        secure.get_by_role("button", name="Not now").click()
        self.add(secure)
        expect(secure.locator("#passkey-name-error")).to_have_text(
            "This device already has a passkey for your account."
        )
