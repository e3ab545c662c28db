"""What people see of a hook: why they can't have an account, and that a failure passes. R124, R125."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.browser.windows import at_home, window
from tests.support.accounts import Database
from tests.support.console import enter, make_administrator
from tests.support.hooks import ALLOW, SECRET, HookServer
from tests.support.letters import newest_code
from tests.support.service import Service, free_port

pytestmark = pytest.mark.browser

ADA = "ada@example.com"
PASSWORD = "an analytical engine"
REASON = "Only <b>example.org</b> & <script>alert(1)</script>"


@pytest.fixture(scope="module")
def hook() -> Iterator[HookServer]:
    """Return a hook that is asked about sign-ups and tokens."""
    with HookServer() as server:
        yield server


@pytest.fixture(scope="module")
def asking_service(app: Flask, settings: dict[str, str], hook: HookServer) -> Iterator[Service]:
    """Return a service that asks it."""
    port = free_port()
    own = {"PUBLIC_URL": f"http://localhost:{port}", "PORT": port, "WEB_CONCURRENCY": 1}
    hooks = {"HOOK_SIGN_UP": hook.url, "HOOK_TOKEN": hook.url, "HOOK_SECRET": SECRET}
    with Service(**{**settings, **own, **hooks}) as running:
        yield running


@pytest.fixture
def page(browser: Browser, asking_service: Service, hook: HookServer, clean: None) -> Iterator[Page]:
    """Return a window on a phone; the hook is as at first."""
    hook.reset()
    size = {"width": 360, "height": 800}
    with window(browser, asking_service, viewport=size, reduced_motion="reduce") as page:
        yield page


def fill_in(page: Page) -> None:
    """Fill in the sign-up page."""
    page.goto("/account/sign-up")
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("Email").fill(ADA)


def test_who_is_refused_is_told_why_in_plain_text(page: Page, hook: HookServer) -> None:
    hook.answer = lambda _: {"allow": False, "reason": REASON}
    fill_in(page)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text(f"You can't have an account here: {REASON}")).to_be_visible()
    hook.answer = lambda _: ALLOW
    page.get_by_role("button", name="Create account").click()
    at_home(page)


def test_a_code_serves_once_the_hook_is_back(page: Page, hook: HookServer, app: Flask) -> None:
    fill_in(page)
    page.get_by_role("button", name="Email me a code instead").click()
    expect(page.get_by_role("heading", level=1, name="Check your email")).to_be_visible()
    code = newest_code(app, "sign_up", ADA)
    field = page.get_by_label("Six-digit code").filter(visible=True)
    hook.answer = lambda _: None
    field.fill(code)
    expect(page.get_by_text("The service isn't available right now.")).to_be_visible()
    hook.answer = lambda _: ALLOW
    field.fill("")
    field.fill(code)
    at_home(page)


def test_who_invites_is_told_about_the_person(
    page: Page, hook: HookServer, asking_service: Service, mongo: Database
) -> None:
    admin = make_administrator(asking_service, mongo)
    enter(page, admin, mongo, "#people")
    hook.answer = lambda _: {"allow": False, "reason": REASON}
    page.get_by_role("button", name="Invite someone").click()
    dialog = page.get_by_role("dialog", name="Invite someone")
    dialog.get_by_label("Name").fill("Ada Lovelace")
    dialog.get_by_label("Email").fill(ADA)
    dialog.get_by_role("button", name="Send invitation").click()
    expect(dialog).to_contain_text(f"This person can't have an account here. The hook says: {REASON}")
