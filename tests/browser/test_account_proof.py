"""U3, U4: a proof in a browser that is signed in nowhere leads to a new password, on a phone and on a desk."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.browser.windows import at_home, follow, prove, sign_in, window
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.letters import newest
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.browser

NEW = "a brand new passphrase"
VICTIM = "victim@example.com"
PICTURES = os.environ.get("PICTURES")
"""A folder for screenshots, for those who want to look."""


@pytest.fixture(params=[360, 1280], ids=str)
def eyes(request: pytest.FixtureRequest, browser: Browser, service: Service) -> Iterator[Page]:
    """Return a window of this width, signed in nowhere."""
    with window(browser, service, viewport={"width": request.param, "height": 740}) as page:
        yield page


def fits(page: Page, name: str) -> None:
    """Check that nothing sticks out, and keep a picture for whoever asked for it."""
    width = page.evaluate("innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png")


class TestU4Proof:
    def test_u4_the_page_leads_to_a_new_password(
        self, app: Flask, service: Service, account: dict[str, str], eyes: Page
    ) -> None:
        """Somebody else has registered the address."""
        visitor = Visitor(service.url)
        follow(eyes, "verify-email", newest(app, "verify", account["email"]))
        eyes.get_by_role("button", name="Confirm").click()
        expect(eyes.get_by_role("heading", name="You are confirmed")).to_be_visible()
        expect(eyes.get_by_label("New password")).to_be_focused()
        expect(eyes.get_by_text(f"{account['email']} is confirmed")).to_be_visible()
        fits(eyes, "password")
        assert visitor.login(account["email"], PASSWORD).status_code == 401
        eyes.get_by_label("New password").fill("short")
        eyes.get_by_role("button", name="Set password").click()
        expect(eyes.locator("#newPassword-error")).to_be_visible()
        fits(eyes, "refused")
        eyes.get_by_label("New password").fill(NEW)
        eyes.get_by_role("button", name="Set password").click()
        expect(eyes.get_by_role("heading", name="You're all set")).to_be_focused()
        fits(eyes, "set")
        eyes.get_by_role("link", name="Sign in").click()
        eyes.wait_for_url("**/account/sign-in*")
        sign_in(eyes, {"email": account["email"], "password": NEW}, at=eyes.url)
        at_home(eyes)
        assert visitor.login(account["email"], PASSWORD).status_code == 401

    def test_u4_whoever_closed_the_page_is_asked_for_a_password_again(
        self, app: Flask, account: dict[str, str], eyes: Page
    ) -> None:
        token = newest(app, "verify", account["email"])
        follow(eyes, "verify-email", token)
        eyes.get_by_role("button", name="Confirm").click()
        expect(eyes.get_by_label("New password")).to_be_visible()
        follow(eyes, "verify-email", token)
        eyes.get_by_label("New password").fill(NEW)
        eyes.get_by_role("button", name="Set password").click()
        expect(eyes.get_by_role("heading", name="You're all set")).to_be_focused()
        follow(eyes, "verify-email", token)
        expect(eyes.get_by_role("heading", name="This link no longer works")).to_be_focused()
        fits(eyes, "used")
        eyes.get_by_role("link", name="Set a password").click()
        eyes.wait_for_url("**/account/forgot-password")

    def test_u4_whoever_is_signed_in_to_it_keeps_the_password(
        self, app: Flask, service: Service, account: dict[str, str], eyes: Page
    ) -> None:
        sign_in(eyes, account)
        at_home(eyes)
        follow(eyes, "verify-email", newest(app, "verify", account["email"]))
        eyes.get_by_role("button", name="Confirm").click()
        expect(eyes.get_by_role("heading", name="Your email address is confirmed")).to_be_focused()
        fits(eyes, "kept")
        assert Visitor(service.url).login(account["email"], PASSWORD).status_code == 200

    def test_u4_whoever_is_signed_in_to_another_account_sets_one(
        self, app: Flask, service: Service, account: dict[str, str], eyes: Page
    ) -> None:
        visitor = Visitor(service.url)
        assert visitor.register("another@example.com", PASSWORD).status_code == 201
        sign_in(eyes, {"email": "another@example.com", "password": PASSWORD})
        at_home(eyes)
        follow(eyes, "verify-email", newest(app, "verify", account["email"]))
        eyes.get_by_role("button", name="Confirm").click()
        eyes.get_by_label("New password").fill(NEW)
        eyes.get_by_role("button", name="Set password").click()
        expect(eyes.get_by_role("heading", name="You're all set")).to_be_focused()
        assert visitor.login(account["email"], NEW).status_code == 200
        assert visitor.login("another@example.com", PASSWORD).status_code == 200


class TestP1TheUsualPath:
    """Somebody signs up at a desk, and the mail is on the phone."""

    def test_p1_confirmed_on_the_phone_the_desk_is_told_what_happened(
        self, app: Flask, account: dict[str, str], desk: Page, eyes: Page
    ) -> None:
        sign_in(desk, account)
        at_home(desk)
        follow(eyes, "verify-email", newest(app, "verify", account["email"]))
        expect(eyes.get_by_text("Did you sign up in another browser")).to_be_visible()
        fits(eyes, "elsewhere")
        eyes.get_by_role("button", name="Confirm").click()
        expect(eyes.get_by_role("heading", name="You are confirmed")).to_be_visible()
        eyes.get_by_label("New password").fill(NEW)
        eyes.get_by_role("button", name="Set password").click()
        expect(eyes.get_by_text("Go back to where you signed up")).to_be_visible()
        desk.get_by_role("link", name="Devices").click()
        desk.wait_for_url("**/account/sign-in?*ended=email_verified*")
        expect(desk.get_by_text("Your address was confirmed from another browser. Sign in once more.")).to_be_visible()
        sign_in(desk, {"email": account["email"], "password": NEW}, at=desk.url)
        at_home(desk, "Where you are signed in")

    def test_p1_at_the_desk_itself_nothing_is_said_of_other_browsers(
        self, app: Flask, account: dict[str, str], eyes: Page
    ) -> None:
        sign_in(eyes, account)
        at_home(eyes)
        follow(eyes, "verify-email", newest(app, "verify", account["email"]))
        expect(eyes.get_by_role("button", name="Confirm")).to_be_enabled()
        eyes.wait_for_load_state("networkidle")  # the page knows by now who is signed in
        expect(eyes.locator("#elsewhere")).to_be_hidden()


class TestU3Change:
    def test_u3_a_change_that_is_confirmed_elsewhere_leads_there_too(
        self, app: Flask, service: Service, account: dict[str, str], eyes: Page, mongo: Database
    ) -> None:
        visitor = Visitor(service.url)
        prove(mongo, account["email"])
        headers = {"Authorization": f"Bearer {visitor.login(account['email']).json()['accessToken']}"}
        assert visitor.request("POST", "/auth/me/email", json={"email": VICTIM}, headers=headers).status_code == 202
        follow(eyes, "verify-email", newest(app, "change", VICTIM))
        eyes.get_by_role("button", name="Confirm").click()
        eyes.get_by_label("New password").fill(NEW)
        eyes.get_by_role("button", name="Set password").click()
        expect(eyes.get_by_role("heading", name="You're all set")).to_be_focused()
        assert visitor.login(VICTIM, PASSWORD).status_code == 401
        assert visitor.login(VICTIM, NEW).status_code == 200
