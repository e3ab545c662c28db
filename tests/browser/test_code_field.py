"""The field for a code of six digits, and the pause before a letter is sent again. P7, P21."""

from collections.abc import Iterator

import pyotp
import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect

from tests.browser.windows import at_home, prove, sign_in, window
from tests.support.accounts import Database
from tests.support.service import Service

pytestmark = pytest.mark.browser

WRONG = "This code is wrong"


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    with window(browser, service, viewport={"width": 360, "height": 800}, reduced_motion="reduce") as page:
        yield page


class Step:
    """The second step of a sign-in, at which a code is asked for."""

    def __init__(self, page: Page, mongo: Database, secret: str) -> None:
        self.page = page
        self.app = pyotp.TOTP(secret)
        self.sent: list[str] = []
        self._mongo = mongo
        page.on("request", self._note)

    @property
    def field(self) -> Locator:
        """Return the field."""
        return self.page.get_by_label("Code", exact=True)

    @property
    def code(self) -> str:
        """Return a code of now, which is good once more."""
        self._mongo.users.update_many({"totp.step": {"$exists": True}}, {"$set": {"totp.step": 0}})
        return self.app.now()

    def is_wrong(self) -> None:
        """Wait until the page says so; what was typed is there and selected."""
        expect(self.page.locator("#code-error")).to_contain_text(WRONG)
        expect(self.field).to_be_focused()
        selected = "(field) => field.value.slice(field.selectionStart, field.selectionEnd)"
        assert self.field.evaluate(selected) == "000000"

    def _note(self, request: Request) -> None:
        if request.url.endswith("/auth/login/mfa"):
            self.sent.append(str(request.post_data_json["code"]))


@pytest.fixture
def step(page: Page, account: dict[str, str], mongo: Database) -> Step:
    """Return the step, at which somebody with an authenticator app is."""
    prove(mongo, account["email"])
    sign_in(page, account, at="/account/#security")
    at_home(page, "Sign-in and security")
    page.get_by_role("button", name="Set up").click()
    dialog = page.get_by_role("dialog", name="Set up an authenticator app")
    secret = dialog.locator("#totp-secret").inner_text().replace(" ", "")
    dialog.get_by_label("Code from the app").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="I've saved them").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/account/sign-in*")
    sign_in(page, account, at=page.url)
    step = Step(page, mongo, secret)
    expect(step.field).to_be_focused()
    return step


class TestCodeField:
    def test_p21_it_is_what_keyboards_and_screen_readers_expect(self, page: Page) -> None:
        page.goto("/account/sign-in")
        field = page.locator("#code")
        for name, value in {
            "inputmode": "numeric",
            "autocomplete": "one-time-code",
            "type": "text",
            "aria-describedby": "code-hint code-error",
        }.items():
            expect(field).to_have_attribute(name, value)
        expect(page.locator("#code-error")).to_have_attribute("role", "alert")

    def test_p21_the_sixth_digit_sends_it_and_a_wrong_one_is_kept(self, page: Page, step: Step) -> None:
        page.keyboard.type("00-0 00")
        expect(step.field).to_have_value("00000")
        assert step.sent == []
        page.keyboard.type("0")
        step.is_wrong()
        page.keyboard.press("End")
        page.keyboard.type("7")  # one more than there can be
        expect(step.field).to_have_value("000000")
        step.field.select_text()
        page.keyboard.type(step.code)  # takes the place of what was typed before
        at_home(page)
        assert len(step.sent) == 2

    @pytest.mark.parametrize(
        ("before", "between"), [("", " "), ("Your code: ", "-"), ("\n", "\u00a0")], ids=["blank", "dash", "line"]
    )
    def test_p21_a_code_is_pasted_however_it_is_written(
        self, page: Page, step: Step, before: str, between: str
    ) -> None:
        code = step.code
        page.evaluate("(text) => navigator.clipboard.writeText(text)", f"{before}{code[:3]}{between}{code[3:]} ")
        page.keyboard.press("Control+V")
        at_home(page)
        assert step.sent == [code]

    def test_p21_a_code_is_typed_in_digits_of_another_script(self, page: Page, step: Step) -> None:
        code = step.code
        page.keyboard.insert_text("".join(chr(0x660 + int(digit)) for digit in code))  # Arabic-Indic
        at_home(page)
        assert step.sent == [code]

    def test_p21_more_than_a_code_is_not_sent_by_itself(self, page: Page, step: Step) -> None:
        page.keyboard.insert_text("1234567")
        expect(step.field).to_have_value("123456")
        page.keyboard.press("Backspace")
        expect(step.field).to_have_value("12345")
        assert step.sent == []

    def test_p21_one_code_is_sent_once(self, page: Page, step: Step) -> None:
        """Whoever presses the button too, or Enter, has not tried twice."""
        page.keyboard.type("000000")
        page.keyboard.press("Enter")
        step.is_wrong()
        assert step.sent == ["000000"]


class TestAgain:
    def test_p7_again_takes_half_a_minute(self, page: Page, account: dict[str, str]) -> None:
        page.clock.install()
        sign_in(page, account)
        at_home(page)
        for press in (1, 2, 3):
            page.get_by_role("button", name="Send it again", exact=True).click()
            text = "Another email is on its way." if press < 3 else "You asked for 3 emails."
            expect(page.locator("#toasts")).to_contain_text(text)
            waiting = page.get_by_role("button", name="Send it again in")
            expect(waiting).to_be_focused()
            expect(waiting).to_be_disabled()
            page.clock.run_for(29_000)
            expect(page.get_by_role("button", name="Send it again in 1 s")).to_be_visible()
            page.clock.run_for(1_500)
        expect(page.get_by_role("button", name="Send it again", exact=True)).to_be_enabled()

    def test_p7_a_page_that_is_loaded_again_goes_on_counting(self, page: Page, account: dict[str, str]) -> None:
        sign_in(page, account)
        at_home(page)
        page.get_by_role("button", name="Send it again", exact=True).click()
        expect(page.get_by_role("button", name="Send it again in")).to_be_disabled()
        page.reload()
        expect(page.get_by_role("button", name="Send it again in")).to_be_disabled()
        page.evaluate("""() => {
          const [key] = Object.keys(sessionStorage).filter((name) => name.startsWith("authsvc letters"));
          sessionStorage[key] = JSON.stringify({...JSON.parse(sessionStorage[key]), until: 0});
        }""")
        for text in ("Another email is on its way.", "You asked for 3 emails."):
            page.reload()
            again = page.get_by_role("button", name="Send it again", exact=True)
            again.click()
            expect(page.locator("#toasts")).to_contain_text(text)
            page.evaluate("""() => {
              const [key] = Object.keys(sessionStorage).filter((name) => name.startsWith("authsvc letters"));
              sessionStorage[key] = JSON.stringify({...JSON.parse(sessionStorage[key]), until: 0});
            }""")
