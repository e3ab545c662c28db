"""What the tests of the account pages do in a browser window."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from playwright.sync_api import Browser, Page, expect

from authsvc import clock
from tests.accounts import Database
from tests.support.service import Service


@contextmanager
def window(browser: Browser, service: Service, **options: Any) -> Iterator[Page]:
    """Open a window of its own; at the end nothing was wrong in it, and it asked no other host for anything."""
    context = browser.new_context(base_url=f"http://localhost:{service.port}", **options)
    page = context.new_page()
    wrong = watch(page, f"http://localhost:{service.port}/")
    yield page
    context.close()
    assert wrong == []


def watch(page: Page, origin: str) -> list[str]:
    """Return what will go wrong: errors of scripts, offences against the policy, requests to others."""
    wrong: list[str] = []

    def listen(message: Any) -> None:
        refused = message.text.startswith("Failed to load resource") and "/auth/" in message.location["url"]
        if message.type in ("error", "warning") and not refused:
            wrong.append(message.text)

    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", listen)
    page.on("request", lambda asked: wrong.append(asked.url) if not _is_own(asked.url, origin) else None)
    return wrong


def _is_own(url: str, origin: str) -> bool:
    return url.startswith((origin, "data:", "blob:", "about:"))


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


def says(page: Page, text: str) -> None:
    """Wait until the page says something in passing."""
    expect(page.locator("#toasts")).to_contain_text(text)


def outdate(mongo: Database) -> None:
    """Let every sign-in be too long ago for what takes a fresh one."""
    mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=11)}})


def prove(mongo: Database, email: str) -> None:
    """Let an address be proved."""
    mongo.users.update_one({"email": email}, {"$set": {"emailVerifiedAt": clock.now()}})


def plug_in(page: Page) -> None:
    """Give the browser a virtual authenticator (WebAuthn section 11) that verifies its user."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
