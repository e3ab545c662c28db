"""The console in a real browser: who may see it, looking for people, and everything that is done to an account."""

import re
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from bson import ObjectId
from playwright.sync_api import Locator, Page, expect

from authsvc import clock
from tests.browser.windows import at_rest, look, outdate, prove, says, sign_in
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.console import Administrator, enter, make_administrator, seed
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.browser

HOSTILE = '"><img src=x onerror=document.title=1><script>document.title=2</script>'


@pytest.fixture
def admin(service: Service, clean: None, mongo: Database) -> Administrator:
    """Return an administrator with a second factor."""
    return make_administrator(service, mongo)


@pytest.fixture
def console(desk: Page, admin: Administrator, mongo: Database) -> Page:
    """Return a window in which an administrator looks at people."""
    enter(desk, admin, mongo, "#people")
    expect(desk.locator("#people-list .row-link").first).to_be_visible()
    return desk


@pytest.fixture
def alice(service: Service, admin: Administrator) -> dict[str, Any]:
    """Return an account with a password, signed in once."""
    answer = Visitor(service.url).register("alice@example.com", PASSWORD)
    return dict(answer.json()["user"])


def open_person(page: Page, person: dict[str, Any]) -> Locator:
    """Open an account by its address; return the panel."""
    page.goto(f"/admin/#people/{person['id']}")
    panel = page.get_by_role("complementary")
    expect(panel.get_by_text(person["email"])).to_be_visible()
    expect(panel.locator(".acts")).to_be_visible()
    return panel


def ask(page: Page, panel: Locator, act: str) -> Locator:
    """Press what does something to an account; return the question."""
    panel.get_by_role("button", name=act, exact=True).click()
    dialog = page.locator("#act-dialog")
    expect(dialog).to_be_visible()
    return dialog


class TestDoor:
    def test_without_the_role_there_is_nothing(self, desk: Page, account: dict[str, str], mongo: Database) -> None:
        sign_in(desk, account, at="/admin/#people")
        expect(desk.get_by_role("heading", level=1, name="Not found")).to_be_visible()
        expect(desk.locator("#console")).to_be_hidden()
        assert "People" not in desk.locator("body").inner_text()
        mongo.users.update_many({}, {"$set": {"role": "admin"}})
        mongo.sessions.update_many({}, {"$set": {"role": "admin"}})
        desk.reload()
        expect(desk.get_by_role("heading", level=1, name="Set up a second factor first")).to_be_visible()

    def test_a_second_factor_is_set_up_first_and_leads_back(
        self, desk: Page, account: dict[str, str], mongo: Database
    ) -> None:
        prove(mongo, account["email"])
        mongo.users.update_many({}, {"$set": {"role": "admin"}})
        sign_in(desk, account, at="/admin/#people")
        desk.get_by_role("link", name="Set one up").click()
        expect(desk.get_by_role("heading", level=1, name="Sign-in and security")).to_be_visible()
        mongo.users.update_many({}, {"$set": {"passkeys": [ObjectId()]}})
        mongo.sessions.update_many({}, {"$addToSet": {"methods": "mfa"}})
        desk.reload()
        desk.get_by_role("link", name="Go on to the console").click()
        expect(desk.locator("#people-list .row-link")).to_have_count(1)

    def test_whoever_signed_in_without_the_factor_uses_it(
        self, desk: Page, admin: Administrator, mongo: Database
    ) -> None:
        enter(desk, admin, mongo)
        mongo.sessions.update_many({}, {"$set": {"methods": ["pwd"]}})
        desk.goto("/admin/#people")
        desk.reload()
        expect(desk.get_by_role("heading", level=1, name="Use your second factor")).to_be_visible()
        expect(desk.locator("#console")).to_be_hidden()
        desk.get_by_role("button", name="Confirm it's you").click()
        again = desk.get_by_role("dialog", name="Confirm it's you")
        expect(again.get_by_label("Password", exact=True)).to_be_hidden()
        again.get_by_label("Code").fill(admin.code(mongo))
        expect(desk.locator("#people-list .row-link")).to_have_count(1)

    def test_a_service_that_is_gone_is_asked_again(self, desk: Page, admin: Administrator, mongo: Database) -> None:
        enter(desk, admin, mongo)
        desk.route("**/admin/console", lambda route: route.abort())
        desk.reload()
        expect(desk.get_by_role("heading", level=1, name="The console can't be loaded")).to_be_visible()
        expect(desk.locator("#unreachable")).to_contain_text("We can't reach the service.")
        desk.unroute("**/admin/console")
        desk.get_by_role("button", name="Try again").click()
        expect(desk.get_by_role("heading", level=1, name="Overview")).to_be_visible()

    def test_signed_out_it_asks_to_sign_in_and_leads_back(
        self, desk: Page, admin: Administrator, mongo: Database
    ) -> None:
        enter(desk, admin, mongo, "#people")
        desk.get_by_role("button", name="Sign out").click()
        desk.wait_for_url("**/account/sign-in*")
        desk.goto("/admin/#events")
        desk.wait_for_url("**/account/sign-in*")
        assert "return=%2Fadmin%2F%23events" in desk.url

    def test_a_role_that_is_lost_shuts_it(self, console: Page, admin: Administrator, mongo: Database) -> None:
        mongo.users.update_many({}, {"$set": {"role": "user"}})
        mongo.sessions.update_many({}, {"$set": {"role": "user"}})
        console.get_by_label("Name or address begins with").fill("a")
        expect(console.get_by_role("heading", level=1, name="Not found")).to_be_visible()
        expect(console.locator("#console")).to_be_hidden()
        console.reload()
        expect(console.get_by_role("heading", level=1, name="Not found")).to_be_visible()


