"""P6: whoever an app has sent comes back to it by way of a letter, in whatever browser that is opened."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.browser.windows import prove, sign_in_here, window
from tests.conftest import PASSWORD, Person
from tests.support.accounts import Database
from tests.support.letters import newest_link
from tests.support.service import Service, Visitor, free_port

pytestmark = pytest.mark.browser

ADA = "ada@example.com"
NEW = "a brand new passphrase"


@pytest.fixture(scope="module")
def strict(app: Flask, settings: dict[str, str], pages: dict[str, int]) -> Iterator[Service]:
    """Return a service that lists one app, and lets nobody in who has not confirmed their address."""
    port = free_port()
    own = {
        "PUBLIC_URL": f"http://localhost:{port}",
        "CORS_ORIGINS": f"http://localhost:{pages['listed']}",
        "EMAIL_VERIFICATION": "required",
        "WEB_CONCURRENCY": 1,
    }
    with Service(**{**settings, **own, "PORT": port}) as running:
        yield running


@pytest.fixture
def shop(pages: dict[str, int]) -> str:
    """Return the address of a page of the app."""
    return f"http://localhost:{pages['listed']}/basket?item=7"


@pytest.fixture
def laptop(browser: Browser, strict: Service, shop: str, clean: None) -> Iterator[Page]:
    """Return a window of the browser in which the app was opened."""
    with window(browser, strict, (shop.partition("basket")[0],)) as page:
        yield page


@pytest.fixture
def phone(browser: Browser, strict: Service, shop: str, clean: None) -> Iterator[Page]:
    """Return a window of another browser, in which letters are opened."""
    with window(browser, strict, (shop.partition("basket")[0],), viewport={"width": 360, "height": 740}) as page:
        yield page


def sign_up(page: Page, at: str) -> None:
    page.goto(at)
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("Email").fill(ADA)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()


def set_password(page: Page) -> None:
    page.get_by_label("New password").fill(NEW)
    page.get_by_role("button", name="Set password").click()


def sign_in_and_arrive(page: Page, shop: str) -> None:
    """Go on from the last button of a letter's page, sign in, and be back at the app."""
    page.get_by_role("link", name="Sign in").click()
    sign_in_here(page, {"email": ADA, "password": NEW})
    page.wait_for_url(shop)


def test_p6_whoever_confirms_on_the_phone_arrives_there(app: Flask, laptop: Page, phone: Page, shop: str) -> None:
    sign_up(laptop, f"/account/sign-up?return={quote(shop, safe='')}")
    expect(laptop.get_by_role("heading", name="Check your email")).to_be_visible()
    phone.goto(newest_link(app, "verify", ADA))
    phone.get_by_role("button", name="Confirm").click()
    set_password(phone)
    sign_in_and_arrive(phone, shop)


def test_p6_a_letter_that_is_sent_again_leads_there_too(app: Flask, laptop: Page, phone: Page, shop: str) -> None:
    sign_up(laptop, "/account/sign-up")
    expect(laptop.get_by_role("heading", name="Check your email")).to_be_visible()
    laptop.goto(f"/account/sign-in?return={quote(shop, safe='')}")
    sign_in_here(laptop, {"email": ADA, "password": PASSWORD})
    laptop.get_by_role("button", name="Send the email again").click()
    expect(laptop.locator("#toasts")).to_contain_text("on its way")
    phone.goto(newest_link(app, "verify", ADA))
    phone.get_by_role("button", name="Confirm").click()
    set_password(phone)
    sign_in_and_arrive(phone, shop)


def test_p6_whoever_forgot_the_password_arrives_there(
    app: Flask, strict: Service, laptop: Page, phone: Page, shop: str, mongo: Database
) -> None:
    Visitor(strict.url).register(ADA, PASSWORD)
    laptop.goto(f"/account/sign-in?return={quote(shop, safe='')}")
    laptop.get_by_role("link", name="Forgot your password?").click()
    laptop.get_by_label("Email").fill(ADA)
    laptop.get_by_role("button", name="Send email").click()
    expect(laptop.get_by_role("heading", name="Check your email")).to_be_visible()
    phone.goto(newest_link(app, "reset", ADA))
    set_password(phone)
    sign_in_and_arrive(phone, shop)


def test_p6_the_link_beside_a_code_leads_there(
    app: Flask, strict: Service, laptop: Page, phone: Page, shop: str, mongo: Database
) -> None:
    Visitor(strict.url).register(ADA, PASSWORD)
    prove(mongo, ADA)
    laptop.goto(f"/account/sign-in?return={quote(shop, safe='')}")
    laptop.get_by_label("Email").fill(ADA)
    laptop.get_by_role("button", name="Email me a code").click()
    expect(laptop.get_by_role("heading", name="Check your email")).to_be_visible()
    phone.goto(newest_link(app, "sign_in", ADA))
    phone.get_by_role("button", name="Sign in").click()
    phone.wait_for_url(shop)


def test_p6_whoever_is_invited_arrives_there(app: Flask, phone: Page, admin: Person, shop: str) -> None:
    wish = {"name": "Ada", "email": ADA, "role": "user", "returnTo": shop}
    app.config["CORS_ORIGINS"] = (*app.config["CORS_ORIGINS"], shop.partition("/basket")[0])
    try:
        answer = admin.client.post("/admin/users", json=wish, headers=admin.headers)
    finally:
        app.config["CORS_ORIGINS"] = app.config["CORS_ORIGINS"][:-1]
    assert answer.status_code == 201
    phone.goto(newest_link(app, "invitation", ADA))
    set_password(phone)
    sign_in_and_arrive(phone, shop)


def test_p6_whoever_is_signed_in_there_goes_on_at_once(
    app: Flask, strict: Service, laptop: Page, shop: str, mongo: Database
) -> None:
    """A second letter confirms in the session of the browser that it is opened in."""
    Visitor(strict.url).register(ADA, PASSWORD)
    prove(mongo, ADA)
    laptop.goto("/account/sign-in")
    sign_in_here(laptop, {"email": ADA, "password": PASSWORD})
    expect(laptop.get_by_role("heading", name="Profile")).to_be_visible()
    mongo.users.update_one({"email": ADA}, {"$unset": {"emailVerifiedAt": ""}})
    Visitor(strict.url).request("POST", "/auth/email/resend", json={"email": ADA, "returnTo": shop})
    laptop.goto(newest_link(app, "verify", ADA))
    laptop.get_by_role("button", name="Confirm").click()
    laptop.get_by_role("link", name="Continue", exact=True).click()
    laptop.wait_for_url(shop)


@pytest.mark.parametrize("text", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
@pytest.mark.parametrize("place", ["verify-email", "reset-password"])
def test_p6_a_link_that_somebody_made_up_leads_to_nobody(phone: Page, place: str, text: str) -> None:
    phone.goto(f"/account/{place}?return={quote(text, safe='')}#token=asl_x")
    expect(phone.get_by_role("heading", name="This link no longer works")).to_be_visible()
    hrefs = phone.eval_on_selector_all("main a", "links => links.map(link => link.getAttribute('href'))")
    assert {href.partition("?")[2] for href in hrefs} == {""}
    assert all(href.startswith("/account/") for href in hrefs)


def test_p6_what_an_app_asked_for_stays_where_it_was_asked(app: Flask, laptop: Page) -> None:
    """Another browser could not answer it."""
    sign_up(laptop, f"/account/sign-up?return={quote('/account/authorize?request=asr_x', safe='')}")
    expect(laptop.get_by_role("heading", name="Check your email")).to_be_visible()
    assert "return=" not in newest_link(app, "verify", ADA)
