"""Codes in emails, in a browser: signing in and up without a password, in the browser that asked and in another.

R114, R117, R118; P1, P14.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.browser.windows import (
    at_home,
    code_of,
    enrol,
    follow,
    look,
    outdate,
    prove,
    says,
    sign_in,
    sign_in_here,
    turn_to,
    window,
)
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.letters import newest, newest_code, sent
from tests.support.service import Service, Visitor, free_port

pytestmark = pytest.mark.browser

ADA = "ada@example.com"
WRONG = "This code is wrong"
CODE_PAGE = "Check your email"


PHONE = pytest.mark.parametrize("page", [360], ids=str, indirect=True)
"""For what does not depend on the width."""


@pytest.fixture(params=[360, 1280], ids=str)
def page(request: pytest.FixtureRequest, browser: Browser, service: Service) -> Iterator[Page]:
    with window(browser, service, viewport={"width": request.param, "height": 800}, reduced_motion="reduce") as page:
        yield page


@pytest.fixture
def proved(account: dict[str, str], mongo: Database) -> dict[str, str]:
    """Return somebody's credentials, whose address is proved."""
    prove(mongo, account["email"])
    return account


def heading(page: Page, name: str) -> None:
    """Wait for a step of the page."""
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def ask(page: Page, email: str, *, at: str = "/account/sign-in") -> None:
    """Ask for a code on the sign-in page."""
    page.goto(at)
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Email me a code").click()
    heading(page, CODE_PAGE)


def sign_up(page: Page, email: str = ADA) -> None:
    """Ask for a code on the sign-up page."""
    page.goto("/account/sign-up")
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Email me a code instead").click()
    heading(page, CODE_PAGE)


def type_in(page: Page, code: str) -> None:
    """Type a code: the last digit sends it."""
    page.get_by_label("Six-digit code").filter(visible=True).fill(code)


class TestSignIn:
    def test_a_code_signs_in_where_it_was_asked_for(self, app: Flask, page: Page, proved: dict[str, str]) -> None:
        ask(page, proved["email"])
        expect(page.get_by_text(proved["email"])).to_be_visible()
        expect(page.get_by_label("Six-digit code")).to_be_focused()
        expect(page.get_by_role("button", name="Send it again in")).to_be_disabled()
        right = newest_code(app, "sign_in", proved["email"])
        type_in(page, f"{(int(right) + 1) % 1_000_000:06}")
        expect(page.get_by_text(WRONG)).to_be_visible()
        expect(page.get_by_label("Six-digit code")).to_be_focused()
        type_in(page, f"{right[:3]} {right[3:]}")
        at_home(page)

    @PHONE
    def test_r119_an_unknown_address_is_shown_the_same(self, app: Flask, page: Page, clean: None) -> None:
        ask(page, "nobody@example.com")
        expect(page.get_by_text("If there's an account for nobody@example.com")).to_be_visible()
        type_in(page, "000000")
        expect(page.get_by_text(WRONG)).to_be_visible()
        assert sent(app, to="nobody@example.com") == []

    @PHONE
    def test_an_address_is_wanted_first(self, page: Page) -> None:
        page.goto("/account/sign-in")
        page.get_by_role("button", name="Email me a code").click()
        expect(page.locator("#email-error")).to_have_text("Fill this in.")
        expect(page.locator("#password-error")).to_be_hidden()
        expect(page.get_by_label("Email")).to_be_focused()

    def test_another_address_and_another_code(self, app: Flask, page: Page, proved: dict[str, str]) -> None:
        page.clock.install()
        ask(page, "nobody@example.com")
        page.get_by_role("button", name="Use another address").click()
        heading(page, "Sign in")
        expect(page.get_by_label("Email")).to_be_focused()
        page.get_by_label("Email").fill(proved["email"])
        page.get_by_role("button", name="Email me a code").click()
        heading(page, CODE_PAGE)
        page.clock.run_for(31_000)
        page.get_by_role("button", name="Send it again", exact=True).click()
        says(page, "Another code is on its way. Use the newest one.")
        type_in(page, newest_code(app, "sign_in", proved["email"]))
        at_home(page)
        assert len(sent(app, "sign_in", proved["email"])) == 2

    @PHONE
    def test_p14_a_phone_that_drops_the_tab_keeps_the_step(
        self, app: Flask, page: Page, proved: dict[str, str]
    ) -> None:
        ask(page, proved["email"])
        page.reload()
        heading(page, CODE_PAGE)
        expect(page.get_by_text(proved["email"])).to_be_visible()
        type_in(page, newest_code(app, "sign_in", proved["email"]))
        at_home(page)
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/account/sign-in*")
        heading(page, "Sign in")  # and not the code again

    @PHONE
    def test_it_returns_to_where_the_sign_in_was_to(self, app: Flask, page: Page, proved: dict[str, str]) -> None:
        ask(page, proved["email"], at="/account/sign-in?return=/account/%23sessions")
        type_in(page, newest_code(app, "sign_in", proved["email"]))
        at_home(page, "Where you are signed in")

    def test_r114_a_second_factor_is_asked_for(
        self, app: Flask, page: Page, proved: dict[str, str], mongo: Database
    ) -> None:
        sign_in(page, proved, at="/account/#security")
        totp = enrol(page)
        ask(page, proved["email"])
        type_in(page, newest_code(app, "sign_in", proved["email"]))
        heading(page, "One more step")
        page.get_by_label("Code", exact=True).fill(code_of(totp, mongo))
        at_home(page)


