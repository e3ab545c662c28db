"""Signing in on a device, in a browser elsewhere: the code is typed after the sign-in, and confirmed. O47, R106."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.windows import at_home, looks_right, outdate, sign_in, sign_in_here, turn_to, window
from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.app_devices import Device, new_device_app
from tests.support.oauth import AppClient
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.browser

CODE = "Sign in on a device"
CONSENT = "Sign in to Telly on a device?"
ALLOWED = "You're signing in on the device"
DENIED = "The device is not signed in"
WRONG = "This code is wrong, was used already, or has expired."


@pytest.fixture(params=[360, 1280])
def page(request: pytest.FixtureRequest, browser: Browser, service: Service) -> Iterator[Page]:
    with window(browser, service, viewport={"width": request.param, "height": 800}, reduced_motion="reduce") as page:
        yield page


@pytest.fixture
def telly(app: Flask, service: Service, clean: None) -> AppClient:
    """Return an app for televisions."""
    return new_device_app(app, Visitor(service.url))


def heading(page: Page, name: str) -> None:
    """Wait for a step of the page."""
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def by_link(tv: Device) -> str:
    """Return the address that a device shows as a picture to be scanned, as this browser opens it."""
    address = urlsplit(tv.codes["verification_uri_complete"])
    return f"{address.path}?{address.query}"


def type_in(page: Page, text: str) -> None:
    """Type a code, and go on."""
    page.get_by_label("Code on the device").fill(text)
    page.get_by_role("main").get_by_role("button", name="Continue").click()


class TestTyped:
    def test_r106_somebody_signs_in_types_the_code_and_allows_it(
        self, page: Page, account: dict[str, str], telly: AppClient
    ):
        """Sign-in first; then the code, however it is typed; then app, place and time, and a warning."""
        telly.headers["User-Agent"] = "Tellybox/1.0"
        tv = Device.begin(telly, scope="openid email offline_access")
        sign_in(page, account, at="/account/device")
        heading(page, CODE)
        expect(page.get_by_label("Code on the device")).to_be_focused()
        expect(page.get_by_role("main")).to_contain_text(account["email"])
        type_in(page, tv.user_code.lower().replace("-", " "))
        heading(page, CONSENT)
        text = page.get_by_role("main").inner_text()
        for part in (
            *(account["email"], "Know that it's you", "See your email address", tv.user_code, "127.0.0.1", "Tellybox"),
            *("started this yourself", "on a device in front of you", "just now", "doesn't know who runs"),
        ):
            assert part in text, part
        for part in ("not your network", "Stay connected"):
            assert part not in text, part
        assert tv.poll().error == "authorization_pending"
        page.get_by_role("button", name="Continue").click()
        heading(page, ALLOWED)
        tokens = tv.poll()
        assert tokens.status == 200, tokens.text
        assert telly.userinfo(tokens.json["access_token"]).json["email"] == account["email"]
        page.get_by_role("link", name="Go to your account").click()
        at_home(page)
        turn_to(page, "Devices", "Where you are signed in")
        expect(page.locator("#sessions-list .row", has_text="Telly")).to_contain_text("app · ")
        turn_to(page, "Apps", "Connected apps")
        expect(page.locator("#apps-list .row")).to_contain_text("Telly")
        page.get_by_role("button", name="Disconnect Telly").click()
        page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
        expect(page.get_by_text("No apps yet.")).to_be_visible()
        assert telly.userinfo(tokens.json["access_token"]).status == 401

    def test_r106_whoever_cancels_gives_nothing(self, page: Page, account: dict[str, str], telly: AppClient):
        tv = Device.begin(telly)
        sign_in(page, account, at="/account/device")
        type_in(page, tv.user_code)
        heading(page, CONSENT)
        page.get_by_role("button", name="Cancel").click()
        heading(page, DENIED)
        expect(page.get_by_role("main")).to_contain_text("Nothing was shared with Telly.")
        assert tv.poll().error == "access_denied"

    @pytest.mark.parametrize("text", ["BCDF-GHJK", "hello", "1234"])
    def test_o47_a_wrong_code_is_said_at_the_field(
        self, page: Page, account: dict[str, str], telly: AppClient, text: str
    ):
        tv = Device.begin(telly)
        sign_in(page, account, at="/account/device")
        type_in(page, text)
        expect(page.get_by_text(WRONG)).to_be_visible()
        expect(page.get_by_label("Code on the device")).to_be_focused()
        type_in(page, tv.user_code)
        heading(page, CONSENT)

    def test_o47_no_code(self, page: Page, account: dict[str, str], telly: AppClient):
        sign_in(page, account, at="/account/device")
        type_in(page, "  ")
        expect(page.get_by_text("Fill this in.")).to_be_visible()

    def test_o47_a_code_that_expires_while_somebody_reads(
        self, page: Page, account: dict[str, str], telly: AppClient, mongo: Database
    ):
        tv = Device.begin(telly)
        sign_in(page, account, at="/account/device")
        type_in(page, tv.user_code)
        heading(page, CONSENT)
        mongo.authorizations.update_many({}, [{"$set": {"codeExpiresAt": "$createdAt"}}])
        page.get_by_role("button", name="Continue").click()
        heading(page, CODE)
        expect(page.get_by_text(WRONG)).to_be_visible()
        assert tv.poll().error == "expired_token"


class TestByLink:
    """Section 3.3.1: the link fills the code in, and no more."""

    def test_r106_the_code_of_a_link_has_to_be_confirmed(self, page: Page, account: dict[str, str], telly: AppClient):
        tv = Device.begin(telly)
        sign_in(page, account, at=by_link(tv))
        heading(page, CODE)
        expect(page.get_by_label("Code on the device")).to_have_value(tv.user_code)
        expect(page.get_by_role("main")).to_contain_text("If somebody sent you here, close this page.")
        page.wait_for_timeout(700)
        assert tv.poll().error == "authorization_pending"
        heading(page, CODE)
        page.get_by_role("main").get_by_role("button", name="Continue").click()
        heading(page, CONSENT)
        page.get_by_role("button", name="Continue").click()
        heading(page, ALLOWED)
        assert tv.user_code not in page.url
        page.reload()
        heading(page, CODE)
        expect(page.get_by_label("Code on the device")).to_have_value("")
        assert tv.poll().status == 200

    @pytest.mark.parametrize(
        "text", ["<img src=x onerror=alert(1)>", "%22%3E%3Cscript%3E", "B" * 3000, "%00", "javascript:1"]
    )
    def test_o47_whatever_a_link_says_is_text(self, page: Page, account: dict[str, str], telly: AppClient, text: str):
        sign_in(page, account)
        at_home(page)
        page.goto(f"/account/device?user_code={text}")
        heading(page, CODE)
        assert page.locator("main img, main script").count() == 0
        page.get_by_role("main").get_by_role("button", name="Continue").click()
        expect(page.locator("#user-code-error")).to_contain_text(
            "code is wrong" if text != "%00" else "can't be stored"
        )

    @pytest.mark.parametrize(("near", "shown"), [(True, "here"), (False, "elsewhere"), (None, None)])
    def test_r106_a_device_of_somebody_else(
        self, page: Page, account: dict[str, str], telly: AppClient, near: bool | None, shown: str | None
    ):
        """Section 5.4: whoever was sent a code reads that the device is elsewhere."""

        def place(route: Route) -> None:
            answer = route.fetch()
            told = answer.json()
            route.fulfill(response=answer, json={**told, "device": {**told["device"], "near": near}})

        tv = Device.begin(telly)
        page.route("**/auth/devices/advance", place)
        sign_in(page, account, at=by_link(tv))
        page.get_by_role("main").get_by_role("button", name="Continue").click()
        heading(page, CONSENT)
        expect(page.locator("#started-at")).to_have_text("127.0.0.1")
        for name in ("here", "elsewhere"):
            expect(page.locator(f"#{name}")).to_be_visible(visible=name == shown)


class TestWho:
    def test_another_account(self, page: Page, account: dict[str, str], telly: AppClient, service: Service):
        other = {"email": "other@example.com", "password": PASSWORD}
        assert Visitor(service.url).register(other["email"], PASSWORD).status_code == 201
        tv = Device.begin(telly)
        sign_in(page, account, at=by_link(tv))
        page.get_by_role("main").get_by_role("button", name="Continue").click()
        heading(page, CONSENT)
        page.get_by_role("button", name="Use another account").click()
        sign_in_here(page, other)
        heading(page, CODE)
        expect(page.get_by_role("main")).to_contain_text(other["email"])
        page.get_by_role("main").get_by_role("button", name="Continue").click()
        heading(page, CONSENT)
        page.get_by_role("button", name="Continue").click()
        heading(page, ALLOWED)
        assert telly.userinfo(tv.poll().json["access_token"]).json["email"] == other["email"]

    def test_somebody_else_signs_in_in_another_tab(
        self, page: Page, account: dict[str, str], telly: AppClient, service: Service
    ):
        """What was asked of one is not allowed by another."""
        other = {"email": "other@example.com", "password": PASSWORD}
        assert Visitor(service.url).register(other["email"], PASSWORD).status_code == 201
        tv = Device.begin(telly)
        sign_in(page, account, at="/account/device")
        type_in(page, tv.user_code)
        heading(page, CONSENT)
        second = page.context.new_page()
        second.goto("/account/")
        second.get_by_role("button", name="Sign out").click()
        heading(second, "Sign in")
        sign_in_here(second, other)
        expect(page.get_by_role("main")).to_contain_text(other["email"])
        heading(page, CODE)
        assert tv.poll().error == "authorization_pending"

    def test_o18_whoever_has_to_confirm(self, page: Page, account: dict[str, str], telly: AppClient, mongo: Database):
        sign_in(page, account)
        at_home(page)
        outdate(mongo)
        tv = Device.begin(telly, max_age="0")
        page.goto("/account/device")
        type_in(page, tv.user_code)
        dialog = page.get_by_role("dialog", name="Confirm it's you")
        expect(dialog).to_be_visible()
        page.keyboard.press("Escape")
        heading(page, "Confirm it's you")
        page.get_by_role("main").get_by_role("button", name="Continue").click()
        dialog.get_by_label("Password", exact=True).fill(PASSWORD)
        dialog.get_by_role("button", name="Continue").click()
        heading(page, CONSENT)
        page.get_by_role("button", name="Continue").click()
        heading(page, ALLOWED)
        assert tv.poll().status == 200

    def test_r106_nobody_allows_it_by_a_press_that_was_meant_for_the_page_before(
        self, page: Page, account: dict[str, str], telly: AppClient
    ):
        tv = Device.begin(telly)
        sign_in(page, account, at="/account/device")
        heading(page, CODE)
        page.evaluate(
            """() => new MutationObserver(() => {
              const section = document.querySelector('[data-step="consent"]');
              if (!section.hidden && !('first' in globalThis)) {
                globalThis.first = document.querySelector('#allow').disabled;
              }
            }).observe(document, {subtree: true, attributes: true})"""
        )
        type_in(page, tv.user_code)
        expect(page.get_by_role("button", name="Continue")).to_be_enabled()
        assert page.evaluate("first") is True


class TestLook:
    """It fits, and nobody is shut out by it."""

    def test_o47_every_step(
        self,
        app: Flask,
        service: Service,
        eyes: Page,
        axe: str,
        account: dict[str, str],
        telly: AppClient,
        mongo: Database,
    ):
        def look(name: str) -> None:
            looks_right(eyes, axe)
            if folder := os.environ.get("PICTURES"):
                width = eyes.evaluate("innerWidth")
                dark = "dark" if eyes.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
                eyes.screenshot(path=Path(folder) / f"device-{name}-{width}-{dark}.png", full_page=True)

        tv = Device.begin(telly)
        sign_in(eyes, account, at="/account/device")
        heading(eyes, CODE)
        look("code")
        type_in(eyes, "BCDF-GHJK")
        expect(eyes.get_by_text(WRONG)).to_be_visible()
        look("wrong")
        eyes.goto(by_link(tv))
        heading(eyes, CODE)
        look("link")
        type_in(eyes, tv.user_code)
        expect(eyes.get_by_role("button", name="Continue")).to_be_enabled()
        look("consent")
        eyes.get_by_role("button", name="Continue").click()
        heading(eyes, ALLOWED)
        look("allowed")
        name = "A name that is as long as a name may be, and has a very_long_word_without_end!!"
        long = Device.begin(
            new_device_app(app, Visitor(service.url), name=name, resources=["https://maps.example.net/" + "x" * 80]),
            resource="https://maps.example.net/" + "x" * 80,
        )
        far = {"ip": "2001:db8:1234:5678:9abc:def0:1234:5678", "userAgent": "y" * 300}
        mongo.authorizations.update_many({"decidedAt": None}, {"$set": far})
        eyes.goto(by_link(long))
        type_in(eyes, long.user_code)
        expect(eyes.get_by_role("button", name="Continue")).to_be_enabled()
        look("long")
        eyes.get_by_role("button", name="Cancel").click()
        heading(eyes, DENIED)
        look("denied")
