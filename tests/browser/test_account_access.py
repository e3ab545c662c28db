"""The account pages in a real browser: devices, access tokens, activity; and where a sign-in returns to."""

from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.windows import at_home, says, sign_in, turn_to
from tests.support.accounts import Database
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.browser

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"


def from_elsewhere(service: Service, account: dict[str, str], agent: str) -> str:
    """Sign in with another program; return its access token."""
    answer = Visitor(service.url).request("POST", "/auth/login", json=account, headers={"User-Agent": agent})
    return str(answer.json()["accessToken"])


class TestDevices:
    def test_p23_others_are_named_and_signed_out_after_a_question(
        self, account: dict[str, str], desk: Page, service: Service
    ) -> None:
        phone = from_elsewhere(service, account, PHONE)
        script = from_elsewhere(service, account, "curl/8.11")
        sign_in(desk, account, at="/account/#sessions")
        at_home(desk, "Where you are signed in")
        rows = desk.locator("#sessions-list").get_by_role("listitem")
        expect(rows.filter(has_text="This device")).to_have_count(1)
        expect(rows.filter(has_text="This device")).to_contain_text("Chrome on Linux")
        iphone = rows.filter(has_text="Safari on iPhone")
        expect(iphone).to_contain_text("127.0.0.1 · last used just now · signed in on ")
        expect(iphone).to_contain_text(" by password")
        expect(rows.first).to_contain_text("This device")
        expect(iphone.locator(".i-phone")).to_have_count(1)
        desk.get_by_role("button", name="Sign out Safari on iPhone").click()
        question = desk.get_by_role("dialog", name="Sign out Safari on iPhone?")
        question.get_by_role("button", name="Cancel").click()
        assert Visitor(service.url).home(phone).status_code == 200
        desk.get_by_role("button", name="Sign out Safari on iPhone").click()
        question.get_by_role("button", name="Sign out").click()
        says(desk, "Safari on iPhone is signed out.")
        assert Visitor(service.url).home(phone).status_code == 401
        assert Visitor(service.url).home(script).status_code == 200
        desk.get_by_role("button", name="Sign out everywhere else").click()
        desk.get_by_role("dialog").get_by_role("button", name="Sign out").click()
        says(desk, "You're signed out everywhere else.")
        expect(desk.get_by_text("You aren't signed in anywhere else.")).to_be_visible()
        assert Visitor(service.url).home(script).status_code == 401

    def test_a_long_list_is_shown_bit_by_bit(self, account: dict[str, str], desk: Page, service: Service) -> None:
        for _ in range(52):
            from_elsewhere(service, account, "curl/8.11")
        sign_in(desk, account, at="/account/#sessions")
        rows = desk.locator("#sessions-list").get_by_role("listitem")
        expect(rows).to_have_count(50)
        desk.get_by_role("button", name="Show more").click()
        expect(rows).to_have_count(54)
        turn_to(desk, "Activity", "Recent activity")
        rows = desk.locator("#activity-list").get_by_role("row")
        expect(rows).to_have_count(20)
        expect(rows.first).to_contain_text("You signed in")
        for _ in range(2):
            shown = rows.count()
            desk.get_by_role("button", name="Show more").click()
            expect(rows.nth(shown)).to_be_visible()
        expect(rows.filter(has_text="You signed up")).to_have_count(1)


class TestActivity:
    def test_it_is_filtered_by_what_it_is_about(self, account: dict[str, str], desk: Page) -> None:
        sign_in(desk, account, at="/account/#activity")
        at_home(desk, "Recent activity")
        rows = desk.locator("#activity-list").get_by_role("row")
        expect(rows.filter(has_text="You signed up")).to_have_count(1)
        desk.get_by_label("Show", exact=True).select_option("Sign-ins")
        expect(rows.filter(has_text="You signed up")).to_have_count(0)
        expect(rows.filter(has_text="You signed in")).to_have_count(2)
        desk.get_by_label("Show", exact=True).select_option("Apps and tokens")
        expect(desk.get_by_text("Nothing of this kind yet.")).to_be_visible()
        expect(rows).to_have_count(0)

    def test_who_sees_a_stranger_there_ends_all_other_sessions(
        self, account: dict[str, str], desk: Page, service: Service
    ) -> None:
        stranger = from_elsewhere(service, account, PHONE)
        sign_in(desk, account, at="/account/#activity")
        at_home(desk, "Recent activity")
        desk.get_by_role("button", name="Something wasn't me").click()
        desk.get_by_role("dialog").get_by_role("button", name="Sign out everywhere else").click()
        says(desk, "Now change your password.")
        at_home(desk, "Sign-in and security")
        assert Visitor(service.url).home(stranger).status_code == 401


