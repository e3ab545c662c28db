"""Take the pictures of the account pages for the README: `python -m docs.picture http://localhost:8000`.

It needs Chromium, and a service that has not met Ada yet: `EMAIL_VERIFICATION=off ACCOUNT_NAME=Example make run`,
with no `instance/`.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))))
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def main(service: str) -> None:
    """Take the sign-in on a phone; sign up as Ada, add a passkey, and take the account."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        phone = browser.new_page(viewport={"width": 390, "height": 720}, color_scheme="dark")
        phone.goto(f"{service}/account/sign-in")
        phone.get_by_role("button", name="Sign in", exact=True).wait_for()
        phone.screenshot(path=IMAGES / "sign-in.png")
        page = browser.new_page(viewport={"width": 1180, "height": 820})
        devices = page.context.new_cdp_session(page)
        devices.send("WebAuthn.enable")
        devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        page.goto(f"{service}/account/sign-up")
        page.get_by_label("Name").fill("Ada Lovelace")
        page.get_by_label("Email").fill("ada@example.com")
        page.get_by_label("Password", exact=True).fill("an analytical engine")
        page.get_by_role("button", name="Create account").click()
        page.wait_for_url(f"{service}/account/")
        page.get_by_role("link", name="Security").click()
        page.get_by_role("button", name="Add a passkey").click()
        page.get_by_label("Name", exact=True).fill("Ada's laptop")
        page.locator("#passkey-form").get_by_role("button").last.click()
        page.get_by_role("button", name="I've saved them").click()
        page.locator("#passkeys li").wait_for()
        page.get_by_text("Passkey added").wait_for(state="hidden", timeout=30_000)
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=IMAGES / "account.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
