"""The pages behind the links of letters: P9, P10, P14, P22, P25, and the D list's titles and last buttons."""

import re

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.windows import at_home, look, prove, sign_in
from tests.conftest import Person
from tests.support.accounts import Database
from tests.support.letters import newest_link

pytestmark = pytest.mark.browser

NEW = "a brand new passphrase"
OTHER = "other@example.com"


def titled(page: Page, title: str) -> None:
    """Wait until the window is named after its step."""
    expect(page).to_have_title(re.compile(f"^{re.escape(title)} · "))


def confirm(page: Page) -> None:
    page.get_by_role("button", name="Confirm").click()


def ask_for_another_address(page: Page) -> None:
    """Ask for it in the profile."""
    page.get_by_label("New address").fill(OTHER)
    page.get_by_role("button", name="Change address").click()
    expect(page.get_by_text("Waiting for confirmation")).to_be_visible()


class TestP9ConfirmedInTheNextTab:
    def test_p9_the_first_tab_hears_of_it(self, app: Flask, desk: Page, account: dict[str, str]) -> None:
        sign_in(desk, account)
        at_home(desk)
        expect(desk.locator("#unverified")).to_be_visible()
        tab = desk.context.new_page()
        tab.goto(newest_link(app, "verify", account["email"]))
        confirm(tab)
        titled(tab, "Your email address is confirmed")
        expect(desk.locator("#unverified")).to_be_hidden()
        expect(desk.get_by_text("Confirmed", exact=True)).to_be_visible()

    def test_p9_so_it_does_if_somebody_else_confirmed_it(
        self, desk: Page, account: dict[str, str], mongo: Database
    ) -> None:
        sign_in(desk, account)
        at_home(desk)
        prove(mongo, account["email"])
        expect(desk.locator("#unverified")).to_be_visible()
        desk.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(desk.locator("#unverified")).to_be_hidden()


class TestP22TheLinkTwice:
    def test_p22_whoever_is_confirmed_is_told_so(self, app: Flask, desk: Page, account: dict[str, str]) -> None:
        sign_in(desk, account)
        at_home(desk)
        link = newest_link(app, "verify", account["email"])
        desk.goto(link)
        confirm(desk)
        titled(desk, "Your email address is confirmed")
        desk.goto("about:blank")
        desk.goto(link)
        titled(desk, "Already confirmed")
        expect(desk.get_by_text(account["email"]).filter(visible=True)).to_be_visible()
        desk.get_by_role("link", name="Continue to your account").click()
        at_home(desk)

    def test_p22_while_the_page_is_open(self, app: Flask, desk: Page, account: dict[str, str]) -> None:
        sign_in(desk, account)
        at_home(desk)
        link = newest_link(app, "verify", account["email"])
        desk.goto(link)
        tab = desk.context.new_page()
        tab.goto(link)
        for page in (tab, desk):
            confirm(page)
        titled(tab, "Your email address is confirmed")
        titled(desk, "Already confirmed")

    def test_p22_whoever_still_needs_a_password_sets_it(self, app: Flask, desk: Page, account: dict[str, str]) -> None:
        """Nobody is signed in here, so the first time has removed it."""
        link = newest_link(app, "verify", account["email"])
        desk.goto(link)
        confirm(desk)
        titled(desk, "You are confirmed")
        tab = desk.context.new_page()
        tab.goto(link)
        titled(tab, "You are confirmed")
        tab.get_by_label("New password").fill(NEW)
        tab.get_by_role("button", name="Set password").click()
        titled(tab, "You're all set")
        tab.goto("about:blank")
        tab.goto(link)
        titled(tab, "This link no longer works")


