"""The example apps of the npm package, as visitors use them: Vite with React, and Next.js with sessions of its own."""

import re
import secrets
import time
from collections.abc import Iterator

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Error, Page, Request, expect

from authsvc import clock
from tests.browser.windows import plug_in, watch
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.package_apps import PackageApp, package_app
from tests.support.service import Service, Visitor, free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

LIFE = 8
"""Seconds for which access tokens are good."""


@pytest.fixture(scope="module", params=["react", "nextjs"])
def apps(
    request: pytest.FixtureRequest, app: Flask, settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[PackageApp, Service]]:
    """Return an example at work, and the service, which forgives no refresh token that comes twice."""
    port, service_port = free_port(), free_port()
    own = {
        "PUBLIC_URL": f"http://localhost:{service_port}",
        "CORS_ORIGINS": f"http://localhost:{port}",
        "WEBAUTHN_ORIGINS": f"http://localhost:{port}",
        "ACCESS_TOKEN_TTL": LIFE,
        "REFRESH_REUSE_GRACE": 0,
        "PORT": service_port,
    }
    service = Service(**{**settings, **own})
    folder = tmp_path_factory.mktemp(request.param)
    with service, package_app(request.param, folder, f"http://localhost:{service_port}", port) as example:
        yield example, service


@pytest.fixture
def example(apps: tuple[PackageApp, Service]) -> PackageApp:
    """Return the example."""
    return apps[0]


@pytest.fixture
def service(apps: tuple[PackageApp, Service]) -> Service:
    """Return the service."""
    return apps[1]