class TestPeople:
    def test_ten_thousand_accounts_stay_quick(self, console: Page, mongo: Database) -> None:
        seed(mongo, 10_000)
        mongo.users.update_many({"email": {"$regex": "^person099"}}, {"$set": {"role": "admin"}})
        begun = monotonic()
        console.reload()
        expect(console.locator("#people-list .row-link")).to_have_count(50)
        for count in (100, 150):
            console.get_by_role("button", name="Show more").click()
            expect(console.locator("#people-list .row-link")).to_have_count(count)
            expect(console.locator("#people-list .row-link").nth(count - 50)).to_be_focused()
        console.get_by_label("Name or address begins with").fill("person 0512")
        expect(console.locator("#people-list .row-link")).to_have_count(10)
        expect(console.locator("#people-list")).to_contain_text("person05123@example.com")
        assert monotonic() - begun < 15
        console.get_by_label("Name or address begins with").fill("PERSON09991@example.com")
        expect(console.locator("#people-list .row-link")).to_have_count(1)
        console.get_by_label("Role", exact=True).select_option("user")
        expect(console.get_by_text("Nobody fits these filters.")).to_be_visible()
        assert "role=user" in console.url
        console.get_by_role("button", name="Show everybody").click()
        expect(console.locator("#people-list .row-link")).to_have_count(50)

    def test_by_proof_and_second_factor(self, console: Page, mongo: Database, alice: dict[str, Any]) -> None:
        seed(mongo, 2, emailVerifiedAt=clock.now())
        rows = console.locator("#people-list .row-link")
        console.locator("#verified-filter").select_option(label="Not confirmed")
        expect(rows).to_have_count(1)
        console.locator("#verified-filter").select_option(label="Confirmed")
        expect(rows).to_have_count(3)
        console.locator("#secondFactor-filter").select_option("true")
        expect(rows).to_have_text(["Grace"])
        assert "secondFactor=true" in console.url

    def test_by_keys_alone(self, console: Page, mongo: Database) -> None:
        ids = seed(mongo, 5)
        console.reload()
        rows = console.locator("#people-list .row-link")
        expect(rows).to_have_count(6)
        console.get_by_label("Name or address begins with").focus()
        console.keyboard.press("ArrowDown")
        expect(rows.nth(0)).to_be_focused()
        for _ in range(3):
            console.keyboard.press("ArrowDown")
        console.keyboard.press("ArrowUp")
        expect(rows.nth(2)).to_be_focused()
        console.keyboard.press("End")
        expect(rows.nth(5)).to_be_focused()
        console.keyboard.press("Home")
        console.keyboard.press("ArrowDown")
        console.keyboard.press("Enter")
        expect(console.locator("#person-name")).to_be_focused()
        expect(console.locator("#person-name")).to_have_text("Person 00000")
        expect(rows).to_have_count(6)  # the list stays
        assert console.url.endswith(f"#people/{ids[0]}")
        console.keyboard.press("Escape")
        expect(console.locator("#person")).to_be_hidden()
        expect(rows.nth(1)).to_be_focused()
        console.go_back()
        expect(console.locator("#person-name")).to_have_text("Person 00000")

    def test_somebody_is_invited(self, console: Page, mongo: Database) -> None:
        console.get_by_role("button", name="Invite someone").click()
        dialog = console.get_by_role("dialog", name="Invite someone")
        expect(dialog).to_contain_text("They get the letter “Invitation”")
        dialog.get_by_role("button", name="Send invitation").click()
        expect(dialog.locator("#act-name-error")).to_have_text("Fill this in.")
        dialog.get_by_label("Name").fill("山田太郎")
        dialog.get_by_label("Email").fill("taro@example.com")
        dialog.get_by_role("button", name="Send invitation").click()
        expect(console.locator("#person-name")).to_have_text("山田太郎")
        expect(console.locator("#person")).to_contain_text("taro@example.com")
        assert mongo.users.find_one({"email": "taro@example.com"}, {"role": 1})["role"] == "user"  # type: ignore[index]
        console.get_by_role("button", name="Invite someone").click()
        dialog.get_by_label("Name").fill("Another")
        dialog.get_by_label("Email").fill("taro@example.com")
        dialog.get_by_role("button", name="Send invitation").click()
        expect(dialog).to_contain_text("An account with this email address already exists.")

    def test_what_is_stored_stays_text(self, console: Page, mongo: Database, admin: Administrator) -> None:
        (person,) = seed(mongo, 1)
        email = '"<img/src=x/onerror=document.title=3>"@example.com'
        facts = {"name": HOSTILE, "email": email, "role": "<b>role</b>", "disabledAt": clock.now()}
        mongo.users.update_one({"_id": person}, {"$set": facts})
        now = clock.now()
        session = {"_id": ObjectId(), "user": person, "userAgent": HOSTILE, "ip": HOSTILE, "app": None}
        mongo.sessions.insert_one({**(mongo.sessions.find_one({}) or {}), **session})
        event = {
            "action": "login.failed",
            "at": now,
            "outcome": "failure",
            "actor": person,
            "target": person,
            "ip": HOSTILE,
            "userAgent": HOSTILE,
            "requestId": HOSTILE,
            "details": {HOSTILE: HOSTILE},
            "expiresAt": now + timedelta(days=1),
        }
        stored = mongo.audit.find_one({"action": "login.succeeded"})
        assert stored is not None
        mongo.audit.insert_one(
            {**stored, **{key: value for key, value in event.items() if key in stored}, "_id": ObjectId()}
        )
        console.reload()
        expect(console.locator("#people-list")).to_contain_text(HOSTILE)
        console.get_by_role("link", name=HOSTILE).click()
        panel = console.get_by_role("complementary")
        expect(panel).to_contain_text(email)
        for summary in panel.locator("summary").all():
            summary.click()
        panel.get_by_role("button", name="Enable", exact=True).click()
        expect(console.locator("#act-dialog")).to_be_visible()
        console.keyboard.press("Escape")
        console.goto("/admin/#events")
        console.locator("#events-list .row-link").first.click()
        expect(console.locator(".record-body").first).to_contain_text(HOSTILE)
        assert console.title().startswith("What happened")
        assert console.locator("main [onerror], main script").count() == 0


