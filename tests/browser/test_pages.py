"""The pages as a browser shows them. R94."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.support.service import Service

pytestmark = pytest.mark.browser

BROKEN = """() => {
  const lines = (cell) => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return new Set([...range.getClientRects()].filter((box) => box.width > 1).map((box) => Math.round(box.top))).size;
  };
  const cells = [...document.querySelectorAll("th, td code, .codes code")];
  return cells.filter((cell) => lines(cell) > 1).map((cell) => cell.textContent);
}"""
SCRIPT = "/docs/assets/reference.js"
PAGES = ["/docs", "/docs/sign-in", "/problems/", "/problems/session_ended"]


@pytest.fixture(scope="module", params=[(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")], ids=str)
def window(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    """Return an empty window, of a phone and of a desk, by day and by night."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    yield context
    context.close()


@pytest.fixture
def page(window: BrowserContext) -> Iterator[Page]:
    """Return an empty page."""
    opened = window.new_page()
    yield opened
    opened.close()


@pytest.mark.parametrize("path", PAGES)
class TestPages:
    def test_a_page_fits_is_styled_and_offends_no_policy(self, page: Page, service: Service, path: str):
        said: list[str] = []
        requested: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: requested.append(request.url))
        page.goto(service.url + path)
        assert said == []
        assert {url for url in requested if not url.endswith("/favicon.ico")} - {service.url + SCRIPT} == {
            service.url + path
        }
        assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
        assert page.evaluate("getComputedStyle(document.body).fontFamily").startswith("system-ui")
        dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        red = int(page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))
        assert (red < 64) is dark

    def test_no_word_of_a_table_is_broken(self, page: Page, service: Service, path: str):
        """Headings, names and codes stay whole: each is as high as one line."""
        page.goto(service.url + path)
        broken = page.evaluate(BROKEN)
        assert broken == []

    def test_text_can_be_read(self, page: Page, service: Service, path: str):
        """WCAG 2.2, 1.4.3: at least 4.5 to 1."""
        page.goto(service.url + path)
        ratios = page.evaluate(
            """() => {
              const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
              const light = (color) => { const [r, g, b] = color.match(/\\d+/g).map(Number).map(channel);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
              const paper = light(getComputedStyle(document.body).backgroundColor);
              return [...document.querySelectorAll("main *")].filter((e) => e.textContent.trim())
                .map((e) => light(getComputedStyle(e).color))
                .map((ink) => (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05));
            }"""
        )
        assert ratios
        assert min(ratios) >= 4.5
