"""Where the links in letters lead where there are no account pages, in a real browser: from the letter to its end."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from pymongo.database import Database

from tests.conftest import PASSWORD
from tests.letters import newest
from tests.support.service import Service, Visitor, free_port

pytestmark = pytest.mark.browser

NEW = "a brand new passphrase"


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service without account pages."""
    port = free_port()
    own = {"PUBLIC_URL": f"http://localhost:{port}", "PORT": port, "ACCOUNT_PAGES": "off", "WEB_CONCURRENCY": 1}
    with Service(**{**settings, **own}) as running:
        yield running


@pytest.fixture
def window(browser: Browser) -> Iterator[Page]:
    """Return an empty window that nothing goes wrong in."""
    context = browser.new_context()
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Security Policy" in said.text else None)
    yield page
    context.close()
    assert wrong == []


def follow(page: Page, service: Service, place: str, token: str) -> None:
    """Open a link as it stands in the letter."""
    page.goto(f"http://localhost:{service.port}/account/{place}#token={token}")


class TestReset:
    def test_from_the_letter_to_a_sign_in(
        self, app: Flask, service: Service, window: Page, account: dict[str, str]
    ) -> None:
        visitor = Visitor(service.url)
        visitor.request("POST", "/auth/password/forgot", json={"email": account["email"]})
        follow(window, service, "reset-password", newest(app, "reset", account["email"]))
        assert "token" not in window.url
        window.get_by_label("New password").fill("password123")
        window.get_by_role("button").click()
        expect(window.get_by_role("status")).to_contain_text("one of the first that an attacker tries")
        window.get_by_label("New password").fill(NEW)
        window.get_by_role("button").click()
        expect(window.get_by_role("status")).to_contain_text("Your password is set")
        assert visitor.login(account["email"], PASSWORD).status_code == 401
        assert visitor.login(account["email"], NEW).status_code == 200

    def test_a_link_that_was_used_says_so(self, service: Service, window: Page, account: dict[str, str]) -> None:
        follow(window, service, "reset-password", "asl_nothing")
        window.get_by_label("New password").fill(NEW)
        window.get_by_role("button").click()
        expect(window.get_by_role("status")).to_contain_text("The link is not valid")

    def test_half_a_link_says_so(self, service: Service, window: Page) -> None:
        window.goto(f"http://localhost:{service.port}/account/verify-email")
        expect(window.get_by_role("status")).to_contain_text("not complete")
        expect(window.get_by_role("button")).to_have_count(0)


class TestForgot:
    def test_a_letter_is_on_its_way(self, app: Flask, service: Service, window: Page, account: dict[str, str]) -> None:
        window.goto(f"http://localhost:{service.port}/account/forgot-password")
        window.get_by_label("Your address").fill(account["email"])
        window.get_by_role("button").click()
        expect(window.get_by_role("status")).to_contain_text("a letter is on its way")
        assert newest(app, "reset", account["email"])


class TestVerify:
    def test_opening_it_changes_nothing_and_confirming_does(
        self,
        app: Flask,
        service: Service,
        window: Page,
        account: dict[str, str],
        mongo: Database[dict[str, Any]],
    ) -> None:
        """R74: mail scanners open links."""
        token = newest(app, "verify", account["email"])
        follow(window, service, "verify-email", token)
        assert "emailVerifiedAt" not in (mongo.users.find_one({"email": account["email"]}) or {})
        window.get_by_role("button", name="Confirm").click()
        expect(window.get_by_role("status")).to_contain_text("Your address is confirmed")
        assert "emailVerifiedAt" in (mongo.users.find_one({"email": account["email"]}) or {})

    def test_the_browser_stays_signed_in(
        self, app: Flask, service: Service, window: Page, account: dict[str, str]
    ) -> None:
        """R82 spares the session whose cookie comes with the link."""
        window.goto(f"http://localhost:{service.port}/account/verify-email")
        sign_in = """async (credentials) => (await (await fetch("/auth/login", {method: "POST",
          headers: {"Content-Type": "application/json"},
          body: JSON.stringify({...credentials, transport: "cookie"})})).json()).accessToken"""
        access = window.evaluate(sign_in, account)
        follow(window, service, "verify-email", newest(app, "verify", account["email"]))
        window.reload()
        window.goto("about:blank")
        follow(window, service, "verify-email", newest(app, "verify", account["email"]))
        window.get_by_role("button", name="Confirm").click()
        expect(window.get_by_role("status")).to_contain_text("Your address is confirmed")
        assert Visitor(service.url).home(access).status_code == 200


class TestTakeBack:
    def test_the_account_has_its_address_again(
        self, app: Flask, service: Service, window: Page, account: dict[str, str], mongo: Database[dict[str, Any]]
    ) -> None:
        visitor = Visitor(service.url)
        tokens = visitor.login(account["email"]).json()
        headers = {"Authorization": f"Bearer {tokens['accessToken']}"}
        visitor.request("POST", "/auth/me/email", json={"email": "thief@example.com"}, headers=headers)
        visitor.request("POST", "/auth/email/verify", json={"token": newest(app, "change")})
        assert mongo.users.find_one({"email": account["email"]}) is None
        follow(window, service, "undo-email", newest(app, "email_changed", account["email"]))
        window.get_by_role("button", name="Take it back").click()
        expect(window.get_by_role("status")).to_contain_text("has its address back")
        assert mongo.users.find_one({"email": account["email"]}) is not None