class TestPerson:
    def test_the_name_is_changed(self, console: Page, alice: dict[str, Any], mongo: Database) -> None:
        panel = open_person(console, alice)
        dialog = ask(console, panel, "Rename")
        dialog.get_by_label("Name").fill("عائشة بنت محمد")
        console.keyboard.press("Enter")
        expect(console.locator("#person-name")).to_have_text("عائشة بنت محمد")
        expect(console.locator("#people-list")).to_contain_text("عائشة بنت محمد")
        assert mongo.users.count_documents({"name": "عائشة بنت محمد"}) == 1

    def test_role_and_state(self, console: Page, alice: dict[str, Any], admin: Administrator, mongo: Database) -> None:
        outdate(mongo)
        panel = open_person(console, alice)
        dialog = ask(console, panel, "Change the role")
        dialog.get_by_label("Role").select_option("admin")
        dialog.get_by_role("button", name="Change the role").click()
        again = console.get_by_role("dialog", name="Confirm it's you")
        expect(again).to_be_visible()
        again.get_by_role("button", name="Cancel").click()
        expect(dialog).to_be_visible()  # nothing was done, and nothing is said
        dialog.get_by_role("button", name="Change the role").click()
        again.get_by_label("Code").fill(admin.code(mongo))
        says(console, "The role is changed.")
        expect(panel.locator(".badge", has_text="Administrator")).to_be_visible()
        dialog = ask(console, panel, "Change the role")
        dialog.get_by_label("Role").select_option("user")
        dialog.get_by_role("button", name="Change the role").click()
        expect(panel.locator(".badge", has_text="Administrator")).to_have_count(0)
        ask(console, panel, "Disable").get_by_role("button", name="Disable").click()
        expect(panel.locator(".badge")).to_contain_text(["Disabled"])
        expect(console.locator("#people-list .badge", has_text="Disabled")).to_have_count(1)
        ask(console, panel, "Enable").get_by_role("button", name="Enable").click()
        expect(panel.get_by_role("button", name="Disable", exact=True)).to_be_visible()

    def test_the_address_is_confirmed_by_hand(
        self, console: Page, alice: dict[str, Any], admin: Administrator, mongo: Database
    ) -> None:
        outdate(mongo)
        panel = open_person(console, alice)
        dialog = ask(console, panel, "Confirm the address")
        expect(dialog).to_contain_text("They get no letter.")
        dialog.get_by_role("button", name="Confirm the address").click()
        console.get_by_role("dialog", name="Confirm it's you").get_by_label("Code").fill(admin.code(mongo))
        says(console, "The address is confirmed.")
        expect(panel.get_by_role("button", name="Confirm the address")).to_have_count(0)
        expect(panel.locator(".badge", has_text="Not confirmed")).to_have_count(0)

    def test_a_password_link_is_shown_once(self, console: Page, alice: dict[str, Any], mongo: Database) -> None:
        before = mongo.letters.count_documents({})
        panel = open_person(console, alice)
        ask(console, panel, "Make a password link").get_by_role("button", name="Make the link").click()
        secret = console.get_by_role("dialog", name="The password link of Somebody")
        link = secret.locator("#token-value").inner_text()
        assert "/account/reset-password#token=asl_" in link
        assert mongo.letters.count_documents({}) == before
        secret.get_by_role("button", name="Done").click()
        expect(console.locator("#token-value")).to_be_empty()
        console.goto(link)
        expect(console.get_by_label("New password")).to_be_visible()

    def test_second_factors_are_listed(self, console: Page, admin: Administrator) -> None:
        panel = console.get_by_role("complementary")
        console.goto(f"/admin/#people/{admin.id}")
        panel.get_by_text("Second factors", exact=True).click()
        expect(panel.locator(".row", has_text="Authenticator app")).to_contain_text("set up")
        expect(panel.locator(".row", has_text="Recovery codes")).to_contain_text("10 codes left")

    def test_it_is_deleted_once_the_address_is_typed(
        self, console: Page, alice: dict[str, Any], mongo: Database
    ) -> None:
        panel = open_person(console, alice)
        dialog = ask(console, panel, "Delete")
        expect(dialog).to_contain_text("They get the letter “Your account was deleted”.")
        dialog.get_by_label(re.compile("^Type ")).fill("nobody@example.com")
        dialog.get_by_role("button", name="Delete for good").click()
        expect(dialog.locator("#act-typed-error")).to_contain_text("This is not the same.")
        dialog.get_by_label(re.compile("^Type ")).fill(alice["email"])
        dialog.get_by_role("button", name="Delete for good").click()
        says(console, "The account is deleted.")
        expect(console.locator("#person")).to_be_hidden()
        expect(console.locator("#people-list .row-link")).to_have_count(1)
        assert mongo.users.count_documents({"email": alice["email"]}) == 0

    def test_a_password_link_and_signing_out(self, console: Page, alice: dict[str, Any], mongo: Database) -> None:
        panel = open_person(console, alice)
        panel.get_by_text("Sessions", exact=True).click()
        expect(panel.get_by_text("last used")).to_have_count(1)
        dialog = ask(console, panel, "Send a password link")
        expect(dialog).to_contain_text("They get the letter “Reset your password”")
        dialog.get_by_role("button", name="Send the link").click()
        says(console, "The link is on its way.")
        assert mongo.letters.count_documents({"kind": "reset"}) == 1
        ask(console, panel, "Sign out everywhere").get_by_role("button", name="Sign out").click()
        says(console, "They are signed out everywhere.")
        panel.get_by_text("Sessions", exact=True).click()
        expect(panel.get_by_text("Not signed in anywhere.")).to_be_visible()

    def test_second_factors_are_removed_once_the_address_is_typed(
        self, console: Page, alice: dict[str, Any], mongo: Database
    ) -> None:
        mongo.users.update_one({"email": alice["email"]}, {"$set": {"passkeys": [ObjectId()]}})
        panel = open_person(console, alice)
        dialog = ask(console, panel, "Remove second factors")
        expect(dialog).to_contain_text("They get the letter “Your second factors were removed”")
        dialog.get_by_label(re.compile("^Type ")).fill(alice["email"].upper())
        dialog.get_by_role("button", name="Remove second factors").click()
        says(console, "The second factors are removed.")
        expect(panel.get_by_role("button", name="Remove second factors")).to_have_count(0)
        user = mongo.users.find_one({"email": alice["email"]})
        assert user is not None
        assert not user.get("passkeys")

    def test_what_belongs_to_somebody(
        self, console: Page, alice: dict[str, Any], service: Service, mongo: Database
    ) -> None:
        visitor = Visitor(service.url)
        headers = {"Authorization": f"Bearer {visitor.login(alice['email']).json()['accessToken']}"}
        token = {"name": "Nightly <b>backup</b>", "scopes": ["account:read"]}
        assert visitor.request("POST", "/auth/access-tokens", json=token, headers=headers).status_code == 201
        panel = open_person(console, alice)
        panel.get_by_text("Access tokens", exact=True).click()
        expect(panel.get_by_text("Nightly <b>backup</b>")).to_be_visible()
        panel.get_by_role("button", name="Revoke all tokens").click()
        console.locator("#act-dialog").get_by_role("button", name="Revoke").click()
        expect(panel.get_by_text("No access tokens.")).to_be_visible()
        panel.get_by_text("What happened", exact=True).click()
        expect(panel.get_by_text("Access token revoked")).to_be_visible()
        panel.get_by_role("link", name="Look at all of it").click()
        expect(console.get_by_role("heading", level=1, name="What happened")).to_be_visible()
        expect(console.locator("#events-list")).to_contain_text("Access token revoked")

    def test_refusals_are_told_where_they_happen(
        self, console: Page, admin: Administrator, alice: dict[str, Any], mongo: Database
    ) -> None:
        panel = open_person(console, {"id": admin.id, "email": admin.email})
        dialog = ask(console, panel, "Change the role")
        dialog.get_by_label("Role").select_option("user")
        dialog.get_by_role("button", name="Change the role").click()
        expect(dialog.locator("[data-alert]")).to_have_text("You can't change your own role.")
        expect(dialog.locator("[data-alert]")).to_be_focused()
        console.keyboard.press("Escape")
        panel = open_person(console, alice)
        mongo.users.update_one({"email": alice["email"]}, {"$set": {"name": "Changed meanwhile"}})
        panel.get_by_role("button", name="Disable", exact=True).click()
        says(console, "This account was changed by somebody else.")
        expect(console.locator("#person-name")).to_have_text("Changed meanwhile")
        expect(console.locator("#act-dialog")).to_be_hidden()
        mongo.users.delete_one({"email": alice["email"]})
        panel.get_by_role("button", name="Disable", exact=True).click()
        expect(panel.get_by_role("alert")).to_have_text("This no longer exists.")

    def test_a_lost_network_is_told_in_its_place(self, console: Page, alice: dict[str, Any]) -> None:
        console.route("**/admin/users*", lambda route: route.abort())
        console.route("**/admin/users/**", lambda route: route.abort())
        console.get_by_label("Name or address begins with").fill("a")
        alert = console.locator("#people-place [role=alert]")
        expect(alert).to_contain_text("We can't reach the service.")
        console.goto(f"/admin/#people/{alice['id']}")
        expect(console.locator("#person [role=alert]")).to_contain_text("We can't reach the service.")
        console.unroute("**/admin/users*")
        console.unroute("**/admin/users/**")
        console.locator("#person").get_by_role("button", name="Try again").click()
        expect(console.locator("#person")).to_contain_text(alice["email"])
        console.evaluate("dispatchEvent(new Event('online'))")
        expect(console.locator("#people-list .row-link").first).to_be_visible()


class TestLooks:
    def test_people(self, eyes: Page, axe: str, admin: Administrator, mongo: Database, alice: dict[str, Any]) -> None:
        ids = seed(mongo, 12)
        for person, name in zip(ids, ("محمد بن عبد الله " * 6, "山田" * 50, "W" * 100, "<script>"), strict=False):
            mongo.users.update_one({"_id": person}, {"$set": {"name": name[:100]}})
        mongo.users.update_one({"_id": ids[5]}, {"$set": {"disabledAt": clock.now(), "role": "admin"}})
        enter(eyes, admin, mongo, "#people")
        expect(eyes.locator("#people-list .row-link")).to_have_count(14)
        look(eyes, axe, "console-people")
        panel = open_person(eyes, alice)
        for summary in panel.locator("summary").all():
            summary.click()
        at_rest(eyes)
        look(eyes, axe, "console-person")
        ask(eyes, panel, "Delete")
        look(eyes, axe, "console-delete")
        eyes.keyboard.press("Escape")
        eyes.goto(f"/admin/#people/{ids[2]}")
        expect(eyes.locator("#person-name")).to_have_text("W" * 100)
        expect(panel.locator(".acts")).to_be_visible()
        look(eyes, axe, "console-long-name")