class TestP14AReload:
    @pytest.mark.parametrize("kind", ["verify", "reset"])
    def test_p14_keeps_the_link(self, app: Flask, desk: Page, account: dict[str, str], kind: str) -> None:
        if kind == "reset":
            desk.request.post("/auth/password/forgot", data={"email": account["email"]})
        link = newest_link(app, kind, account["email"])
        desk.goto(link)
        button = desk.get_by_role("button", name="Confirm" if kind == "verify" else "Set password")
        expect(button).to_be_enabled()
        desk.reload()
        expect(button).to_be_enabled()
        assert "asl_" not in desk.url

    def test_p14_keeps_the_password_to_be_set_and_forgets_it_afterwards(
        self, app: Flask, desk: Page, account: dict[str, str]
    ) -> None:
        desk.goto(newest_link(app, "verify", account["email"]))
        confirm(desk)
        titled(desk, "You are confirmed")
        desk.reload()
        titled(desk, "You are confirmed")
        desk.get_by_label("New password").fill(NEW)
        desk.get_by_role("button", name="Set password").click()
        titled(desk, "You're all set")
        assert desk.evaluate("JSON.stringify(sessionStorage)").find("asl_") == -1
        desk.reload()
        titled(desk, "This link is incomplete")

    def test_p14_another_tab_knows_nothing_of_it(self, app: Flask, desk: Page, account: dict[str, str]) -> None:
        desk.goto(newest_link(app, "verify", account["email"]))
        expect(desk.get_by_role("button", name="Confirm")).to_be_enabled()
        tab = desk.context.new_page()
        tab.goto("/account/verify-email")
        titled(tab, "This link is incomplete")


class TestP10TheAddressIsNamed:
    def test_p10_of_a_new_account(self, app: Flask, desk: Page, account: dict[str, str]) -> None:
        desk.goto(newest_link(app, "verify", account["email"]))
        expect(desk.get_by_text(f"Is {account['email']} your address?")).to_be_visible()

    def test_p10_of_a_change(self, app: Flask, desk: Page, account: dict[str, str], mongo: Database) -> None:
        prove(mongo, account["email"])
        sign_in(desk, account)
        at_home(desk)
        ask_for_another_address(desk)
        desk.goto(newest_link(app, "change", OTHER))
        expect(desk.get_by_text(f"{OTHER} becomes the address of your account.")).to_be_visible()
        confirm(desk)
        desk.get_by_role("link", name="Continue to your account").click()
        at_home(desk)
        expect(desk.get_by_text("Waiting for confirmation")).to_be_hidden()

    def test_p10_an_invitation_and_an_undo(self, app: Flask, desk: Page, admin: Person) -> None:
        wish = {"name": "Ada", "email": OTHER, "role": "user"}
        admin.client.post("/admin/users", json=wish, headers=admin.headers)
        desk.goto(newest_link(app, "invitation", OTHER))
        expect(desk.get_by_text(f"You'll sign in as {OTHER} with it").filter(visible=True)).to_be_visible()
        expect(desk.locator("#letter-form [autocomplete=username]")).to_have_value(OTHER)  # P25


class TestP10ItWaits:
    @pytest.fixture
    def home(self, desk: Page, account: dict[str, str], mongo: Database) -> Page:
        """Return the home of somebody who has asked for another address."""
        prove(mongo, account["email"])
        sign_in(desk, account)
        at_home(desk)
        ask_for_another_address(desk)
        return desk

    def test_p10_it_is_shown_after_a_reload_and_can_be_called_off(
        self, app: Flask, home: Page, account: dict[str, str]
    ) -> None:
        home.reload()
        at_home(home)
        row = home.locator("#waiting-email")
        expect(row).to_contain_text(OTHER)
        link = newest_link(app, "change", OTHER)
        row.get_by_role("button", name="Cancel the change").click()
        expect(row).to_be_hidden()
        expect(home.locator("#toasts")).to_contain_text("The change is cancelled")
        expect(home.get_by_role("heading", name="Profile")).to_be_focused()
        home.goto(link)
        titled(home, "Already confirmed")

    def test_p10_the_letter_is_sent_again(self, app: Flask, home: Page) -> None:
        first = newest_link(app, "change", OTHER)
        home.locator("#waiting-email").get_by_role("button", name="Send it again").click()
        expect(home.locator("#toasts")).to_contain_text("on its way")
        assert newest_link(app, "change", OTHER) != first

    def test_p10_it_is_gone_once_it_was_made(self, app: Flask, home: Page) -> None:
        tab = home.context.new_page()
        tab.goto(newest_link(app, "change", OTHER))
        confirm(tab)
        titled(tab, "Your email address is confirmed")
        expect(home.locator("#waiting-email")).to_be_hidden()
        expect(home.locator('strong[data-user="email"]').first).to_have_text(OTHER)


