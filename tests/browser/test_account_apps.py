"""Connected apps and signing out, on the account pages. O48, O50, T10."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.browser.windows import at_home, says, sign_in, turn_to, window
from tests.support.accounts import Database
from tests.support.oauth import AppClient, new_app
from tests.support.outside import Server, saying
from tests.support.races import eventually
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.browser


@pytest.fixture(params=[360, 1280])
def page(request: pytest.FixtureRequest, browser: Browser, service: Service) -> Iterator[Page]:
    with window(browser, service, viewport={"width": request.param, "height": 800}, reduced_motion="reduce") as page:
        yield page


@pytest.fixture
def connected(app: Flask, service: Service, account: dict[str, str]) -> AppClient:
    """Return an app that the owner of the account has signed in to."""
    visitor = Visitor(service.url)
    notes = new_app(app, visitor, name="Notes of Everything")
    notes.sign_in(visitor.login(account["email"]).json()["accessToken"], scope="openid profile email offline_access")
    return notes


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page, if somebody wants to look at it."""
    if folder := os.environ.get("PICTURES"):
        width = page.evaluate("innerWidth")
        page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)


class TestConnectedApps:
    def test_o50_somebody_looks_at_what_an_app_may_do_and_disconnects_it(
        self, page: Page, account: dict[str, str], connected: AppClient, mongo: Database
    ):
        sign_in(page, account)
        at_home(page)
        turn_to(page, "Apps", "Connected apps")
        row = page.locator("#apps-list .row")
        expect(row).to_contain_text("Notes of Everything")
        for text in ("See your name", "See your email address", "Stay connected", "connected since", "last used"):
            expect(row).to_contain_text(text)
        picture(page, "apps")
        page.get_by_role("button", name="Disconnect Notes of Everything").click()
        question = page.get_by_role("dialog", name="Disconnect Notes of Everything?")
        expect(question).to_be_visible()
        picture(page, "disconnect")
        question.get_by_role("button", name="Cancel").click()
        assert mongo.sessions.count_documents({"app": connected.id, "endedAt": None}) == 1
        page.get_by_role("button", name="Disconnect Notes of Everything").click()
        question.get_by_role("button", name="Disconnect").click()
        says(page, "Notes of Everything is disconnected.")
        expect(page.get_by_text("No apps yet.")).to_be_visible()
        picture(page, "no-apps")
        assert mongo.sessions.count_documents({"app": connected.id, "endedAt": None}) == 0

    def test_t10_the_devices_name_it(self, page: Page, account: dict[str, str], connected: AppClient):
        sign_in(page, account)
        at_home(page)
        turn_to(page, "Devices", "Where you are signed in")
        row = page.locator("#sessions-list .row", has_text="Notes of Everything")
        expect(row).to_contain_text("app · ")
        picture(page, "devices")
        row.get_by_role("button", name="Sign out Notes of Everything").click()
        page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
        says(page, "Notes of Everything is signed out.")


@pytest.fixture
def site() -> Iterator[Server]:
    """Return the app's own site."""
    with Server(saying("200 OK", b"<h1>Back at the app</h1>", Content_Type="text/html")) as server:
        yield server


class TestSignOut:
    def test_o48_an_app_signs_its_person_out_and_gets_them_back(
        self, browser: Browser, service: Service, app: Flask, account: dict[str, str], site: Server, mongo: Database
    ):
        visitor = Visitor(service.url)
        notes = new_app(app, visitor)
        after = site.url("/signed-out", host="127.0.0.1")
        mongo.apps.update_one({"_id": notes.id}, {"$set": {"logoutUris": [after]}})
        hint = notes.sign_in(visitor.login(account["email"]).json()["accessToken"])["id_token"]
        context = browser.new_context(base_url=f"http://localhost:{service.port}")
        page = context.new_page()
        sign_in(page, account)
        at_home(page)
        page.goto(f"/oauth2/logout?id_token_hint={hint}&post_logout_redirect_uri={after}&state=s1")
        expect(page.get_by_role("heading", name="Back at the app")).to_be_visible()
        assert page.url == f"{after}?state=s1"
        page.goto("/account/")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        context.close()

    def test_o48_what_another_site_plants_in_a_page_signs_nobody_out(
        self, browser: Browser, service: Service, app: Flask, account: dict[str, str], mongo: Database
    ):
        """An image, a frame, a script's request, a form into a frame: even with a genuine hint."""
        visitor = Visitor(service.url)
        notes = new_app(app, visitor)
        hint = notes.sign_in(visitor.login(account["email"]).json()["accessToken"])["id_token"]
        address = f"http://localhost:{service.port}/oauth2/logout"
        planted = f"""<!doctype html><title>Elsewhere</title><img src="{address}?id_token_hint={hint}">
            <iframe name="f" src="{address}?id_token_hint={hint}"></iframe>
            <form method="post" action="{address}" target="g"><input name="id_token_hint" value="{hint}"></form>
            <iframe name="g"></iframe><script>document.forms[0].submit();
            fetch("{address}?id_token_hint={hint}", {{mode: "no-cors", credentials: "include"}})</script>"""
        before = mongo.sessions.count_documents({"endedAt": None})
        context = browser.new_context(base_url=f"http://localhost:{service.port}")
        page = context.new_page()
        sign_in(page, account)
        at_home(page)
        with Server(saying("200 OK", planted.encode(), Content_Type="text/html")) as elsewhere:
            another = context.new_page()
            another.goto(elsewhere.url("/", host="127.0.0.1"))
            eventually(lambda: mongo.sign_outs.count_documents({}) == 4)  # all of them arrive
            another.wait_for_load_state("networkidle")
        assert mongo.sessions.count_documents({"endedAt": None}) == before + 1
        page.reload()
        at_home(page)
        context.close()

    def test_r107_without_a_hint_the_person_is_asked(self, page: Page, account: dict[str, str], connected: AppClient):
        sign_in(page, account)
        at_home(page)
        page.goto(f"/oauth2/logout?client_id={connected.id}&post_logout_redirect_uri=https://evil.example/")
        expect(page.get_by_role("heading", name="Sign out?")).to_be_visible()
        expect(page.get_by_text("Notes of Everything asks to sign you out.")).to_be_visible()
        expect(page.get_by_text(account["email"])).to_be_visible()
        picture(page, "sign-out")
        page.get_by_role("button", name="Stay signed in").click()
        at_home(page)
        page.goto("/account/sign-out")
        page.get_by_role("button", name="Sign out", exact=True).click()
        expect(page.get_by_role("heading", name="You're signed out")).to_be_visible()
        picture(page, "signed-out")
        page.goto("/account/")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
