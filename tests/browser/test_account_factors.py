"""The account pages in a real browser: second steps, passkeys, and proving once more who one is."""

from pathlib import Path
from typing import Any

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect

from tests.browser.windows import at_home, outdate, plug_in, prove, says, sign_in, sign_in_here, turn_to
from tests.support.accounts import Database
from tests.support.letters import newest_code

pytestmark = pytest.mark.browser

NO_OFFERS = "PublicKeyCredential.isConditionalMediationAvailable = async () => false"
"""The virtual authenticator takes each offer at once, before anything else can be pressed."""
SECURITY = ("/account/#security", "Sign-in and security")


@pytest.fixture
def proved(account: dict[str, str], mongo: Database) -> dict[str, str]:
    """Return somebody's credentials, whose address is proved."""
    prove(mongo, account["email"])
    return account


@pytest.fixture
def signed_in(desk: Page, proved: dict[str, str]) -> Page:
    """Return a window in which somebody looks at how they sign in."""
    sign_in(desk, proved, at=SECURITY[0])
    at_home(desk, SECURITY[1])
    return desk


def enrol(page: Page, mongo: Database) -> tuple[pyotp.TOTP, list[str]]:
    """Set up an authenticator app; return it and the recovery codes."""
    page.get_by_role("button", name="Set up").click()
    dialog = page.get_by_role("dialog", name="Set up an authenticator app")
    picture = dialog.get_by_role("img", name="QR code")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    app = pyotp.TOTP(dialog.locator("#totp-secret").inner_text().replace(" ", ""))
    dialog.get_by_label("Code from the app").fill("000000")  # which is complete, so it is sent
    expect(dialog.locator("#totp-code-error")).to_contain_text("This code is wrong")
    expect(dialog.get_by_label("Code from the app")).to_be_focused()
    dialog.get_by_label("Code from the app").fill(code(app, mongo))
    codes = page.get_by_role("dialog", name="Your recovery codes")
    expect(codes.get_by_role("listitem")).to_have_count(10)
    return app, codes.get_by_role("listitem").all_inner_texts()


def code(app: pyotp.TOTP, mongo: Database) -> str:
    """Return a code of now, which is good once more."""
    mongo.users.update_many({"totp.step": {"$exists": True}}, {"$set": {"totp.step": 0}})
    return app.now()


