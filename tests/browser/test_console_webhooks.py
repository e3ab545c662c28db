"""The console in a real browser: webhooks, each with its secrets and what it was told."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from playwright.sync_api import Browser, Locator, Page, expect
from standardwebhooks import Webhook

from authsvc import clock
from authsvc.services import webhook_kinds, webhook_messages
from tests.browser.windows import look, outdate, says, window
from tests.support.accounts import Database
from tests.support.console import Administrator, enter, make_administrator
from tests.support.hearers import parsed
from tests.support.outside import Server, saying
from tests.support.races import eventually
from tests.support.service import Service
from tests.web.scripts import STATIC

pytestmark = pytest.mark.browser

HOSTILE = b"<img src=x onerror=document.title=1> swordfish"


@pytest.fixture
def admin(service: Service, clean: None, mongo: Database) -> Administrator:
    """Return an administrator with a second factor."""
    return make_administrator(service, mongo)


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server that takes what it is told."""
    with Server() as server:
        yield server


def add(page: Page, url: str, *, description: str = "", events: tuple[str, ...] = ()) -> str:
    """Add a webhook in the console; return its secret. Without events it is told of everything."""
    page.get_by_role("button", name="Add a webhook").click()
    dialog = page.locator("#act-dialog")
    dialog.get_by_label("Address", exact=True).fill(url)
    dialog.get_by_label("What it is for").fill(description)
    if events:
        dialog.locator('[name="*"]').uncheck()
    for event in events:
        dialog.locator(f'[name="{event}"]').check()
    dialog.get_by_role("button", name="Add", exact=True).click()
    shown = page.get_by_role("dialog", name=f"The secret of {url}")
    secret = shown.locator("#token-value").inner_text()
    shown.get_by_role("button", name="Done").click()
    return secret


def fact(page: Page, name: str) -> Locator:
    """Return what the panel says about a webhook under a name."""
    return page.locator("#webhook .facts > div").filter(has=page.locator("dt", has_text=name)).locator("dd")


def delivery(page: Page, text: str) -> Locator:
    return page.get_by_role("region", name="Deliveries").locator(".row", has_text=text)


def given_up(webhook: str) -> dict[str, Any]:
    """Return a delivery to a webhook that was given up, as it is stored."""
    now = clock.now()
    told = {"kind": "account.deleted", "body": "{}", "lane": f"{webhook}.1", "message": ObjectId()}
    return {
        "to": webhook,
        **told,
        "attempts": 9,
        "createdAt": now,
        "failedAt": now,
        "expiresAt": now + timedelta(days=7),
    }


class TestWords:
    def test_every_event_that_one_can_be_told_of_has_them(self) -> None:
        texts = [(STATIC / f"admin/{name}.js").read_text() for name in ("event-words", "webhook-words")]
        named = {name for text in texts for name in re.findall(r'^  "([\w.]+)": t\(', text, re.MULTILINE)}
        assert {*webhook_kinds.heard_names(), webhook_messages.TEST} <= named

    def test_every_reason_and_state_has_them(self) -> None:
        text = (STATIC / "admin/webhook-words.js").read_text()
        named = re.findall(r"^  (\w+): (?:\[)?t\(", text, re.MULTILINE)
        assert named == ["admin", "failed", "gone", "secret_lost", "waiting", "delivered", "dead"]


