"""The example page that signs people in by OpenID Connect, with oidc-client-ts, from another site than the service."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect

from authsvc.models.apps import AppKind
from authsvc.services import apps
from tests.browser.windows import is_closed
from tests.support.accounts import Database
from tests.support.oauth import CALLBACK, FORM, bearer, challenge_of, send
from tests.support.programs import require
from tests.support.service import ROOT, Service, Visitor

pytestmark = pytest.mark.browser

EMAIL, PASSWORD = "alice@example.com", "correct horse battery"


MANAGER = """globalThis.make = ({authority, client_id, home, ...more}) => {
  const userStore = new oidc.WebStorageStateStore({store: sessionStorage});
  const where = {redirect_uri: home, post_logout_redirect_uri: home};
  return new oidc.UserManager({authority, client_id, userStore, ...where, ...more});
};
globalThis.open_window = (asked, popupAbortOnClose = false) => {
  globalThis.come = outcome(make(asked).signinPopup({popupAbortOnClose}));
};
globalThis.outcome = (work) =>
  work.then((user) => user.profile.sub, ({name, error, message}) => error ?? `${name}: ${message}`);
undefined;
"""
"""What an app makes of oidc-client-ts, and what comes of a sign-in: who it is, or what went wrong."""


class _Quiet(SimpleHTTPRequestHandler):
    """The example's files; `policy` is how its pages are connected to windows that they open."""

    policy: str | None = None

    def end_headers(self) -> None:
        """Send the policy too."""
        if self.policy is not None:
            self.send_header("Cross-Origin-Opener-Policy", self.policy)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Return the address of the example, on another site than the service, and its folder."""
    require("npm")
    folder = tmp_path_factory.mktemp("example") / "oidc-spa"
    shutil.copytree(ROOT / "examples/oidc-spa", folder, ignore=shutil.ignore_patterns("node_modules"))
    subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=90)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", folder
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(
    app: Flask, browser: Browser, service: Service, example: tuple[str, Path], clean: None
) -> Iterator[tuple[Page, BrowserContext]]:
    """Return the example page, registered as an app."""
    url, folder = example
    with app.test_request_context():
        made = apps.create("Notes", AppKind.SPA, [url], logout_uris=[url])
    text = (ROOT / "examples/oidc-spa/app.js").read_text()
    text = text.replace("http://localhost:8000", f"http://localhost:{service.port}").replace("app_…", made.app.id)
    (folder / "app.js").write_text(text)
    Visitor(service.url).register(EMAIL)
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(url)
    yield opened, context
    context.close()


def sign_in(page: Page, email: str = EMAIL) -> None:
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def enter(page: Page) -> None:
    """Sign in by the example, and agree to it."""
    page.get_by_role("button", name="Sign in with authsvc").click()
    sign_in(page)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Hello, Somebody")).to_be_visible()


def client_of(mongo: Database) -> str:
    """Return the id of the only app."""
    (app,) = mongo.apps.find()
    return str(app["_id"])


def settings_of(page: Page, service: Service, mongo: Database, **more: object) -> dict[str, object]:
    """Return what an app knows of the service."""
    authority = f"http://localhost:{service.port}"
    return {"authority": authority, "client_id": client_of(mongo), "home": page.url, **more}


def turn_into_bob(context: BrowserContext, service: Service) -> None:
    """Sign out at the service, in another tab, and sign in there as somebody else."""
    Visitor(service.url).register("bob@example.com")
    there = context.new_page()
    there.goto(f"http://localhost:{service.port}/account/sign-out")
    there.get_by_role("button", name="Sign out", exact=True).click()
    expect(there.get_by_role("heading", name="You're signed out")).to_be_visible()  # nobody leaves before
    there.goto(f"http://localhost:{service.port}/account/")
    sign_in(there, "bob@example.com")
    expect(there.get_by_role("heading", level=1, name="Profile")).to_be_visible()


class TestExample:
    def test_somebody_signs_in_from_another_site(self, page: tuple[Page, BrowserContext], mongo: Database):
        window, _ = page
        window.get_by_role("button", name="Sign in with authsvc").click()
        sign_in(window)
        expect(window.get_by_role("heading", name="Sign in to Notes?")).to_be_visible()
        expect(window.get_by_text("See your email address")).to_be_visible()
        window.get_by_role("button", name="Continue").click()
        expect(window.get_by_role("heading", name="Hello, Somebody")).to_be_visible()
        expect(window.locator("#email")).to_have_text(EMAIL)
        window.get_by_role("button", name="Renew the token").click()
        expect(window.locator("#renewed")).to_have_text("just now")
        assert mongo.sessions.count_documents({"app": {"$ne": None}, "endedAt": None}) == 1

    def test_nobody_is_asked_twice(self, page: tuple[Page, BrowserContext]):
        window, context = page
        enter(window)
        another = context.new_page()  # each has a session of its own
        another.goto(window.url)
        another.get_by_role("button", name="Sign in with authsvc").click()
        expect(another.get_by_role("heading", name="Hello, Somebody")).to_be_visible()

    def test_o19_the_app_asks_for_the_person_whom_it_knows(
        self, page: tuple[Page, BrowserContext], service: Service, mongo: Database
    ):
        """Somebody else has signed in there meanwhile; the two hints are parameters of its own of oidc-client-ts."""
        window, context = page
        enter(window)
        turn_into_bob(context, service)
        asked = {"authority": f"http://localhost:{service.port}", "client_id": client_of(mongo), "home": window.url}
        window.evaluate(
            """({authority, client_id, home}) => {
              const userStore = new oidc.WebStorageStateStore({store: sessionStorage});
              const where = {redirect_uri: home, scope: "openid profile email"};
              const manager = new oidc.UserManager({authority, client_id, userStore, ...where});
              const again = ({id_token, profile}) =>
                manager.signinRedirect({id_token_hint: id_token, login_hint: profile.email});
              manager.getUser().then(again);
            }""",
            asked,
        )
        expect(window.get_by_role("heading", name="Notes expects another account")).to_be_visible()
        window.get_by_role("button", name="Use another account").click()
        expect(window.get_by_label("Email")).to_have_value(EMAIL)
        window.get_by_label("Password", exact=True).fill(PASSWORD)
        window.get_by_role("button", name="Sign in", exact=True).click()
        expect(window.get_by_role("heading", name="Hello, Somebody")).to_be_visible()
        whose = [stored["user"] for stored in mongo.authorizations.find({"codeDigest": {"$ne": None}})]
        assert set(whose) == {mongo.users.find_one({"email": EMAIL})["_id"]}

    def test_somebody_says_no(self, page: tuple[Page, BrowserContext]):
        window, _ = page
        window.get_by_role("button", name="Sign in with authsvc").click()
        sign_in(window)
        window.get_by_role("button", name="Cancel").click()
        expect(window.get_by_text("access_denied")).to_be_visible()


class TestSignOut:
    """O48 by oidc-client-ts, from another site: here and there, and back with the state, which it checks by itself."""

    def test_o48_somebody_signs_out(self, page: tuple[Page, BrowserContext], service: Service, mongo: Database):
        window, context = page
        enter(window)
        home, sent = window.url, []
        window.on("request", lambda request: sent.append(request.url) if request.is_navigation_request() else None)
        window.get_by_role("button", name="Sign out").click()
        expect(window.get_by_text("You are signed out.")).to_be_visible()
        expect(window.get_by_role("button", name="Sign in with authsvc")).to_be_visible()
        assert window.url == home
        asked = parse_qs(urlsplit(sent[0]).query)
        assert set(asked) == {"id_token_hint", "post_logout_redirect_uri", "state"}
        assert sent[-1] == f"{home}?state={asked['state'][0]}"
        assert mongo.sessions.count_documents({"app": {"$ne": None}, "endedAt": None}) == 0
        there = context.new_page()
        there.goto(f"http://localhost:{service.port}/account/")
        expect(there.get_by_role("heading", name="Sign in")).to_be_visible()

    def test_o48_somebody_who_signed_out_there_meanwhile(self, page: tuple[Page, BrowserContext], service: Service):
        window, context = page
        enter(window)
        there = context.new_page()
        there.goto(f"http://localhost:{service.port}/account/sign-out")
        there.get_by_role("button", name="Sign out", exact=True).click()
        expect(there.get_by_role("heading", name="You're signed out")).to_be_visible()
        window.get_by_role("button", name="Sign out").click()
        expect(window.get_by_text("You are signed out.")).to_be_visible()

    def test_o48_somebody_else_who_signed_in_there_meanwhile_is_asked(
        self, page: tuple[Page, BrowserContext], service: Service, mongo: Database
    ):
        window, context = page
        enter(window)
        turn_into_bob(context, service)
        window.get_by_role("button", name="Sign out").click()
        expect(window.get_by_role("heading", name="Sign out?")).to_be_visible()
        expect(window.get_by_text("bob@example.com")).to_be_visible()
        window.get_by_role("button", name="Sign out", exact=True).click()
        expect(window.get_by_text("You are signed out.")).to_be_visible()

    @pytest.mark.parametrize("scope", ["openid profile", "openid profile offline_access"], ids=["usual", "offline"])
    def test_o48_o45_tokens_are_revoked_first_if_the_app_wants_that(
        self, page: tuple[Page, BrowserContext], service: Service, mongo: Database, scope: str
    ):
        """`revokeTokensOnSignout`: by a POST of another site, then the sign-out; what would outlast that too."""
        window, context = page
        window.get_by_role("button", name="Sign in with authsvc").wait_for()
        home = window.url
        asked = settings_of(window, service, mongo, scope=scope, revokeTokensOnSignout=True)
        window.evaluate(MANAGER)
        window.evaluate("(asked) => { make(asked).signinRedirect(); }", asked)
        sign_in(window)
        window.locator("#allow").click()
        expect(window.get_by_role("heading", name="Hello, Somebody")).to_be_visible()
        (before,) = mongo.sessions.find({"app": {"$ne": None}})
        assert before.get("endedAt") is None
        sent: list[tuple[str, str, int]] = []
        window.on(
            "response", lambda answer: sent.append((answer.request.method, urlsplit(answer.url).path, answer.status))
        )
        window.evaluate(MANAGER)
        tokens = window.evaluate("(asked) => make(asked).getUser()", asked)
        window.evaluate("(asked) => { make(asked).signoutRedirect({state: 'signed out'}); }", asked)
        expect(window.get_by_text("You are signed out.")).to_be_visible()
        assert window.url == home
        revocations = [answer for answer in sent if answer[1] == "/oauth2/revoke" and answer[0] == "POST"]
        assert revocations == [("POST", "/oauth2/revoke", 200)] * 2  # the access token and the refresh token
        assert sent.index(revocations[0]) < sent.index(("GET", "/oauth2/logout", 303))
        (after,) = mongo.sessions.find({"app": {"$ne": None}})
        assert after["endReason"] == "logout"
        visitor = Visitor(service.url)
        assert send(visitor, "GET", "/oauth2/userinfo", headers=bearer(tokens["access_token"])).status == 401
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": client_of(mongo)}
        refreshed = send(visitor, "POST", "/oauth2/token", data=urlencode(form), headers=FORM)
        assert refreshed.error == "invalid_grant"
        assert mongo.grants.count_documents({}) == 1  # what was allowed stays, and nobody is asked again
        there = context.new_page()
        there.goto(f"http://localhost:{service.port}/account/")
        expect(there.get_by_role("heading", name="Sign in")).to_be_visible()

    def test_o48_without_that_what_was_allowed_offline_access_outlasts_it(
        self, page: tuple[Page, BrowserContext], service: Service, mongo: Database
    ):
        window, _ = page
        asked = settings_of(window, service, mongo, scope="openid profile offline_access")
        window.evaluate(MANAGER)
        window.evaluate("(asked) => { make(asked).signinRedirect(); }", asked)
        sign_in(window)
        window.locator("#allow").click()
        expect(window.get_by_role("heading", name="Hello, Somebody")).to_be_visible()
        window.evaluate(MANAGER)
        window.evaluate("(asked) => { make(asked).signoutRedirect({state: 'signed out'}); }", asked)
        expect(window.get_by_text("You are signed out.")).to_be_visible()
        assert mongo.sessions.count_documents({"app": {"$ne": None}, "endedAt": None}) == 1

    def test_o48_in_a_window_of_its_own(self, page: tuple[Page, BrowserContext], service: Service, mongo: Database):
        """It stays connected to the page that opened it, as in a sign-in (B6)."""
        window, context = page
        enter(window)
        asked = {"authority": f"http://localhost:{service.port}", "client_id": client_of(mongo), "home": window.url}
        user = window.evaluate(
            """async ({authority, client_id, home}) => {
              const userStore = new oidc.WebStorageStateStore({store: sessionStorage});
              const where = {redirect_uri: home, post_logout_redirect_uri: home};
              const manager = new oidc.UserManager({authority, client_id, userStore, ...where});
              await manager.signoutPopup({state: "x"});
              return manager.getUser();
            }""",
            asked,
        )
        assert user is None
        there = context.new_page()
        there.goto(f"http://localhost:{service.port}/account/")
        expect(there.get_by_role("heading", name="Sign in")).to_be_visible()

    def test_a_state_that_was_planted_is_refused(self, page: tuple[Page, BrowserContext]):
        window, _ = page
        enter(window)
        home = window.url
        window.goto(f"{home}?state=planted")
        expect(window.get_by_text("No matching state")).to_be_visible()
        assert window.url == home
        window.reload()
        expect(window.get_by_role("heading", name="Hello, Somebody")).to_be_visible()


@pytest.fixture
def policy(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the example's pages have a Cross-Origin-Opener-Policy."""
    _Quiet.policy = request.param
    yield
    _Quiet.policy = None


