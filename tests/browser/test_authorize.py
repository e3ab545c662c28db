"""Signing in to an app of another site, in a browser: what the page asks, where it leads, and what it looks like."""

import os
import re
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect

from authsvc import clock
from authsvc.models.apps import AppKind
from tests.browser.windows import (
    LOOKS,
    at_home,
    looks_right,
    outdate,
    plug_in,
    prove,
    sign_in,
    sign_in_here,
    still,
    turn_to,
    watch,
    window,
)
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.factors import App as Authenticator
from tests.support.letters import newest
from tests.support.oauth import AppClient, Code, challenge_of, new_app
from tests.support.service import Service, Visitor, free_port

pytestmark = pytest.mark.browser

CONSENT = "Sign in to Notes?"
PROVE = "Confirm it's you"
GONE = "This request is gone"
NOTE_TIMES = """globalThis.times = [];
  const note = () => {
    const button = document.querySelector('#allow');
    if (!button || !button.checkVisibility()) return;
    const now = button.disabled ? 'asleep' : 'awake';
    if (times.at(-1)?.[0] !== now) times.push([now, performance.now()]);
  };
  new MutationObserver(note).observe(document, {subtree: true, childList: true, attributes: true});"""
"""Notes when the buttons fall asleep and wake, from when they are seen."""
PICTURES = os.environ.get("PICTURES")
"""A folder for screenshots, for those who want to look."""


