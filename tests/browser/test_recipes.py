"""The page that the guide has people write in ten minutes, as it stands there, on another site than the service."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from authsvc.models.apps import AppKind
from tests.support import recipes
from tests.support.accounts import Database
from tests.support.npm import installed
from tests.support.oauth import new_app
from tests.support.service import ROOT, Service, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Return a folder with the library, and its address."""
    made = installed(ROOT / "examples/oidc-spa", tmp_path_factory.mktemp("page") / "notes", ring="browser")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(made)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield made, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(
    app: Flask, browser: Browser, service: Service, folder: tuple[Path, str], account: dict[str, str]
) -> Iterator[Page]:
    """Return the guide's page, registered as an app."""
    place, url = folder
    made = new_app(app, Visitor(service.url), AppKind.SPA, uris=(url,), logout_uris=[url])
    text = recipes.program("index.html").replace("http://localhost:8000", f"http://localhost:{service.port}")
    (place / "index.html").write_text(text.replace("app_…", made.id))
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(url)
    yield opened
    context.close()


def sign_in(page: Page, account: dict[str, str]) -> None:
    expect(page.get_by_text("You are not signed in.")).to_be_visible()
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Email").fill(account["email"])
    page.get_by_label("Password", exact=True).fill(account["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()


class TestPage:
    def test_somebody_signs_in_and_out(self, page: Page, account: dict[str, str], mongo: Database):
        sign_in(page, account)
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("Hello, Somebody")).to_be_visible()
        assert "?" not in page.url
        page.reload()
        expect(page.get_by_text("Hello, Somebody")).to_be_visible()
        home = page.url
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are not signed in.")).to_be_visible()
        assert page.url == home
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_label("Email")).to_be_visible()  # it was a sign-out at the service, too
        assert mongo.sessions.count_documents({"app": {"$ne": None}, "endedAt": None}) == 0

    def test_somebody_says_no(self, page: Page, account: dict[str, str]):
        sign_in(page, account)
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator("#who")).to_have_text("access_denied")

    def test_a_service_that_is_not_there_is_told(self, page: Page, service: Service):
        page.route(f"http://localhost:{service.port}/**", lambda route: route.abort())
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#who")).to_have_text("Failed to fetch")
