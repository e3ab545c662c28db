"""Every page and state in every language: nobody is shut out, and nothing is wider than the window.

`make pictures` keeps a picture of each, to be looked at.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from authsvc.services import letters
from tests.browser.walk import See, fill, through_forms, through_home
from tests.browser.windows import SERIOUS, at_rest, sign_in_by_id
from tests.support.accounts import Database
from tests.support.console import enter, make_administrator, seed
from tests.support.service import Service

pytestmark = pytest.mark.browser

FOLDER = os.environ.get("PICTURES", "")
LANGUAGES = tuple(os.environ.get("PICTURES_IN", "en de fr es ja ar").split())
LOOKS = [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")]
# Without pictures, English is seen on a phone and on a desk, and other languages on a phone, which is short of room.
CASES = [
    (language, *look)
    for language in LANGUAGES
    for look in LOOKS
    if FOLDER or look == (360, "dark") or (language, look) == ("en", (1280, "light"))
]
WIDTHS = (320, 640)
"""400 % and 200 % of a window of 1,280 (WCAG 1.4.10)."""
BRAND = "Contoso Versicherungsgesellschaft auf Gegenseitigkeit"
SCREENS = ("overview", "people", "events", "letters", "apps", "webhooks", "settings")
OUTSIDE = """async () => (await axe.run(document, {runOnly: ["region"]})).violations
  .flatMap(({nodes}) => nodes.map(({html}) => html))"""
"""What no landmark leads to."""
TOO_WIDE = """() => [...document.querySelectorAll("body *")]
  .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 1)
  .map((one) => one.outerHTML.slice(0, 120))"""


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> tuple[str, int, str]:
    """Return a language, how wide the window is, and whether it is day or night."""
    language, width, scheme = request.param
    return language, width, scheme


@pytest.fixture
def language(case: tuple[str, int, str]) -> str:
    """Return the language."""
    return case[0]


@pytest.fixture
def context(browser: Browser, service: Service, case: tuple[str, int, str]) -> Iterator[BrowserContext]:
    """Return a browser in that language in which nothing moves."""
    language, width, scheme = case
    opened = browser.new_context(
        base_url=f"http://localhost:{service.port}",
        bypass_csp=True,
        locale=language,
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Return a window."""
    return context.new_page()


def seeing(page: Page, axe: str, language: str, *, is_letter: bool = False) -> See:
    """Return what checks a state, and keeps a picture of it. Letters have no landmarks: web mail has a page around."""

    def see(name: str) -> None:
        assert page.evaluate("document.documentElement.lang") == language, name
        page.evaluate(axe)
        assert page.evaluate(SERIOUS) == [], name
        assert is_letter or page.evaluate(OUTSIDE) == [], name
        size = page.viewport_size
        assert size is not None
        for width in (*WIDTHS, size["width"]):
            page.set_viewport_size({**size, "width": width})
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (name, width, wide, page.evaluate(TOO_WIDE))
        if FOLDER:
            dark = "dark" if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
            folder = Path(FOLDER) / language
            folder.mkdir(parents=True, exist_ok=True)
            whole = page.locator("dialog[open]").count() == 0
            page.screenshot(path=folder / f"{name}-{size['width']}-{dark}.png", full_page=whole)

    return see


class TestEveryPage:
    def test_the_ways_in(self, page: Page, axe: str, language: str) -> None:
        through_forms(page, seeing(page, axe, language))

    def test_the_account(
        self, page: Page, axe: str, language: str, account: dict[str, str], service: Service, mongo: Database
    ) -> None:
        fill(service, account, mongo)
        through_home(page, seeing(page, axe, language), account, mongo)

    def test_the_console(
        self, page: Page, axe: str, language: str, clean: None, service: Service, mongo: Database
    ) -> None:
        people = seed(mongo, 12)
        enter(page, make_administrator(service, mongo), mongo, "#people")
        see = seeing(page, axe, language)
        for screen in SCREENS:
            page.goto(f"/admin/#{screen}")
            expect(page.locator(f"#{screen}-title")).to_be_visible()
            at_rest(page)
            see(f"console-{screen}")
        page.goto(f"/admin/#people/{people[0]}")
        expect(page.locator(".acts")).to_be_visible()
        see("console-person")


class TestEveryLetter:
    def test_it_is_shown_as_web_mail_shows_it(self, page: Page, axe: str, language: str) -> None:
        size = page.viewport_size
        assert size is not None
        page.set_viewport_size({**size, "width": min(size["width"], 600)})
        dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        scheme = "dark" if dark else "light"
        for kind in letters.kinds():
            answer = page.goto(f"/account/letter-preview/{kind}?language={language}&scheme={scheme}")
            assert answer is not None
            assert answer.status == 200, kind
            seeing(page, axe, language, is_letter=True)(f"letter-{kind}")


class TestLongNames:
    def test_p15_a_long_name_breaks_no_page(self, browser: Browser, service: Service, account: dict[str, str]) -> None:
        context = browser.new_context(base_url=f"http://localhost:{service.port}")
        page = context.new_page()
        for path, heading in (("sign-in", "h1"), ("", "#profile-title")):
            if not path:
                sign_in_by_id(page, account)
            page.goto(f"/account/{path}")
            expect(page.locator(heading).first).to_be_visible()
            page.locator(".brand span").evaluate("(brand, name) => { brand.textContent = name; }", BRAND)
            for width in (320, 360):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        context.close()


class TestForcedColours:
    def test_the_current_section_and_what_matters_most_are_told_apart(
        self, browser: Browser, service: Service, account: dict[str, str]
    ) -> None:
        options = {"base_url": f"http://localhost:{service.port}", "forced_colors": "active"}
        context = browser.new_context(**options)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto("/account/sign-in")
        ground = "(button) => getComputedStyle(button).backgroundColor"
        primary, other = page.locator(".button.primary:visible"), page.locator("#by-email")
        assert primary.evaluate(ground) != other.evaluate(ground)
        sign_in_by_id(page, account)
        expect(page.locator("#profile-title")).to_be_visible()
        border = "(link) => getComputedStyle(link).borderTopColor"
        links = page.locator("nav a")
        assert links.first.evaluate(border) != links.last.evaluate(border)
        context.close()