@pytest.fixture
def window(browser: Browser, clean: None) -> Iterator[BrowserContext]:
    """Return a browser profile."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def page(window: BrowserContext, example: PackageApp, service: Service) -> Iterator[Page]:
    """Return a tab with the example, in which nothing goes wrong that is not meant to."""
    tab = window.new_page()
    wrong = watch(tab, example.url, f"http://localhost:{service.port}")
    tab.goto(example.url)
    yield tab
    assert wrong == []


def sign_up(page: Page, name: str = "Ada") -> str:
    """Sign up by the form; return the address."""
    email = f"{secrets.token_hex(6)}@example.com"
    page.get_by_role("button", name="New here?").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    greets(page, name)
    return email


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """Fill in the form."""
    page.get_by_label("Address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def greets(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Hello, {name}")


def asks_to_sign_in(page: Page) -> None:
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello")


class TestJourney:
    def test_who_signs_up_stays_signed_in_and_all_tabs_agree(
        self, window: BrowserContext, page: Page, example: PackageApp
    ) -> None:
        asks_to_sign_in(page)
        second = window.new_page()
        second.goto(example.url)
        asks_to_sign_in(second)
        email = sign_up(page)
        greets(second, "Ada")
        expect(second.get_by_role("definition").first).to_have_text(email)
        page.reload()
        greets(page, "Ada")
        second.get_by_role("button", name="Sign out").click()
        for tab in (second, page):
            asks_to_sign_in(tab)
        page.reload()
        asks_to_sign_in(page)

    def test_it_goes_on_after_the_token_has_expired(
        self, window: BrowserContext, page: Page, example: PackageApp, mongo: Database
    ) -> None:
        """In all tabs at once, and no refresh token is shown twice: the service would end the session."""
        sign_up(page)
        tabs = [page, *(window.new_page() for _ in range(3))]
        for tab in tabs[1:]:
            tab.goto(example.url, wait_until="commit")
        for _ in range(2):
            time.sleep(LIFE + 1)
            for tab in tabs:
                tab.reload(wait_until="commit")
            for tab in tabs:
                greets(tab, "Ada")
        assert mongo.sessions.count_documents({"endedAt": None}) == 1
        assert mongo.sessions.find_one()["generation"] > 2

    def test_a_wrong_password_is_told_and_another_try_is_taken(self, page: Page, service: Service) -> None:
        email = f"{secrets.token_hex(6)}@example.com"
        Visitor(service.url).register(email, PASSWORD)
        sign_in(page, email, "wrong")
        expect(page.get_by_role("alert").first).to_have_text("The address or the password is not right.")
        sign_in(page, email)
        greets(page, "Somebody")

    def test_a_new_name_is_shown_in_every_tab(self, window: BrowserContext, page: Page, example: PackageApp) -> None:
        """Stored text stays text."""
        sign_up(page)
        second = window.new_page()
        second.goto(example.url)
        greets(second, "Ada")
        strange = "<img src=x onerror=alert(1)> ليلى"
        page.get_by_label("Name").fill(strange)
        page.get_by_role("button", name="Change the name").click()
        for tab in (page, second):
            greets(tab, strange)
        page.reload()
        greets(page, strange)
        page.get_by_role("button", name="Count my devices").click()
        expect(page.get_by_text("1 device", exact=True)).to_be_visible()

    def test_the_second_step_is_asked_for(self, page: Page, service: Service, mongo: Database) -> None:
        email, visitor = f"{secrets.token_hex(6)}@example.com", Visitor(service.url)
        token = visitor.register(email, PASSWORD).json()["accessToken"]
        mongo.users.update_many({}, {"$set": {"emailVerifiedAt": clock.now()}})
        headers = {"Authorization": f"Bearer {token}"}
        secret = visitor.request("POST", "/auth/mfa/totp", headers=headers).json()["secret"]
        code = {"code": pyotp.TOTP(secret).at(clock.now())}
        codes = visitor.request("POST", "/auth/mfa/totp/confirm", json=code, headers=headers).json()["recoveryCodes"]
        sign_in(page, email)
        page.get_by_label("Code of your authenticator app").fill(codes[0])
        page.get_by_role("button", name="Continue").click()
        greets(page, "Somebody")

    def test_a_passkey_signs_in(self, page: Page, mongo: Database) -> None:
        plug_in(page)
        sign_up(page)
        page.get_by_role("button", name="Add a passkey").click()
        expect(page.get_by_role("alert").first).to_contain_text("Confirm your address first.")
        mongo.users.update_many({}, {"$set": {"emailVerifiedAt": clock.now()}})
        page.get_by_role("button", name="Add a passkey").click()
        expect(page.get_by_text("This device", exact=True)).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        asks_to_sign_in(page)
        page.get_by_role("button", name="Use a passkey").click()
        greets(page, "Ada")

    def test_a_sign_out_elsewhere_is_noticed(self, page: Page, service: Service) -> None:
        email = sign_up(page)
        token = Visitor(service.url).login(email, PASSWORD).json()["accessToken"]
        headers = {"Authorization": f"Bearer {token}"}
        Visitor(service.url).request("DELETE", "/auth/sessions?scope=others", headers=headers)
        page.reload()
        asks_to_sign_in(page)


class TestWithoutTheService:
    def test_it_is_told_and_nobody_is_signed_out(
        self, window: BrowserContext, example: PackageApp, service: Service
    ) -> None:
        page = window.new_page()
        page.goto(example.url)
        sign_up(page)
        service.stop()
        try:
            page.reload()
            expect(page.get_by_text(re.compile("The service can.t be reached"))).to_be_visible()
            expect(page.get_by_role("button", name="Sign in")).to_have_count(0)
        finally:
            service.start()
        if example.name == "nextjs":
            page.get_by_role("button", name="Try again").click()
        greets(page, "Ada")


@pytest.mark.parametrize("apps", ["nextjs"], indirect=True)
class TestServerRendered:
    """What only an app with a server does."""

    def test_the_page_comes_with_who_is_signed_in(
        self, window: BrowserContext, browser: Browser, page: Page, example: PackageApp, service: Service
    ) -> None:
        """Without a script, and after the token has expired, when the server has to refresh it."""
        email = sign_up(page)
        time.sleep(LIFE + 1)
        still = browser.new_context(java_script_enabled=False, storage_state=window.storage_state())
        tab = still.new_page()
        for _ in range(2):
            tab.goto(example.url)
            greets(tab, "Ada")
            expect(tab.get_by_role("definition").first).to_have_text(email)
        tab.goto(f"{example.url}/private")
        expect(tab.get_by_text(f"{email} is signed in at this moment.")).to_be_visible()
        still.close()

    def test_no_token_is_in_the_browser(self, window: BrowserContext, page: Page, example: PackageApp) -> None:
        seen: list[str] = []
        page.on("response", lambda response: seen.append(response.url))
        bodies: list[str] = []
        page.on("requestfinished", lambda request: bodies.append(_body(request)))
        sign_up(page)
        page.reload()
        greets(page, "Ada")
        page.get_by_role("button", name="Count my devices").click()
        expect(page.get_by_text("1 device", exact=True)).to_be_visible()
        assert all(url.startswith(example.url) for url in seen), "the browser knows nothing of the service"
        assert len(bodies) > 5
        assert not [body for body in bodies if re.search(r"eyJ[\w-]+\.eyJ", body)], "a token"
        assert page.evaluate("document.cookie + JSON.stringify({...localStorage, ...sessionStorage})") == "{}"
        kept = {cookie["name"]: cookie for cookie in window.cookies()}
        assert set(kept) == {"session", "device"}
        assert all(cookie["httpOnly"] for cookie in kept.values())

    def test_a_page_for_members_is_for_those_alone(self, page: Page, example: PackageApp) -> None:
        page.goto(f"{example.url}/private")
        asks_to_sign_in(page)

    def test_another_site_does_nothing_in_somebodys_name(
        self, page: Page, example: PackageApp, pages: dict[str, int]
    ) -> None:
        """From another origin of the same site, which the browser sends the cookie from."""
        sign_up(page)
        stranger = page.context.new_page()
        stranger.goto(f"http://localhost:{pages['strange']}/")
        said = stranger.evaluate(
            "(url) => fetch(url, {method: 'POST', credentials: 'include', mode: 'no-cors'}).then(({type}) => type)",
            f"{example.url}/api/auth/logout",
        )
        assert said == "opaque"
        page.reload()
        greets(page, "Ada")
        own = page.evaluate("fetch('/api/auth/logout', {method: 'POST'}).then(({status}) => status)")
        assert own == 204, "what is refused there is done here"


def _body(request: Request) -> str:
    response = request.response()
    try:
        return response.text() if response is not None else ""
    except Error:  # the browser keeps none of a redirect, nor of a document that was left
        return ""
