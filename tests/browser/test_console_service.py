"""The console in a real browser: the service at a glance, its letters, its settings and its signing keys."""

import re
from datetime import timedelta

import pytest
from bson import ObjectId
from playwright.sync_api import Locator, Page, expect

from authsvc import clock, languages
from authsvc.models.ids import new_id
from authsvc.models.letters import LetterKind
from authsvc.services import daily_counts, doctor
from tests.browser.windows import look, outdate, says
from tests.support.accounts import Database
from tests.support.console import Administrator, enter, make_administrator
from tests.support.service import Service
from tests.web.scripts import STATIC

pytestmark = pytest.mark.browser

HOSTILE = '550 5.1.1 <img src=x onerror=document.title=1> "><script>document.title=2</script>'


@pytest.fixture
def admin(service: Service, clean: None, mongo: Database) -> Administrator:
    """Return an administrator with a second factor."""
    return make_administrator(service, mongo)


@pytest.fixture
def letters(mongo: Database, admin: Administrator) -> None:
    """Put a dead letter into the outbox, one that waits, and one that was delivered."""
    stored = mongo.letters.find_one({})
    assert stored is not None
    mongo.letters.delete_many({})
    now = clock.now()
    for to, more in {
        "dead@example.com": {"failedAt": now, "error": HOSTILE, "attempts": 9, "kind": "reset"},
        "waiting@example.com": {"dueAt": now + timedelta(hours=3), "attempts": 2, "error": "421 try later"},
        "there@example.com": {"deliveredAt": now, "attempts": 1},
    }.items():
        base = {key: value for key, value in stored.items() if key not in ("dueAt", "deliveredAt", "failedAt")}
        mongo.letters.insert_one({**base, "_id": ObjectId(), "to": to, "createdAt": now, **more})


@pytest.fixture
def days(mongo: Database) -> None:
    """Let something have happened on each of the last fourteen days."""
    mongo.daily_counts.delete_many({})
    for ago in range(daily_counts.DAYS):
        day = f"{clock.now() - timedelta(days=ago):%Y-%m-%d}"
        counts = {
            "sign_ins": 40 + ago * 7 % 31,
            "failed_sign_ins": ago % 5 * 3,
            "registered": ago % 4,
            "throttled": ago % 3,
        }
        later = clock.now() + timedelta(days=90)
        mongo.daily_counts.insert_one({"_id": day, "counts": counts, "expiresAt": later})


def item(page: Page, text: str) -> Locator:
    return page.locator(".row", has_text=text)


class TestWords:
    def test_every_kind_of_letter_has_them(self) -> None:
        named = re.findall(r"^  (\w+): t\(", (STATIC / "admin/letter-words.js").read_text(), re.MULTILINE)
        assert sorted(named) == sorted(LetterKind)

    def test_everything_that_is_examined_has_them(self) -> None:
        named = re.findall(r"^  (\w+): t\(", (STATIC / "admin/doctor-words.js").read_text(), re.MULTILINE)
        assert sorted(named) == sorted(doctor.areas())