class TestWindow:
    """B6, O22: `signinPopup` of oidc-client-ts, which opens a window, hears from it, and has it closed."""

    @pytest.mark.parametrize("policy", [None, "same-origin-allow-popups"], indirect=True)
    @pytest.mark.parametrize("way", ["signed in", "sign in", "confirm"])
    def test_o22_somebody_signs_in(
        self, policy: None, page: tuple[Page, BrowserContext], service: Service, mongo: Database, way: str
    ):
        window, context = page
        window.reload()
        asked = settings_of(window, service, mongo, prompt="login" if way == "confirm" else None)
        if way != "sign in":
            there = context.new_page()
            there.goto(f"http://localhost:{service.port}/account/")
            sign_in(there)
            expect(there.get_by_role("heading", level=1, name="Profile")).to_be_visible()
        window.evaluate(MANAGER)
        with window.expect_popup() as opened:
            window.evaluate("(asked) => open_window(asked)", asked)
        popup = opened.value
        if way == "sign in":
            sign_in(popup)
        if way == "confirm":
            popup.get_by_role("dialog").get_by_label("Password", exact=True).fill(PASSWORD)
            popup.get_by_role("dialog").get_by_role("button", name="Continue").click()
        expect(popup.get_by_role("heading", name="Sign in to Notes?")).to_be_visible()
        popup.locator("#allow").click()
        (user,) = mongo.users.find()
        assert window.evaluate("come") == str(user["_id"])
        is_closed(popup)
        assert mongo.sessions.count_documents({"app": {"$ne": None}, "endedAt": None}) == 1

    def test_o22_somebody_says_no(self, page: tuple[Page, BrowserContext], service: Service, mongo: Database):
        window, _ = page
        window.evaluate(MANAGER)
        with window.expect_popup() as opened:
            asked = settings_of(window, service, mongo)
            window.evaluate("(asked) => open_window(asked)", asked)
        sign_in(opened.value)
        opened.value.get_by_role("button", name="Cancel").click()
        assert window.evaluate("come") == "access_denied"

    def test_somebody_closes_it(self, page: tuple[Page, BrowserContext], service: Service, mongo: Database):
        window, _ = page
        window.evaluate(MANAGER)
        with window.expect_popup() as opened:
            asked = settings_of(window, service, mongo)
            # Only here: on a busy machine it takes a window that has done its work for one that somebody closed.
            window.evaluate("(asked) => open_window(asked, true)", asked)
        expect(opened.value.get_by_role("heading", name="Sign in")).to_be_visible()
        opened.value.close()
        assert window.evaluate("come") == "Error: Popup closed by user"

    @pytest.mark.parametrize("policy", ["same-origin"], indirect=True)
    def test_an_app_that_cuts_itself_off_from_other_windows(
        self, policy: None, page: tuple[Page, BrowserContext], service: Service, mongo: Database
    ):
        """Its own policy does, whatever ours is: the guide says what it needs."""
        window, _ = page
        window.reload()
        window.evaluate(MANAGER)
        with window.expect_popup():
            asked = settings_of(window, service, mongo)
            window.evaluate("(asked) => open_window(asked, true)", asked)
        assert window.evaluate("come") == "Error: Popup closed by user"


