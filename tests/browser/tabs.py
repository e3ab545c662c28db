"""Tabs of a real browser in which `authsvc.js` is loaded, and what is heard between them and the service."""

from typing import Any, Self
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, Response

LOAD = """
if (location.protocol === "http:") globalThis.loading = import("URL").then((client) => {
  Object.assign(globalThis, {authsvc: client, told: []});
  client.onChange((user) => told.push(user && user.email));
});
"""
KEEP_CALLING = """async ([seconds, pause]) => {
  const seen = {};
  for (const end = Date.now() + seconds * 1e3; Date.now() < end;) {
    const said = await authsvc.fetch(authsvc.service + "/").then((answer) => answer.status, (error) => error.code);
    seen[said] = (seen[said] || 0) + 1;
    await new Promise((done) => setTimeout(done, pause * (0.5 + Math.random())));
  }
  return seen;
}"""
ATTEMPT = """([name, options]) => authsvc[name](options ?? undefined).then(
  (value) => ({value}), ({name, code, status, reason, retryAfter}) => ({name, code, status, reason, retryAfter}))"""


class Tab:
    """A page with the client."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.loaded()

    def loaded(self) -> Self:
        """Wait until the client is there."""
        self.page.evaluate("loading")
        return self

    def attempt(self, name: str, options: Any = None) -> dict[str, Any]:
        """Call a function of the client: return `{value}`, or what the error says."""
        return dict(self.page.evaluate(ATTEMPT, [name, options]))

    def login(self, account: dict[str, str]) -> Self:
        """Sign in."""
        assert self.attempt("login", account)["value"]["user"]["email"] == account["email"]
        return self

    def user(self) -> str | None:
        """Return the address of who is signed in."""
        found = self.page.evaluate("authsvc.user().then((user) => user && user.email)")
        return None if found is None else str(found)

    def told(self) -> list[str | None]:
        """Return of whom the page was told, in order."""
        return list(self.page.evaluate("told"))

    def hears(self, email: str | None, milliseconds: int = 2000) -> None:
        """Wait until the page was told last that this is who is signed in."""
        self.page.wait_for_function("(email) => told.length && told.at(-1) === email", arg=email, timeout=milliseconds)

    def status(self, path: str = "/") -> Any:
        """Return the status of a call, or the code of the error."""
        return self.page.evaluate(
            "(path) => authsvc.fetch(authsvc.service + path).then(({status}) => status, ({code}) => code)", path
        )

    def start(self, script: str, argument: Any = None) -> None:
        """Start something, and go on."""
        self.page.evaluate(f"(argument) => {{ globalThis.begun = ({script})(argument); }}", argument)

    def result(self) -> Any:
        """Wait for what was started."""
        return self.page.evaluate("begun")


class Browsing:
    """One browser profile: it opens tabs, and notes what the service answered."""

    def __init__(self, context: BrowserContext, service: str, ports: dict[str, int]) -> None:
        self.context = context
        self.answers: list[tuple[str, int]] = []
        self._ports = ports
        context.add_init_script(LOAD.replace("URL", f"{service}/authsvc.js"))
        context.on("response", self._note)

    def open(self, kind: str = "listed", host: str = "localhost", page: Page | None = None) -> Tab:
        """Open a page of the listed or the strange origin, in a new tab if none is given."""
        page = page or self.context.new_page()
        page.goto(f"http://{host}:{self._ports[kind]}/")
        return Tab(page)

    def refreshes(self) -> list[int]:
        """Return the status of each refresh so far."""
        return [status for path, status in self.answers if path == "/auth/refresh-token"]

    def _note(self, response: Response) -> None:
        self.answers.append((urlsplit(response.url).path, response.status))
