"""The account pages as they look and sound: accessible, on a phone, by keyboard, by day and by night."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.accounts import Database
from tests.browser.windows import at_home, prove, sign_in, window
from tests.conftest import PASSWORD
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.browser

FORMS = (
    "sign-in",
    "sign-up",
    "forgot-password",
    "reset-password#token=asl_x",
    "verify-email#token=asl_x",
    "undo-email",
)
SECTIONS = ("profile", "security", "sessions", "tokens", "activity", "data")
SERIOUS = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .filter(({impact}) => ["serious", "critical"].includes(impact))
  .map(({id, nodes}) => `${id}: ${nodes.map(({html}) => html).join(" ")}`)"""
FOCUS_IS_SEEN = """() => {
  const style = getComputedStyle(document.activeElement);
  const box = document.activeElement.getBoundingClientRect();
  const ringed = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return ringed && box.top < innerHeight && box.bottom > 0;
}"""


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the source of axe-core, at the version that is locked."""
    if shutil.which("npm") is None:
        assert not os.environ.get("CI"), "CI must have npm"
        pytest.skip("axe-core comes by npm")
    folder = tmp_path_factory.mktemp("axe")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(Path(__file__).parent / "axe" / name, folder)
    subprocess.run(["npm", "ci", "--silent", "--ignore-scripts"], cwd=folder, check=True, timeout=90)
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


@pytest.fixture(params=[(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")], ids=str)
def eyes(request: pytest.FixtureRequest, browser: Browser, service: Service) -> Iterator[Page]:
    """Return a window on a phone or a desk, by day or by night, in which nothing moves."""
    width, scheme = request.param
    viewport = {"width": width, "height": 800}
    options = {"viewport": viewport, "color_scheme": scheme, "reduced_motion": "reduce"}
    with window(browser, service, bypass_csp=True, **options) as page:
        yield page


def looks_right(page: Page, axe: str) -> None:
    """Check that what is shown fits, and that nobody is shut out by it."""
    page.evaluate(axe)
    assert page.evaluate(SERIOUS) == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth"), page.url
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    red = int(page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))
    assert (red < 64) is dark


def fill_the_lists(service: Service, account: dict[str, str]) -> None:
    """Give an account a token and sessions."""
    answer = Visitor(service.url).login(account["email"]).json()
    headers = {"Authorization": f"Bearer {answer['accessToken']}"}
    token = {"name": "Nightly backup of everything", "scopes": ["account:read", "account:write", "tokens:introspect"]}
    Visitor(service.url).request("POST", "/auth/access-tokens", json=token, headers=headers)


class TestEveryPage:
    @pytest.mark.parametrize("path", FORMS)
    def test_a_form(self, eyes: Page, axe: str, path: str) -> None:
        eyes.goto(f"/account/{path}")
        expect(eyes.get_by_role("heading", level=1)).to_be_visible()
        looks_right(eyes, axe)
        button = eyes.locator("form .button:visible:not([type=button])")
        if button.count() and eyes.locator("form input:visible").count():
            button.click()
            expect(eyes.locator(".error:visible").first).to_be_visible()
            looks_right(eyes, axe)

    def test_the_home_and_its_dialogs(
        self, eyes: Page, axe: str, account: dict[str, str], service: Service, mongo: Database
    ) -> None:
        fill_the_lists(service, account)
        sign_in(eyes, account)
        at_home(eyes)
        looks_right(eyes, axe)  # with the banner of an address that is not proved
        prove(mongo, account["email"])
        for section in SECTIONS:
            eyes.goto(f"/account/#{section}")
            expect(eyes.locator(f"#{section}-title")).to_be_visible()
            eyes.wait_for_load_state("networkidle")
            looks_right(eyes, axe)
        for button, dialog in (("Delete account", "Delete your account?"),):
            eyes.get_by_role("button", name=button).click()
            expect(eyes.get_by_role("dialog", name=dialog)).to_be_visible()
            looks_right(eyes, axe)
            eyes.keyboard.press("Escape")
        eyes.goto("/account/#security")
        eyes.get_by_role("button", name="Set up").click()
        expect(eyes.get_by_role("dialog", name="Set up an authenticator app")).to_be_visible()
        looks_right(eyes, axe)


class TestKeyboard:
    def tab_to(self, page: Page, name: str) -> None:
        """Press Tab until what has this name has the focus, which is seen wherever it is on the way."""
        for _ in range(40):
            page.keyboard.press("Tab")
            assert page.evaluate(FOCUS_IS_SEEN), page.evaluate("document.activeElement.outerHTML")
            if name == page.evaluate(
                "(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()"
            ):
                return
        raise AssertionError(name)

    def test_a_journey_by_keys_alone(self, desk: Page, clean: None, mongo: Database) -> None:
        desk.goto("/account/sign-up")
        expect(desk.get_by_label("Name")).to_be_focused()
        desk.keyboard.type("Ada")
        self.tab_to(desk, "Email")
        desk.keyboard.type("ada@example.com")
        self.tab_to(desk, "Password")
        desk.keyboard.type(PASSWORD)
        desk.keyboard.press("Enter")
        at_home(desk)
        desk.keyboard.press("Tab")
        expect(desk.get_by_role("link", name="Skip to the content")).to_be_focused()
        self.tab_to(desk, "Your data")
        desk.keyboard.press("Enter")
        expect(desk.get_by_role("heading", level=1, name="Your data")).to_be_focused()
        self.tab_to(desk, "Delete account")
        desk.keyboard.press("Enter")
        expect(desk.get_by_role("button", name="Cancel")).to_be_focused()
        desk.keyboard.press("Escape")
        expect(desk.locator("#delete")).to_be_focused()
        desk.keyboard.press("Enter")
        self.tab_to(desk, "Delete account")
        desk.keyboard.press("Enter")
        expect(desk.get_by_text("Your account is deleted.")).to_be_visible()
        assert mongo.users.count_documents({}) == 0

    def test_the_skip_link_skips(self, desk: Page, account: dict[str, str]) -> None:
        sign_in(desk, account, at="/account/")
        at_home(desk)
        desk.keyboard.press("Tab")
        desk.keyboard.press("Enter")
        expect(desk.get_by_role("main")).to_be_focused()
        at_home(desk)


class TestSentences:
    def test_there_is_one_for_every_code(self, desk: Page, app: Any) -> None:
        """The service's problems, what it finds wrong in a field, why sessions end."""
        codes = app.test_client().get("/openapi.json").json["components"]["schemas"]["Problem"]["properties"]["code"]
        desk.goto("/account/sign-in")
        words = desk.evaluate(
            """async () => {
              const module = document.querySelector("script[type=module]").src.replace(/[^/]*$/, "words.js");
              const {PROBLEMS, ENDED} = await import(module);
              return {problems: Object.keys(PROBLEMS), ended: Object.keys(ENDED)};
            }"""
        )
        assert set(codes["enum"]) <= set(words["problems"])
        assert set(words["ended"]) >= {"logout", "replaced", "password_changed", "token_reuse", "admin", "expired"}

    def test_how_long_to_wait_is_told(self, desk: Page) -> None:
        problem = '{"code": "too_many_attempts", "status": 429, "title": "", "detail": ""}'
        headers = {"Retry-After": "240"}
        desk.route(
            "**/auth/login",
            lambda route: route.fulfill(
                status=429, body=problem, headers=headers, content_type="application/problem+json"
            ),
        )
        sign_in(desk, {"email": "ada@example.com", "password": PASSWORD}, at="/account/sign-in")
        expect(desk.locator("#by-password [data-alert]")).to_have_text("Too many attempts. Try again in 4 minutes.")
        expect(desk.locator("#by-password [data-alert]")).to_be_focused()

    def test_a_service_that_is_away_is_told(self, desk: Page) -> None:
        desk.goto("/account/forgot-password")
        desk.route("**/auth/**", lambda route: route.abort())
        desk.get_by_label("Email").fill("ada@example.com")
        desk.get_by_role("button", name="Send the email").click()
        expect(desk.locator("[data-alert]")).to_contain_text("The service can't be reached.")
