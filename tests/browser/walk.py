"""A walk through every page and most of its states, in any language: what is pressed is found by its id."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from bson import ObjectId
from playwright.sync_api import Page, expect

from authsvc import clock
from tests.browser.windows import at_rest, plug_in, sign_in_by_id
from tests.support.accounts import Database
from tests.support.service import Service, Visitor

FORMS = (
    *("sign-in", "sign-up", "forgot-password", "device", "sign-out"),
    *("reset-password#token=asl_x", "verify-email#token=asl_x", "undo-email", "email-code", "authorize?request=asr_x"),
)
SECTIONS = ("profile", "security", "sessions", "apps", "tokens", "activity", "data")
LONG = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle " * 2
AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; SM-X910) AppleWebKit/537.36 Chrome/120.0 Safari/537.36",
    "okhttp/4.12.0",
)

See = Callable[[str], None]
"""What is done with each state, which has a name."""


def fill(service: Service, account: dict[str, str], mongo: Database) -> None:
    """Give an account a long name, sessions of several devices and a token."""
    for agent in AGENTS:
        Visitor(service.url).request("POST", "/auth/login", json=account, headers={"User-Agent": agent})
    headers = {"Authorization": f"Bearer {Visitor(service.url).login(account['email']).json()['accessToken']}"}
    token = {"name": "Nightly backup of everything", "scopes": ["account:read", "account:write", "tokens:introspect"]}
    Visitor(service.url).request("POST", "/auth/access-tokens", json=token, headers=headers)
    mongo.users.update_one({"email": account["email"]}, {"$set": {"name": LONG.strip()[:100]}})


def add_passkeys(account: dict[str, str], mongo: Database) -> None:
    """Give an account passkeys, of which nobody has the keys."""
    owner = mongo.users.find_one({"email": account["email"]})
    assert owner is not None
    mongo.passkeys.insert_many(passkeys := list(_passkeys(owner["_id"])))
    mongo.users.update_one({"_id": owner["_id"]}, {"$set": {"passkeys": [one["_id"] for one in passkeys]}})


def _passkeys(owner: ObjectId) -> Iterator[dict[str, object]]:
    for number, name in enumerate(("iCloud Keychain", LONG.strip()[:100])):
        yield {
            "_id": ObjectId(),
            "user": owner,
            "credential": f"walk{number}{owner}",
            "publicKey": b"x",
            "signCount": 0,
            "transports": ["internal"],
            "backedUp": number == 0,
            "name": name,
            "createdAt": clock.now() - timedelta(days=40),
        }


def through_forms(page: Page, see: See) -> None:
    """Show each page on the way in, as it is and with what is wrong in it."""
    for path in FORMS:
        name = path.partition("#")[0].partition("?")[0]
        page.goto(f"/account/{path}")
        expect(page.locator("h1:visible").first).to_be_visible()
        at_rest(page)
        see(name)
        button = page.locator("form .button:visible:not([type=button])")
        if button.count() and page.locator("form input:visible").count():
            button.first.click()
            expect(page.locator(".error:visible").first).to_be_visible()
            see(f"{name}-wrong")
    page.goto("/account/nothing-here")
    see("not-found")


def through_home(page: Page, see: See, account: dict[str, str], mongo: Database) -> None:
    """Show the sections of an account and their dialogs, while the address is not confirmed and then."""
    sign_in_by_id(page, account)
    expect(page.locator("#profile-title")).to_be_visible()
    see("home-unconfirmed")
    mongo.users.update_one({"email": account["email"]}, {"$set": {"emailVerifiedAt": clock.now()}})
    add_passkeys(account, mongo)
    for section in SECTIONS:
        page.goto(f"/account/#{section}")
        expect(page.locator(f"#{section}-title")).to_be_visible()
        expect(page.locator(f"#{section} [data-content]")).to_be_visible()
        at_rest(page)
        see(f"home-{section}")
    page.locator("#delete").click()
    page.locator("#delete-form .button.danger").click()
    see("dialog-delete")
    page.keyboard.press("Escape")
    page.goto("/account/#activity")
    page.locator("#not-me").click()
    see("dialog-question")
    page.keyboard.press("Escape")
    page.locator("#activity-about").select_option("apps")
    see("home-activity-apps")
    _through_dialogs(page, see, account, mongo)


def _through_dialogs(page: Page, see: See, account: dict[str, str], mongo: Database) -> None:
    """Show the dialogs of the section on security, and those for tokens."""
    mongo.users.update_one({"email": account["email"]}, {"$unset": {"passkeys": 1}})
    page.goto("/account/#security")
    page.reload()
    expect(page.locator("#totp-add")).to_be_enabled()
    page.locator("#totp-add").click()
    expect(page.locator("#totp-qr")).to_be_visible()
    see("dialog-app")
    page.keyboard.press("Escape")
    page.locator("#add-passkey").click()
    see("dialog-passkey")
    plug_in(page)
    page.locator("#passkey-form .button:not([type=button])").click()
    expect(page.locator("#codes li").first).to_be_visible()
    see("dialog-codes")
    page.locator("#codes-later").click()
    expect(page.locator("#require-row")).to_be_visible()
    see("home-security-passkey")
    page.goto("/account/#tokens")
    page.locator("#token-name").fill("Backup")
    page.locator("[value='account:read']").check()
    mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=11)}})
    page.locator("#token-form .button:not([type=button])").click()
    expect(page.locator("#again-dialog")).to_be_visible()
    see("dialog-again")
    page.keyboard.press("Escape")
    page.route("**/auth/grants*", lambda route: route.abort())
    page.goto("/account/#apps")
    expect(page.locator("#apps .alert")).to_be_visible()
    see("home-apps-lost")
    page.unroute("**/auth/grants*")
