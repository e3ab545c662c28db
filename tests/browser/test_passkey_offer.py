"""After a sign-in by password a passkey is offered, once."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.windows import at_home, look, plug_in, prove, sign_in, sign_in_here
from tests.support.accounts import Database

pytestmark = pytest.mark.browser

OFFER = "Sign in faster next time"


@pytest.fixture
def equipped(desk: Page, account: dict[str, str], mongo: Database) -> Page:
    """Return a window of somebody without a passkey, on a device that can have one."""
    prove(mongo, account["email"])
    desk.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
    desk.goto("/account/sign-in")
    plug_in(desk)
    return desk


class TestOffer:
    def test_it_leads_to_a_passkey(self, equipped: Page, account: dict[str, str]) -> None:
        sign_in(equipped, account)
        at_home(equipped)
        expect(equipped.get_by_text(OFFER)).to_be_visible()
        equipped.get_by_role("button", name="Add a passkey to sign in faster").click()
        at_home(equipped, "Sign-in and security")
        equipped.get_by_role("dialog", name="Add a passkey").get_by_role("button", name="Continue").click()
        equipped.get_by_role("dialog", name="Your recovery codes").get_by_role("button", name="I've saved them").click()
        expect(equipped.get_by_text(OFFER)).to_be_hidden()
        equipped.get_by_role("button", name="Sign out").click()
        equipped.wait_for_url("**/account/sign-in*")
        equipped.get_by_role("button", name="Sign in with a passkey").click()
        at_home(equipped)
        expect(equipped.get_by_text(OFFER)).to_be_hidden()

    def test_whoever_does_not_want_it_is_left_alone(self, equipped: Page, account: dict[str, str]) -> None:
        sign_in(equipped, account)
        at_home(equipped)
        equipped.get_by_role("button", name="Not now").click()
        expect(equipped.get_by_text(OFFER)).to_be_hidden()
        expect(equipped.locator("#main")).to_be_focused()
        equipped.get_by_role("button", name="Sign out").click()
        equipped.wait_for_url("**/account/sign-in*")
        sign_in_here(equipped, account)
        at_home(equipped)
        equipped.wait_for_load_state("networkidle")
        expect(equipped.get_by_text(OFFER)).to_be_hidden()
        assert account["email"] not in equipped.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")

    def test_a_device_that_can_have_none_is_not_asked(
        self, desk: Page, account: dict[str, str], mongo: Database
    ) -> None:
        prove(mongo, account["email"])
        desk.add_init_script("PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable = async () => false")
        sign_in(desk, account)
        at_home(desk)
        desk.wait_for_load_state("networkidle")
        expect(desk.get_by_text(OFFER)).to_be_hidden()

    def test_an_address_that_is_not_confirmed_comes_first(
        self, desk: Page, account: dict[str, str], mongo: Database
    ) -> None:
        desk.goto("/account/sign-in")
        plug_in(desk)
        sign_in(desk, account)
        at_home(desk)
        expect(desk.locator("#unverified")).to_be_visible()
        expect(desk.get_by_text(OFFER)).to_be_hidden()
        prove(mongo, account["email"])
        desk.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(desk.get_by_text(OFFER)).to_be_visible()

    def test_it_looks_right(self, eyes: Page, axe: str, account: dict[str, str], mongo: Database) -> None:
        prove(mongo, account["email"])
        eyes.goto("/account/sign-in")
        plug_in(eyes)
        sign_in(eyes, account)
        expect(eyes.get_by_text(OFFER)).to_be_visible()
        look(eyes, axe, "passkey-offer")
