"""The example page for passkeys, in a real browser with a virtual authenticator: from a password to none."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, CDPSession, Page, expect
from pymongo.database import Database

from authsvc import clock
from tests.browser.conftest import EXAMPLE
from tests.browser.windows import add_authenticator
from tests.support.service import Service

pytestmark = pytest.mark.browser


@pytest.fixture
def window(browser: Browser, pages: dict[str, int], service: Service) -> Iterator[Page]:
    """Return the example page, on the origin that is listed."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://localhost:{pages['listed']}/passkeys/")
    yield page
    context.close()


@pytest.fixture
def devtools(window: Page) -> CDPSession:
    """Return the browser's other door, by which it is given authenticators."""
    session = window.context.new_cdp_session(window)
    session.send("WebAuthn.enable")
    return session


def sign_in(page: Page, account: dict[str, str]) -> None:
    page.get_by_label("Address").fill(account["email"])
    page.get_by_label("Password").fill(account["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()


def says(page: Page, text: str) -> None:
    expect(page.get_by_role("status")).to_have_text(text)


@pytest.fixture
def proved(account: dict[str, str], mongo: Database[dict[str, Any]]) -> dict[str, str]:
    """Return somebody's credentials, whose address is proved."""
    mongo.users.update_one({"email": account["email"]}, {"$set": {"emailVerifiedAt": clock.now()}})
    return account


class TestPage:
    def test_a_passkey_is_registered_and_signs_in(
        self, window: Page, devtools: CDPSession, proved: dict[str, str], mongo: Database[dict[str, Any]]
    ) -> None:
        add_authenticator(devtools)
        sign_in(window, proved)
        says(window, f"Signed in as {proved['email']}")
        window.get_by_role("button", name="Add a passkey").click()
        says(window, "Added: This device")
        window.get_by_role("button", name="Sign out").click()
        says(window, "Signed out")
        window.get_by_role("button", name="Sign in with a passkey").click()
        says(window, f"Signed in as {proved['email']}")
        session = mongo.sessions.find_one(sort=[("_id", -1)])
        assert session["methods"][1:] == ["user", "mfa"]
        # once its owner wants that, it is asked for beside the password too
        mongo.users.update_many({}, {"$unset": {"passkeysOptional": True}})
        window.get_by_role("button", name="Sign out").click()
        says(window, "Signed out")
        sign_in(window, proved)
        says(window, f"Signed in as {proved['email']}")
        session = mongo.sessions.find_one(sort=[("_id", -1)])
        assert (session["methods"][0], session["methods"][-1]) == ("pwd", "mfa")

    def test_who_is_new_signs_up_on_it(self, window: Page, service: Service, clean: None) -> None:
        window.get_by_label("Address").fill("ada@example.com")
        window.get_by_label("Password").fill("an analytical engine")
        window.get_by_role("button", name="Sign up").click()
        expect(window.get_by_role("status")).to_contain_text(f"http://localhost:{service.port}/dev/outbox")
        window.get_by_role("button", name="Add a passkey").click()
        says(window, "The email address is not verified")

    def test_a_passkey_that_was_removed_signs_nobody_in(
        self, window: Page, devtools: CDPSession, proved: dict[str, str], mongo: Database[dict[str, Any]]
    ) -> None:
        add_authenticator(devtools)
        sign_in(window, proved)
        says(window, f"Signed in as {proved['email']}")
        window.get_by_role("button", name="Add a passkey").click()
        says(window, "Added: This device")
        mongo.users.update_many({}, {"$unset": {"passkeys": True}})
        window.get_by_role("button", name="Sign in with a passkey").click()
        says(window, "The passkey is not valid")

    def test_not_from_a_page_that_is_not_listed(
        self, browser: Browser, app: Flask, pages: dict[str, int], service: Service, proved: dict[str, str]
    ) -> None:
        """The browser holds the answer back, whatever the page asks."""
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://localhost:{pages['strange']}/passkeys/")
        sign_in(page, proved)
        says(page, "Failed to fetch")
        context.close()


def test_the_example_is_short() -> None:
    for name in ("index.html", "passkeys.js"):
        assert len((EXAMPLE / name).read_text().splitlines()) < 65