@dataclass
class Site:
    """The app's own site, another one than the service's: what it was told, and from where."""

    port: int
    posted: list[tuple[str | None, dict[str, str]]] = field(default_factory=list)
    referrers: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    """`/cb` shows what the service answers, or tells it to the window that opened this one; `/popup` opens one.

    A form that is posted is redirected on, to another origin.
    """

    site: Site

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        if place.path == "/cb":
            self.site.referrers.append(self.headers.get("Referer"))
        html = {
            "/cb": "<title>Back</title><h1>Back at the app</h1>"
            "<script>opener?.postMessage(location.search, '*')</script>",
            "/popup": "<title>App</title><button>Sign in</button><output></output><script>"
            "document.querySelector('button').onclick = () => open(location.hash.slice(1), '', 'popup,width=500');"
            "onmessage = ({data, origin}) => { document.querySelector('output').textContent = `${origin} ${data}`; };"
            "</script>",
            "/frame": "<title>App</title><iframe width=500 height=500></iframe><script>"
            "document.querySelector('iframe').src = location.hash.slice(1)</script>",
        }.get(
            place.path,
            "<title>App</title><h1>The app</h1><a>Sign in</a><script>"
            "document.querySelector('a').href = location.hash.slice(1)</script>",
        )
        self._send(200, html)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.site.posted.append((self.headers.get("Origin"), dict(parse_qsl(body))))
        self.site.referrers.append(self.headers.get("Referer"))
        self._send(303, "", Location=f"http://[::1]:{self.site.port}/landed")

    def _send(self, status: int, html: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "text/html", "Content-Length": str(len(html)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(html.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _OnSix(ThreadingHTTPServer):
    address_family = socket.AF_INET6


@pytest.fixture
def site() -> Iterator[Site]:
    """Return the app's site, which listens on 127.0.0.1; where it redirects forms to is another origin of its own."""
    made = Site(0)
    handler = type("Handler", (_Handler,), {"site": made})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    made.port = server.server_port
    six = _OnSix(("::1", made.port), handler)
    for one in (server, six):
        threading.Thread(target=one.serve_forever, args=(0.05,), daemon=True).start()
    yield made
    for one in (server, six):
        one.shutdown()
        one.server_close()


class Asking:
    """An app on that site, and a browser window to it."""

    def __init__(self, app: AppClient, service: Service) -> None:
        self.app = app
        self.service = service
        self.verifier = secrets.token_urlsafe(48)

    def address(self, **params: str) -> str:
        """Return the address of a request."""
        usual = {
            "client_id": self.app.id,
            "redirect_uri": self.app.redirect_uri,
            "response_type": "code",
            "scope": "openid email",
            "state": "the state",
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
        }
        return f"http://localhost:{self.service.port}/oauth2/authorize?{urlencode({**usual, **params})}"

    def begin(self, page: Page, **params: str) -> None:
        """Follow the app's link to sign in."""
        origin = self.app.redirect_uri.rpartition("/")[0] if self.app.redirect_uri.startswith("http") else ""
        address = self.address(**params)
        if not origin:
            page.goto(address, wait_until="commit")
            return
        page.goto(f"{origin}/#{address}")
        page.get_by_role("link", name="Sign in").click(no_wait_after=True)

    def answer(self, page: Page) -> dict[str, str]:
        """Wait until the app has its answer; return that."""
        page.wait_for_url(f"{self.app.redirect_uri}?**")
        found = dict(parse_qsl(urlsplit(page.url).query))
        assert found["iss"] == f"http://localhost:{self.service.port}"
        assert found["state"] == "the state"
        return found

    def claims(self, code: str) -> dict[str, Any]:
        """Exchange a code; return what the ID token says."""
        answer = self.app.exchange(Code(code, self.verifier, self.app.redirect_uri, {}))
        assert answer.status == 200, answer.text
        return dict(jwt.decode(answer.json["id_token"], options={"verify_signature": False}))


Register = Callable[..., Asking]


@pytest.fixture
def register(app: Flask, service: Service, site: Site, clean: None) -> Register:
    """Return what registers an app on that site."""

    def make(kind: AppKind = AppKind.SPA, name: str = "Notes", uri: str | None = None, **options: Any) -> Asking:
        uris = (uri or f"{site.url}/cb",)
        return Asking(new_app(app, Visitor(service.url), kind, name, uris, **options), service)

    return make


@pytest.fixture
def notes(register: Register) -> Asking:
    """Return an app that nobody knows."""
    return register()


@pytest.fixture
def ours(register: Register) -> Asking:
    """Return an app of the operator, about which nobody is asked."""
    return register(name="Ours", trusted=True)


@pytest.fixture
def context(browser: Browser, service: Service) -> Iterator[BrowserContext]:
    """Return a browser."""
    opened = browser.new_context(base_url=f"http://localhost:{service.port}")
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Return a window in which no script fails, and nothing offends a policy."""
    opened = context.new_page()
    wrong = watch(opened, "http")
    yield opened
    assert [text for text in wrong if not text.startswith("Failed to load resource")] == []


def heading(page: Page, name: str) -> None:
    """Wait for a step of the page."""
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def signed_in(page: Page, account: dict[str, str]) -> None:
    """Sign in to the account."""
    sign_in(page, account)
    at_home(page)


def confirm(page: Page) -> None:
    """Confirm by password who is signed in."""
    dialog = page.get_by_role("dialog", name=PROVE)
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Continue").click()


class TestConsent:
    """O21, O22, R102: the question, in words."""

    def test_o22_it_says_who_asks_for_what_and_where_it_leads(
        self, notes: Asking, site: Site, page: Page, account: dict[str, str]
    ):
        notes.begin(page)
        sign_in_here(page, account)
        heading(page, CONSENT)
        text = page.get_by_role("main").inner_text()
        for part in (account["email"], "See your email address", f"127.0.0.1:{site.port}", "doesn't know who runs"):
            assert part in text
        page.get_by_role("button", name="Continue").click()
        answer = notes.answer(page)
        assert notes.claims(answer["code"])["aud"] == notes.app.id

    def test_o22_a_name_is_text(self, register: Register, page: Page, account: dict[str, str]):
        named = register(name="<img src=x onerror=alert(1)> & Co")
        signed_in(page, account)
        named.begin(page)
        heading(page, "Sign in to <img src=x onerror=alert(1)> & Co?")
        assert page.locator("main img").count() == 0

    def test_o21_denied(self, notes: Asking, page: Page, account: dict[str, str]):
        signed_in(page, account)
        notes.begin(page)
        page.get_by_role("button", name="Cancel").click()
        assert notes.answer(page)["error"] == "access_denied"

    def test_o21_an_app_of_the_operator_asks_nothing(self, ours: Asking, page: Page, account: dict[str, str]):
        signed_in(page, account)
        ours.begin(page)
        assert "code" in ours.answer(page)

    def test_o22_nobody_allows_it_by_a_press_that_was_meant_for_the_page_before(
        self, notes: Asking, page: Page, account: dict[str, str]
    ):
        """The buttons wake half a second after they are in sight, and each time that they come back into sight."""
        signed_in(page, account)
        page.add_init_script(NOTE_TIMES)
        notes.begin(page)
        buttons = [page.get_by_role("button", name=name, exact=True) for name in ("Continue", "Cancel")]
        for button in buttons:
            expect(button).to_be_enabled()
        for event in (
            "window.dispatchEvent(new Event('focus'))",
            "document.dispatchEvent(new Event('visibilitychange'))",
        ):
            assert page.evaluate(
                f"{event}; [...document.querySelectorAll('#allow, #deny')].every((one) => one.disabled)"
            )
            for button in buttons:
                expect(button).to_be_enabled()
        times = page.evaluate("times")
        assert [what for what, _ in times] == ["asleep", "awake"] * 3
        for (_, slept), (_, woke) in zip(times[::2], times[1::2], strict=True):
            assert woke - slept >= 490

    def test_o22_no_other_site_can_frame_it(self, notes: Asking, site: Site, context: BrowserContext):
        window = context.new_page()
        said: list[str] = []
        window.on("console", lambda message: said.append(message.text))
        window.goto(f"{site.url}/frame#{notes.address()}")
        window.wait_for_timeout(500)
        assert any("frame-ancestors" in text for text in said), said
        assert "Loading" not in (window.frames[1].content() if len(window.frames) > 1 else "")

    def test_somebody_else_signs_in_in_another_tab(
        self, notes: Asking, context: BrowserContext, page: Page, account: dict[str, str], service: Service
    ):
        """What was asked of one is not allowed by another."""
        other = {"email": "other@example.com", "password": PASSWORD}
        assert Visitor(service.url).register(other["email"], PASSWORD).status_code == 201
        signed_in(page, account)
        notes.begin(page)
        expect(page.locator("main")).to_contain_text(account["email"])
        second = context.new_page()
        second.goto("/account/")
        second.get_by_role("button", name="Sign out").click()
        heading(page, "Sign in")
        sign_in_here(second, other)
        expect(page.locator("main")).to_contain_text(other["email"])
        heading(page, CONSENT)


class TestForm:
    """O15: the answer as a form (OAuth 2.0 Form Post Response Mode)."""

    def test_o15_to_an_app_that_redirects_on(self, notes: Asking, site: Site, page: Page, account: dict[str, str]):
        """B4, B5: no policy of ours follows the app's redirect, and the app is told our origin."""
        signed_in(page, account)
        notes.begin(page, response_mode="form_post")
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url("**/landed")
        ((origin, fields),) = site.posted
        assert origin == f"http://localhost:{notes.service.port}"
        assert set(fields) == {"code", "state", "iss"}
        assert notes.claims(fields["code"])["aud"] == notes.app.id

    def test_o15_an_error(self, notes: Asking, site: Site, page: Page):
        notes.begin(page, response_mode="form_post", scope="nope")
        page.wait_for_url("**/landed")
        ((origin, fields),) = site.posted
        assert (origin, fields["error"]) == (f"http://localhost:{notes.service.port}", "invalid_scope")
        assert (fields["state"], fields["iss"]) == ("the state", origin)

    def test_going_back_says_that_it_was_answered(self, notes: Asking, page: Page, account: dict[str, str]):
        """B9"""
        signed_in(page, account)
        notes.begin(page, response_mode="form_post")
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url("**/landed")
        page.go_back(wait_until="commit")
        heading(page, GONE)


class TestProof:
    """O17, O18: whoever is signed in confirms it in the page, which does not go round in circles (B7, B8)."""

    @pytest.mark.parametrize("params", [{"prompt": "login"}, {"max_age": "0"}, {"max_age": "60"}], ids=str)
    def test_o18_by_password(
        self, ours: Asking, page: Page, account: dict[str, str], mongo: Database, params: dict[str, str]
    ):
        signed_in(page, account)
        outdate(mongo)
        begun = int(clock.now().timestamp())
        visited: list[str] = []
        page.on("framenavigated", lambda frame: visited.append(frame.url))
        ours.begin(page, **params)
        confirm(page)
        claims = ours.claims(ours.answer(page)["code"])
        assert claims["auth_time"] >= begun
        assert len(visited) <= 4, visited

    def test_o18_by_a_sign_in_on_the_way(self, ours: Asking, page: Page, account: dict[str, str]):
        """Who has just signed in is not asked again."""
        ours.begin(page, prompt="login")
        sign_in_here(page, account)
        assert "code" in ours.answer(page)

    def test_o18_by_code(self, ours: Asking, page: Page, account: dict[str, str], mongo: Database):
        """A second factor, as there is one: the password is not enough."""
        prove(mongo, account["email"])
        signed_in(page, account)
        turn_to(page, "Security", "Security")
        page.get_by_role("button", name="Set up").click()
        setup = page.get_by_role("dialog", name="Set up an authenticator app")
        secret = re.sub(r"\s", "", setup.locator("code").first.inner_text())
        shows = Authenticator(secret)
        setup.get_by_label("Code").fill(shows.code(clock.now() - timedelta(seconds=30)))
        expect(page.get_by_role("dialog").get_by_role("listitem").first).to_be_visible()
        ours.begin(page, prompt="login")
        dialog = page.get_by_role("dialog", name=PROVE)
        expect(dialog.get_by_label("Password", exact=True)).to_be_hidden()
        dialog.get_by_label("Code").fill("000000")
        expect(dialog.get_by_text("This code is wrong")).to_be_visible()
        dialog.get_by_label("Code").fill(shows.code())
        assert "otp" in ours.claims(ours.answer(page)["code"])["amr"]

    def test_o18_by_passkey(self, ours: Asking, page: Page, account: dict[str, str], mongo: Database):
        plug_in(page)
        prove(mongo, account["email"])
        signed_in(page, account)
        turn_to(page, "Security", "Security")
        page.get_by_role("button", name="Add a passkey").click()
        dialog = page.get_by_role("dialog").filter(visible=True)
        dialog.get_by_role("button", name=re.compile("Add|Continue")).click()
        expect(page.locator("#toasts")).to_contain_text("passkey", ignore_case=True)
        ours.begin(page, prompt="login")
        page.get_by_role("dialog", name=PROVE).get_by_role("button", name="Use a passkey").click()
        assert {"hwk", "swk"} & set(ours.claims(ours.answer(page)["code"])["amr"])

    def test_o18_whoever_does_not_want_to_is_not_kept(self, ours: Asking, page: Page, account: dict[str, str]):
        signed_in(page, account)
        ours.begin(page, prompt="login")
        expect(page.get_by_role("dialog", name=PROVE)).to_be_visible()
        page.keyboard.press("Escape")
        heading(page, PROVE)
        expect(page.get_by_role("main")).to_contain_text(account["email"])
        host = urlsplit(ours.app.redirect_uri).netloc
        expect(page.locator("[data-step=prove]")).to_contain_text(f"If you cancel, you'll go to {host}.")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("dialog", name=PROVE)).to_be_visible()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        page.get_by_role("main").get_by_role("button", name="Cancel").click()
        assert ours.answer(page)["error"] == "access_denied"

    def test_o18_whoever_is_somebody_else_signs_in(
        self, ours: Asking, page: Page, account: dict[str, str], service: Service
    ):
        other = {"email": "other@example.com", "password": PASSWORD}
        assert Visitor(service.url).register(other["email"], PASSWORD).status_code == 201
        signed_in(page, account)
        ours.begin(page, prompt="login")
        expect(page.get_by_role("dialog", name=PROVE)).to_be_visible()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Use another account").click()
        sign_in_here(page, other)
        assert "code" in ours.answer(page)


class TestNone:
    """O16: `prompt=none` at top level (B2)."""

    def test_o16_nobody_is_signed_in(self, ours: Asking, page: Page):
        ours.begin(page, prompt="none")
        assert ours.answer(page)["error"] == "login_required"

    def test_o16_somebody_is(self, ours: Asking, page: Page, account: dict[str, str]):
        """B1: the strict cookie reaches the page's own request, whatever led to the page."""
        signed_in(page, account)
        ours.begin(page, prompt="none")
        assert "code" in ours.answer(page)

    def test_o16_nothing_was_allowed(self, notes: Asking, page: Page, account: dict[str, str]):
        signed_in(page, account)
        notes.begin(page, prompt="none")
        assert notes.answer(page)["error"] == "consent_required"


class TestAccount:
    """`select_account` and `create`."""

    def test_with_the_account_that_is_signed_in(self, ours: Asking, page: Page, account: dict[str, str]):
        signed_in(page, account)
        ours.begin(page, prompt="select_account")
        expect(page.get_by_role("main")).to_contain_text(account["email"])
        expect(page.locator("#unverified-app")).to_be_hidden()
        page.get_by_role("button", name="Continue").click()
        assert "code" in ours.answer(page)

    def test_with_another(self, ours: Asking, page: Page, account: dict[str, str], service: Service, mongo: Database):
        other = {"email": "other@example.com", "password": PASSWORD}
        assert Visitor(service.url).register(other["email"], PASSWORD).status_code == 201
        signed_in(page, account)
        ours.begin(page, prompt="select_account")
        page.get_by_role("button", name="Use another account").click()
        sign_in_here(page, other)
        claims = ours.claims(ours.answer(page)["code"])
        assert claims["sub"] == str(mongo.users.find_one({"email": other["email"]})["_id"])

    @pytest.mark.parametrize("somebody", [True, False])
    def test_with_a_new_one(
        self, ours: Asking, page: Page, account: dict[str, str], mongo: Database, *, somebody: bool
    ):
        if somebody:
            signed_in(page, account)
        ours.begin(page, prompt="create")
        if somebody:
            page.get_by_role("button", name="Use another account").click()
        heading(page, "Create your account")
        page.get_by_label("Name").fill("Ada")
        page.get_by_label("Email").fill("ada@example.com")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()
        claims = ours.claims(ours.answer(page)["code"])
        assert claims["sub"] == str(mongo.users.find_one({"email": "ada@example.com"})["_id"])


@pytest.fixture
def other(service: Service, account: dict[str, str]) -> dict[str, str]:
    """Return another account."""
    made = {"email": "other@example.com", "password": PASSWORD}
    assert Visitor(service.url).register(made["email"], PASSWORD).status_code == 201
    return made


class TestAddress:
    """`login_hint` (OpenID Connect Core section 3.1.2.1): the form has the address already."""

    def test_it_is_in_the_form(self, ours: Asking, page: Page, account: dict[str, str]):
        ours.begin(page, login_hint=account["email"])
        expect(page.get_by_label("Email")).to_have_value(account["email"])
        expect(page.get_by_label("Password", exact=True)).to_be_focused()
        page.reload()
        expect(page.get_by_label("Email")).to_have_value(account["email"])
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        assert "code" in ours.answer(page)

    def test_o63_no_request_of_ours_has_it(self, ours: Asking, page: Page, account: dict[str, str]):
        """Nor a referrer: only what the app itself sends, and what the person sends as theirs."""
        sent: list[tuple[str, str]] = []
        page.on("request", lambda asked: sent.append((asked.url, asked.headers.get("referer", ""))))
        ours.begin(page, login_hint="canary@example.com")
        expect(page.get_by_label("Email")).to_have_value("canary@example.com")
        for link, title in (("Create an account", "Create your account"), ("Sign in", "Sign in")):
            page.get_by_role("link", name=link).click()
            heading(page, title)
            expect(page.get_by_label("Email")).to_have_value("canary@example.com")
        page.get_by_role("link", name="Forgot your password?").click()
        heading(page, "Forgot your password?")
        expect(page.get_by_label("Email")).to_have_value("canary@example.com")
        seen = [urlsplit(url) for url, _ in sent]
        assert [place.path for place in seen if "canary" in place.query] == ["/oauth2/authorize"]
        assert not any("canary" in referrer for _, referrer in sent)

    def test_whoever_is_somebody_else_writes_over_it(self, ours: Asking, page: Page, other: dict[str, str]):
        ours.begin(page, login_hint="nobody@example.com")
        expect(page.get_by_label("Email")).to_have_value("nobody@example.com")
        sign_in_here(page, other)
        assert "code" in ours.answer(page)

    def test_with_prompt_create_it_is_in_the_other_form(self, ours: Asking, page: Page, clean: None):
        ours.begin(page, login_hint="ada@example.com", prompt="create")
        heading(page, "Create your account")
        expect(page.get_by_label("Email")).to_have_value("ada@example.com")
        expect(page.get_by_label("Name")).to_be_focused()

    @pytest.mark.parametrize(
        "hint",
        [
            *(
                "ada",
                "+49 30 901820",
                "a b@example.com",
                "@",
                "a@",
                "a@b@c",
                "javascript:alert(1)",
                "\u202ea@example.com",
            ),
            *("x" * 310 + "@example.com", "a\n@example.com"),
        ],
    )
    def test_what_is_no_address_does_no_harm(self, ours: Asking, page: Page, account: dict[str, str], hint: str):
        """Neither by way of the service nor written into the link of the page itself."""
        ours.begin(page, login_hint=hint)
        heading(page, "Sign in")
        expect(page.get_by_label("Email")).to_have_value("")
        expect(page.get_by_label("Email")).to_be_focused()
        page.goto(f"{page.url}#{urlencode({'login_hint': hint})}")
        page.reload()
        expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_enabled()
        expect(page.get_by_label("Email")).to_have_value("")
        sign_in_here(page, account)
        assert "code" in ours.answer(page)

    def test_o22_it_is_a_value_and_no_markup(self, ours: Asking, page: Page, clean: None):
        hint = '"><img/src=x/onerror=alert(1)>&amp;@example.com'
        ours.begin(page, login_hint=hint)
        expect(page.get_by_label("Email")).to_have_value(hint)
        assert page.locator("main img").count() == 0

    def test_it_is_nothing_to_somebody_who_is_signed_in(
        self, notes: Asking, page: Page, account: dict[str, str], other: dict[str, str]
    ):
        """Until they want to use another account: then probably that one."""
        signed_in(page, account)
        notes.begin(page, login_hint=other["email"])
        heading(page, CONSENT)
        expect(page.locator("main")).to_contain_text(account["email"])
        assert other["email"] not in page.locator("main").inner_text()
        page.get_by_role("button", name="Use another account").click()
        expect(page.get_by_label("Email")).to_have_value(other["email"])

    def test_nor_if_they_are_that_and_want_another_account(self, notes: Asking, page: Page, account: dict[str, str]):
        signed_in(page, account)
        notes.begin(page, login_hint=account["email"].upper())
        heading(page, CONSENT)
        page.get_by_role("button", name="Use another account").click()
        heading(page, "Sign in")
        expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_enabled()
        expect(page.get_by_label("Email")).to_have_value("")


SWITCH = "Ours expects another account"


class TestPerson:
    """`id_token_hint` (OpenID Connect Core section 3.1.2.1): the app gets that person, or nobody."""

    @pytest.fixture
    def hint(self, ours: Asking, service: Service, other: dict[str, str]) -> str:
        """Return the ID token that the app has of the other account."""
        tokens = Visitor(service.url).login(other["email"], PASSWORD).json()
        return str(ours.app.sign_in(tokens["accessToken"])["id_token"])

    def test_o19_somebody_else_is_signed_in_and_changes(
        self, ours: Asking, page: Page, account: dict[str, str], other: dict[str, str], hint: str, mongo: Database
    ):
        signed_in(page, account)
        ours.begin(page, id_token_hint=hint, login_hint=other["email"])
        heading(page, SWITCH)
        text = page.get_by_role("main").inner_text()
        assert account["email"] in text
        assert other["email"] not in text
        assert f"you'll go to {urlsplit(ours.app.redirect_uri).netloc}" in text
        page.get_by_role("button", name="Use another account").click()
        expect(page.get_by_label("Email")).to_have_value(other["email"])
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        claims = ours.claims(ours.answer(page)["code"])
        assert claims["sub"] == str(mongo.users.find_one({"email": other["email"]})["_id"])

    def test_o19_somebody_else_signs_in_again_and_again(
        self, ours: Asking, page: Page, account: dict[str, str], hint: str
    ):
        """The form tells nobody whom the app expects."""
        ours.begin(page, id_token_hint=hint)
        for _ in range(2):
            heading(page, "Sign in")
            expect(page.get_by_label("Email")).to_have_value("")
            sign_in_here(page, account)
            heading(page, SWITCH)
            page.get_by_role("button", name="Use another account").click()
        heading(page, "Sign in")

    def test_o19_somebody_else_cancels(self, ours: Asking, page: Page, account: dict[str, str], hint: str):
        signed_in(page, account)
        ours.begin(page, id_token_hint=hint)
        heading(page, SWITCH)
        page.get_by_role("button", name="Cancel").click()
        assert ours.answer(page)["error"] == "login_required"
        page.goto("/account/")
        at_home(page)  # they are still signed in

    def test_o19_the_account_changes_in_another_tab(
        self,
        ours: Asking,
        context: BrowserContext,
        page: Page,
        account: dict[str, str],
        other: dict[str, str],
        hint: str,
    ):
        """The page goes on by itself once the right person is signed in, and asks again once they are not."""
        signed_in(page, account)
        ours.begin(page, id_token_hint=hint, prompt="consent")
        heading(page, SWITCH)
        second = context.new_page()
        for one, title in ((other, "Sign in to Ours?"), (account, SWITCH), (other, "Sign in to Ours?")):
            second.goto("/account/")
            second.get_by_role("button", name="Sign out").click()
            heading(second, "Sign in")
            sign_in_here(second, one)
            at_home(second)
            heading(page, title)
        page.get_by_role("button", name="Continue").click()
        assert "code" in ours.answer(page)

    def test_o16_without_a_question(
        self, ours: Asking, page: Page, account: dict[str, str], other: dict[str, str], hint: str
    ):
        ours.begin(page, id_token_hint=hint, prompt="none")
        assert ours.answer(page)["error"] == "login_required"
        signed_in(page, account)
        ours.begin(page, id_token_hint=hint, prompt="none")
        assert ours.answer(page)["error"] == "login_required"
        page.goto("/account/")
        page.get_by_role("button", name="Sign out").click()
        heading(page, "Sign in")
        signed_in(page, other)
        ours.begin(page, id_token_hint=hint, prompt="none")
        assert "code" in ours.answer(page)

    def test_o22_in_a_window_of_its_own(
        self,
        ours: Asking,
        site: Site,
        context: BrowserContext,
        account: dict[str, str],
        other: dict[str, str],
        hint: str,
    ):
        """B6: it stays connected, whatever is asked on the way."""
        window = context.new_page()
        signed_in(window, account)
        window.goto(f"{site.url}/popup#{ours.address(id_token_hint=hint, login_hint=other['email'])}")
        with window.expect_popup() as opened:
            window.get_by_role("button", name="Sign in").click()
        heading(opened.value, SWITCH)
        opened.value.get_by_role("button", name="Use another account").click()
        sign_in_here(opened.value, other)
        expect(window.get_by_role("status")).to_contain_text(f"{site.url} ?code=")

    def test_o37_what_is_no_hint_is_told_to_the_app(self, ours: Asking, page: Page, account: dict[str, str]):
        signed_in(page, account)
        ours.begin(page, id_token_hint="x")
        assert ours.answer(page)["error"] == "invalid_request"


class TestGone:
    """O20, R101: requests that nobody can answer any more, in a sentence."""

    def test_o20_in_another_browser(
        self, browser: Browser, notes: Asking, page: Page, account: dict[str, str], mongo: Database
    ):
        notes.begin(page)
        page.wait_for_url("**/account/sign-in?**")
        led = dict(parse_qsl(urlsplit(page.url).query))["return"]
        victim = browser.new_context(base_url=f"http://localhost:{notes.service.port}")
        other = victim.new_page()
        signed_in(other, account)
        other.goto(led)
        heading(other, GONE)
        expect(other.get_by_role("main")).to_contain_text("another browser")
        other.get_by_role("link", name="Go to your account").click()
        at_home(other)
        victim.close()
        assert mongo.authorizations.count_documents({"decidedAt": {"$exists": True}}) == 0
        sign_in_here(page, account)
        heading(page, CONSENT)

    def test_o20_by_going_back(self, notes: Asking, page: Page, account: dict[str, str]):
        """B9: with an address, the page is not in the history; whoever kept it reads that it was answered."""
        signed_in(page, account)
        notes.begin(page)
        heading(page, CONSENT)
        kept = page.url
        page.get_by_role("button", name="Continue").click()
        notes.answer(page)
        page.go_back()
        heading(page, "The app")
        page.goto(kept)
        heading(page, GONE)

    @pytest.mark.parametrize("query", ["", "?request=", "?request=asr_x", "?request=" + "x" * 300, "?other=1"])
    def test_o20_without_a_request(self, page: Page, query: str, clean: None):
        page.goto(f"/account/authorize{query}")
        heading(page, GONE)

    def test_o2_an_app_that_is_not_known(self, notes: Asking, site: Site, page: Page):
        page.goto(notes.address(client_id="app_nobody"))
        heading(page, "This link doesn't work")
        assert page.url.startswith(f"http://localhost:{notes.service.port}/oauth2/authorize")
        assert site.referrers == []


class TestPopup:
    """O22, B6: a window that the app has opened answers it, whatever is asked on the way."""

    @pytest.mark.parametrize("way", ["sign-in", "sign-up", "forgot-password"])
    def test_o22_it_stays_connected(
        self, ours: Asking, site: Site, context: BrowserContext, account: dict[str, str], way: str
    ):
        window = context.new_page()
        window.goto(f"{site.url}/popup#{ours.address()}")
        with window.expect_popup() as opened:
            window.get_by_role("button", name="Sign in").click()
        popup = opened.value
        heading(popup, "Sign in")
        if way == "sign-up":
            popup.get_by_role("link", name="Create an account").click()
            popup.get_by_label("Name").fill("Ada")
            popup.get_by_label("Email").fill("ada@example.com")
            popup.get_by_label("Password", exact=True).fill(PASSWORD)
            popup.get_by_role("button", name="Create account").click()
        else:
            if way == "forgot-password":
                popup.get_by_role("link", name="Forgot your password?").click()
                popup.get_by_role("link", name="Back to sign in").click()
            sign_in_here(popup, account)
        expect(window.get_by_role("status")).to_contain_text(f"{site.url} ?code=")

    def test_o22_with_a_question(self, notes: Asking, site: Site, context: BrowserContext, account: dict[str, str]):
        window = context.new_page()
        window.goto(f"{site.url}/popup#{notes.address()}")
        with window.expect_popup() as opened:
            window.get_by_role("button", name="Sign in").click()
        sign_in_here(opened.value, account)
        opened.value.get_by_role("button", name="Continue").click()
        expect(window.get_by_role("status")).to_contain_text("?code=")

    def test_o22_other_windows_are_cut_off(self, service: Service, site: Site, context: BrowserContext):
        """Without an app behind it, the page to sign in is connected to nobody."""
        window = context.new_page()
        window.goto(f"{site.url}/popup#http://localhost:{service.port}/account/sign-in")
        with window.expect_popup() as opened:
            window.get_by_role("button", name="Sign in").click()
        heading(opened.value, "Sign in")
        assert opened.value.evaluate("opener") is None


class TestInstalled:
    """An installed app, which the system opens: some browsers do that at a press alone."""

    def test_it_can_be_opened_by_hand(self, register: Register, context: BrowserContext, account: dict[str, str]):
        native = register(AppKind.NATIVE, uri="com.example.notes:/cb")
        window = context.new_page()  # whose console says that nothing opens the scheme
        signed_in(window, account)
        native.begin(window)
        expect(window.get_by_role("main")).to_contain_text("You'll go to com.example.notes.")
        window.get_by_role("button", name="Continue").click()
        link = window.get_by_role("link", name="Open the app")
        address = link.get_attribute("href") or ""
        assert address.startswith("com.example.notes:/cb?code=")
        found = dict(parse_qsl(urlsplit(address).query))
        assert native.claims(found["code"])["aud"] == native.app.id

    def test_it_listens_on_this_machine(self, register: Register, site: Site, page: Page, account: dict[str, str]):
        """O4"""
        native = register(AppKind.NATIVE, uri="http://127.0.0.1/cb")
        native.app.redirect_uri = f"{site.url}/cb"
        signed_in(page, account)
        native.begin(page)
        page.get_by_role("button", name="Continue").click()
        assert native.claims(native.answer(page)["code"])["aud"] == native.app.id


class TestSecrets:
    def test_o63_no_referrer_tells_more_than_the_origin(
        self, notes: Asking, site: Site, page: Page, account: dict[str, str]
    ):
        """O63: neither the request, nor the code to what the app's page loads by way of ours."""
        asked: list[str | None] = []
        page.on("request", lambda request: asked.append(request.headers.get("referer")))
        signed_in(page, account)
        for params in ({}, {"response_mode": "form_post", "prompt": "consent"}):
            notes.begin(page, **params)
            page.get_by_role("button", name="Continue").click()
            page.wait_for_url(re.compile(r"/cb\?|/landed"))
        own = f"http://localhost:{notes.service.port}/"
        assert set(site.referrers) == {own}
        assert not any("asr_" in (text or "") or "code=" in (text or "") for text in asked if text != page.url)


@pytest.fixture(scope="module")
def strict(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service that lets nobody in who has not confirmed their address."""
    port = free_port()
    own = {"PUBLIC_URL": f"http://localhost:{port}", "EMAIL_VERIFICATION": "required", "WEB_CONCURRENCY": 1}
    with Service(**{**settings, **own, "PORT": port}) as running:
        yield running


def write_for(popup: Page, account: dict[str, str], letter: str, strict: Service) -> None:
    """Let a letter be written: to confirm the address of a new account, or to set a new password of one."""
    if letter == "verify":
        popup.get_by_label("Name").fill("Ada")
        popup.get_by_label("Email").fill(account["email"])
        popup.get_by_label("Password", exact=True).fill(account["password"])
        popup.get_by_role("button", name="Create account").click()
    else:
        Visitor(strict.url).register(account["email"], account["password"])
        popup.get_by_role("link", name="Sign in").click()
        popup.get_by_role("link", name="Forgot your password?").click()
        popup.get_by_label("Email").fill(account["email"])
        popup.get_by_role("button", name="Send email").click()
    heading(popup, "Check your email")


def open_letter(tab: Page, letter: str, token: str) -> None:
    """Follow the link in a letter up to the sign-in, by setting a password."""
    tab.goto(f"/account/{'verify-email' if letter == 'verify' else 'reset-password'}#token={token}")
    if letter == "verify":
        tab.get_by_role("button", name="Confirm").click()
    tab.get_by_label("New password").fill(PASSWORD)
    tab.get_by_role("button", name="Set password").click()
    tab.get_by_role("link", name="Sign in").click()


class TestVerification:
    def test_whoever_signs_up_on_the_way_confirms_and_comes_back(
        self, app: Flask, strict: Service, site: Site, browser: Browser, clean: None
    ):
        """EMAIL_VERIFICATION=required: the letter's link opens another tab, and that one leads to the app."""
        notes = Asking(new_app(app, Visitor(strict.url), AppKind.SPA, uris=(f"{site.url}/cb",)), strict)
        context = browser.new_context(base_url=f"http://localhost:{strict.port}")
        page = context.new_page()
        notes.begin(page, prompt="create")
        page.get_by_label("Name").fill("Ada")
        page.get_by_label("Email").fill("ada@example.com")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()
        heading(page, "Check your email")
        page.close()
        second = context.new_page()
        second.goto(f"/account/verify-email#token={newest(app, 'verify', 'ada@example.com')}")
        second.get_by_role("button", name="Confirm").click()
        second.get_by_label("New password").fill(PASSWORD)
        second.get_by_role("button", name="Set password").click()
        heading(second, "You're all set")
        second.get_by_role("link", name="Sign in").click()
        sign_in_here(second, {"email": "ada@example.com", "password": PASSWORD})
        heading(second, CONSENT)
        second.get_by_role("button", name="Continue").click()
        assert "code" in notes.answer(second)
        second.goto("/account/verify-email#token=asl_x")
        assert second.evaluate("localStorage['authsvc return']") is None
        context.close()

    def test_whoever_forgot_the_password_sets_one_and_comes_back(
        self, app: Flask, notes: Asking, page: Page, context: BrowserContext, account: dict[str, str]
    ):
        notes.begin(page)
        page.get_by_role("link", name="Forgot your password?").click()
        page.get_by_label("Email").fill(account["email"])
        page.get_by_role("button", name="Send email").click()
        heading(page, "Check your email")
        page.close()
        second = context.new_page()
        second.goto(f"/account/reset-password#token={newest(app, 'reset', account['email'])}")
        second.get_by_label("New password").fill("a brand new passphrase")
        second.get_by_role("button", name="Set password").click()
        second.get_by_role("link", name="Sign in").click()
        sign_in_here(second, {**account, "password": "a brand new passphrase"})
        heading(second, CONSENT)
        second.get_by_role("button", name="Continue").click()
        assert "code" in notes.answer(second)

    @pytest.mark.parametrize("trusted", [True, False], ids=["unasked", "asked"])
    @pytest.mark.parametrize("letter", ["verify", "reset"])
    def test_o22_the_tab_that_waits_for_a_letter_goes_on_and_the_one_from_it_says_so(
        self, app: Flask, strict: Service, site: Site, browser: Browser, clean: None, letter: str, trusted: bool
    ):
        """It is a window that the app has opened. O20: the app is answered once, and there."""
        notes = Asking(
            new_app(app, Visitor(strict.url), AppKind.SPA, uris=(f"{site.url}/cb",), trusted=trusted), strict
        )
        context = browser.new_context(base_url=f"http://localhost:{strict.port}")
        window = context.new_page()
        window.goto(f"{site.url}/popup#{notes.address(prompt='create')}")
        with window.expect_popup() as opened:
            window.get_by_role("button", name="Sign in").click()
        popup, second = opened.value, context.new_page()
        account = {"email": "ada@example.com", "password": PASSWORD}
        write_for(popup, account, letter, strict)
        open_letter(second, letter, newest(app, letter, account["email"]))
        sign_in_here(second, account)
        heading(second, "You're signed in")
        if not trusted:
            heading(popup, CONSENT)
            popup.get_by_role("button", name="Continue").click()
        expect(window.get_by_role("status")).to_contain_text(f"{site.url} ?code=")
        assert len(site.referrers) == 1
        heading(second, "You're signed in")
        second.get_by_role("button", name="Go on here instead").click()
        heading(second, GONE)
        context.close()

    def test_o22_whoever_does_not_find_that_tab_goes_on_in_the_other(
        self, notes: Asking, page: Page, context: BrowserContext, account: dict[str, str], app: Flask
    ):
        notes.begin(page)
        page.get_by_role("link", name="Forgot your password?").click()
        page.get_by_label("Email").fill(account["email"])
        page.get_by_role("button", name="Send email").click()
        heading(page, "Check your email")
        second = context.new_page()
        open_letter(second, "reset", newest(app, "reset", account["email"]))
        sign_in_here(second, account)
        second.get_by_role("button", name="Go on here instead").click()
        heading(second, CONSENT)
        heading(page, CONSENT)
        second.get_by_role("button", name="Continue").click()
        assert "code" in notes.answer(second)
        page.get_by_role("button", name="Continue").click()
        heading(page, GONE)

    def test_who_reads_the_letter_elsewhere_signs_in_where_they_began(
        self, app: Flask, notes: Asking, page: Page, browser: Browser, service: Service, account: dict[str, str]
    ):
        """Such as on a phone, or in the browser that the program for mail has: it knows nothing of the app."""
        notes.begin(page)
        page.get_by_role("link", name="Forgot your password?").click()
        page.get_by_label("Email").fill(account["email"])
        page.get_by_role("button", name="Send email").click()
        heading(page, "Check your email")
        with window(browser, service) as phone:
            open_letter(phone, "reset", newest(app, "reset", account["email"]))
            sign_in_here(phone, account)
            at_home(phone)
        heading(page, "Check your email")
        page.get_by_role("link", name="Back to sign in").click()
        sign_in_here(page, account)
        page.get_by_role("button", name="Continue").click()
        assert "code" in notes.answer(page)

    def test_a_browser_that_keeps_nothing_opens_letters_all_the_same(
        self, app: Flask, page: Page, account: dict[str, str]
    ):
        page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('refused'); }})")
        page.goto(f"/account/verify-email#token={newest(app, 'verify', account['email'])}")
        expect(page.get_by_role("button", name="Confirm")).to_be_enabled()


