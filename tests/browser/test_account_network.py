"""The account pages while the network is lost: told where it happens, with a way to go on once it is back."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.windows import at_home, prove, says, sign_in, turn_to
from tests.support.accounts import Database
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.browser

LISTS = [
    ("Security", "Sign-in and security", "Passkeys"),
    ("Devices", "Where you are signed in", "This device"),
    ("Apps", "Connected apps", "No apps yet"),
    ("Tokens", "Access tokens", "No tokens yet"),
    ("Activity", "Recent activity", "You signed in"),
]
LOST = "We can't reach the service. Are you online?"


@pytest.fixture
def desk(browser: Browser, service: Service) -> Iterator[Page]:
    """Return a window in which what is asked for may be lost, and scripts go on all the same."""
    context = browser.new_context(base_url=f"http://localhost:{service.port}")
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    context.close()
    assert wrong == []


@pytest.fixture
def home(desk: Page, account: dict[str, str], mongo: Database) -> Page:
    """Return a window in which somebody looks at their account."""
    prove(mongo, account["email"])
    with desk.expect_request_finished(lambda asked: asked.url.endswith("/auth/me/email")):  # the last that is loaded
        sign_in(desk, account)
    at_home(desk)
    return desk


def cut(page: Page) -> None:
    """Lose the network, and what is under way with it."""
    page.context.set_offline(True)


class TestP11ListsThatDoNotCome:
    @pytest.mark.parametrize(("link", "title", "content"), LISTS)
    def test_p11_it_is_told_in_the_place_of_the_list(self, home: Page, link: str, title: str, content: str) -> None:
        cut(home)
        turn_to(home, link, title)
        alert = home.get_by_role("main").get_by_role("alert").filter(visible=True)
        expect(alert).to_contain_text(LOST)
        expect(home.get_by_text(content).filter(visible=True)).to_have_count(0)
        expect(home.locator("#toasts")).to_be_empty()
        home.context.set_offline(False)  # which the page hears
        expect(home.get_by_text(content).filter(visible=True).first).to_be_visible()
        expect(alert).to_have_count(0)

    def test_p11_try_again_tries_again(self, home: Page) -> None:
        home.route("**/auth/sessions*", lambda route: route.abort())
        turn_to(home, "Devices", "Where you are signed in")
        again = home.get_by_role("button", name="Try again")
        again.click()
        expect(home.get_by_role("alert").filter(visible=True)).to_contain_text(LOST)
        home.unroute("**/auth/sessions*")
        again.click()
        expect(home.get_by_text("This device", exact=True)).to_be_visible()
        expect(home.get_by_role("heading", level=1, name="Where you are signed in")).to_be_focused()

    def test_p11_what_comes_slowly_is_awaited_in_its_place(self, home: Page) -> None:
        waiting = []
        home.route("**/auth/sessions*", lambda route: waiting.append(route))  # noqa: PLW0108 - no builtin
        turn_to(home, "Devices", "Where you are signed in")
        expect(home.locator("#sessions .skeleton")).to_be_visible()
        expect(home.get_by_role("status").filter(has_text="Loading")).to_have_count(1)
        while not waiting:  # its script may come first
            home.wait_for_timeout(20)
        waiting[0].continue_()
        expect(home.locator("#sessions .skeleton")).to_have_count(0)

    def test_p11_the_profile_stays_as_it_is_known(self, home: Page) -> None:
        turn_to(home, "Devices", "Where you are signed in")
        cut(home)
        turn_to(home, "Profile", "Profile")
        expect(home.get_by_role("alert").filter(visible=True)).to_contain_text(LOST)
        expect(home.get_by_role("textbox", name="Your name")).to_be_visible()

    def test_p11_a_list_that_was_there_is_not_shown_as_if_it_were_true(
        self, home: Page, account: dict[str, str], service: Service
    ) -> None:
        """What was pressed is done; only what is left then can't be told."""
        Visitor(service.url).login(account["email"])
        turn_to(home, "Devices", "Where you are signed in")
        expect(home.get_by_text("This device", exact=True)).to_be_visible()
        home.route("**/auth/sessions?*", lambda route: route.abort())
        home.get_by_role("button", name="Sign out").filter(visible=True).nth(1).click()
        dialog = home.get_by_role("dialog")
        if dialog.count():
            dialog.get_by_role("button", name="Sign out").click()
        says(home, "is signed out")
        expect(home.get_by_role("main").get_by_role("alert").filter(visible=True)).to_contain_text(LOST)
        expect(home.get_by_text("This device", exact=True)).to_be_hidden()


