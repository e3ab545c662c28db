"""The account pages in a real browser: from signing up to leaving, as somebody would."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.browser.windows import at_home, follow, outdate, prove, says, sign_in, sign_in_here, turn_to, window
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.letters import newest
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.browser

NEW = "a brand new passphrase"
ADA = "ada@example.com"


def sign_up(page: Page, email: str = ADA, password: str = PASSWORD) -> None:
    page.goto("/account/sign-up")
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Create account").click()


class TestSignUp:
    def test_from_signing_up_to_a_confirmed_address(self, app: Flask, clean: None, desk: Page, mongo: Database) -> None:
        """R74: opening the link changes nothing, as scanners of mail do."""
        sign_up(desk)
        at_home(desk)
        expect(desk.get_by_text("Your email address isn't confirmed yet")).to_be_visible()
        expect(desk.get_by_text("Not confirmed", exact=True)).to_be_visible()
        follow(desk, "verify-email", newest(app, "verify", ADA))
        assert mongo.users.count_documents({"emailVerifiedAt": {"$exists": True}}) == 0
        desk.get_by_role("button", name="Confirm").click()
        expect(desk.get_by_role("heading", name="Your email address is confirmed")).to_be_focused()
        assert mongo.users.count_documents({"emailVerifiedAt": {"$exists": True}}) == 1
        desk.get_by_role("link", name="Continue").click()
        at_home(desk)
        expect(desk.get_by_text("Confirmed", exact=True)).to_be_visible()
        expect(desk.get_by_text("Your email address isn't confirmed yet")).to_be_hidden()

    def test_what_is_wrong_is_told_at_its_field(self, account: dict[str, str], desk: Page) -> None:
        sign_up(desk, email=account["email"], password="password123")
        password = desk.get_by_label("Password", exact=True)
        expect(password).to_be_focused()
        expect(password).to_have_attribute("aria-invalid", "true")
        expect(password).to_have_accessible_description(re.compile("too common"))
        password.fill(PASSWORD)
        expect(desk.locator("#password-error")).to_be_hidden()
        desk.get_by_role("button", name="Create account").click()
        email = desk.get_by_label("Email")
        expect(email).to_be_focused()
        expect(desk.locator("#email-error")).to_have_text("An account with this email address already exists.")

    def test_nothing_is_sent_while_a_field_is_empty(self, desk: Page) -> None:
        desk.goto("/account/sign-up")
        desk.get_by_label("Email").fill("no address")
        desk.get_by_role("button", name="Create account").click()
        expect(desk.get_by_label("Name")).to_be_focused()
        expect(desk.locator("#name-error")).to_have_text("Fill this in.")
        expect(desk.locator("#email-error")).to_have_text("This isn't an email address.")


@pytest.fixture(scope="module")
def strict(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a service where an address has to be verified before the first sign-in."""
    with Service(**{**settings, "EMAIL_VERIFICATION": "required", "WEB_CONCURRENCY": 1}) as running:
        yield running


class TestVerificationRequired:
    def test_nobody_is_signed_in_before_the_link(
        self, app: Flask, clean: None, browser: Browser, strict: Service
    ) -> None:
        with window(browser, strict) as page:
            sign_up(page)
            expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
            expect(page.get_by_label("Six-digit code").filter(visible=True)).to_be_focused()
            expect(page.get_by_text(ADA).filter(visible=True)).to_be_visible()
            sign_in(page, {"email": ADA, "password": PASSWORD})
            expect(page.get_by_text("Your email address isn't confirmed yet")).to_be_visible()
            page.get_by_role("button", name="Send the email again").click()
            says(page, "an email is on its way")
            follow(page, "verify-email", newest(app, "verify", ADA))
            page.get_by_role("button", name="Confirm").click()
            page.get_by_label("New password").fill(NEW)  # nobody is signed in, so it may be anybody's proof: U4
            page.get_by_role("button", name="Set password").click()
            page.get_by_role("link", name="Sign in").click()
            page.wait_for_url("**/account/sign-in")
            sign_in(page, {"email": ADA, "password": NEW}, at=page.url)
            at_home(page)