@pytest.fixture(params=LOOKS, ids=str)
def eyes(request: pytest.FixtureRequest, browser: Browser, service: Service) -> Iterator[Page]:
    """Return a window on a phone or a desk, by day or by night, which shows the pages of apps elsewhere too."""
    context = browser.new_context(base_url=f"http://localhost:{service.port}", **still(request.param))
    yield context.new_page()
    context.close()


def picture(eyes: Page, axe: str, name: str) -> None:
    """Check how a page looks, and keep a picture for those who want to look."""
    looks_right(eyes, axe)
    if PICTURES:
        width = eyes.viewport_size["width"] if eyes.viewport_size else 0
        dark = eyes.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        path = Path(PICTURES) / f"authorize-{name}-{width}-{'dark' if dark else 'light'}.png"
        eyes.screenshot(path=path, full_page=True)


class TestLook:
    """O22: it fits, and nobody is shut out by it."""

    def test_o22_the_tabs_around_a_letter(
        self, app: Flask, notes: Asking, eyes: Page, axe: str, account: dict[str, str]
    ):
        first = eyes.context.new_page()
        notes.begin(first)
        first.get_by_role("link", name="Forgot your password?").click()
        first.get_by_label("Email").fill(account["email"])
        first.get_by_role("button", name="Send email").click()
        heading(first, "Check your email")
        picture(first, axe, "waiting")
        open_letter(eyes, "reset", newest(app, "reset", account["email"]))
        sign_in_here(eyes, account)
        heading(eyes, "You're signed in")
        expect(eyes.get_by_text("New here?")).to_be_hidden()
        picture(eyes, axe, "elsewhere")
        heading(first, CONSENT)

    def test_o22_every_step(
        self, register: Register, notes: Asking, eyes: Page, axe: str, account: dict[str, str], service: Service
    ):
        look = partial(picture, eyes, axe)
        signed_in(eyes, account)
        notes.begin(eyes)
        expect(eyes.get_by_role("button", name="Continue")).to_be_enabled()
        look("consent")
        notes.begin(eyes, prompt="login")
        expect(eyes.get_by_role("dialog")).to_be_visible()
        look("prove")
        eyes.keyboard.press("Escape")
        heading(eyes, PROVE)
        look("prove-again")
        tokens = Visitor(service.url).register("other@example.com", PASSWORD).json()
        hint = str(notes.app.sign_in(tokens["accessToken"])["id_token"])
        notes.begin(eyes, id_token_hint=hint)
        heading(eyes, "Notes expects another account")
        look("switch")
        long = register(
            AppKind.NATIVE,
            name="A name that is as long as a name may be, and has a very_long_word_without_end!!",
            uri="com.example.notes.of.somebody.with.a.long.name:/cb",
        )
        long.begin(eyes, scope="openid profile email offline_access")
        expect(eyes.get_by_role("button", name="Continue")).to_be_enabled()
        look("long")
        eyes.get_by_role("button", name="Continue").click()
        expect(eyes.locator("#open-app")).to_be_visible()
        look("installed")
        eyes.goto("/account/authorize")
        heading(eyes, GONE)
        look("gone")
        eyes.route("**/auth/authorizations/advance", lambda route: route.abort())
        notes.begin(eyes)
        heading(eyes, "That didn't work")
        look("failed")
        eyes.goto(notes.address(client_id="nobody"))
        heading(eyes, "This link doesn't work")
        look("unknown")
