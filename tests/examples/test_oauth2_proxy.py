"""oauth2-proxy as the example configures it: people reach an application after they have signed in here."""

import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests
from flask import Flask
from pymongo.database import Database

from authsvc import clock
from tests.support import built, recipes
from tests.support.app_visits import Somebody
from tests.support.behind import application
from tests.support.oauth import AppClient, new_app
from tests.support.races import eventually
from tests.support.service import ROOT, Service, Visitor, free_port

pytestmark = [pytest.mark.external, pytest.mark.timeout(900)]  # it is built first if it is not there

CONFIG = (ROOT / "examples/oauth2-proxy/oauth2-proxy.cfg").read_text()
LIFE = 4
"""Seconds."""


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return the service under the address that it gives as its own."""
    port = free_port()
    with Service(**{**settings, "PORT": port, "PUBLIC_URL": f"http://127.0.0.1:{port}"}) as running:
        yield running


@pytest.fixture
def somebody(service: Service, clean: None) -> Somebody:
    """Return a person with an account."""
    return Somebody.register(service.url, f"{secrets.token_hex(6)}@example.com")


@pytest.fixture
def verified(somebody: Somebody, mongo: Database[dict[str, Any]]) -> Somebody:
    """Return a person whose address is verified."""
    mongo.users.update_one({"email": somebody.email}, {"$set": {"emailVerifiedAt": clock.now()}})
    return somebody


@pytest.fixture
def short_lived(
    app: Flask, settings: dict[str, str], clean: None, mongo: Database[dict[str, Any]]
) -> Iterator[Somebody]:
    """Return a verified person at a service whose tokens live for LIFE seconds."""
    port = free_port()
    own = {"PORT": port, "PUBLIC_URL": f"http://127.0.0.1:{port}", "ACCESS_TOKEN_TTL": LIFE}
    with Service(**{**settings, **own}) as running:
        person = Somebody.register(running.url, f"{secrets.token_hex(6)}@example.com")
        mongo.users.update_one({"email": person.email}, {"$set": {"emailVerifiedAt": clock.now()}})
        yield person


@contextmanager
def running(app: AppClient, port: int, folder: Path, **changes: str) -> Iterator[list[dict[str, Any]]]:
    """Run the example; yield what the application behind it is asked."""
    program = built.folder_of("oauth2-proxy") / "oauth2-proxy"
    with application() as (behind, asked), ExitStack() as stack, (folder / "log").open("w+") as log:
        assert isinstance(app.client, Visitor)
        values = {
            "http://localhost:8000": app.client.url,
            '"localhost:8000"': f'"{urlsplit(app.client.url).netloc}"',
            "app_…": app.id,
            "aps_…": app.secret or "",
            ":3000": f":{port}",
            ":3001": f":{behind}",
            **changes,
        }
        text = CONFIG
        for ours, theirs in values.items():
            assert ours in text
            text = text.replace(ours, theirs)
        (folder / "oauth2-proxy.cfg").write_text(text)
        process = subprocess.Popen(
            [program, "--config", "oauth2-proxy.cfg"], cwd=folder, env={**os.environ}, stdout=log, stderr=log
        )
        stack.callback(process.wait, 15)
        stack.callback(process.kill)
        eventually(lambda: process.poll() is not None or _answers(port), 30)
        assert process.poll() is None, (folder / "log").read_text()
        yield asked


def _answers(port: int) -> bool:
    with suppress(requests.ConnectionError):
        return requests.get(f"http://localhost:{port}/ping", timeout=5).status_code == 200
    return False


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    """Return a browser."""
    with requests.Session() as session:
        yield session


class Proxy:
    """The example at work, and people in front of it."""

    def __init__(self, app: Flask, authsvc: str, folder: Path, **changes: str) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        back = f"{self.url}/oauth2/callback"
        after = [f"{self.url}/"]
        self.app = new_app(app, Visitor(authsvc), name="Intranet", uris=(back,), trusted=True, logout_uris=after)
        self._running = running(self.app, self.port, folder, **changes)

    def __enter__(self) -> "Proxy":
        self.asked = self._running.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.__exit__(None, None, None)

    def open(self, browser: requests.Session, path: str = "/", **options: Any) -> requests.Response:
        """Open a page, and follow no redirect."""
        return browser.get(self.url + path, allow_redirects=False, timeout=15, **options)

    def sign_in(self, browser: requests.Session, somebody: Somebody, path: str = "/") -> requests.Response:
        """Open a page, sign in on the way; return what the proxy says when they come back."""
        sent = self.open(browser, path)
        assert sent.status_code == 302, sent.text
        return browser.get(somebody.visit(sent.headers["Location"]), allow_redirects=False, timeout=15)


@pytest.fixture
def proxy(app: Flask, service: Service, tmp_path: Path, clean: None) -> Iterator[Proxy]:
    """Return the example at work."""
    with Proxy(app, service.url, tmp_path) as started:
        yield started


class TestSigningIn:
    def test_the_application_learns_who_it_is(self, proxy: Proxy, browser: requests.Session, verified: Somebody):
        back = proxy.sign_in(browser, verified, "/page?a=b")
        assert (back.status_code, back.headers["Location"]) == (302, "/page?a=b"), back.text
        assert verified.steps == []  # it is trusted
        forged = {"X-Forwarded-Email": "forged@example.com", "X-Forwarded-User": "forged"}
        page = proxy.open(browser, "/page?a=b", headers=forged).json()
        told = dict(page["headers"])
        assert (told["X-Forwarded-User"], told["X-Forwarded-Email"]) == (verified.id, verified.email)
        assert page["target"] == "/page?a=b"
        assert "forged" not in str(page)

    def test_nobody_else_gets_through(self, proxy: Proxy, browser: requests.Session, verified: Somebody):
        assert proxy.open(browser).headers["Location"].startswith(f"{verified.url}/oauth2/authorize?")
        bearer = {"Authorization": f"Bearer {verified.tokens['accessToken']}"}
        assert proxy.open(browser, headers=bearer).status_code == 302
        assert proxy.asked == []

    def test_an_address_has_to_be_verified(self, proxy: Proxy, browser: requests.Session, somebody: Somebody):
        assert proxy.sign_in(browser, somebody).status_code in (403, 500)
        assert proxy.open(browser).status_code == 302
        assert proxy.asked == []


class TestSigningOut:
    def test_of_the_application(self, proxy: Proxy, browser: requests.Session, verified: Somebody):
        proxy.sign_in(browser, verified)
        assert proxy.open(browser).status_code == 200
        assert proxy.open(browser, "/oauth2/sign_out").status_code == 302
        assert proxy.open(browser).status_code == 302

    def test_o48_of_authsvc_too(self, proxy: Proxy, browser: requests.Session, verified: Somebody):
        """By the link of the guide: with the ID token, so that nobody is asked, and back."""
        proxy.sign_in(browser, verified)
        link = recipes.link("/oauth2/sign_out?rd=")
        for ours, theirs in (("https://auth.example.com", verified.url), ("https://intranet.example.com", proxy.url)):
            once = [quote(url, safe="") for url in (ours, theirs)]
            link = link.replace(*once).replace(*(quote(url, safe="") for url in once))
        assert "example.com" not in link
        sent = proxy.open(browser, link)
        assert sent.status_code == 302, sent.text
        assert sent.headers["Location"].startswith(f"{verified.url}/oauth2/logout?id_token_hint=ey")
        assert verified.leave(sent.headers["Location"]) == f"{proxy.url}/"
        assert verified.steps == ["sign_out"]
        assert not verified.is_signed_in()
        assert proxy.open(browser).headers["Location"].startswith(f"{verified.url}/oauth2/authorize?")

    def test_r107_not_by_itself(
        self, app: Flask, service: Service, tmp_path: Path, browser: requests.Session, verified: Somebody
    ):
        """Its `backend_logout_url` asks from the server, where nobody is."""
        asks = f'backend_logout_url = "{service.url}/oauth2/logout?id_token_hint={{id_token}}"\n'
        with Proxy(app, service.url, tmp_path, skip_provider_button=f"{asks}skip_provider_button") as proxy:
            proxy.sign_in(browser, verified)
            assert proxy.open(browser, "/oauth2/sign_out").status_code == 302
            assert proxy.open(browser).status_code == 302
            assert verified.is_signed_in()

    def test_a_sign_out_everywhere_counts_when_the_id_token_expires(
        self, app: Flask, settings: dict[str, str], tmp_path: Path, browser: requests.Session, short_lived: Somebody
    ):
        """A refresh that is refused ends nothing by itself: oauth2-proxy goes on to look at the ID token."""
        proxy = Proxy(app, short_lived.url, tmp_path, **{'cookie_refresh = "5m"': 'cookie_refresh = "1s"'})
        with proxy:
            proxy.sign_in(browser, short_lived)
            end = time.monotonic() + 2 * LIFE
            while time.monotonic() < end:  # it refreshes
                assert proxy.open(browser).status_code == 200
                time.sleep(1.1)
            pair = Visitor(short_lived.url).refresh(short_lived.tokens["refreshToken"]).json()
            bearer = {"Authorization": f"Bearer {pair['accessToken']}"}
            url = f"{short_lived.url}/auth/sessions?scope=all"
            assert requests.delete(url, headers=bearer, timeout=15).status_code == 204
            time.sleep(LIFE + 1)
            assert proxy.open(browser).status_code == 302