class TestAuthenticatorApp:
    def test_set_up_used_and_removed(self, signed_in: Page, proved: dict[str, str], mongo: Database) -> None:
        app, codes = enrol(signed_in, mongo)
        dialog = signed_in.get_by_role("dialog", name="Your recovery codes")
        signed_in.keyboard.press("Escape")
        expect(dialog).to_be_visible()
        with signed_in.expect_download() as downloaded:
            dialog.get_by_role("button", name="Download").click()
        assert codes[0] in Path(downloaded.value.path()).read_text()
        dialog.get_by_role("button", name="Copy").click()
        expect(dialog.get_by_role("status")).to_contain_text("Copied")
        dialog.get_by_role("button", name="I've saved them").click()
        expect(signed_in.get_by_text("10 left")).to_be_visible()

        signed_in.get_by_role("button", name="Sign out").click()
        signed_in.wait_for_url("**/account/sign-in*")
        sign_in_here(signed_in, proved)
        field = signed_in.get_by_label("Code", exact=True)
        expect(field).to_be_focused()
        field.fill("12")
        signed_in.keyboard.press("Enter")
        expect(signed_in.locator("#code-error")).to_have_text("This must be six digits.")
        now = code(app, mongo)
        field.fill(f"{now[:3]} {now[3:]}")
        at_home(signed_in)

        turn_to(signed_in, "Security", SECURITY[1])
        signed_in.get_by_role("button", name="Remove the authenticator app").click()
        signed_in.get_by_role("dialog").get_by_role("button", name="Remove").click()
        says(signed_in, "Authenticator app removed")
        assert mongo.users.count_documents({"totp": {"$exists": True}}) == 0

    def test_a_recovery_code_lets_in_once(self, signed_in: Page, proved: dict[str, str], mongo: Database) -> None:
        _, codes = enrol(signed_in, mongo)
        signed_in.get_by_role("button", name="I've saved them").click()
        for expected in ("in", "not"):
            signed_in.get_by_role("button", name="Sign out").click()
            signed_in.wait_for_url("**/account/sign-in*")
            sign_in_here(signed_in, proved)
            signed_in.get_by_role("button", name="Use a recovery code").click()
            field = signed_in.get_by_label("Recovery code")
            expect(field).to_be_focused()
            field.fill(codes[3])
            signed_in.keyboard.press("Enter")
            if expected == "in":
                at_home(signed_in)
            else:
                expect(signed_in.locator("#recoveryCode-error")).to_contain_text("has already been used")

    def test_new_recovery_codes(self, signed_in: Page, mongo: Database) -> None:
        _, codes = enrol(signed_in, mongo)
        signed_in.get_by_role("button", name="I've saved them").click()
        signed_in.get_by_role("button", name="Create new codes for recovery").click()
        signed_in.get_by_role("dialog").get_by_role("button", name="Create new codes").click()
        dialog = signed_in.get_by_role("dialog", name="Your recovery codes")
        expect(dialog.get_by_role("listitem")).to_have_count(10)
        assert not set(dialog.get_by_role("listitem").all_inner_texts()) & set(codes)

    def test_p12_what_takes_a_confirmed_address_says_so_before(
        self, app: Flask, desk: Page, account: dict[str, str]
    ) -> None:
        sign_in(desk, account, at=SECURITY[0])
        at_home(desk, SECURITY[1])
        for name in ("Set up", "Add a passkey"):
            button = desk.get_by_role("button", name=name)
            expect(button).to_be_disabled()
            expect(button).to_have_accessible_description("Confirm your email address first.")
        desk.get_by_role("button", name="Send the email again").first.click()
        says(desk, "Another email is on its way.")
        desk.get_by_label("Six-digit code").filter(visible=True).fill(newest_code(app, "verify", account["email"]))
        expect(desk.get_by_role("button", name="Set up")).to_be_enabled()
        expect(desk.get_by_role("button", name="Add a passkey")).to_be_enabled()
        expect(desk.get_by_text("Confirm your email address first.").filter(visible=True)).to_have_count(0)


