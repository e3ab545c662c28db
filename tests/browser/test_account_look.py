"""The account pages as they look and sound: accessible, on a phone, by keyboard, by day and by night."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.windows import at_home, at_rest, looks_right, prove, sign_in
from tests.conftest import PASSWORD
from tests.support.accounts import Database
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
SECTIONS = ("profile", "security", "sessions", "apps", "tokens", "activity", "data")
FOCUS_IS_SEEN = """() => {
  const style = getComputedStyle(document.activeElement);
  const box = document.activeElement.getBoundingClientRect();
  const ringed = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return ringed && box.top < innerHeight && box.bottom > 0;
}"""


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
            at_rest(eyes)
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
        expect(desk.locator("#delete")).to_be_visible()
        self.tab_to(desk, "Delete account")
        desk.keyboard.press("Enter")
        expect(desk.get_by_label("Type your email address to go on")).to_be_focused()
        desk.keyboard.press("Escape")
        expect(desk.locator("#delete")).to_be_focused()
        expect(desk.locator("#delete")).to_be_enabled()  # it is busy for an instant more: no hand is that fast
        desk.keyboard.press("Enter")
        expect(desk.get_by_label("Type your email address to go on")).to_be_focused()
        desk.keyboard.type("ada@example.com")
        desk.keyboard.press("Enter")
        expect(desk.get_by_text("Your account has been deleted.")).to_be_visible()
        assert mongo.users.count_documents({}) == 0

    def test_the_skip_link_skips(self, desk: Page, account: dict[str, str]) -> None:
        sign_in(desk, account, at="/account/")
        at_home(desk)
        desk.keyboard.press("Tab")
        desk.keyboard.press("Enter")
        expect(desk.get_by_role("main")).to_be_focused()
        at_home(desk)


class TestSentences:
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
        desk.get_by_role("button", name="Send email").click()
        expect(desk.locator("#forgot-form [data-alert]")).to_contain_text("We can't reach the service.")


class TestSlowNetwork:
    @pytest.mark.parametrize(
        ("page", "button"),
        [("sign-in", "Sign in"), ("sign-up", "Create account"), ("forgot-password", "Send email"), ("", "Sign out")],
    )
    def test_nobody_presses_in_vain_before_the_scripts_are_there(
        self, account: dict[str, str], button: str, desk: Page, page: str
    ) -> None:
        scripts: list[Route] = []
        if not page:
            sign_in(desk, account)
            at_home(desk)
        desk.route("**/authsvc.js", lambda route: scripts.append(route), times=1)  # noqa: PLW0108 - no builtin
        desk.goto(f"/account/{page}", wait_until="commit")
        pressed = desk.get_by_role("button", name=button, exact=True)
        expect(pressed).to_be_disabled()
        while not scripts:
            desk.wait_for_timeout(10)
        scripts[0].continue_()
        expect(pressed).to_be_enabled()
