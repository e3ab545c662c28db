"""Drive the OpenID Foundation's conformance suite: run a plan of its against a service, as a person with a browser.

    python -m tests.conformance.openid_suite [--certificate FILE] SUITE SETTINGS PLAN [MODULE ...]

SUITE is the address of a running suite, SETTINGS a JSON file (see docs/explain/conformance.md), PLAN the name of a
plan, or a plan and its variant: `oidcc-basic-certification-test-plan[server_metadata=discovery]`. Prints a line for
each module, and what it warned of; ends with 1 if one has failed.
"""

import argparse
import base64
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import BrowserContext, Page, sync_playwright
from playwright.sync_api import Error as BrowserError

from tests.support.programs import CHROMIUM, require

MODULE_SECONDS = 180
PAGE_SECONDS = 45
STAY_SECONDS = 7
"""How long a page of the service may stand before it is taken for the end of the way."""
TOLD = {"FAILURE", "WARNING", "INTERRUPTED"}
ENDED = {"FINISHED", "INTERRUPTED"}
DECISIONS = re.compile(r"^(Allow|Continue|Sign out|Yes)", re.IGNORECASE)
SEND_FORM = """([address, query]) => {
  const form = Object.assign(document.createElement("form"), { method: "post", action: address });
  for (const [name, value] of new URLSearchParams(query)) {
    form.append(Object.assign(document.createElement("input"), { name, value }));
  }
  document.body.append(form);
  form.submit();
}"""


class Suite:
    """The suite's own API."""

    def __init__(self, url: str, certificate: str | None) -> None:
        """`certificate` is the file with the one that it has made itself."""
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.verify, self._session.trust_env = certificate or True, False

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Call a route, and return what it says. Raises requests.HTTPError."""
        answer = self._session.request(method, self.url + path, timeout=120, **options)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def plan(self, name: str, variant: dict[str, str], settings: dict[str, Any]) -> dict[str, Any]:
        """Make a plan."""
        query = {"planName": name, "variant": json.dumps(variant)}
        return dict(self.call("POST", "/api/plan", params=query, json=settings))

    def start(self, plan: str, module: dict[str, Any]) -> str:
        """Start a module of a plan; return the run's id."""
        variant = json.dumps(module.get("variant") or {})
        query = {"test": module["testModule"], "plan": plan, "variant": variant}
        return str(self.call("POST", "/api/runner", params=query)["id"])

    def visits(self, run: str) -> Iterator[dict[str, str]]:
        """Yield the addresses that a run wants a browser to go to."""
        yield from self.call("GET", f"/api/runner/{run}")["browser"]["urlsWithMethod"]

    def picture(self, run: str, image: bytes) -> None:
        """Give a picture of what the person saw last to whatever step waits for one."""
        text = "data:image/png;base64," + base64.b64encode(image).decode()
        for entry in self.call("GET", f"/api/log/{run}"):
            if "upload" in entry:
                self.call("POST", f"/api/log/{run}/images/{entry['upload']}", data=text)


class Somebody:
    """A person in a browser of their own."""

    def __init__(self, context: BrowserContext, suite: str, account: dict[str, str]) -> None:
        self._context, self._suite, self._account = context, suite, account
        self.saw = b""

    def go(self, address: str, method: str) -> None:
        """Go to an address, and on from page to page, until the suite has its answer or a page leads nowhere."""
        page = self._context.new_page()
        page.set_default_timeout(5_000)  # a page that has been left has none of what was seen on it
        try:
            if method == "POST":
                page.goto(f"{self._suite}/robots.txt", timeout=30_000)
                page.evaluate(SEND_FORM, address.partition("?")[::2])
                page.wait_for_url(lambda url: not url.endswith("/robots.txt"))
            else:
                page.goto(address, timeout=30_000)
            self._go_on(page)
            self.saw = page.screenshot()
        finally:
            page.close()

    def _go_on(self, page: Page) -> None:
        end = time.monotonic() + PAGE_SECONDS
        since, last = time.monotonic(), page.url
        while time.monotonic() < end and not page.url.startswith(self._suite):
            if page.url != last:
                since, last = time.monotonic(), page.url
            acted = False
            with suppress(BrowserError):  # it has just left the page
                acted = self._act(page)
            if not acted and time.monotonic() - since > STAY_SECONDS:
                return
            time.sleep(1)
        page.wait_for_load_state(timeout=30_000)
        time.sleep(0.5)  # the suite's page sends on what it got

    def _act(self, page: Page) -> bool:
        """Do what the page wants; return whether there was something to do."""
        password = page.locator("input[type=password]:visible")
        if password.count():
            if "/account/sign-in" in page.url:
                page.locator("input[type=email]:visible").fill(self._account["email"])
            password.fill(self._account["password"])
            self.saw = page.screenshot()
            password.press("Enter")
            return True
        decision = page.get_by_role("button", name=DECISIONS)
        if decision.count() and decision.first.is_enabled():
            self.saw = page.screenshot()
            decision.first.click()
            return True
        return False


def run(suite: Suite, run_id: str, somebody: Somebody) -> str:
    """Go wherever a run of a module sends a browser, until it has ended; return its result."""
    end, seen = time.monotonic() + MODULE_SECONDS, set[str]()
    while time.monotonic() < end:
        state = suite.call("GET", f"/api/info/{run_id}")
        if state["status"] in ENDED:
            break
        if state["status"] == "WAITING":
            wanted = [visit for visit in suite.visits(run_id) if visit["url"] not in seen]
            for visit in wanted:
                seen.add(visit["url"])
                suite.call("POST", f"/api/runner/browser/{run_id}/visit", params={"url": visit["url"]})
                somebody.go(visit["url"], visit["method"])
            if not wanted and somebody.saw:
                suite.picture(run_id, somebody.saw)
        time.sleep(0.7)
    state = suite.call("GET", f"/api/info/{run_id}")
    return str(state.get("result") or state["status"])


def main() -> int:
    """Run a plan; return 1 if a module of it has failed, or has not ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--certificate", help="what the suite shows, if nobody has signed it")
    parser.add_argument("suite")
    parser.add_argument("settings", type=Path)
    parser.add_argument("plan")
    parser.add_argument("modules", nargs="*")
    wanted = parser.parse_args()
    name, _, rest = wanted.plan.partition("[")
    variant = dict(pair.split("=") for pair in rest.rstrip("]").split(",") if pair)
    settings = json.loads(wanted.settings.read_text())
    suite = Suite(wanted.suite, wanted.certificate)
    plan = suite.plan(name, variant, {key: value for key, value in settings.items() if key != "account"})
    results = Counter[str]()
    with sync_playwright() as playwright:
        (program,) = require(CHROMIUM)
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for module in plan["modules"]:
            if wanted.modules and module["testModule"] not in wanted.modules:
                continue
            run_id = suite.start(plan["id"], module)
            with browser.new_context(ignore_https_errors=True) as context:
                result = run(suite, run_id, Somebody(context, suite.url, settings["account"]))
            results[result] += 1
            print(f"{result:9} {module['testModule']}", flush=True)
            for entry in suite.call("GET", f"/api/log/{run_id}"):
                if entry.get("result") in TOLD:
                    print(f"          {entry['result']}: {entry.get('msg')}", flush=True)
    print(", ".join(f"{count} {result}" for result, count in results.most_common()))
    return int(not set(results) <= {"PASSED", "WARNING", "REVIEW", "SKIPPED"})


if __name__ == "__main__":
    sys.exit(main())