class TestTokens:
    def test_made_shown_once_and_revoked(self, account: dict[str, str], desk: Page, service: Service) -> None:
        sign_in(desk, account, at="/account/#tokens")
        at_home(desk, "Access tokens")
        expect(desk.get_by_text("No tokens yet.")).to_be_visible()
        desk.get_by_role("button", name="Create token").click()
        expect(desk.get_by_label("Token name")).to_be_focused()
        expect(desk.locator("#token-name-error")).to_have_text("Fill this in.")
        expect(desk.locator("#scopes-error")).to_have_text("Choose at least one.")  # P24: at once
        desk.get_by_label("Token name").fill("Backup")
        desk.get_by_role("button", name="Create token").click()
        expect(desk.locator("#scopes-error")).to_be_visible()
        expect(desk.get_by_label("users:read")).to_be_hidden()
        desk.get_by_label("account:read").check()
        desk.get_by_label("Expires after").select_option("90 days")
        desk.get_by_role("button", name="Create token").click()
        dialog = desk.get_by_role("dialog", name="Your new token")
        token = dialog.locator("#token-value").inner_text()
        dialog.get_by_role("button", name="Copy the token").click()
        expect(dialog.get_by_role("status")).to_contain_text("opied")
        dialog.get_by_role("button", name="Done").click()
        assert Visitor(service.url).me(token).status_code == 200
        row = desk.locator("#tokens-list").get_by_role("row")
        expect(row).to_contain_text("account:read")
        assert token not in desk.content()
        desk.get_by_role("button", name="Revoke the token Backup").click()
        desk.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        says(desk, "Token revoked.")
        expect(desk.get_by_text("No tokens yet.")).to_be_visible()
        assert Visitor(service.url).me(token).status_code == 401

    def test_an_administrator_is_offered_more(
        self, account: dict[str, str], desk: Page, mongo: Database, service: Service
    ) -> None:
        mongo.users.update_one({"email": account["email"]}, {"$set": {"role": "admin"}})
        sign_in(desk, account, at="/account/#tokens")
        expect(desk.get_by_label("users:read")).to_be_visible()


class TestReturn:
    """What counts as an address to return to: see `tests/web/test_redirect.py`."""

    def test_a_sign_in_returns_to_a_listed_page(
        self, account: dict[str, str], browser: Browser, service: Service, pages: dict[str, int]
    ) -> None:
        listed = f"http://localhost:{pages['listed']}/"
        context = browser.new_context(base_url=f"http://localhost:{service.port}")
        page = context.new_page()
        page.goto(f"/account/sign-in?return={quote(listed, safe='')}")
        page.get_by_role("link", name="Create an account").click()
        page.get_by_role("link", name="Sign in").click()
        page.wait_for_url("**/account/sign-in?return=*")
        sign_in(page, account, at=page.url)
        page.wait_for_url(listed)
        page.goto(f"http://localhost:{service.port}/account/sign-in?return={quote(listed, safe='')}")
        page.wait_for_url(listed)  # who is signed in already is sent on
        context.close()

    @pytest.mark.parametrize("text", ["//evil.example", "javascript:alert(1)"])
    def test_else_it_goes_home(self, account: dict[str, str], desk: Page, text: str) -> None:
        sign_in(desk, account, at=f"/account/sign-in?return={quote(text, safe='')}")
        at_home(desk)