class TestPasskeys:
    def add(self, page: Page, name: str = "My laptop") -> None:
        """Add a first passkey, which brings recovery codes."""
        page.get_by_role("button", name="Add a passkey").click()
        dialog = page.get_by_role("dialog", name="Add a passkey")
        expect(dialog.get_by_label("Name")).to_have_value("Chrome on Linux")
        dialog.get_by_label("Name").fill(name)
        dialog.get_by_role("button", name="Continue").click()
        says(page, "Passkey added")
        page.get_by_role("button", name="I've saved them").click()
        expect(page.get_by_text("10 left")).to_be_visible()

    def test_added_renamed_used_and_removed(self, signed_in: Page, mongo: Database) -> None:
        plug_in(signed_in)
        signed_in.add_init_script(NO_OFFERS)
        self.add(signed_in)
        signed_in.get_by_role("button", name="Rename the passkey My laptop").click()
        signed_in.get_by_role("dialog").get_by_label("Name").fill("The old laptop")
        signed_in.get_by_role("dialog").get_by_role("button", name="Continue").click()
        expect(signed_in.get_by_text("The old laptop")).to_be_visible()

        signed_in.get_by_role("button", name="Sign out").click()
        signed_in.wait_for_url("**/account/sign-in*")
        signed_in.get_by_role("button", name="Sign in with a passkey").click()
        at_home(signed_in)

        turn_to(signed_in, "Security", SECURITY[1])
        signed_in.get_by_role("button", name="Remove the passkey The old laptop").click()
        signed_in.get_by_role("dialog").get_by_role("button", name="Remove").click()
        says(signed_in, "Passkey removed")
        expect(signed_in.get_by_text("No passkeys yet.")).to_be_visible()

    def test_p8_a_refusal_is_told_in_words_for_people(self, signed_in: Page) -> None:
        """Here the answer to the challenge has been tampered with on its way."""
        plug_in(signed_in)
        tampered = {"clientDataJSON": "AAAA", "attestationObject": "AAAA"}

        def tamper(route: Route) -> None:
            sent = route.request.post_data_json
            route.continue_(post_data={**sent, "credential": {**sent["credential"], "response": tampered}})

        signed_in.route("**/auth/passkeys", tamper)
        signed_in.get_by_role("button", name="Add a passkey").click()
        signed_in.get_by_role("dialog", name="Add a passkey").get_by_role("button", name="Continue").click()
        told = "This passkey can't be used here. Try again, or use another device."
        expect(signed_in.locator("#passkey-name-error")).to_have_text(told)

    def test_the_browser_offers_one_where_the_address_is_filled_in(self, signed_in: Page, mongo: Database) -> None:
        """Conditional UI: the authenticator, which is always present, takes the offer at once."""
        plug_in(signed_in)
        self.add(signed_in)
        signed_in.get_by_role("button", name="Sign out").click()
        at_home(signed_in)
        session: Any = mongo.sessions.find_one(sort=[("_id", -1)])
        assert "pwd" not in session["methods"]

    def test_beside_a_password_and_as_proof_for_what_matters(
        self, signed_in: Page, proved: dict[str, str], mongo: Database
    ) -> None:
        plug_in(signed_in)
        signed_in.add_init_script(NO_OFFERS)
        self.add(signed_in)
        outdate(mongo)
        turn_to(signed_in, "Tokens", "Access tokens")
        signed_in.get_by_label("Token name").fill("Backup")
        signed_in.get_by_label("account:read").check()
        signed_in.get_by_role("button", name="Create token").click()
        dialog = signed_in.get_by_role("dialog", name="Confirm it's you")
        expect(dialog.get_by_label("Password", exact=True)).to_be_hidden()
        dialog.get_by_role("button", name="Use a passkey").click()
        expect(signed_in.get_by_role("dialog", name="Your new token")).to_be_visible()
        signed_in.get_by_role("button", name="Done").click()

        signed_in.get_by_role("button", name="Sign out").click()
        signed_in.wait_for_url("**/account/sign-in*")
        sign_in_here(signed_in, proved)
        signed_in.get_by_role("button", name="Use a passkey").click()
        at_home(signed_in)


class TestProof:
    def test_a_code_is_asked_for_where_there_is_an_app(self, signed_in: Page, mongo: Database) -> None:
        app, _ = enrol(signed_in, mongo)
        signed_in.get_by_role("button", name="I've saved them").click()
        outdate(mongo)
        signed_in.get_by_role("button", name="Create new codes for recovery").click()
        signed_in.get_by_role("dialog").get_by_role("button", name="Create new codes").click()
        dialog = signed_in.get_by_role("dialog", name="Confirm it's you")
        field = dialog.get_by_label("Code", exact=True)
        expect(field).to_be_focused()
        field.fill("000000")
        expect(dialog.locator("#again-code-field-error")).to_contain_text("This code is wrong")
        field.fill(code(app, mongo))
        expect(signed_in.get_by_role("dialog", name="Your recovery codes")).to_be_visible()

    def test_who_thinks_better_of_it_has_changed_nothing(
        self, signed_in: Page, proved: dict[str, str], mongo: Database
    ) -> None:
        turn_to(signed_in, "Your data", "Your data")
        outdate(mongo)
        signed_in.get_by_role("button", name="Delete account").click()
        signed_in.get_by_label("Type your email address to go on").fill(proved["email"])
        signed_in.get_by_role("dialog").get_by_role("button", name="Delete account").click()
        dialog = signed_in.get_by_role("dialog", name="Confirm it's you")
        dialog.get_by_label("Password", exact=True).fill("not the right one")
        dialog.get_by_role("button", name="Continue").click()
        expect(dialog.locator("#again-password-field-error")).to_have_text("This password is wrong.")
        signed_in.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(signed_in.locator("#toasts")).to_be_empty()
        assert mongo.users.count_documents({"email": proved["email"]}) == 1
