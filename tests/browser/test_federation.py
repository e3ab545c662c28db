"""Signing in with others, in a browser: there and back, on a phone and on a desk. O53, O58, O60-O63, R112-R114."""

import html
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from authsvc.models.apps import AppKind
from authsvc.security import jwk
from authsvc.security.jwk import Algorithm
from tests.browser.windows import (
    LOOKS,
    at_home,
    code_of,
    enrol,
    look,
    outdate,
    prove,
    says,
    sign_in_here,
    still,
    window,
)
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.letters import newest_code, sent
from tests.support.oauth import Code, challenge_of, new_app
from tests.support.service import Service, Visitor, free_port
from tests.support.upstreams import ALICE, Answer, Upstream, providers_file

pytestmark = pytest.mark.browser

EMAIL = ALICE["email"]
REFUSED = "That didn't work"
KNOWN = "You already have an account"
WHICH = "Which email address is yours?"
SECURITY = "Sign-in and security"
POST = """([action, members]) => {
  const form = document.createElement("form");
  Object.assign(form, {method: "post", action});
  for (const [name, value] of Object.entries(members)) {
    form.append(Object.assign(document.createElement("input"), {name, value}));
  }
  document.body.append(form);
  form.submit();
}"""
PRESETS = """
[gone]
kind = "oidc"
label = "Gone"
issuer = "http://127.0.0.1:9"
client_id = "x"
client_secret = "x"
[off]
kind = "oidc"
issuer = "http://127.0.0.1:9"
client_id = "x"
client_secret = "x"
enabled = false
[google]
client_id = "x"
client_secret = "x"
[github]
client_id = "x"
client_secret = "x"
[microsoft]
tenant = "common"
client_id = "x"
client_secret = "x"
[apple]
client_id = "x"
team_id = "x"
key_id = "x"
key_file = "KEY"
[gitlab]
client_id = "x"
client_secret = "x"
"""


@dataclass
class Work:
    """An OpenID provider that shows a page, on which people go on or cancel."""

    upstream: Upstream
    asked: list[dict[str, str]] = field(default_factory=list)

    def answer(self, method: str, path: str, form: dict[str, str]) -> Answer | None:
        """Return the page."""
        if (method, path) != ("GET", "/authorize"):
            return None
        self.asked.append(form)
        back = form["redirect_uri"]
        refusal = {"error": "access_denied", "state": form["state"], "iss": self.upstream.issuer}
        allowed = self.upstream.approve(f"/authorize?{urlencode(form)}")
        links = "".join(
            f'<p><a href="{html.escape(f"{back}?{urlencode(members)}")}">{name}</a>'
            for name, members in (("Go on", allowed), ("Cancel", refusal))
        )
        return 200, {"Content-Type": "text/html"}, f"<title>Work</title><h1>Work</h1>{links}".encode()


@pytest.fixture(scope="module")
def running() -> Iterator[Upstream]:
    with Upstream(client_secret="secret") as upstream:
        yield upstream


@pytest.fixture
def work(running: Upstream) -> Iterator[Work]:
    """Return the provider, at which Alice signs in."""
    work = Work(running)
    running.user, running.intercept = dict(ALICE), work.answer
    yield work
    running.intercept = lambda *_: None