class TestWebhooks:
    def test_r126_one_is_added_tested_changed_and_deleted(
        self, desk: Page, admin: Administrator, mongo: Database, server: Server
    ) -> None:
        """With a fresh sign-in for what hurts; and what it is told verifies with the secret that is shown."""
        url = server.url("/hear")
        enter(desk, admin, mongo, "#webhooks")
        expect(desk.get_by_text("There is no webhook yet.")).to_be_visible()
        secret = add(desk, url, description="The shop", events=("role.changed", "account.deleted"))
        assert secret.startswith("whsec_")
        panel = desk.get_by_role("complementary")
        expect(panel.get_by_role("heading", name=url)).to_be_visible()
        expect(panel).to_contain_text("Account deleted")
        expect(panel).to_contain_text("It was told nothing yet.")

        panel.get_by_role("button", name="Send a test").click()
        says(desk, "A test is on its way.")
        expect(delivery(desk, "Test").locator(".badge")).to_have_text("Delivered", timeout=15_000)
        headers, body = parsed(server.requests[0])
        Webhook(secret).verify(body, headers)
        assert json.loads(body)["type"] == "webhook.test"

        outdate(mongo)
        panel.get_by_role("button", name="Change").click()
        dialog = desk.locator("#act-dialog")
        expect(dialog.locator('[name="role.changed"]')).to_be_checked()
        dialog.locator('[name="role.changed"]').uncheck()
        dialog.get_by_label("What it is for").fill("The shop 2")
        dialog.get_by_role("button", name="Save").click()
        desk.get_by_role("dialog", name="Confirm it's you").get_by_label("Code").fill(admin.code(mongo))
        says(desk, "The webhook is changed.")
        expect(desk.locator("#webhooks-list")).to_contain_text("The shop 2")
        stored = mongo.webhooks.find_one()
        assert stored is not None
        assert (stored["events"], stored["url"]) == (["account.deleted"], url)

        panel.get_by_role("button", name="Disable").click()
        dialog.get_by_role("button", name="Disable").click()
        expect(panel.locator(".badges .badge")).to_have_text("Disabled")
        expect(panel).to_contain_text("by an administrator")
        expect(panel.get_by_role("button", name="Send a test")).to_have_count(0)
        panel.get_by_role("button", name="Enable").click()
        dialog.get_by_role("button", name="Enable").click()
        says(desk, "The webhook is enabled.")
        panel.get_by_role("button", name="Delete", exact=True).click()
        dialog.get_by_role("button", name="Delete for good").click()
        says(desk, "The webhook is deleted.")
        expect(desk.get_by_text("There is no webhook yet.")).to_be_visible()
        assert mongo.webhooks.count_documents({}) == 0

    def test_r122_a_new_secret_is_shown_once_and_both_sign(
        self, desk: Page, admin: Administrator, mongo: Database, server: Server
    ) -> None:
        enter(desk, admin, mongo, "#webhooks")
        former = add(desk, server.url("/hear"))
        panel = desk.get_by_role("complementary")
        panel.get_by_role("button", name="New secret").click()
        dialog = desk.locator("#act-dialog")
        expect(dialog).to_contain_text("signs as well for another 24 hours")
        dialog.get_by_role("button", name="Make a secret").click()
        shown = desk.get_by_role("dialog", name=re.compile("^The secret of"))
        new = shown.locator("#token-value").inner_text()
        shown.get_by_role("button", name="Done").click()
        expect(panel).to_contain_text("until in 24 hours")
        expect(panel).not_to_contain_text("undefined")
        assert new != former
        assert new not in desk.content()
        panel.get_by_role("button", name="Send a test").click()
        eventually(lambda: any(b'"webhook.test"' in request for request in server.requests))
        request = next(request for request in server.requests if b'"webhook.test"' in request)
        headers, body = parsed(request)
        for secret in (former, new):
            Webhook(secret).verify(body, headers)
        panel.get_by_role("button", name="New secret").click()
        expect(dialog).to_contain_text("Two secrets sign now. The older one stops at once")

    def test_r121_what_was_not_taken_is_told_in_words_and_tried_again(
        self, desk: Page, admin: Administrator, mongo: Database, server: Server
    ) -> None:
        """Nothing of the answer but its status is there."""
        server.behaviour = saying("500 Internal Server Error", HOSTILE)
        enter(desk, admin, mongo, "#webhooks")
        add(desk, server.url("/hear"), events=("account.deleted",))
        desk.get_by_role("button", name="Send a test").click()
        failed = delivery(desk, "Test")
        expect(failed).to_contain_text("the webhook answered 500", timeout=15_000)
        expect(failed.locator(".badge")).to_have_text("Waiting")
        assert "swordfish" not in desk.content()
        server.behaviour = saying()
        failed.get_by_role("button", name="Try again").click()
        expect(failed.locator(".badge")).to_have_text("Delivered", timeout=15_000)
        expect(failed.get_by_role("button")).to_have_count(0)
        assert mongo.audit.count_documents({"action": "webhook.delivery_retried"}) == 1

    def test_p5_nothing_can_be_pressed_before_the_script_is_there(
        self, desk: Page, admin: Administrator, mongo: Database
    ) -> None:
        waiting = []
        desk.route("**/admin/webhooks.js", lambda route: waiting.append(route))  # noqa: PLW0108 - no builtin
        enter(desk, admin, mongo, "#webhooks")
        button = desk.get_by_role("button", name="Add a webhook")
        expect(button).to_be_disabled()
        expect(desk.locator("#webhooks-table")).to_be_hidden()
        expect(desk.locator("#webhooks-place").get_by_role("status")).to_have_text("Loading …")
        waiting[0].continue_()
        button.click()
        expect(desk.locator("#act-dialog").get_by_label("Address", exact=True)).to_be_focused()

    def test_p11_a_script_that_is_lost_on_the_way_is_fetched_again(
        self, desk: Page, admin: Administrator, mongo: Database
    ) -> None:
        """Whoever has turned elsewhere meanwhile stays there."""
        desk.route("**/admin/webhooks.js", lambda route: route.abort())
        enter(desk, admin, mongo, "#webhooks")
        alert = desk.locator("#webhooks-place").get_by_role("alert")
        expect(alert).to_contain_text("We can't reach the service. Are you online?")
        desk.unroute("**/admin/webhooks.js")
        alert.get_by_role("button", name="Try again").click()
        expect(desk.get_by_text("There is no webhook yet.")).to_be_visible()
        expect(desk.get_by_role("button", name="Add a webhook")).to_be_enabled()

    def test_a_mistake_is_told_at_its_field(self, desk: Page, admin: Administrator, mongo: Database) -> None:
        enter(desk, admin, mongo, "#webhooks")
        desk.get_by_role("button", name="Add a webhook").click()
        dialog = desk.locator("#act-dialog")
        dialog.get_by_label("Address", exact=True).fill("https://169.254.169.254/latest")
        dialog.get_by_role("button", name="Add", exact=True).click()
        expect(dialog.locator("#act-url-error")).to_contain_text("This can't be told anything")
        dialog.get_by_label("Address", exact=True).fill("https://hear.example.net/")
        dialog.locator('[name="*"]').uncheck()
        dialog.get_by_role("button", name="Add", exact=True).click()
        expect(dialog.get_by_text("Choose at least one.")).to_be_visible()
        assert mongo.webhooks.count_documents({}) == 0

    def test_one_that_somebody_else_changed_is_not_changed_unseen(
        self, desk: Page, admin: Administrator, mongo: Database, server: Server
    ) -> None:
        enter(desk, admin, mongo, "#webhooks")
        add(desk, server.url("/hear"), events=("account.deleted",))
        mongo.webhooks.update_one({}, {"$set": {"description": "<b>theirs</b>"}, "$inc": {"version": 1}})
        desk.get_by_role("complementary").get_by_role("button", name="Delete", exact=True).click()
        says(desk, "This webhook was changed by somebody else. Look at it again first.")
        expect(desk.get_by_role("complementary")).to_contain_text("<b>theirs</b>")
        assert mongo.webhooks.count_documents({}) == 1


