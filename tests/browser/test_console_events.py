"""The console in a real browser: what happened, with its filters and exports, and apps."""

import csv
import io
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from authsvc import clock
from authsvc.models.ids import new_id
from tests.browser.windows import look, outdate, says
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.console import Administrator, enter, make_administrator
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.browser

FORMULA = "=cmd|' /C calc'!A0"


@pytest.fixture
def admin(service: Service, clean: None, mongo: Database) -> Administrator:
    """Return an administrator with a second factor."""
    return make_administrator(service, mongo)


@pytest.fixture
def alice(service: Service, admin: Administrator) -> dict[str, Any]:
    """Return an account with a password, signed in once."""
    answer = Visitor(service.url).register("alice@example.com", PASSWORD)
    return dict(answer.json()["user"])


@pytest.fixture
def failures(mongo: Database, alice: dict[str, Any]) -> None:
    """Put failed sign-ins on record: three from one network, one from another, with a formula for a program."""
    for number, ip in enumerate(["203.0.113.7", "203.0.113.8", "203.0.113.7", "2001:db8::1"]):
        at = clock.now() - timedelta(minutes=10 - number)
        event = {"_id": new_id(at), "action": "login.failed", "at": at, "ip": ip, "userAgent": FORMULA}
        mongo.audit.insert_one(
            {**event, "requestId": f"r{number}", "outcome": "failure", "expiresAt": at + timedelta(days=9)}
        )


@pytest.fixture
def events(desk: Page, admin: Administrator, mongo: Database, failures: None) -> Page:
    """Return a window in which an administrator looks at what happened."""
    enter(desk, admin, mongo, "#events")
    expect(rows(desk).first).to_be_visible()
    return desk


def rows(page: Page) -> Locator:
    return page.locator("#events-list .row-link")


def choose(page: Page, name: str, label: str) -> None:
    page.locator(f"#{name}-filter").select_option(label=label)


class TestFilters:
    def test_a_row_opens_to_its_record(self, events: Page) -> None:
        choose(events, "action", "Sign-in failed")
        expect(rows(events)).to_have_count(4)
        rows(events).first.focus()
        events.keyboard.press("Enter")
        record = events.locator(".record-body").first
        expect(record).to_contain_text("2001:db8::1")
        expect(record).to_contain_text(FORMULA)
        expect(rows(events).first).to_have_attribute("aria-expanded", "true")
        events.keyboard.press("ArrowDown")
        expect(rows(events).nth(1)).to_be_focused()
        events.keyboard.press("Home")
        events.keyboard.press("Enter")
        expect(record).to_be_hidden()

    def test_by_person_kind_and_network(self, events: Page, alice: dict[str, Any]) -> None:
        events.get_by_label("Person", exact=True).fill("alice@example.com")
        expect(rows(events).filter(has_text="Signed up")).to_have_count(1)
        expect(rows(events).filter(has_text="Sign-in failed")).to_have_count(0)
        events.get_by_label("Person", exact=True).fill("nobody@example.com")
        expect(events.get_by_text("There is no account with this address or id.")).to_be_visible()
        events.get_by_label("Person", exact=True).fill("")
        events.get_by_label("Network", exact=True).fill("203.0.113.0/24")
        expect(rows(events)).to_have_count(3)
        assert "network=203.0.113.0%2F24" in events.url
        events.get_by_label("Network", exact=True).fill("203.0.113")
        expect(events.locator("#events-place [role=alert]")).to_be_visible()
        events.get_by_label("Network", exact=True).fill("")
        choose(events, "span", "From … to …")
        events.get_by_label("From (time)").fill("2020-01-01T00:00")
        events.get_by_label("To (time)").fill("2020-01-02T00:00")
        expect(events.get_by_text("Nothing on record fits these filters.")).to_be_visible()
        events.get_by_role("button", name="Show everything").click()
        expect(rows(events).first).to_be_visible()

    def test_groups_lead_to_what_they_count(self, events: Page) -> None:
        events.get_by_role("link", name="Failed sign-ins by network").click()
        groups = events.locator("#events-groups li")
        expect(groups).to_have_count(3)
        expect(groups.first).to_contain_text("203.0.113.7")
        expect(groups.first.locator(".count")).to_have_text("2")
        groups.first.get_by_role("link").click()
        choose(events, "by", "Nothing")
        expect(rows(events)).to_have_count(2)

    def test_a_filter_is_kept_and_forgotten(self, events: Page) -> None:
        events.get_by_label("Network", exact=True).fill("203.0.113.7")
        expect(rows(events)).to_have_count(2)
        events.get_by_role("button", name="Save this filter").click()
        events.locator("#act-dialog").get_by_label("Name").fill("<b>The one</b>")
        events.keyboard.press("Enter")
        kept = events.get_by_role("link", name="<b>The one</b>")
        expect(kept).to_have_attribute("aria-current", "true")
        events.goto("/admin/#events")
        events.reload()
        kept.click()
        expect(rows(events)).to_have_count(2)
        events.get_by_role("button", name="Forget the filter <b>The one</b>").click()
        expect(kept).to_have_count(0)


