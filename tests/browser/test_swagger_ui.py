"""The example API whose Swagger UI signs people in, from another site than the service: O22, O35, O51, O52, B6."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import jwt
import pytest
import requests
from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect

from authsvc.models.apps import AppKind
from tests.browser.windows import is_closed, sign_in
from tests.support.npm import installed
from tests.support.oauth import AppClient, new_app
from tests.support.races import eventually
from tests.support.service import ROOT, Service, Visitor, free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

ELSEWHERE = re.compile(r"https://cdn\.jsdelivr\.net/npm/swagger-ui-dist@5/(\S+)")


@pytest.fixture(scope="module")
def swagger_ui(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with what FastAPI's page loads from elsewhere."""
    folder = installed(ROOT / "tests/browser/swagger_ui", tmp_path_factory.mktemp("swagger") / "ui", ring="browser")
    return folder / "node_modules/swagger-ui-dist"


@pytest.fixture
def api(app: Flask, service: Service, clean: None) -> Iterator[tuple[str, AppClient]]:
    """Return the address of the example, on another site than the service, and the app that Swagger UI is."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    back = f"{url}/docs/oauth2-redirect"
    made = new_app(app, Visitor(service.url), AppKind.SPA, uris=(back,), resources=[url])
    with example("app.py", service, port, API=url, CLIENT_ID=made.id):
        yield url, made


@contextmanager
def example(program: str, service: Service, port: int, **told: str) -> Iterator[None]:
    """Run a program of the example until it answers."""
    environ = {**os.environ, "AUTHSVC": f"http://localhost:{service.port}", "PORT": str(port), **told}
    process = subprocess.Popen(
        [sys.executable, program],
        cwd=ROOT / "examples/fastapi-oauth",
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: _answers(f"http://127.0.0.1:{port}"), 60)
        yield
    finally:
        process.kill()
        process.wait(15)


def _answers(url: str) -> bool:
    with suppress(requests.ConnectionError):
        return requests.get(f"{url}/openapi.json", timeout=5).status_code == 200
    return False


@pytest.fixture
def docs(browser: Browser, service: Service, api: tuple[str, AppClient], swagger_ui: Path) -> Iterator[Page]:
    """Return the API's documentation in a browser in which nobody is signed in."""
    with documentation(browser, service, api[0], swagger_ui) as page:
        yield page


@contextmanager
def documentation(browser: Browser, service: Service, url: str, swagger_ui: Path) -> Iterator[Page]:
    """Open the documentation of an API."""

    def serve(route: Route) -> None:
        match = ELSEWHERE.fullmatch(route.request.url)
        route.fulfill(path=swagger_ui / match[1]) if match else route.abort()

    context = browser.new_context(base_url=f"http://localhost:{service.port}")
    context.route(re.compile(r"https://.*"), serve)
    page = context.new_page()
    page.goto(f"{url}/docs")
    yield page
    context.close()


def authorize(page: Page) -> Page:
    """Press the button, and that of the dialogue that it opens; return the window in which one signs in."""
    page.get_by_role("button", name="Authorize").click()
    with page.expect_popup() as opened:
        page.locator(".auth-btn-wrapper").get_by_role("button", name="Apply given OAuth2 credentials").click()
    return opened.value


def asks_for_notes(page: Page) -> str:
    """Try out the API by its documentation; return what it answers."""
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="get /notes", exact=True).click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    answer = page.locator(".live-responses-table .response-col_description .microlight").first
    expect(answer).to_be_visible()
    return answer.inner_text()


def claims_of(tokens: dict[str, str]) -> dict[str, str]:
    return dict(jwt.decode(tokens["access_token"], options={"verify_signature": False}))


class TestAuthorizeButton:
    def test_somebody_who_is_signed_in_has_to_allow_it(
        self, docs: Page, account: dict[str, str], api: tuple[str, AppClient]
    ):
        home = docs.context.new_page()
        sign_in(home, account)
        expect(home.get_by_role("heading", level=1, name="Profile")).to_be_visible()
        popup = authorize(docs)
        popup.get_by_role("button", name="Continue").click()
        expect(docs.get_by_role("heading", name="Authorized")).to_be_visible()
        assert f'"app": "{api[1].id}"' in asks_for_notes(docs)
        is_closed(popup)

    def test_somebody_signs_in_on_the_way(self, docs: Page, account: dict[str, str], api: tuple[str, AppClient]):
        popup = authorize(docs)
        popup.get_by_label("Email").fill(account["email"])
        popup.get_by_label("Password", exact=True).fill(account["password"])
        popup.get_by_role("button", name="Sign in", exact=True).click()
        popup.get_by_role("button", name="Continue").click()
        expect(docs.get_by_role("heading", name="Authorized")).to_be_visible()
        assert f'"app": "{api[1].id}"' in asks_for_notes(docs)

    def test_somebody_says_no(self, docs: Page, account: dict[str, str]):
        home = docs.context.new_page()
        sign_in(home, account)
        expect(home.get_by_role("heading", level=1, name="Profile")).to_be_visible()
        authorize(docs).get_by_role("button", name="Cancel").click()
        expect(docs.locator(".auth-container .errors")).to_contain_text("access_denied")