class TestOverview:
    def test_numbers_and_days(self, desk: Page, admin: Administrator, mongo: Database, days: None) -> None:
        enter(desk, admin, mongo)
        expect(desk.get_by_role("heading", level=1, name="Overview")).to_be_visible()
        tiles = desk.locator(".tile")
        expect(tiles).to_have_count(8)
        expect(tiles.filter(has_text="Accounts")).to_contain_text("1")
        week = tiles.filter(has_text="New this week").locator("dd").inner_text()
        assert int(week) >= 9  # and those of today, whom the service may not have added yet
        expect(desk.locator("#chart rect.good")).to_have_count(14)
        desk.get_by_text("As a table").click()
        rows = desk.locator("#chart tbody tr")
        expect(rows).to_have_count(14)
        expect(rows.nth(1)).to_contain_text("47")
        tiles.filter(has_text="Letters given up").get_by_role("link").click()
        expect(desk.get_by_text("Every letter could be delivered.")).to_be_visible()

    def test_the_last_backup(self, desk: Page, admin: Administrator, mongo: Database) -> None:
        enter(desk, admin, mongo)
        tile = desk.locator(".tile", has_text="Last backup")
        expect(tile.locator("dd")).to_have_text("Not known")
        event = mongo.audit.find_one({})
        assert event is not None
        ago = clock.now() - timedelta(hours=5, minutes=1)
        mongo.audit.insert_one({**event, "_id": new_id(ago), "at": ago, "action": "database.backed_up"})
        desk.reload()
        expect(tile.locator("dd")).to_have_text("5 hours ago")
        tile.get_by_role("link").click()
        expect(desk.locator("#events-list .row-link")).to_have_count(1)

    def test_what_the_doctor_finds_is_told_with_its_remedy(
        self, desk: Page, admin: Administrator, mongo: Database
    ) -> None:
        enter(desk, admin, mongo)
        found = desk.locator("#health-list li", has_text="APP_ENV")
        expect(found).to_contain_text("Unset APP_ENV, or set it to production.")
        expect(desk.locator("#health-sound")).to_contain_text("Indexes")
        desk.get_by_role("button", name="Check again").click()
        expect(found).to_be_visible()

    def test_first_steps_go_once_they_are_hidden(self, desk: Page, admin: Administrator, mongo: Database) -> None:
        enter(desk, admin, mongo)
        steps = desk.locator("#checklist li")
        expect(steps).to_have_count(6)
        expect(steps.filter(has_text="Every administrator has a second factor")).to_contain_text("Done:")
        expect(steps.filter(has_text="There are two administrators")).to_contain_text("To do:")
        desk.get_by_role("button", name="Hide this list").click()
        expect(desk.locator("#overview-title")).to_be_focused()
        desk.reload()
        expect(desk.locator(".tile").first).to_be_visible()
        expect(desk.locator("#checklist")).to_be_hidden()

    def test_a_lost_network_is_told_in_its_place(self, desk: Page, admin: Administrator, mongo: Database) -> None:
        enter(desk, admin, mongo, "#people")
        desk.route("**/admin/stats", lambda route: route.abort())
        desk.route("**/admin/doctor", lambda route: route.abort())
        desk.get_by_role("link", name="Overview").click()
        for place in ("#overview-place", "#health-place"):
            expect(desk.locator(f"{place} [role=alert]")).to_contain_text("We can't reach the service.")
        desk.unroute("**/admin/stats")
        desk.unroute("**/admin/doctor")
        for place in ("#overview-place", "#health-place"):
            desk.locator(place).get_by_role("button", name="Try again").click()
        expect(desk.locator(".tile").first).to_be_visible()
        expect(desk.locator("#health-sound li").first).to_be_visible()


class TestLetters:
    def test_by_state_with_the_words_of_the_mail_server(
        self, desk: Page, admin: Administrator, mongo: Database, letters: None
    ) -> None:
        enter(desk, admin, mongo, "#letters")
        expect(item(desk, "waiting@example.com")).to_contain_text("421 try later")
        desk.locator("#state-filter").select_option("dead")
        expect(item(desk, "dead@example.com")).to_contain_text(HOSTILE)
        assert "state=dead" in desk.url
        desk.locator("#state-filter").select_option("delivered")
        expect(item(desk, "there@example.com")).to_be_visible()
        expect(item(desk, "there@example.com").get_by_role("button")).to_have_count(0)

    def test_one_is_tried_again_and_one_deleted(
        self, desk: Page, admin: Administrator, mongo: Database, letters: None
    ) -> None:
        enter(desk, admin, mongo, "#letters?state=dead")
        item(desk, "dead@example.com").get_by_role("button", name="Try again").click()
        expect(desk.get_by_text("Every letter could be delivered.")).to_be_visible()
        expect(desk.locator("#letters-title")).to_be_focused()  # as the button is gone
        assert mongo.audit.count_documents({"action": "letter.retried"}) == 1
        desk.locator("#state-filter").select_option("waiting")
        outdate(mongo)
        item(desk, "waiting@example.com").get_by_role("button", name="Delete").click()
        dialog = desk.locator("#act-dialog")
        expect(dialog).to_contain_text("the links in it reach nobody")
        dialog.get_by_role("button", name="Delete").click()
        desk.get_by_role("dialog", name="Confirm it's you").get_by_label("Code").fill(admin.code(mongo))
        says(desk, "The letter is deleted.")
        expect(item(desk, "waiting@example.com")).to_have_count(0)
        assert mongo.letters.count_documents({"to": "waiting@example.com"}) == 0

    def test_each_kind_can_be_looked_at_in_each_language(
        self, desk: Page, admin: Administrator, mongo: Database
    ) -> None:
        enter(desk, admin, mongo, "#letters")
        form, frame = desk.locator("#preview-filters"), desk.frame_locator("#preview-frame")
        expect(frame.get_by_role("link", name="Confirm your email address").first).to_be_visible()
        expect(form.get_by_label("Letter").locator("option")).to_have_count(len(LetterKind))
        expect(form.get_by_label("Language").locator("option")).to_have_count(len(languages.known()))
        form.get_by_label("Letter").select_option(label="New sign-in")
        form.get_by_label("Language").select_option("de")
        form.get_by_label("Colours").select_option("dark")
        form.get_by_label("Width").select_option("360")
        expect(frame.locator("html")).to_have_attribute("lang", "de")
        expect(desk.locator("#preview-frame")).to_have_attribute("width", "360")
        expect(desk.locator("#preview-subject")).not_to_be_empty()
        red = frame.locator("body").evaluate("body => Number(getComputedStyle(body).backgroundColor.match(/\\d+/)[0])")
        assert red < 64
        desk.get_by_text("As plain text").click()
        expect(desk.locator("#preview-text")).to_contain_text("Ada Lovelace")

    def test_a_sample_is_sent_to_oneself(self, desk: Page, admin: Administrator, mongo: Database) -> None:
        enter(desk, admin, mongo, "#letters")
        before = mongo.letters.count_documents({"to": admin.email, "kind": "verify"})
        desk.get_by_role("button", name="Send me one").click()
        says(desk, "“Confirm your email address” is on its way to you.")
        assert mongo.letters.count_documents({"to": admin.email, "kind": "verify"}) == before + 1