class TestExport:
    def test_what_fits_is_saved_and_no_cell_is_a_formula(self, events: Page) -> None:
        choose(events, "action", "Sign-in failed")
        expect(rows(events)).to_have_count(4)
        with events.expect_download() as saved:
            events.get_by_role("button", name="Export as CSV").click()
        expect(events.locator("#events-note")).to_have_text("4 events were exported.")
        text = Path(saved.value.path()).read_text(encoding="utf-8-sig")
        table = list(csv.DictReader(io.StringIO(text)))
        assert [one["ip"] for one in table] == ["2001:db8::1", "203.0.113.7", "203.0.113.8", "203.0.113.7"]
        assert {one["userAgent"] for one in table} == {f"'{FORMULA}"}
        with events.expect_download() as saved:
            events.get_by_role("button", name="Export as JSON").click()
        assert [one["userAgent"] for one in json.loads(Path(saved.value.path()).read_text())] == [FORMULA] * 4


class TestApps:
    def test_one_is_registered_changed_and_deleted(self, desk: Page, admin: Administrator, mongo: Database) -> None:
        enter(desk, admin, mongo, "#apps")
        outdate(mongo)
        expect(desk.get_by_text("No app is registered.")).to_be_visible()
        desk.get_by_role("button", name="Register an app").click()
        dialog = desk.locator("#act-dialog")
        dialog.get_by_label("Name").fill("Shop")
        dialog.get_by_label("Redirect addresses").fill("https://shop.example/callback")
        dialog.locator(".button:not([type=button])").click()
        secret = desk.get_by_role("dialog", name="The secret of Shop")
        expect(secret.locator("#token-value")).not_to_be_empty()
        desk.keyboard.press("Escape")  # one key does not throw it away
        expect(secret).to_be_visible()
        secret.get_by_role("button", name="Done").click()
        panel = desk.get_by_role("complementary")
        expect(panel).to_contain_text("https://shop.example/callback")
        panel.get_by_role("button", name="Change").click()
        dialog.get_by_label("Name").fill("Shop 2")
        dialog.get_by_role("button", name="Save").click()
        says(desk, "The app is changed.")
        expect(desk.locator("#apps-list")).to_contain_text("Shop 2")
        panel.get_by_role("button", name="Disable").click()
        dialog.get_by_role("button", name="Disable").click()
        expect(panel.locator(".badge")).to_contain_text(["Disabled"])
        panel.get_by_role("button", name="Delete", exact=True).click()
        dialog.get_by_label(re.compile("^Type ")).fill("Shop 2")
        dialog.get_by_role("button", name="Delete for good").click()
        desk.get_by_role("dialog", name="Confirm it's you").get_by_label("Code").fill(admin.code(mongo))
        says(desk, "The app is deleted.")
        expect(desk.get_by_text("No app is registered.")).to_be_visible()


class TestLooks:
    def test_events_and_apps(self, eyes: Page, axe: str, admin: Administrator, mongo: Database, failures: None) -> None:
        enter(eyes, admin, mongo, "#events")
        expect(rows(eyes).first).to_be_visible()
        rows(eyes).first.click()
        look(eyes, axe, "console-events")
        eyes.get_by_role("link", name="Failed sign-ins by network").click()
        expect(eyes.locator("#events-groups li").first).to_be_visible()
        look(eyes, axe, "console-groups")
        eyes.goto("/admin/#apps")
        expect(eyes.get_by_text("No app is registered.")).to_be_visible()
        eyes.get_by_role("button", name="Register an app").click()
        look(eyes, axe, "console-new-app")