class TestFrame:
    """`signinSilent` of oidc-client-ts: by the refresh token, or else in a frame, where nobody can sign in."""

    def test_o16_in_a_frame_it_is_told_at_once(
        self, page: tuple[Page, BrowserContext], service: Service, mongo: Database
    ):
        """B2: no page of ours can be framed. The app is not left to wait until it has had enough."""
        window, _ = page
        enter(window)
        window.evaluate(MANAGER)
        asked = settings_of(window, service, mongo, silentRequestTimeoutInSeconds=8)
        begun = time.monotonic()
        said = window.evaluate(
            """async (asked) => {
              const manager = make(asked);
              await manager.removeUser(); // and its refresh token
              return outcome(manager.signinSilent());
            }""",
            asked,
        )
        assert said == "login_required"
        assert time.monotonic() - begun < 6

    def test_o30_by_the_refresh_token(self, page: tuple[Page, BrowserContext], service: Service, mongo: Database):
        window, _ = page
        enter(window)
        window.evaluate(MANAGER)
        framed: list[str] = []
        window.on("frameattached", lambda frame: framed.append(frame.url))
        (user,) = mongo.users.find()
        asked = settings_of(window, service, mongo)
        assert window.evaluate("(asked) => outcome(make(asked).signinSilent())", asked) == str(user["_id"])
        assert framed == []


class TestConsent:
    def test_o35_it_names_what_the_app_wants_to_use(self, app: Flask, browser: Browser, service: Service, clean: None):
        """Scopes in words, and where they count: as text, whatever an operator registered."""
        uri = "https://maps.example.net/api?a=b&c='"
        scopes = ("openid", "profile:read", "account:read")
        with app.test_request_context():
            made = apps.create("Notes", AppKind.SPA, [CALLBACK], scopes=scopes, resources=[uri])
        Visitor(service.url).register(EMAIL)
        query = {
            "client_id": made.app.id,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "resource": uri,
            "code_challenge": challenge_of("v" * 43),
            "code_challenge_method": "S256",
        }
        context = browser.new_context()
        window = context.new_page()
        window.goto(f"http://localhost:{service.port}/oauth2/authorize?{urlencode(query)}")
        sign_in(window)
        expect(window.locator("#consent-scopes li")).to_have_text(
            [
                "Know that it's you",
                "See your profile: name, email address and role",
                "See your account, and where and how you sign in",
            ]
        )
        expect(window.locator("#consent-resources")).to_have_text(f"It will use this with {uri}.")
        context.close()