def test_p25_password_managers_learn_whose_password_it_is(app: Flask, desk: Page, account: dict[str, str]) -> None:
    desk.request.post("/auth/password/forgot", data={"email": account["email"]})
    desk.goto(newest_link(app, "reset", account["email"]))
    expect(desk.get_by_label("New password")).to_be_focused()
    name = desk.locator("#letter-form [autocomplete=username]")
    expect(name).to_have_value(account["email"])
    assert name.evaluate("(field) => getComputedStyle(field).display !== 'none' && field.tabIndex === -1")
    desk.goto(newest_link(app, "verify", account["email"]))
    confirm(desk)
    expect(desk.locator("#password-form [autocomplete=username]")).to_have_value(account["email"])
    desk.goto("/account/sign-up")
    assert desk.get_by_label("Email").get_attribute("autocomplete") == "username"


def test_d_the_undo_ends_with_a_way_on(app: Flask, desk: Page, account: dict[str, str], mongo: Database) -> None:
    prove(mongo, account["email"])
    sign_in(desk, account)
    at_home(desk)
    ask_for_another_address(desk)
    desk.goto(newest_link(app, "change", OTHER))
    confirm(desk)
    titled(desk, "Your email address is confirmed")
    desk.goto(newest_link(app, "email_changed", account["email"]))
    expect(desk.get_by_text(f"its previous email address {account['email']} back")).to_be_visible()
    desk.get_by_role("button", name="Restore my address").click()
    titled(desk, "Your email address is restored")
    desk.get_by_role("link", name="Go to sign-in").click()
    titled(desk, "Sign in")


def test_a_lost_network_still_shows_the_form(app: Flask, desk: Page, account: dict[str, str]) -> None:
    desk.route("**/auth/links/inspect", lambda route: route.abort())
    desk.goto(newest_link(app, "verify", account["email"]))
    expect(desk.get_by_text("Confirm only if you asked for this yourself.")).to_be_visible()
    confirm(desk)
    titled(desk, "You are confirmed")


class TestLook:
    """It fits, and nobody is shut out by it."""

    def test_of_a_change_from_the_request_to_its_undo(
        self, app: Flask, eyes: Page, axe: str, account: dict[str, str], mongo: Database
    ) -> None:
        eyes.goto(newest_link(app, "verify", account["email"]))
        expect(eyes.get_by_role("button", name="Confirm")).to_be_enabled()
        look(eyes, axe, "letter-verify")
        prove(mongo, account["email"])
        sign_in(eyes, account)
        at_home(eyes)
        ask_for_another_address(eyes)
        look(eyes, axe, "address-waits")
        eyes.goto(newest_link(app, "change", OTHER))
        expect(eyes.get_by_role("button", name="Confirm")).to_be_enabled()
        look(eyes, axe, "letter-change")
        link = newest_link(app, "change", OTHER)
        confirm(eyes)
        titled(eyes, "Your email address is confirmed")
        eyes.goto("about:blank")
        eyes.goto(link)
        titled(eyes, "Already confirmed")
        look(eyes, axe, "letter-known")
        eyes.goto(newest_link(app, "email_changed", account["email"]))
        eyes.get_by_role("button", name="Restore my address").click()
        titled(eyes, "Your email address is restored")
        look(eyes, axe, "letter-undone")

    def test_of_an_address_that_has_an_account(self, eyes: Page, axe: str, account: dict[str, str]) -> None:
        eyes.goto("/account/sign-up")
        eyes.get_by_label("Name").fill("Ada Lovelace")
        eyes.get_by_label("Email").fill(account["email"])
        eyes.get_by_label("Password", exact=True).fill(account["password"])
        eyes.get_by_role("button", name="Create account").click()
        expect(eyes.get_by_role("link", name="Sign in with this address")).to_be_visible()
        look(eyes, axe, "address-taken")