class TestSignUp:
    def test_a_code_makes_an_account_without_a_password(
        self, app: Flask, page: Page, clean: None, mongo: Database
    ) -> None:
        sign_up(page)
        assert mongo.users.count_documents({}) == 0
        type_in(page, newest_code(app, "sign_up", ADA))
        at_home(page)
        expect(page.get_by_text("Your email address isn't confirmed yet")).to_be_hidden()
        (user,) = mongo.users.find({})
        assert (user["name"], user["email"]) == ("Ada Lovelace", ADA)
        assert user["emailVerifiedAt"] is not None
        assert "password" not in user

    @PHONE
    def test_whoever_has_an_account_is_signed_in_to_it(
        self, app: Flask, page: Page, proved: dict[str, str], mongo: Database
    ) -> None:
        sign_up(page, proved["email"])
        type_in(page, newest_code(app, "sign_in", proved["email"]))
        at_home(page)
        assert mongo.users.count_documents({}) == 1

    @PHONE
    def test_name_and_address_are_wanted_first(self, page: Page) -> None:
        page.goto("/account/sign-up")
        page.get_by_label("Email").fill(ADA)
        page.get_by_role("button", name="Email me a code instead").click()
        expect(page.locator("#name-error")).to_have_text("Fill this in.")
        expect(page.locator("#password-error")).to_be_hidden()


class TestLink:
    """The link beside the code. R117: opening it uses nothing up. R118: elsewhere it asks first."""

    def test_r118_where_it_was_asked_for_it_signs_in_at_once(
        self, app: Flask, page: Page, proved: dict[str, str]
    ) -> None:
        """The tab that waits goes on too, to where it was to return."""
        ask(page, proved["email"], at="/account/sign-in?return=/account/%23sessions")
        tab = page.context.new_page()
        tab.goto(f"/account/email-code#token={newest(app, 'sign_in', proved['email'])}", wait_until="commit")
        heading(tab, "You're signed in")
        assert urlsplit(tab.url).fragment == ""
        at_home(page, "Where you are signed in")
        tab.get_by_role("button", name="Go on here instead").click()
        at_home(tab, "Where you are signed in")
        page.get_by_role("button", name="Sign out", exact=True).click()
        page.wait_for_url("**/account/sign-in*")
        heading(page, "Sign in")  # and not the code again

    def test_r118_in_another_browser_it_names_the_account_and_asks(
        self, app: Flask, page: Page, desk: Page, proved: dict[str, str], mongo: Database
    ) -> None:
        ask(page, proved["email"])
        token = newest(app, "sign_in", proved["email"])
        follow(desk, "email-code", token)
        heading(desk, "Sign in here?")
        expect(desk.get_by_role("main")).to_contain_text(proved["email"])
        desk.get_by_role("button", name="Cancel").click()
        heading(desk, "Sign in")
        assert mongo.sessions.count_documents({}) == 1  # that of the registration
        follow(desk, "email-code", token)
        desk.get_by_role("button", name="Sign in", exact=True).click()
        at_home(desk)
        heading(page, CODE_PAGE)
        follow(page, "email-code", token)
        heading(page, "This link no longer works")

    @PHONE
    def test_r118_whoever_else_is_signed_in_there_is_told(
        self, app: Flask, page: Page, desk: Page, proved: dict[str, str], service: Service
    ) -> None:
        other = "eve@example.com"
        assert Visitor(service.url).register(other, PASSWORD).status_code == 201
        sign_in(desk, {"email": other, "password": PASSWORD})
        at_home(desk)
        ask(page, proved["email"])
        follow(desk, "email-code", newest(app, "sign_in", proved["email"]))
        heading(desk, "Sign in here?")
        expect(desk.get_by_text(f"You're signed in here as {other}, and will be signed out.")).to_be_visible()
        desk.get_by_role("button", name="Sign in", exact=True).click()
        at_home(desk)
        expect(desk.locator("[data-user=email]").filter(visible=True).first).to_have_text(proved["email"])

    def test_r114_a_second_factor_is_asked_for(
        self, app: Flask, page: Page, proved: dict[str, str], mongo: Database
    ) -> None:
        sign_in(page, proved, at="/account/#security")
        totp = enrol(page)
        ask(page, proved["email"])
        page.goto("about:blank")
        page.goto(f"/account/email-code#token={newest(app, 'sign_in', proved['email'])}")
        heading(page, "One more step")
        page.get_by_label("Code", exact=True).fill(code_of(totp, mongo))
        at_home(page)

    @PHONE
    @pytest.mark.parametrize("fragment", ["", "#token=", "#token=asl_x"])
    def test_one_that_is_not_whole(self, page: Page, fragment: str) -> None:
        page.goto(f"/account/email-code{fragment}")
        heading(page, "This link no longer works" if fragment.endswith("x") else "This link is incomplete")