class TestSignIn:
    def test_signing_in_and_out(self, account: dict[str, str], desk: Page) -> None:
        desk.goto("/account/", wait_until="commit")
        desk.wait_for_url("**/account/sign-in")
        sign_in(desk, {**account, "password": "not the right one"})
        expect(desk.get_by_label("Password", exact=True)).to_be_focused()
        expect(desk.locator("#password-error")).to_have_text("The email address or password is wrong.")
        sign_in(desk, account)
        at_home(desk)
        desk.reload()
        at_home(desk)
        desk.get_by_role("button", name="Sign out").click()
        desk.wait_for_url("**/account/sign-in*")
        desk.goto("/account/", wait_until="commit")
        desk.wait_for_url("**/account/sign-in*")

    def test_a_password_can_be_looked_at(self, desk: Page) -> None:
        desk.goto("/account/sign-in")
        field, button = desk.get_by_label("Password", exact=True), desk.get_by_role("button", name="Show password")
        button.click()
        expect(field).to_have_attribute("type", "text")
        expect(button).to_have_attribute("aria-pressed", "true")
        button.click()
        expect(field).to_have_attribute("type", "password")

    def test_who_was_signed_out_from_elsewhere_is_told_why(self, account: dict[str, str], desk: Page) -> None:
        sign_in(desk, account)
        at_home(desk)
        visitor = Visitor(desk.url.partition("/account")[0])
        access = visitor.login(account["email"]).json()["accessToken"]
        visitor.request("DELETE", "/auth/sessions?scope=others", headers={"Authorization": f"Bearer {access}"})
        turn_to(desk, "Devices", "Where you are signed in")
        desk.wait_for_url("**/account/sign-in*")
        expect(desk.get_by_text("You were signed out from another device.")).to_be_visible()
        sign_in_here(desk, account)
        at_home(desk, "Where you are signed in")

    def test_two_tabs_sign_out_together(self, account: dict[str, str], desk: Page) -> None:
        sign_in(desk, account)
        at_home(desk)
        other = desk.context.new_page()
        other.goto("/account/")
        at_home(other)
        other.get_by_role("button", name="Sign out").click()
        desk.wait_for_url("**/account/sign-in*")
        expect(desk.get_by_text("You're signed out.")).to_be_visible()  # and told why, as the other tab is


class TestPassword:
    def test_forgotten_and_set_anew(self, app: Flask, account: dict[str, str], desk: Page, service: Service) -> None:
        desk.goto("/account/sign-in")
        desk.get_by_role("link", name="Forgot your password?").click()
        desk.get_by_label("Email").fill(account["email"])
        desk.get_by_role("button", name="Send email").click()
        expect(desk.get_by_role("heading", name="Check your email")).to_be_visible()
        expect(desk.get_by_label("Six-digit code")).to_be_focused()
        token = newest(app, "reset", account["email"])
        follow(desk, "reset-password", token)
        field = desk.get_by_label("New password")
        expect(field).to_be_focused()
        field.fill("password123")
        desk.get_by_role("button", name="Set password").click()
        expect(desk.locator("#newPassword-error")).to_contain_text("too common")
        field.fill(NEW)
        desk.get_by_role("button", name="Set password").click()
        expect(desk.get_by_role("heading", name="Your password is set")).to_be_focused()
        assert Visitor(service.url).login(account["email"], PASSWORD).status_code == 401
        desk.get_by_role("link", name="Sign in").click()
        sign_in_here(desk, {**account, "password": NEW})
        at_home(desk)
        follow(desk, "reset-password", token)
        expect(desk.get_by_role("heading", name="This link no longer works")).to_be_focused()

    def test_half_a_link_says_so(self, desk: Page) -> None:
        for place in ("verify-email", "undo-email", "reset-password"):
            desk.goto(f"/account/{place}")
            expect(desk.get_by_role("heading", name="This link is incomplete")).to_be_focused()
            expect(desk.get_by_role("button")).to_have_count(0)

    def test_a_password_is_changed(self, account: dict[str, str], desk: Page, service: Service) -> None:
        sign_in(desk, account, at="/account/#security")
        at_home(desk, "Sign-in and security")
        desk.get_by_label("Current password").fill("not the right one")
        desk.get_by_label("New password").fill(NEW)
        desk.get_by_role("button", name="Change password").click()
        expect(desk.get_by_label("Current password")).to_be_focused()
        expect(desk.locator("#current-password-error")).to_have_text("This password is wrong.")
        desk.get_by_label("Current password").fill(account["password"])
        desk.get_by_role("button", name="Change password").click()
        says(desk, "Password changed")
        expect(desk.get_by_label("New password")).to_have_value("")
        assert Visitor(service.url).login(account["email"], NEW).status_code == 200


