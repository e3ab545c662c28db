"""Apps that nobody registered, in a browser: what people read about them, and that nobody is led there unasked.

R102, R105, O21.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import trustme
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.browser.windows import looks_right, sign_in
from tests.conftest import PASSWORD
from tests.support.app_documents import DocumentServer, described, trusting
from tests.support.oauth import AppClient, Code, challenge_of
from tests.support.outside import Server, saying
from tests.support.service import Service, Visitor, free_port

pytestmark = pytest.mark.browser

PICTURES = os.environ.get("PICTURES")
VERIFIER = "v" * 43
NOT_SIGNED_IN = "You weren't signed in"


@pytest.fixture(scope="module")
def documents() -> Iterator[DocumentServer]:
    """Return a server with the document of an app."""
    with DocumentServer(trustme.CA(), "localhost") as running:
        yield running


@pytest.fixture
def site(documents: DocumentServer) -> Iterator[Server]:
    """Return where the app is at home, which is elsewhere."""
    html = b"<!doctype html><title>Back</title><h1>Back at the app</h1>"
    with Server(saying("200 OK", html, Content_Type="text/html")) as running:
        documents.show(f"/{running.port}", client_name="Your <i>bank</i>", redirect_uris=[back_at(running)])
        yield running


@pytest.fixture(scope="module")
def service(
    app: Flask, settings: dict[str, str], documents: DocumentServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Return a service that admits its document."""
    port = free_port()
    own = {"PORT": port, "PUBLIC_URL": f"http://localhost:{port}", "WEB_CONCURRENCY": 1}
    trusted = trusting(documents, tmp_path_factory.mktemp("authority"))
    with Service(**{**settings, **trusted, **own}) as running:
        yield running


@pytest.fixture
def account(service: Service, clean: None) -> dict[str, str]:
    """Return somebody's address and password."""
    assert Visitor(service.url).register("ann@example.com", PASSWORD).status_code == 201
    return {"email": "ann@example.com", "password": PASSWORD}


@pytest.fixture(params=[360, 1280])
def page(request: pytest.FixtureRequest, browser: Browser, service: Service) -> Iterator[Page]:
    """Return a window in which no script fails."""
    size = {"width": request.param, "height": 800}
    context = browser.new_context(base_url=service.url.replace("127.0.0.1", "localhost"), viewport=size)  # type: ignore[arg-type]
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    yield opened
    context.close()
    assert wrong == []


@pytest.fixture
def bank(service: Service, documents: DocumentServer, site: Server) -> AppClient:
    """Return the app."""
    return described(Visitor(service.url), documents.address(f"/{site.port}"), back_at(site))


def back_at(site: Server) -> str:
    """Return where answers go."""
    return site.url("/cb", host="127.0.0.1")


def address(bank: AppClient, **params: str) -> str:
    """Return the address of a request."""
    usual = {
        "client_id": bank.id,
        "redirect_uri": bank.redirect_uri,
        "response_type": "code",
        "scope": "openid email",
        "state": "s",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    return f"/oauth2/authorize?{urlencode({**usual, **params})}"


def heading(page: Page, name: str) -> None:
    """Wait for a step of the page."""
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def fits(page: Page, axe: str) -> None:
    """Check how a page looks; leave a picture if somebody wants to look."""
    if PICTURES:
        title = page.locator("h1:visible").inner_text()
        page.screenshot(path=Path(PICTURES) / f"{title[:20].replace('/', '')}-{page.viewport_size['width']}.png")  # type: ignore[index]
    looks_right(page, axe)


class TestConsent:
    def test_r102_it_says_where_the_app_describes_itself_and_where_one_goes(
        self, page: Page, account: dict[str, str], bank: AppClient, documents: DocumentServer, site: Server, axe: str
    ):
        sign_in(page, account, at=address(bank))
        for turn in range(2):  # it asks each time
            if turn:
                page.goto(address(bank))
            heading(page, "Sign in to Your <i>bank</i>?")
            main = page.get_by_role("main")
            expect(main).to_contain_text(
                f"doesn't know this app. It says at localhost:{documents.port} what it is called"
            )
            expect(main).to_contain_text("nobody has verified that")
            expect(main).to_contain_text(f"You'll go to 127.0.0.1:{site.port}")
            expect(page.locator("#unverified-app")).to_be_hidden()
            fits(page, axe)
            page.get_by_role("button", name="Continue").click()
            page.wait_for_url(f"{bank.redirect_uri}?**")
            answer = dict(parse_qsl(urlsplit(page.url).query))
            tokens = bank.exchange(Code(answer["code"], VERIFIER, bank.redirect_uri, {}))
            assert tokens.status == 200, tokens.text
        page.goto("/account/#apps")
        expect(page.get_by_text(f"Your <i>bank</i> (localhost:{documents.port})").first).to_be_visible()

    @pytest.mark.parametrize("mode", ["query", "form_post"])
    def test_r102_nobody_is_led_there_by_a_refusal_unless_they_like(
        self, page: Page, bank: AppClient, site: Server, axe: str, mode: str
    ):
        """RFC 9700 section 4.11.2"""
        page.goto(address(bank, response_type="token", response_mode=mode))
        heading(page, NOT_SIGNED_IN)
        expect(page.get_by_role("main")).to_contain_text(f"It wants you to go to 127.0.0.1:{site.port}")
        page.wait_for_timeout(1000)
        assert site.requests == []
        fits(page, axe)
        page.get_by_role("button", name="Go there").click()
        heading(page, "Back at the app")
        (request,) = [one for one in site.requests if b"/cb" in one.split(b"\r\n")[0]]
        if mode == "query":
            sent = parse_qs(urlsplit(page.url).query)
        else:
            assert request.startswith(b"POST /cb ")
            sent = parse_qs(request.rpartition(b"\r\n")[2].decode())
        assert (sent["error"], sent["state"]) == (["unsupported_response_type"], ["s"])

    def test_r102_whoever_is_not_expected_reads_where_they_would_go(
        self, page: Page, account: dict[str, str], bank: AppClient, service: Service, site: Server, axe: str
    ):
        """O19: as they have not read it on any page before."""
        tokens = Visitor(service.url).register("bob@example.com", PASSWORD).json()
        hint = bank.sign_in(tokens["accessToken"])["id_token"]
        sign_in(page, account, at=address(bank, id_token_hint=hint))
        heading(page, "Your <i>bank</i> expects another account")
        expect(page.get_by_role("main")).to_contain_text(f"If you cancel, you'll go to 127.0.0.1:{site.port}.")
        fits(page, axe)
        assert site.requests == []
        page.get_by_role("button", name="Cancel").click()
        heading(page, "Back at the app")
        assert parse_qs(urlsplit(page.url).query)["error"] == ["login_required"]

    def test_r105_a_document_that_can_not_be_had(
        self, page: Page, bank: AppClient, documents: DocumentServer, axe: str
    ):
        documents.behaviour = saying("404 Not Found")
        answer = page.goto(address(described(bank.client, documents.address("/none"), bank.redirect_uri)))
        assert answer is not None
        assert answer.status == 400
        heading(page, "This link doesn't work")
        fits(page, axe)