class TestWhatBecameOfIt:
    """What was just asked for shows in the panel and in the list, without a reload, and the focus is not lost."""

    def test_one_that_takes_a_test_was_last_told_just_now(
        self, desk: Page, admin: Administrator, mongo: Database, server: Server
    ) -> None:
        enter(desk, admin, mongo, "#webhooks")
        add(desk, server.url("/hear"))
        panel = desk.get_by_role("complementary")
        expect(panel).to_contain_text("None yet")
        test = panel.get_by_role("button", name="Send a test")
        test.click()
        expect(fact(desk, "Last delivery")).to_have_text("just now", timeout=20_000)
        expect(desk.locator("#webhooks-list")).to_contain_text("just now")
        expect(test).to_be_focused()

    def test_one_that_answers_that_it_is_gone_is_disabled(
        self, desk: Page, admin: Administrator, mongo: Database, server: Server
    ) -> None:
        server.behaviour = saying("410 Gone")
        enter(desk, admin, mongo, "#webhooks")
        add(desk, server.url("/hear"), events=("account.deleted",))
        panel = desk.get_by_role("complementary")
        panel.get_by_role("button", name="Send a test").click()
        expect(fact(desk, "State")).to_contain_text("it answered that it is gone", timeout=20_000)
        expect(panel.locator(".side-head .badge")).to_have_text("Disabled")
        expect(desk.locator("#webhooks-list .badge")).to_have_text("Disabled")
        expect(panel.get_by_role("button", name="Enable")).to_be_visible()
        expect(delivery(desk, "Test").get_by_role("button")).to_have_count(0)
        expect(delivery(desk, "Test")).not_to_contain_text("next try")
        expect(panel.get_by_role("heading", level=2)).to_be_focused()

    def test_one_that_fails_again_keeps_the_focus_where_it_is(
        self, desk: Page, admin: Administrator, mongo: Database, server: Server
    ) -> None:
        server.behaviour = saying("500 Internal Server Error")
        enter(desk, admin, mongo, "#webhooks")
        add(desk, server.url("/hear"), events=("account.deleted",))
        desk.get_by_role("button", name="Send a test").click()
        expect(fact(desk, "Fails")).to_contain_text("1 try", timeout=20_000)
        again = delivery(desk, "Test").get_by_role("button", name="Try again")
        again.click()
        expect(fact(desk, "Fails")).to_contain_text("2 tries", timeout=20_000)
        expect(again).to_be_focused()

    def test_a_pause_is_shown_only_while_it_lasts(
        self, desk: Page, admin: Administrator, mongo: Database, server: Server
    ) -> None:
        enter(desk, admin, mongo, "#webhooks")
        add(desk, server.url("/hear"), events=("account.deleted",))
        now = clock.now()
        failing = {"failures": 7, "failingSince": now - timedelta(hours=1), "failedAt": now}
        for resumes, shown in ((timedelta(minutes=30), 1), (timedelta(minutes=-1), 0)):
            mongo.webhooks.update_one({}, {"$set": {**failing, "resumesAt": now + resumes}})
            desk.reload()
            expect(fact(desk, "Fails")).to_contain_text("7 tries")
            expect(fact(desk, "Paused until")).to_have_count(shown)