class TestP11ErrorsStandWhereTheyHappen:
    def test_p11_a_refusal_is_told_beside_the_button_and_stays(self, home: Page) -> None:
        turn_to(home, "Security", "Sign-in and security")
        home.route("**/auth/mfa/totp", lambda route: route.abort())
        home.get_by_role("button", name="Set up").click()
        row = home.get_by_role("listitem").filter(has_text="Authenticator app")
        expect(row.get_by_role("alert")).to_have_text(LOST)
        home.wait_for_timeout(7000)  # a toast would be gone
        expect(row.get_by_role("alert")).to_be_visible()
        expect(home.locator("#toasts")).to_be_empty()
        home.unroute("**/auth/mfa/totp")
        home.get_by_role("button", name="Set up").click()
        expect(home.get_by_role("dialog", name="Set up an authenticator app")).to_be_visible()
        expect(row.get_by_role("alert")).to_have_count(0)

    def test_p11_more_of_a_list(self, home: Page, account: dict[str, str], service: Service) -> None:
        for _ in range(21):
            Visitor(service.url).login(account["email"])
        turn_to(home, "Activity", "Recent activity")
        expect(home.locator("#activity-more")).to_be_visible()
        cut(home)
        home.get_by_role("button", name="Show more").filter(visible=True).click()
        expect(home.locator("#activity").get_by_role("alert")).to_have_text(LOST)
        home.context.set_offline(False)
        home.get_by_role("button", name="Show more").filter(visible=True).click()
        expect(home.locator("#activity").get_by_role("alert")).to_have_count(0)
        expect(home.locator("#activity-list tr").nth(22)).to_be_visible()

    def test_p11_signing_out_without_a_network_is_no_lie(self, home: Page) -> None:
        cut(home)
        home.get_by_role("button", name="Sign out", exact=True).click()
        expect(home.get_by_role("main").get_by_role("alert").filter(visible=True)).to_contain_text(LOST)
        home.context.set_offline(False)
        home.get_by_role("button", name="Sign out", exact=True).click()
        home.wait_for_url("**/account/sign-in*")


class TestPagesThatCannotAsk:
    @pytest.mark.parametrize(
        "path", ["", "authorize?request=asr_x", "device?user_code=BCDF-GHJK", "sign-out?request=asr_x"]
    )
    def test_what_a_page_needs_first_can_be_asked_for_again(
        self, desk: Page, account: dict[str, str], path: str
    ) -> None:
        sign_in(desk, account)
        at_home(desk)
        desk.route("**/auth/**", lambda route: route.abort())
        desk.goto(f"/account/{path}")
        expect(desk.get_by_text(LOST).filter(visible=True).first).to_be_visible()
        again = desk.get_by_role("button", name="Try again")
        again.click()
        expect(desk.get_by_text(LOST).filter(visible=True).first).to_be_visible()
        desk.unroute("**/auth/**")
        with suppress(PlaywrightTimeout):  # the client of the home tries again by itself, and may be first
            again.click(timeout=3_000)
        expect(desk.get_by_text(LOST).filter(visible=True)).to_have_count(0)


class TestSections:
    def test_p11_a_script_that_is_lost_on_the_way_is_fetched_again(
        self, desk: Page, account: dict[str, str], mongo: Database
    ) -> None:
        prove(mongo, account["email"])
        desk.route("**/account/security.js", lambda route: route.abort())
        desk.add_init_script(
            "const later = setTimeout; setTimeout = (work, time) => later(work, time === 1000 ? 1e6 : time)"
        )
        sign_in(desk, account)
        at_home(desk)
        turn_to(desk, "Security", "Sign-in and security")
        expect(desk.locator("#security").get_by_role("alert")).to_contain_text(LOST)
        desk.unroute("**/account/security.js")
        desk.get_by_role("button", name="Try again").click()
        expect(desk.get_by_role("button", name="Set up")).to_be_enabled()
