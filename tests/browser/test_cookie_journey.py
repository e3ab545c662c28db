"""Signing in from a page, as a browser sees it. R71, R73, R76; the browser mode of the documentation."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.accounts import Database
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.browser

FORM = """([action, enctype]) => {
  const form = Object.assign(document.createElement("form"), {method: "post", action, enctype});
  const input = {name: '{"transport":"cookie","x":"', value: '"}'};
  form.append(Object.assign(document.createElement("input"), input));
  document.body.append(form);
  form.submit();
}"""
FRAME = "(src) => { document.body.append(Object.assign(document.createElement('iframe'), {src})); }"

Open = Callable[..., Page]
Fetch = Callable[..., dict[str, Any]]


def sign_in(page: Page, fetch: Fetch, account: dict[str, str], **options: Any) -> dict[str, Any]:
    """Return the answer to a sign-in by cookie."""
    return fetch(page, "POST", "/auth/login", json.dumps({**account, "transport": "cookie"}), **options)


def bearer(answer: dict[str, Any]) -> dict[str, str]:
    """Return the header that shows an access token."""
    return {"Authorization": f"Bearer {answer['body']['accessToken']}"}


def cookies(page: Page) -> list[dict[str, Any]]:
    """Return the cookies that the browser holds."""
    return [dict(cookie) for cookie in page.context.cookies()]


class TestListedOrigin:
    def test_the_whole_journey(self, open_page: Open, fetch: Fetch, account: dict[str, str], mongo: Database):
        page = open_page("listed")
        signed_in = sign_in(page, fetch, account)
        assert signed_in["status"] == 200
        assert "refreshToken" not in signed_in["body"]
        assert fetch(page, "GET", "/", headers=bearer(signed_in))["body"] == {"message": "It works!"}

        page.reload()
        refreshed = fetch(page, "POST", "/auth/refresh-token", "{}")
        assert refreshed["status"] == 200
        assert fetch(page, "GET", "/", headers=bearer(refreshed))["status"] == 200

        another_tab = open_page("listed")
        again = fetch(another_tab, "POST", "/auth/refresh-token")
        assert again["status"] == 200

        assert fetch(page, "POST", "/auth/logout", "{}")["status"] == 204
        assert [cookie["name"] for cookie in cookies(page)] == ["device"]  # it is known still, and signs nobody in
        assert fetch(page, "POST", "/auth/refresh-token")["body"]["code"] == "token_missing"
        ended = fetch(another_tab, "GET", "/", headers=bearer(again))
        assert (ended["status"], ended["body"]["reason"]) == (401, "logout")
        assert mongo.sessions.count_documents({"endReason": "logout"}) == 1

    def test_no_script_can_read_the_cookie(
        self, open_page: Open, fetch: Fetch, account: dict[str, str], service: Service
    ):
        """R71"""
        page = open_page("listed")
        sign_in(page, fetch, account)
        assert {cookie["name"] for cookie in cookies(page)} == {"refresh_token", "device"}
        for cookie in cookies(page):
            assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/auth")
        assert page.evaluate("document.cookie") == ""
        page.goto(f"http://localhost:{service.port}/auth/nothing-here")
        assert page.evaluate("document.cookie") == ""

    def test_it_can_read_why_it_failed(self, open_page: Open, fetch: Fetch, account: dict[str, str]):
        """R76: errors carry the CORS headers, and the exposed ones are readable."""
        page = open_page("listed")
        wrong = sign_in(page, fetch, {**account, "password": "wrong"})
        assert (wrong["status"], wrong["body"]["code"]) == (401, "invalid_credentials")
        assert wrong["requestId"] == wrong["body"]["requestId"]
        assert wrong["challenge"] == "Bearer"
        for path, code in (("/auth/nope", "not_found"), ("/auth/me", "token_missing")):
            assert fetch(page, "GET", path)["body"]["code"] == code

    def test_two_tabs_never_sign_each_other_out(
        self, open_page: Open, fetch: Fetch, account: dict[str, str], service: Service
    ):
        """R56: two refreshes at once of one cookie, ten times over.

        Of more than two, one may start with what another has got while a third still shows the first: theft (R58).
        """
        page = open_page("listed")
        sign_in(page, fetch, account)
        statuses = page.evaluate(
            """async (url) => {
                 const refresh = () => fetch(url, {method: "POST", credentials: "include"});
                 const statuses = [];
                 for (let turn = 0; turn < 10; turn++)
                   for (const answer of await Promise.all([refresh(), refresh()])) statuses.push(answer.status);
                 return statuses;
               }""",
            f"http://localhost:{service.port}/auth/refresh-token",
        )
        assert statuses == [200] * 20
        assert fetch(page, "POST", "/auth/refresh-token")["status"] == 200

    def test_another_site_gets_no_cookie_but_can_use_the_body(
        self, open_page: Open, fetch: Fetch, account: dict[str, str]
    ):
        """The contract: never from `localhost` to `127.0.0.1`; elsewhere `transport: "body"`."""
        page = open_page("listed", host="127.0.0.1")
        assert sign_in(page, fetch, account)["status"] == 200
        assert cookies(page) == []
        assert fetch(page, "POST", "/auth/refresh-token")["body"]["code"] == "token_missing"
        by_body = fetch(page, "POST", "/auth/login", json.dumps(account))
        token = {"refreshToken": by_body["body"]["refreshToken"]}
        assert fetch(page, "POST", "/auth/refresh-token", json.dumps(token))["status"] == 200


class TestStrangeOrigin:
    """R73, R76: it can neither sign in, refresh nor sign out, whichever way it asks."""

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    @pytest.mark.parametrize("mode", ["cors", "no-cors"])
    def test_a_page_of_a_strange_origin_changes_nothing(
        self, open_page: Open, fetch: Fetch, account: dict[str, str], mongo: Database, host: str, mode: str
    ):
        listed = open_page("listed")
        sign_in(listed, fetch, account)
        held = cookies(listed)
        before = list(mongo.sessions.find())
        strange = open_page("strange", host=host)
        body = json.dumps({**account, "transport": "cookie"})
        for path in ("/auth/login", "/auth/refresh-token", "/auth/logout", "/auth/register"):
            for sent in (body, None):
                for headers in ({"Content-Type": "application/json"}, {"Content-Type": "text/plain"}, {}):
                    answer = fetch(strange, "POST", path, sent, headers=headers, mode=mode)
                    assert "failed" in answer or (answer["type"], answer["status"], answer["body"]) == (
                        "opaque",
                        0,
                        None,
                    )
        for method, path in (("DELETE", "/auth/logout"), ("DELETE", "/auth/sessions?scope=all"), ("PATCH", "/auth/me")):
            assert "failed" in fetch(strange, method, path)
        assert cookies(listed) == held
        assert list(mongo.sessions.find()) == before
        assert fetch(listed, "POST", "/auth/refresh-token")["status"] == 200

    def test_a_form_that_sends_itself_changes_nothing(
        self, open_page: Open, fetch: Fetch, account: dict[str, str], mongo: Database, service: Service
    ):
        """R73: a navigation carries no CORS, and is refused all the same."""
        listed = open_page("listed")
        sign_in(listed, fetch, account)
        before, held = list(mongo.sessions.find()), cookies(listed)
        for path in ("/auth/logout", "/auth/refresh-token", "/auth/login"):
            for encoding in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
                page = open_page("strange")
                page.evaluate(
                    FORM,
                    [f"http://localhost:{service.port}{path}", encoding],
                )
                page.wait_for_url(f"**{path}")
                assert "cross_origin_refused" in page.content()
                page.close()
        assert list(mongo.sessions.find()) == before
        assert cookies(listed) == held

    def test_it_reads_nothing(self, open_page: Open, fetch: Fetch, account: dict[str, str], service: Service):
        """R76: not even with an access token that it came by."""
        token = Visitor(service.url).login(**account).json()["accessToken"]
        strange = open_page("strange")
        for path in ("/", "/auth/me", "/auth/sessions", "/healthz"):
            assert "failed" in fetch(strange, "GET", path, headers={"Authorization": f"Bearer {token}"})
            assert "failed" in fetch(strange, "GET", path)

    def test_it_can_not_frame_or_embed_a_page(self, open_page: Open, service: Service):
        """R94"""
        page = open_page("strange")
        with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
            page.evaluate(FRAME, f"http://localhost:{service.port}/docs")
        assert [frame.query_selector("main") for frame in page.frames] == [None, None]