class TestDeliveries:
    def test_they_can_be_filtered_by_how_far_they_came(
        self, desk: Page, admin: Administrator, mongo: Database, server: Server
    ) -> None:
        """The filter has an address of its own."""
        enter(desk, admin, mongo, "#webhooks")
        add(desk, server.url("/hear"), events=("account.deleted",))
        choice = desk.get_by_role("region", name="Deliveries").get_by_label("State")
        choice.focus()
        choice.select_option("Given up")
        expect(desk.get_by_text("Nothing was given up.")).to_be_visible()
        expect(choice).to_be_focused()
        webhook = mongo.webhooks.find_one()
        assert webhook is not None
        mongo.webhook_deliveries.insert_one(given_up(str(webhook["_id"])))
        desk.reload()
        expect(choice).to_have_value("dead")
        expect(delivery(desk, "Account deleted").locator(".badge")).to_have_text("Given up")
        choice.select_option("Waiting")
        expect(desk.get_by_text("Nothing waits for it.")).to_be_visible()
        choice.select_option("Any")
        expect(delivery(desk, "Account deleted")).to_be_visible()
        assert "state" not in desk.url

    def test_each_is_named_as_its_receiver_knows_it(
        self, desk: Page, admin: Administrator, mongo: Database, server: Server
    ) -> None:
        enter(desk, admin, mongo, "#webhooks")
        add(desk, server.url("/hear"), events=("account.deleted",))
        desk.get_by_role("button", name="Send a test").click()
        eventually(lambda: len(server.requests) == 1)
        headers, _ = parsed(server.requests[0])
        expect(delivery(desk, "Test").locator("code")).to_have_text(headers["webhook-id"])


