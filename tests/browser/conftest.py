"""A real Chromium, pages of several origins, and a running service."""

import secrets
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.tabs import Browsing
from tests.browser.windows import LOOKS, still, window
from tests.conftest import PASSWORD
from tests.support.fault_proxy import FaultProxy
from tests.support.programs import CHROMIUM, require
from tests.support.service import ROOT, Service, Visitor, free_port

EXAMPLES = ROOT / "examples"
EXAMPLE = EXAMPLES / "passkeys"
LIFE = 3
"""Seconds for which the access tokens of `short_lived` are good."""

_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


class _Pages(BaseHTTPRequestHandler):
    """A blank page, and the example pages, which are told where authsvc is."""

    authsvc = ""

    def do_GET(self) -> None:
        folder, _, name = self.path.strip("/").partition("/")
        file = EXAMPLES / folder / (name or "index.html") if folder in ("passkeys", "spa") else None
        text = file.read_text() if file is not None else "<!doctype html><title>A page</title>"
        self.send_response(200)
        self.send_header("Content-Type", _TYPES[file.suffix] if file is not None else "text/html")
        self.end_headers()
        self.wfile.write(text.replace("http://localhost:8000", self.authsvc).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def pages() -> Iterator[dict[str, int]]:
    """Return the ports of two web servers: the pages of one are listed, those of the other are not."""
    servers = {name: ThreadingHTTPServer(("127.0.0.1", 0), _Pages) for name in ("listed", "strange")}
    for server in servers.values():
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield {name: server.server_port for name, server in servers.items()}
    for server in servers.values():
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="package")  # and no longer: it delivers letters that other tests put into the outbox
def service(app: Flask, settings: dict[str, str], pages: dict[str, int]) -> Iterator[Service]:
    """Return a running service that lists one origin, on localhost and on 127.0.0.1."""
    origins = f"http://localhost:{pages['listed']},http://127.0.0.1:{pages['listed']}"
    port = free_port()
    _Pages.authsvc = f"http://localhost:{port}"
    own = {
        "PUBLIC_URL": _Pages.authsvc,
        "CORS_ORIGINS": origins,
        "WEBAUTHN_ORIGINS": f"http://localhost:{pages['listed']},{_Pages.authsvc}",
        "WEB_CONCURRENCY": 1,
        "PORT": port,
    }
    running = Service(**{**settings, **own})
    with running:
        yield running


@pytest.fixture(scope="package")
def network(settings: dict[str, str]) -> Iterator[FaultProxy]:
    """Return the network between `short_lived` and its database."""
    with FaultProxy(urlsplit(settings["MONGODB_URI"]).port or 0) as proxy:
        yield proxy


@pytest.fixture(scope="package")
def short_lived(app: Flask, settings: dict[str, str], pages: dict[str, int], network: FaultProxy) -> Iterator[Service]:
    """Return a running service whose access tokens last for LIFE seconds; it lists one origin, on localhost."""
    port = free_port()
    listed = f"http://localhost:{pages['listed']}"
    own = {
        "PUBLIC_URL": f"http://localhost:{port}",
        "CORS_ORIGINS": listed,
        "WEBAUTHN_ORIGINS": listed,
        "MONGODB_URI": f"mongodb://127.0.0.1:{network.port}{urlsplit(settings['MONGODB_URI']).path}?directConnection=true",
        "ACCESS_TOKEN_TTL": LIFE,
        "WEB_CONCURRENCY": 1,
        "PORT": port,
    }
    with Service(**{**settings, **own}) as running:
        yield running


@pytest.fixture
def browsing(browser: Browser, short_lived: Service, pages: dict[str, int]) -> Iterator[Browsing]:
    """Return a browser profile whose tabs load `authsvc.js`."""
    context = browser.new_context()
    yield Browsing(context, f"http://localhost:{short_lived.port}", pages)
    context.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return Chromium."""
    (program,) = require(CHROMIUM, ring="browser")
    expect.set_options(timeout=30_000)  # as long as all else is waited for: the machine may be busy
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Browser, pages: dict[str, int], service: Service) -> Iterator[Callable[..., Page]]:
    """Return what opens a page, of the listed or the strange origin, in one browser window after the other."""
    context = browser.new_context()

    def show(kind: str, host: str = "localhost") -> Page:
        page = context.new_page()
        page.goto(f"http://{host}:{pages[kind]}/")
        return page

    yield show
    context.close()


@pytest.fixture
def account(service: Service, clean: None) -> dict[str, str]:
    """Return somebody's credentials."""
    return registered(service)


def registered(service: Service) -> dict[str, str]:
    """Create an account; return its credentials."""
    email = f"{secrets.token_hex(6)}@example.com"
    assert Visitor(service.url).register(email, PASSWORD).status_code == 201
    return {"email": email, "password": PASSWORD}


@pytest.fixture
def desk(browser: Browser, service: Service) -> Iterator[Page]:
    """Return a window to the service in which nothing goes wrong."""
    with window(browser, service) as page:
        yield page


FETCH = """async ({url, method, body, headers, mode, credentials}) => {
  try {
    const answer = await fetch(url, {method, mode, credentials, headers, body});
    const text = await answer.text();
    return {status: answer.status, type: answer.type, body: text ? JSON.parse(text) : null,
            requestId: answer.headers.get("X-Request-ID"), retry: answer.headers.get("Retry-After"),
            challenge: answer.headers.get("WWW-Authenticate")};
  } catch (error) { return {failed: String(error)}; }
}"""


@pytest.fixture
def fetch(service: Service) -> Callable[..., dict[str, Any]]:
    """Return what makes a page call the service, as its script would."""

    def call(page: Page, method: str, path: str, body: str | None = None, **options: Any) -> dict[str, Any]:
        asked = {
            "url": f"http://{options.pop('host', 'localhost')}:{service.port}{path}",
            "method": method,
            "body": body,
            "headers": {} if body is None else {"Content-Type": "application/json"},
            "mode": "cors",
            "credentials": "include",
            **options,
        }
        return dict(page.evaluate(FETCH, asked))

    return call


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the source of axe-core, at the version that is locked."""
    require("npm")
    folder = tmp_path_factory.mktemp("axe")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(Path(__file__).parent / "axe" / name, folder)
    subprocess.run(["npm", "ci", "--silent", "--ignore-scripts"], cwd=folder, check=True, timeout=90)
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


@pytest.fixture(params=LOOKS, ids=str)
def eyes(request: pytest.FixtureRequest, browser: Browser, service: Service) -> Iterator[Page]:
    """Return a window on a phone or a desk, by day or by night, in which nothing moves."""
    with window(browser, service, **still(request.param)) as page:
        yield page