@pytest.fixture(scope="module")
def federated(
    app: Flask,
    settings: dict[str, str],
    running: Upstream,
    pages: dict[str, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """Return a running service that people sign in to with others."""
    port, folder = free_port(), tmp_path_factory.mktemp("providers")
    key = jwk.generate(Algorithm.ES256).private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "apple.p8").write_bytes(key)
    own = {
        **providers_file(folder, running.toml(), PRESETS.replace("KEY", str(folder / "apple.p8"))),
        "PUBLIC_URL": f"http://localhost:{port}",
        "CORS_ORIGINS": f"http://localhost:{pages['listed']}",
        "WEB_CONCURRENCY": 1,
        "PORT": port,
    }
    with Service(**{**settings, **own}) as service:
        yield service


PHONE = pytest.mark.parametrize("page", [360], ids=str, indirect=True)
"""For what does not depend on the width."""


@pytest.fixture(params=[360, 1280], ids=str)
def page(
    request: pytest.FixtureRequest,
    browser: Browser,
    federated: Service,
    work: Work,
    pages: dict[str, int],
    clean: None,
) -> Iterator[Page]:
    """Return a window on a phone or a desk."""
    apps = (f"http://localhost:{pages['listed']}/", f"http://127.0.0.1:{pages['strange']}/")
    others = (work.upstream.issuer, *apps)
    with window(browser, federated, others, viewport={"width": request.param, "height": 800}) as page:
        yield page


@pytest.fixture
def elsewhere(browser: Browser, federated: Service, work: Work) -> Iterator[Page]:
    """Return a window of another browser."""
    with window(browser, federated, (work.upstream.issuer,)) as page:
        yield page


@pytest.fixture
def alice(federated: Service, clean: None, mongo: Database) -> dict[str, str]:
    """Return the credentials of Alice, who has an account here with a password, and a proved address."""
    assert Visitor(federated.url).register(EMAIL, PASSWORD).status_code == 201
    prove(mongo, EMAIL)
    return {"email": EMAIL, "password": PASSWORD}


def heading(page: Page, name: str) -> None:
    """Wait for a step of the page."""
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def leave_for(page: Page, name: str = "Continue with Work") -> None:
    """Leave for the provider by its button."""
    page.get_by_role("button", name=name, exact=True).click()
    heading(page, "Work")


def go_on(page: Page, link: str = "Go on") -> None:
    """Come back from the provider."""
    page.get_by_role("link", name=link).click()


def sign_in_with(page: Page, *, at: str = "/account/sign-in") -> None:
    """Sign in with the provider."""
    page.goto(at)
    leave_for(page)
    go_on(page)


def is_refused(page: Page, text: str) -> None:
    """Wait until the page says why it can't go on."""
    heading(page, REFUSED)
    expect(page.get_by_role("main")).to_contain_text(text)


class TestThereAndBack:
    def test_o58_somebody_signs_up_and_later_in(self, page: Page, elsewhere: Page, mongo: Database, app: Flask) -> None:
        """O63: neither code nor state stay in the address bar, and none is in a referrer."""
        seen: list[str] = []
        page.on("request", lambda asked: seen.append(asked.headers.get("referer", "")))
        page.goto("/account/sign-up")
        leave_for(page)
        go_on(page)
        at_home(page)
        (user,) = mongo.users.find({})
        assert (user["email"], user["name"]) == (EMAIL, "Alice")
        assert user["emailVerifiedAt"] is not None
        assert "password" not in user
        assert not any("code=" in one or "state=" in one for one in seen)
        page.go_back()  # to the provider's page: the one in between was replaced
        heading(page, "Work")
        sign_in_with(elsewhere)
        at_home(elsewhere)
        assert mongo.users.count_documents({}) == 1

    @PHONE
    def test_the_sign_in_returns_to_where_it_was_to(self, page: Page, alice: dict[str, str], mongo: Database) -> None:
        mongo.users.update_one({}, {"$unset": {"emailVerifiedAt": 1}})  # R112: it becomes the provider's alone
        sign_in_with(page, at="/account/sign-in?return=/account/%23apps")
        at_home(page, "Connected apps")
        assert "password" not in mongo.users.find_one({})

    @PHONE
    def test_o53_whoever_cancels_can_try_again(self, page: Page, mongo: Database) -> None:
        page.goto("/account/sign-in?return=/account/%23apps")
        leave_for(page)
        go_on(page, "Cancel")
        is_refused(page, "You cancelled at Work. Nothing has changed.")
        assert urlsplit(page.url).query == ""
        way = page.get_by_role("link", name="Sign in another way")
        expect(way).to_have_attribute("href", re.compile(r"/account/sign-in\?return=%2Faccount%2F%23apps$"))
        leave_for(page, "Try again")
        go_on(page)
        at_home(page, "Connected apps")

    @PHONE
    def test_o53_it_works_once_and_only_in_the_browser_that_began(
        self, page: Page, elsewhere: Page, mongo: Database
    ) -> None:
        page.goto("/account/sign-in")
        leave_for(page)
        address = page.get_by_role("link", name="Go on").get_attribute("href") or ""
        elsewhere.goto(address)
        is_refused(elsewhere, "began in another browser")
        assert urlsplit(elsewhere.url).query == ""
        assert mongo.users.count_documents({}) == 0
        go_on(page)
        at_home(page)
        page.goto(address)
        is_refused(page, "was answered already")
        page.reload()
        is_refused(page, "This address is incomplete")
        page.get_by_role("link", name="Sign in another way").click()
        at_home(page)  # whoever is signed in is sent on

    @PHONE
    def test_o55_a_provider_that_is_away(self, page: Page) -> None:
        page.goto("/account/sign-in")
        page.get_by_role("button", name="Continue with Gone").click()
        expect(page.locator("#by-password [data-alert]")).to_be_focused()
        expect(page.get_by_role("button", name="Continue with Gone")).to_be_enabled()

    @PHONE
    @pytest.mark.parametrize("name", ["off", "nope"])
    def test_o61_one_that_is_not_offered(self, page: Page, name: str) -> None:
        page.goto(f"/account/federation/{name}?state=asf_x&code=x")
        is_refused(page, "isn't offered here any longer")
        expect(page.get_by_role("button", name="Try again")).to_be_hidden()

    @PHONE
    def test_what_a_form_brings_is_taken_out_of_the_address_too(self, page: Page, federated: Service) -> None:
        """B11: as Apple sends it, from its own site."""
        page.goto("about:blank")
        page.evaluate(POST, [f"http://localhost:{federated.port}/federation/apple", {"state": "asf_x", "code": "x"}])
        is_refused(page, "was answered already")
        assert page.url.endswith("/account/federation/apple")

    def test_o61_a_second_factor_is_asked_for(self, page: Page, mongo: Database) -> None:
        """R114"""
        sign_in_with(page, at="/account/sign-in?return=/account/%23security")
        at_home(page, SECURITY)
        totp = enrol(page)
        sign_in_with(page, at="/account/sign-in?return=/account/%23sessions")
        heading(page, "One more step")
        page.get_by_label("Code", exact=True).fill(code_of(totp, mongo))
        at_home(page, "Where you are signed in")
        expect(page.locator("#sessions-list")).to_contain_text("by another provider and code")


class TestKnownAddress:
    """O58: an account with the proved address is there. Whoever signs in to it connects the two."""

    def test_o58_by_password(self, page: Page, elsewhere: Page, alice: dict[str, str], mongo: Database) -> None:
        sign_in_with(page, at="/account/sign-in?return=/account/%23security")
        heading(page, KNOWN)
        expect(page.get_by_text(EMAIL).filter(visible=True)).to_be_visible()
        page.get_by_label("Password", exact=True).fill("not the right one")
        page.get_by_role("button", name="Sign in and connect").click()
        expect(page.locator("#link-password-field-error")).to_contain_text("wrong")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in and connect").click()
        at_home(page, SECURITY)
        expect(page.locator("#identities .row", has_text="Work")).to_contain_text(EMAIL)
        sign_in_with(elsewhere)
        at_home(elsewhere)
        assert mongo.users.count_documents({}) == 1

    def test_o58_by_a_code_even_if_the_tab_is_dropped(self, app: Flask, page: Page, alice: dict[str, str]) -> None:
        sign_in_with(page, at="/account/sign-in?return=/account/%23security")
        heading(page, KNOWN)
        page.get_by_role("button", name="Email me a code").click()
        heading(page, "Check your email")
        page.reload()
        heading(page, "Check your email")
        page.get_by_label("Six-digit code").fill(newest_code(app, "sign_in", EMAIL))
        at_home(page, SECURITY)
        expect(page.locator("#identities .row", has_text="Work")).to_be_visible()

    @PHONE
    def test_o58_whoever_does_not_want_to_is_not_connected(self, page: Page, alice: dict[str, str]) -> None:
        sign_in_with(page, at="/account/sign-in?return=/account/%23security")
        heading(page, KNOWN)
        page.get_by_role("link", name="Don't connect").click()
        heading(page, "Sign in")
        sign_in_here(page, alice)
        at_home(page, SECURITY)
        expect(page.get_by_role("button", name="Connect Work", exact=True)).to_be_visible()


class TestNoAddress:
    """O57, O60: the provider has verified none, so one is asked for."""

    def test_o57_a_code_proves_one(self, app: Flask, page: Page, work: Work, mongo: Database) -> None:
        work.upstream.user = {**ALICE, "email_verified": False}
        sign_in_with(page, at="/account/sign-up?return=/account/%23security")
        heading(page, WHICH)
        expect(page.get_by_label("Name")).to_have_value("Alice")
        page.get_by_label("Email").fill("alice@home.example.com")
        page.get_by_role("button", name="Email me a code").click()
        heading(page, "Check your email")
        page.get_by_role("button", name="Use another address").click()
        heading(page, WHICH)
        page.get_by_label("Email").fill("alice@example.net")
        page.get_by_role("button", name="Email me a code").click()
        expect(page.get_by_text("alice@example.net").filter(visible=True)).to_be_visible()
        page.get_by_label("Six-digit code").fill(newest_code(app, "sign_up", "alice@example.net"))
        at_home(page, SECURITY)
        expect(page.locator("#identities .row", has_text="Work")).to_be_visible()
        (user,) = mongo.users.find({})
        assert (user["email"], len(user["linkedIdentities"])) == ("alice@example.net", 1)


class TestConnected:
    """O62: linking and unlinking, by whoever is signed in."""

    def test_o62_connect_and_disconnect(
        self, app: Flask, page: Page, alice: dict[str, str], work: Work, mongo: Database
    ) -> None:
        work.upstream.user = {**ALICE, "email": "other@example.org"}
        page.goto("/account/sign-in?return=/account/%23security")
        sign_in_here(page, alice)
        at_home(page, SECURITY)
        leave_for(page, "Connect Work")
        go_on(page)
        says(page, "Work is connected.")
        row = page.locator("#identities .row", has_text="Work")
        expect(row).to_contain_text("other@example.org")
        expect(page.get_by_role("button", name="Connect Work", exact=True)).to_be_hidden()
        assert len(sent(app, "identity_linked", EMAIL)) == 1
        outdate(mongo)
        page.get_by_role("button", name="Disconnect Work").click()
        page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
        dialog = page.get_by_role("dialog", name="Confirm it's you")
        dialog.get_by_label("Password", exact=True).fill(PASSWORD)
        dialog.get_by_role("button", name="Continue").click()
        says(page, "Work is disconnected.")
        expect(row).to_be_hidden()
        expect(page.get_by_role("button", name="Connect Work", exact=True)).to_be_enabled()
        assert len(sent(app, "identity_unlinked", EMAIL)) == 1

    @PHONE
    def test_o62_whoever_cancels_is_led_back(self, page: Page, alice: dict[str, str]) -> None:
        page.goto("/account/sign-in?return=/account/%23security")
        sign_in_here(page, alice)
        at_home(page, SECURITY)
        leave_for(page, "Connect Work")
        go_on(page, "Cancel")
        is_refused(page, "You cancelled at Work.")
        expect(page.get_by_role("button", name="Try again")).to_be_hidden()
        page.get_by_role("link", name="Back to your account").click()
        at_home(page, SECURITY)

    @PHONE
    def test_o62_the_last_way_in_stays(self, page: Page) -> None:
        sign_in_with(page, at="/account/sign-in?return=/account/%23security")
        at_home(page, SECURITY)
        expect(page.get_by_label("Password to set")).to_be_visible()
        page.get_by_role("button", name="Disconnect Work").click()
        page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
        expect(page.get_by_role("alert").filter(has_text="This is your only way to sign in.")).to_be_visible()
        expect(page.locator("#identities .row", has_text="Work")).to_be_visible()

    def test_a_password_can_be_set_later(self, page: Page, mongo: Database) -> None:
        sign_in_with(page, at="/account/sign-in?return=/account/%23security")
        at_home(page, SECURITY)
        page.get_by_label("Password to set").fill(PASSWORD)
        page.get_by_role("button", name="Set password").click()
        says(page, "Password set.")
        expect(page.get_by_label("Current password")).to_be_focused()
        assert mongo.users.find_one({})["password"]


def delete_account(page: Page) -> None:
    """Press what deletes the account, and type its address."""
    page.get_by_role("button", name="Delete account").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Type your email address to go on").fill(EMAIL)
    dialog.get_by_role("button", name="Delete account").click()


class TestProof:
    """Who has no password confirms who they are by the same provider, which is asked to sign them in anew."""

    def test_it_leads_there_and_back(self, page: Page, work: Work, mongo: Database) -> None:
        sign_in_with(page, at="/account/sign-in?return=/account/%23data")
        at_home(page, "Your data")
        outdate(mongo)
        delete_account(page)
        dialog = page.get_by_role("dialog", name="Confirm it's you")
        expect(dialog.get_by_role("button", name="Email me a code")).to_be_focused()
        expect(dialog.get_by_label("Password", exact=True)).to_be_hidden()
        leave_for(page)
        assert work.asked[-1]["max_age"] == "0"
        go_on(page)
        says(page, "Thank you. Now you can go on.")
        delete_account(page)
        expect(page.get_by_text("Your account has been deleted.")).to_be_visible()
        assert mongo.users.count_documents({}) == 0

    @PHONE
    def test_another_identity_there_is_refused(self, page: Page, work: Work, mongo: Database) -> None:
        sign_in_with(page, at="/account/sign-in?return=/account/%23data")
        at_home(page, "Your data")
        outdate(mongo)
        delete_account(page)
        work.upstream.user = {**ALICE, "sub": "another"}
        leave_for(page)
        go_on(page)
        is_refused(page, "That")
        page.get_by_role("link", name="Back to your account").click()
        at_home(page, SECURITY)
        assert mongo.users.count_documents({}) == 1


class TestOfOthers:
    """Apps and pages of others get it, too."""

    @pytest.mark.parametrize("way", ["fed", "otp"])
    def test_an_app_of_another_site_gets_its_code(
        self, app: Flask, page: Page, federated: Service, pages: dict[str, int], way: str
    ) -> None:
        """O61: what the app is told says how somebody signed in. No token is in an address."""
        uri = f"http://127.0.0.1:{pages['strange']}/cb"
        notes = new_app(app, Visitor(federated.url), AppKind.SPA, "Notes", (uri,))
        verifier = secrets.token_urlsafe(48)
        asked = {
            "client_id": notes.id,
            "redirect_uri": uri,
            "response_type": "code",
            "scope": "openid email",
            "state": "the state",
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        page.goto(f"/oauth2/authorize?{urlencode(asked)}", wait_until="commit")
        if way == "fed":
            leave_for(page)
            go_on(page)
        else:
            page.get_by_role("link", name="Create an account").click()
            page.get_by_label("Name").fill("Alice")
            page.get_by_label("Email").fill(EMAIL)
            page.get_by_role("button", name="Email me a code").click()
            heading(page, "Check your email")
            page.get_by_label("Six-digit code").filter(visible=True).fill(newest_code(app, "sign_up", EMAIL))
        heading(page, "Sign in to Notes?")
        expect(page.get_by_text(EMAIL).filter(visible=True)).to_be_visible()
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url(f"{uri}?**")
        query = dict(parse_qsl(urlsplit(page.url).query))
        answer = notes.exchange(Code(query["code"], verifier, uri, {}))
        assert answer.status == 200, answer.text
        claims = jwt.decode(answer.json["id_token"], options={"verify_signature": False})
        assert claims["amr"] == [way]
        assert notes.userinfo(answer.json["access_token"]).json["email"] == EMAIL

    def test_a_page_of_the_same_site_leaves_and_is_signed_in_when_it_is_back(
        self, page: Page, federated: Service, pages: dict[str, int]
    ) -> None:
        client = f"import('http://localhost:{federated.port}/authsvc.js')"
        own = f"http://localhost:{pages['listed']}/?mine"
        page.goto(own)
        page.evaluate(f"() => {{ {client}.then(({{signInWith}}) => signInWith('work')); }}")
        heading(page, "Work")
        go_on(page)
        page.wait_for_url(own)
        assert page.evaluate(f"{client}.then(({{user}}) => user()).then(({{email}}) => email)") == EMAIL
        (identity,) = page.evaluate(f"{client}.then(({{identities}}) => identities())")
        assert (identity["provider"], identity["label"], identity["email"]) == ("work", "Work", EMAIL)
        refusal = page.evaluate(f"{client}.then(({{unlink}}) => unlink('{identity['id']}')).catch(({{code}}) => code)")
        assert refusal == "last_login_method"


@pytest.fixture(params=LOOKS, ids=str)
def eyes(
    request: pytest.FixtureRequest, browser: Browser, federated: Service, work: Work, clean: None
) -> Iterator[Page]:
    """Return a window on a phone or a desk, by day or by night, in which nothing moves."""
    with window(browser, federated, (work.upstream.issuer,), **still(request.param)) as page:
        yield page


class TestLook:
    """It fits, and nobody is shut out by it."""

    def test_every_step(self, eyes: Page, axe: str, work: Work, alice: dict[str, str], mongo: Database) -> None:
        for path in ("sign-up", "sign-in?return=/account/%23security"):
            eyes.goto(f"/account/{path}")
            expect(eyes.get_by_role("button", name="Continue with Apple")).to_be_enabled()
            for mark in eyes.locator(".provider img").all():
                assert mark.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
            look(eyes, axe, f"fed-{path[:7]}")
        leave_for(eyes)
        go_on(eyes)
        heading(eyes, KNOWN)
        look(eyes, axe, "fed-known")
        eyes.get_by_label("Password", exact=True).fill(PASSWORD)
        eyes.get_by_role("button", name="Sign in and connect").click()
        at_home(eyes, SECURITY)
        expect(eyes.locator("#identities .row", has_text="Work")).to_be_visible()
        look(eyes, axe, "fed-connected")
        mongo.users.update_one({}, {"$unset": {"password": 1}})
        outdate(mongo)
        eyes.get_by_role("button", name="Disconnect Work").click()
        eyes.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
        expect(eyes.get_by_role("dialog", name="Confirm it's you")).to_be_visible()
        look(eyes, axe, "fed-proof")
        eyes.keyboard.press("Escape")
        eyes.get_by_role("button", name="Sign out").click()
        eyes.wait_for_url("**/account/sign-in*")
        work.upstream.user = {"sub": "new", "name": "Alice"}
        sign_in_with(eyes)
        heading(eyes, WHICH)
        look(eyes, axe, "fed-address")
        eyes.goto("/account/federation/work")
        heading(eyes, WHICH)  # it is still waited for
        eyes.goto("/account/federation/gone")
        is_refused(eyes, "This address is incomplete")
        look(eyes, axe, "fed-refused")