class TestSettings:
    def test_values_with_what_they_mean(self, desk: Page, admin: Administrator, mongo: Database) -> None:
        enter(desk, admin, mongo, "#settings")
        shown = desk.locator("#settings-list > div:visible")
        expect(shown.filter(has_text="PUBLIC_URL").first).to_contain_text("http://localhost")
        expect(shown.filter(has=desk.get_by_text("SECRET_KEY", exact=True))).to_contain_text("Set, and secret")
        desk.get_by_label("Search").fill("mail_url")
        expect(desk.locator("#settings-list > div:visible dt", has_text="MAIL_URL")).to_have_count(1)
        desk.get_by_label("Search").fill("no such thing")
        expect(desk.get_by_text("No setting has these words.")).to_be_visible()

    def test_a_signing_key_is_rotated_once(self, desk: Page, admin: Administrator, mongo: Database) -> None:
        outdate_after = list(mongo.signing_keys.find({}, {"_id": 1}))
        enter(desk, admin, mongo, "#settings")
        outdate(mongo)
        expect(desk.locator("#keys-list .badge", has_text="Signs").first).to_be_visible()
        desk.get_by_role("button", name="Rotate: Sessions").click()
        dialog = desk.locator("#act-dialog")
        expect(dialog).to_contain_text("nobody is signed out")
        dialog.get_by_role("button", name="Rotate").click()
        desk.get_by_role("dialog", name="Confirm it's you").get_by_label("Code").fill(admin.code(mongo))
        says(desk, "The next key is published.")
        expect(desk.locator("#keys-list .badge", has_text="Next").first).to_be_visible()
        expect(desk.get_by_role("button", name="Rotate: Sessions")).to_be_disabled()
        mongo.signing_keys.delete_many({"_id": {"$nin": [one["_id"] for one in outdate_after]}})

    def test_roles_lead_to_their_people(self, desk: Page, admin: Administrator, mongo: Database) -> None:
        enter(desk, admin, mongo, "#settings")
        desk.get_by_role("link", name="People with the role admin").click()
        expect(desk.locator("#people-list .row-link")).to_have_count(1)
        expect(desk.locator("#role-filter")).to_have_value("admin")


class TestLooks:
    def test_every_screen(
        self, eyes: Page, axe: str, admin: Administrator, mongo: Database, letters: None, days: None
    ) -> None:
        enter(eyes, admin, mongo)
        expect(eyes.locator("#health-sound li").first).to_be_visible()
        eyes.get_by_text("As a table").click()
        look(eyes, axe, "console-overview")
        eyes.goto("/admin/#letters?state=dead")
        expect(item(eyes, "dead@example.com")).to_be_visible()
        expect(
            eyes.frame_locator("#preview-frame").get_by_role("link", name="Confirm your email address").first
        ).to_be_visible()
        look(eyes, axe, "console-letters")
        eyes.goto("/admin/#settings")
        expect(eyes.locator("#settings-list > div").first).to_be_visible()
        expect(eyes.locator("#keys-list .row").first).to_be_visible()
        look(eyes, axe, "console-settings")
