"""What the tests of the account pages do in a browser window."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
from playwright.sync_api import Browser, CDPSession, Page, expect

from authsvc import clock
from tests.support.accounts import Database
from tests.support.service import Service

# A letter in a frame has an origin of its own, and axe can't ask it: letters are looked at by themselves.
SERIOUS = """async () => (await axe.run(document, {resultTypes: ["violations"], iframes: false})).violations
  .filter(({impact}) => ["serious", "critical"].includes(impact))
  .map(({id, nodes}) => `${id}: ${nodes.map(({html}) => html).join(" ")}`)"""

LOOKS = [(width, scheme) for width in (360, 1280) for scheme in ("light", "dark")]
"""Windows in which pages are looked at: a phone and a desk, by day and by night."""


def still(look: tuple[int, str]) -> dict[str, Any]:
    """Return the options of a window for one of the `LOOKS`, in which nothing moves."""
    width, scheme = look
    viewport = {"width": width, "height": 800}
    return {"bypass_csp": True, "viewport": viewport, "color_scheme": scheme, "reduced_motion": "reduce"}


@contextmanager
def window(browser: Browser, service: Service, others: tuple[str, ...] = (), **options: Any) -> Iterator[Page]:
    """Open a window of its own; at the end nothing was wrong in it, and it asked only the service and `others`."""
    context = browser.new_context(base_url=f"http://localhost:{service.port}", **options)
    context.grant_permissions(["clipboard-write"])  # which a window has unasked, and the shell does not
    page = context.new_page()
    wrong = watch(page, f"http://localhost:{service.port}/", *others)
    yield page
    context.close()
    assert wrong == []


def at_rest(page: Page) -> None:
    """Wait until nothing is being loaded in the place of what a page shows."""
    expect(page.locator(".skeleton:visible, .spinner:visible")).to_have_count(0)


def watch(page: Page, *origins: str) -> list[str]:
    """Return what will go wrong: errors of scripts, offences against the policy, requests to others."""
    wrong: list[str] = []

    def listen(message: Any) -> None:
        refused = message.text.startswith("Failed to load resource") and re.search(
            "/(?:auth|admin)/", message.location["url"]
        )
        if message.type in ("error", "warning") and not refused:
            wrong.append(message.text)

    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", listen)
    page.on("request", lambda asked: wrong.append(asked.url) if not _is_own(asked.url, origins) else None)
    return wrong


def _is_own(url: str, origins: tuple[str, ...]) -> bool:
    return url.startswith((*origins, "data:", "blob:", "about:"))


def sign_in(page: Page, account: dict[str, str], *, at: str = "/account/") -> None:
    """Sign in by password on the page that asks for it, wherever one wanted to go."""
    page.goto(at, wait_until="commit")  # the page leaves by itself for the sign-in, maybe before it is all loaded
    page.get_by_label("Email").fill(account["email"])
    page.get_by_label("Password", exact=True).fill(account["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()


def at_home(page: Page, title: str = "Profile") -> None:
    """Wait until a section of the home is shown."""
    expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()


def turn_to(page: Page, link: str, title: str) -> None:
    """Turn to a section of the home by its link."""
    page.get_by_role("navigation").get_by_role("link", name=link).click()
    at_home(page, title)


def is_closed(page: Page) -> None:
    """Wait until a window has closed itself."""
    if not page.is_closed():  # or it has, and that has not been heard of here
        page.wait_for_event("close")


def says(page: Page, text: str) -> None:
    """Wait until the page says something in passing."""
    expect(page.locator("#toasts")).to_contain_text(text)


def outdate(mongo: Database) -> None:
    """Let every sign-in be too long ago for what takes a fresh one."""
    mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=11)}})


def prove(mongo: Database, email: str) -> None:
    """Let an address be proved."""
    mongo.users.update_one({"email": email}, {"$set": {"emailVerifiedAt": clock.now()}})


def enrol(page: Page) -> pyotp.TOTP:
    """Set up an authenticator app in the section on security, and sign out; return the app."""
    page.get_by_role("button", name="Set up").click()
    dialog = page.get_by_role("dialog", name="Set up an authenticator app")
    app = pyotp.TOTP(dialog.locator("#totp-secret").inner_text().replace(" ", ""))
    dialog.get_by_label("Code from the app").fill(app.now())
    page.get_by_role("button", name="I've saved them").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/account/sign-in*")
    return app


def code_of(app: pyotp.TOTP, mongo: Database) -> str:
    """Return a code of now, which is good once more."""
    mongo.users.update_many({"totp.step": {"$exists": True}}, {"$set": {"totp.step": 0}})
    return app.now()


def plug_in(page: Page) -> None:
    """Give the browser a virtual authenticator (WebAuthn section 11) that verifies its user."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    add_authenticator(devtools)


def add_authenticator(devtools: CDPSession) -> None:
    """Give the page of a session, in which WebAuthn is enabled, a virtual authenticator."""
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def follow(page: Page, place: str, token: str) -> None:
    """Open a link as it stands in the letter: the secret is in the address bar no longer than that."""
    page.goto("about:blank")
    page.goto(f"/account/{place}#token={token}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert token not in page.url


def sign_in_here(page: Page, account: dict[str, str]) -> None:
    """Sign in on the page that is open."""
    page.get_by_label("Email").fill(account["email"])
    page.get_by_label("Password", exact=True).fill(account["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()


def looks_right(page: Page, axe: str) -> None:
    """Check that what is shown fits, and that nobody is shut out by it."""
    page.evaluate(axe)
    assert page.evaluate(SERIOUS) == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth"), page.url
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    red = int(page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))
    assert (red < 64) is dark


def look(page: Page, axe: str, name: str) -> None:
    """Check what is shown likewise, and keep a picture of it in the folder PICTURES, for those who want to look."""
    looks_right(page, axe)
    if folder := os.environ.get("PICTURES"):
        dark = "dark" if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
        page.screenshot(path=Path(folder) / f"{name}-{page.evaluate('innerWidth')}-{dark}.png", full_page=True)


def sign_in_by_id(page: Page, account: dict[str, str]) -> None:
    """Sign in by password, in whatever language the page is."""
    page.goto("/account/sign-in")
    page.locator("#email").fill(account["email"])
    page.locator("#password").fill(account["password"])
    page.locator("#by-password .button:not([type=button])").click()
    page.wait_for_url("**/account/")