class TestApi:
    """What the example accepts: T2, O36, O41."""

    def ask(self, url: str, token: str) -> int:
        return requests.get(f"{url}/notes", headers={"Authorization": f"Bearer {token}"}, timeout=15).status_code

    def test_it_takes_only_access_tokens_that_were_made_for_it(
        self, app: Flask, service: Service, api: tuple[str, AppClient], account: dict[str, str]
    ):
        url, client = api
        person = Visitor(service.url).login(**account).json()
        tokens = client.sign_in(person["accessToken"], resource=url)
        assert claims_of(tokens)["aud"] == url
        assert self.ask(url, tokens["access_token"]) == 200
        for_userinfo = client.sign_in(person["accessToken"])
        assert claims_of(for_userinfo)["aud"] != url
        others = {
            "id token": tokens["id_token"],
            "refresh token": tokens["refresh_token"],
            "for userinfo": for_userinfo["access_token"],
            "first-party": person["accessToken"],
            "nonsense": "x",
        }
        assert {kind: self.ask(url, token) for kind, token in others.items()} == dict.fromkeys(others, 401)
        assert requests.get(f"{url}/notes", timeout=15).status_code == 401


@pytest.fixture(scope="module")
def lenient(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a service with the password grant."""
    port = free_port()
    own = {"PUBLIC_URL": f"http://localhost:{port}", "PORT": port, "WEB_CONCURRENCY": 1, "PASSWORD_GRANT": "on"}
    with Service(**{**settings, **own}) as running:
        yield running


@pytest.fixture(scope="module")
def tool(lenient: Service) -> Iterator[str]:
    """Return the address of the example that asks for passwords, on another site than the service."""
    port = free_port()
    with example("password.py", lenient, port):
        yield f"http://127.0.0.1:{port}"


class TestPasswordForm:
    """O52: the form that FastAPI's OAuth2PasswordBearer gives Swagger UI."""

    @pytest.fixture
    def form(self, browser: Browser, lenient: Service, tool: str, swagger_ui: Path, clean: None) -> Iterator[Page]:
        """Return the form, open."""
        with documentation(browser, lenient, tool, swagger_ui) as page:
            page.get_by_role("button", name="Authorize").click()
            yield page

    def fill(self, form: Page, email: str, password: str, app_id: str = "", secret: str = "") -> None:
        """Fill in the form, and press its button."""
        form.locator("#oauth_username").fill(email)
        form.locator("#oauth_password").fill(password)
        form.locator("#client_id_password").fill(app_id)
        form.locator("#client_secret_password").fill(secret)
        form.get_by_role("button", name="Apply given OAuth2 credentials").click()

    @pytest.mark.parametrize("place", ["basic", "request-body"])
    @pytest.mark.parametrize("app_id", ["", "anything"], ids=["none", "id"])
    def test_o52_somebody_signs_in(self, form: Page, lenient: Service, tool: str, app_id: str, place: str):
        registered = Visitor(lenient.url).register("alice@example.com").json()["user"]
        form.locator("#password_type").select_option(place)
        self.fill(form, "alice@example.com", "correct horse battery", app_id)
        expect(form.get_by_role("heading", name="Authorized")).to_be_visible()
        assert f'"user": "{registered["id"]}"' in asks_for_notes(form)

    def test_o36_the_api_takes_peoples_own_access_tokens_alone(
        self, app: Flask, lenient: Service, tool: str, clean: None
    ):
        """Not those of apps, whomever they are for."""
        visitor = Visitor(lenient.url)
        person = visitor.register("alice@example.com").json()
        for_it = new_app(app, visitor, resources=[f"http://localhost:{lenient.port}"])
        others = for_it.sign_in(person["accessToken"], resource=f"http://localhost:{lenient.port}")
        assert claims_of(others)["aud"] == f"http://localhost:{lenient.port}"

        def ask(token: str) -> int:
            return requests.get(f"{tool}/notes", headers={"Authorization": f"Bearer {token}"}, timeout=15).status_code

        assert ask(person["accessToken"]) == 200
        refused = [others[name] for name in ("access_token", "refresh_token", "id_token")]
        assert {ask(token) for token in (*refused, person["refreshToken"], "x")} == {401}

    def test_o52_a_wrong_password_is_told(self, form: Page, lenient: Service):
        Visitor(lenient.url).register("alice@example.com")
        self.fill(form, "alice@example.com", "not the right phrase")
        expect(form.locator(".auth-container .errors")).to_contain_text("The username or the password is wrong.")

    def test_o52_so_is_a_grant_that_is_off(
        self, browser: Browser, service: Service, swagger_ui: Path, account: dict[str, str]
    ):
        port = free_port()
        with (
            example("password.py", service, port),
            documentation(browser, service, f"http://127.0.0.1:{port}", swagger_ui) as page,
        ):
            page.get_by_role("button", name="Authorize").click()
            self.fill(page, **account)
            expect(page.locator(".auth-container .errors")).to_contain_text("not supported")