@pytest.fixture(scope="module")
def strict(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a service where an address has to be verified before the first sign-in."""
    port = free_port()
    own = {"EMAIL_VERIFICATION": "required", "PUBLIC_URL": f"http://localhost:{port}", "PORT": port}
    with Service(**{**settings, **own, "WEB_CONCURRENCY": 1}) as running:
        yield running


class TestConfirmed:
    """P1: whoever types the code where they signed up has confirmed the address, and stays signed in there."""

    def register(self, page: Page) -> None:
        page.goto("/account/sign-up")
        page.get_by_label("Name").fill("Ada Lovelace")
        page.get_by_label("Email").fill(ADA)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()

    def test_p1_after_signing_up(self, app: Flask, page: Page, clean: None, service: Service) -> None:
        self.register(page)
        at_home(page)
        expect(page.get_by_text("Enter the code from the email")).to_be_visible()
        type_in(page, "000000")
        expect(page.get_by_text(WRONG)).to_be_visible()
        type_in(page, newest_code(app, "verify", ADA))
        says(page, "Your email address is confirmed.")
        expect(page.locator("#unverified")).to_be_hidden()
        expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()
        assert Visitor(service.url).login(ADA, PASSWORD).status_code == 200

    def test_p1_a_code_can_be_asked_for_again(self, app: Flask, page: Page, account: dict[str, str]) -> None:
        sign_in(page, account)
        at_home(page)
        expect(page.get_by_label("Six-digit code")).to_be_hidden()
        page.get_by_role("button", name="Send it again").click()
        says(page, "Another email is on its way. Use the newest one.")
        type_in(page, newest_code(app, "verify", account["email"]))
        says(page, "Your email address is confirmed.")
        turn_to(page, "Security", "Sign-in and security")
        expect(page.get_by_label("Current password")).to_be_visible()

    @pytest.mark.parametrize("again", [False, True], ids=["first", "later"])
    def test_p1_if_that_has_to_be_first(
        self, app: Flask, browser: Browser, clean: None, strict: Service, again: bool
    ) -> None:
        """P6: then on to where the sign-up was to return, with the password that was chosen."""
        with window(browser, strict, viewport={"width": 360, "height": 800}) as page:
            page.clock.install()
            self.register(page)
            heading(page, CODE_PAGE)
            expect(page.get_by_label("Six-digit code").filter(visible=True)).to_be_focused()
            if again:
                page.clock.run_for(31_000)
                page.get_by_role("button", name="Send it again", exact=True).filter(visible=True).click()
                says(page, "Another email is on its way.")
            page.get_by_label("Six-digit code").filter(visible=True).fill(newest_code(app, "verify", ADA))
            at_home(page)
            assert Visitor(strict.url).login(ADA, PASSWORD).status_code == 200


class TestForgotten:
    def test_a_code_sets_a_new_password(self, app: Flask, page: Page, proved: dict[str, str], service: Service) -> None:
        """P25: password managers see whose password it is."""
        page.goto("/account/forgot-password?return=/account/%23apps")
        page.get_by_label("Email").fill(proved["email"])
        page.get_by_role("button", name="Send email").click()
        heading(page, CODE_PAGE)
        page.reload()  # P14
        heading(page, CODE_PAGE)
        assert page.locator("#reset-form [name=username]").input_value() == proved["email"]
        right = newest_code(app, "reset", proved["email"])
        type_in(page, f"{(int(right) + 1) % 1_000_000:06}")
        password = page.get_by_label("New password")
        expect(password).to_be_focused()  # the code is complete, and the rest is not
        password.fill("a brand new passphrase")
        page.get_by_role("button", name="Set password").click()
        expect(page.get_by_text(WRONG)).to_be_visible()
        expect(page.get_by_label("Six-digit code")).to_be_focused()
        type_in(page, right)
        heading(page, "Your password is set")
        page.get_by_role("link", name="Sign in", exact=True).click()
        sign_in_here(page, {**proved, "password": "a brand new passphrase"})
        at_home(page, "Connected apps")
        assert Visitor(service.url).login(proved["email"], PASSWORD).status_code == 401


class TestProof:
    """Who has no password confirms who they are by a code in an email."""

    def test_it_is_asked_for_in_the_dialog(self, app: Flask, page: Page, clean: None, mongo: Database) -> None:
        sign_up(page)
        type_in(page, newest_code(app, "sign_up", ADA))
        at_home(page)
        turn_to(page, "Your data", "Your data")
        outdate(mongo)
        page.get_by_role("button", name="Delete account").click()
        page.get_by_label("Type your email address to go on").fill(ADA)
        page.get_by_role("dialog").get_by_role("button", name="Delete account").click()
        dialog = page.get_by_role("dialog", name="Confirm it's you")
        dialog.get_by_role("button", name="Email me a code").click()
        field = dialog.get_by_label("Six digits")
        expect(field).to_be_focused()
        expect(dialog.get_by_role("button", name="Send it again in")).to_be_disabled()
        right = newest_code(app, "reauthentication", ADA)
        field.fill(f"{(int(right) + 1) % 1_000_000:06}")
        expect(dialog.get_by_text(WRONG)).to_be_visible()
        field.fill(right)
        expect(page.get_by_text("Your account has been deleted.")).to_be_visible()
        assert mongo.users.count_documents({}) == 0

    def test_a_password_can_be_set_later(
        self, app: Flask, page: Page, clean: None, mongo: Database, service: Service
    ) -> None:
        sign_up(page)
        type_in(page, newest_code(app, "sign_up", ADA))
        at_home(page)
        turn_to(page, "Security", "Sign-in and security")
        expect(page.get_by_text("Your account has no password.")).to_be_visible()
        outdate(mongo)
        page.get_by_label("Password to set").fill(PASSWORD)
        page.get_by_role("button", name="Set password").click()
        dialog = page.get_by_role("dialog", name="Confirm it's you")
        dialog.get_by_role("button", name="Email me a code").click()
        expect(dialog.get_by_label("Six digits")).to_be_focused()
        dialog.get_by_label("Six digits").fill(newest_code(app, "reauthentication", ADA))
        says(page, "Password set.")
        expect(page.get_by_label("Current password")).to_be_focused()
        assert Visitor(service.url).login(ADA, PASSWORD).status_code == 200


class TestLook:
    """It fits, and nobody is shut out by it."""

    def test_every_step(self, app: Flask, eyes: Page, axe: str, proved: dict[str, str]) -> None:
        ask(eyes, proved["email"])
        look(eyes, axe, "code-asked")
        type_in(eyes, "000000")
        expect(eyes.get_by_text(WRONG)).to_be_visible()
        look(eyes, axe, "code-wrong")
        eyes.goto("/account/forgot-password")
        eyes.get_by_label("Email").fill(proved["email"])
        eyes.get_by_role("button", name="Send email").click()
        heading(eyes, CODE_PAGE)
        look(eyes, axe, "code-forgotten")
        follow(eyes, "email-code", newest(app, "sign_in", proved["email"]))
        eyes.wait_for_url("**/account/")
        at_home(eyes)

    def test_where_the_link_asks(self, app: Flask, eyes: Page, axe: str, desk: Page, proved: dict[str, str]) -> None:
        ask(desk, proved["email"])
        follow(eyes, "email-code", newest(app, "sign_in", proved["email"]))
        heading(eyes, "Sign in here?")
        look(eyes, axe, "code-elsewhere")

    def test_the_home_before_the_address_is_confirmed(self, eyes: Page, axe: str, account: dict[str, str]) -> None:
        sign_in(eyes, account)
        at_home(eyes)
        eyes.get_by_role("button", name="Send it again").click()
        expect(eyes.get_by_label("Six-digit code")).to_be_visible()
        expect(eyes.locator("#toasts")).to_contain_text("Another email is on its way.")
        look(eyes, axe, "code-banner")