class TestProfile:
    def test_the_name_is_changed(self, account: dict[str, str], desk: Page, mongo: Database) -> None:
        sign_in(desk, account)
        at_home(desk)
        desk.get_by_label("Your name", exact=True).fill("Countess Lovelace")
        desk.get_by_role("button", name="Save name").click()
        says(desk, "Name saved")
        expect(desk.locator("#who")).to_have_text("Countess Lovelace")
        assert mongo.users.find_one({"email": account["email"]})["name"] == "Countess Lovelace"

    def test_the_address_is_changed_confirmed_and_taken_back(
        self, app: Flask, account: dict[str, str], desk: Page, mongo: Database
    ) -> None:
        prove(mongo, account["email"])
        sign_in(desk, account)
        at_home(desk)
        outdate(mongo)
        desk.get_by_label("New address").fill("new@example.com")
        desk.get_by_role("button", name="Change address").click()
        dialog = desk.get_by_role("dialog", name="Confirm it's you")
        dialog.get_by_label("Password", exact=True).fill(account["password"])
        dialog.get_by_role("button", name="Continue").click()
        says(desk, "We sent an email to new@example.com")
        follow(desk, "verify-email", newest(app, "change", "new@example.com"))
        desk.get_by_role("button", name="Confirm").click()
        expect(desk.get_by_text("new@example.com now belongs to your account")).to_be_visible()
        desk.get_by_role("link", name="Continue").click()
        at_home(desk)
        expect(desk.locator(".current")).to_contain_text("new@example.com")
        follow(desk, "undo-email", newest(app, "email_changed", account["email"]))
        desk.get_by_role("button", name="Restore my address").click()
        expect(desk.get_by_role("heading", name="Your email address is restored")).to_be_focused()
        assert mongo.users.find_one({"email": account["email"]}) is not None


class TestLeaving:
    def test_everything_is_taken_along(self, account: dict[str, str], desk: Page, mongo: Database) -> None:
        sign_in(desk, account, at="/account/#data")
        at_home(desk, "Your data")
        outdate(mongo)
        with desk.expect_download() as downloaded:
            desk.get_by_role("button", name="Download").click()
            dialog = desk.get_by_role("dialog", name="Confirm it's you")
            dialog.get_by_label("Password", exact=True).fill(account["password"])
            dialog.get_by_role("button", name="Continue").click()
        assert downloaded.value.suggested_filename.endswith(".json")
        assert json.loads(Path(downloaded.value.path()).read_text())["account"]["email"] == account["email"]

    def test_p20_the_account_is_deleted_by_who_types_its_address(
        self, account: dict[str, str], desk: Page, mongo: Database
    ) -> None:
        sign_in(desk, account, at="/account/#data")
        at_home(desk, "Your data")
        desk.get_by_role("button", name="Delete account").click()
        dialog = desk.get_by_role("dialog", name="Delete your account?")
        field = dialog.get_by_label("Type your email address to go on")
        expect(field).to_be_focused()
        desk.keyboard.press("Enter")
        expect(dialog.locator("#delete-address-error")).to_have_text("Fill this in.")
        field.fill("somebody@example.com")
        desk.keyboard.press("Enter")
        expect(dialog.locator("#delete-address-error")).to_have_text("This isn't your email address.")
        dialog.get_by_role("button", name="Cancel").click()
        expect(dialog).to_be_hidden()
        assert mongo.users.count_documents({"email": account["email"]}) == 1
        desk.get_by_role("button", name="Delete account").click()
        expect(field).to_have_value("")
        with desk.expect_download() as downloaded:
            dialog.get_by_role("button", name="Download your data first").click()
        assert json.loads(Path(downloaded.value.path()).read_text())["account"]["email"] == account["email"]
        expect(dialog.get_by_text("Saved to your downloads.")).to_be_visible()
        field.fill(account["email"].upper())
        dialog.get_by_role("button", name="Delete account").click()
        expect(desk.get_by_text("Your account has been deleted.")).to_be_visible()
        assert mongo.users.count_documents({"email": account["email"]}) == 0