class TestOtherLanguages:
    def test_why_an_address_is_refused_is_said(
        self, browser: Browser, service: Service, admin: Administrator, mongo: Database
    ) -> None:
        """In the service's own words, below the sentence in the language of the page, and marked as English."""
        with window(browser, service, locale="de") as page:
            enter(page, admin, mongo, "#webhooks")
            page.locator("#new-webhook").click()
            dialog = page.locator("#act-dialog")
            dialog.locator("#act-url").fill("https://169.254.169.254/latest")
            dialog.locator(".button:not([type=button])").click()
            error = dialog.locator("#act-url-error")
            expect(error).to_contain_text("Das ist hier nicht möglich.")
            expect(error.locator('[lang="en"]')).to_contain_text("This can't be told anything")
            mongo.webhooks.insert_many({"url": "https://hear.example.net/"} for _ in range(20))
            dialog.locator("#act-url").fill("https://hear.example.net/")
            dialog.locator(".button:not([type=button])").click()
            expect(dialog.locator('[data-alert] [lang="en"]')).to_contain_text("at most 20 webhooks")
            mongo.webhooks.delete_many({})


class TestHealth:
    def test_a_webhook_is_named_by_its_host_and_a_click_away(
        self, desk: Page, admin: Administrator, mongo: Database, server: Server
    ) -> None:
        enter(desk, admin, mongo, "#webhooks")
        add(desk, server.url("/hear"), events=("account.deleted",))
        webhook = mongo.webhooks.find_one_and_update(
            {}, {"$set": {"disabledAt": clock.now(), "disabledReason": "gone"}}
        )
        mongo.webhook_deliveries.insert_one(given_up(str(webhook["_id"])))
        desk.goto("/admin/#overview")
        desk.reload()
        findings = desk.locator("#health-list li").filter(has=desk.get_by_role("link", name=f"localhost:{server.port}"))
        findings.filter(has_text="it answered that it is gone").get_by_role("link").click()
        panel = desk.get_by_role("complementary")
        expect(panel.get_by_role("heading", level=2)).to_have_text(server.url("/hear"))
        expect(panel.get_by_label("State")).to_have_value("")
        desk.go_back()
        findings.filter(has_text="1 message was given up").get_by_role("link").click()
        expect(panel.get_by_label("State")).to_have_value("dead")
        expect(delivery(desk, "Account deleted").locator(".badge")).to_have_text("Given up")


class TestLooks:
    def test_the_list_one_webhook_and_the_form(
        self, eyes: Page, axe: str, admin: Administrator, mongo: Database, server: Server
    ) -> None:
        enter(eyes, admin, mongo, "#webhooks")
        add(eyes, server.url("/hear"), description="The shop", events=("account.deleted", "role.changed"))
        server.behaviour = saying("410 Gone")
        eyes.get_by_role("button", name="Send a test").click()
        expect(fact(eyes, "State")).to_contain_text("Disabled", timeout=20_000)
        look(eyes, axe, "console-webhook")
        eyes.goto("/admin/#webhooks")
        expect(eyes.locator("#webhooks-list .badge")).to_have_text("Disabled")
        look(eyes, axe, "console-webhooks")
        eyes.get_by_role("button", name="Add a webhook").click()
        eyes.locator('#act-dialog [name="*"]').uncheck()
        look(eyes, axe, "console-new-webhook")
