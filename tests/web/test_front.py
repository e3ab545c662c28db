"""What browsers, crawlers and password managers ask for by themselves, and the page at `/`. P18."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import Person, problem
from tests.support.accounts import hashing

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
HTML = {"Accept": BROWSER}
ACCEPTS = [
    (None, "json"),
    ("*/*", "json"),
    ("application/json", "json"),
    ("application/problem+json", "json"),
    ("text/html;q=0", "json"),
    ("text/html;q=0.4, application/json;q=0.5", "json"),
    ("text/html;q=0.1, */*;q=0.8", "json"),
    ("image/avif,image/webp,*/*;q=0.8", "json"),
    ("\xff,;=q", "json"),
    ("text/html," * 400, "json"),
    (BROWSER, "html"),
    ("text/html", "html"),
    ("text/html;q=0.5, application/json;q=0.4", "html"),
]


class TestNegotiation:
    @pytest.mark.parametrize(("accept", "kind"), ACCEPTS)
    def test_p18_a_page_for_who_asks_for_one(self, client: FlaskClient, accept: str | None, kind: str):
        headers = {} if accept is None else {"Accept": accept}
        missing, root = client.get("/account/nope", headers=headers), client.get("/", headers=headers)
        for answer in (missing, root):
            assert "Accept" in answer.headers.getlist("Vary")[0]
        if kind == "json":
            problem(missing, 404, "not_found")
            problem(root, 401, "token_missing")
        else:
            assert (missing.status_code, missing.mimetype) == (404, "text/html")
            assert (root.status_code, root.mimetype) == (200, "text/html")

    def test_a_program_with_a_token_gets_at_the_root_what_it_always_got(self, alice: Person):
        answer = alice.client.get("/", headers={**alice.headers, **HTML})
        assert answer.get_json() == {"message": "It works!"}
        problem(alice.client.get("/", headers={"Authorization": "Bearer nope", **HTML}), 401, "token_invalid")

    def test_a_staging_site_asks_for_basic_and_shows_the_page(self, client: FlaskClient):
        answer = client.get("/", headers={"Authorization": "Basic YTpi", **HTML})
        assert answer.mimetype == "text/html"
        assert {"Accept", "Authorization"} <= set(re.split(", ?", answer.headers["Vary"]))

    def test_only_who_opens_an_address_sees_a_page(self, client: FlaskClient):
        problem(client.post("/nope", headers=HTML), 404, "not_found")
        assert client.head("/", headers=HTML).mimetype == "text/html"

    def test_forward_auth_is_asked_as_before(self, alice: Person):
        """A proxy passes the browser's `Accept` on."""
        problem(alice.client.get("/auth/verify", headers=HTML), 401, "token_missing")
        assert alice.client.get("/auth/verify", headers={**alice.headers, **HTML}).status_code == 204

    @pytest.mark.parametrize("path", ["/%ff%fe", "/" + "x" * 4000, "/%3Cscript%3E", "/account/%2e%2e/docs", "/é"])
    def test_a_hostile_address_is_told_so_and_not_repeated(self, client: FlaskClient, path: str):
        answer = client.get(path, headers=HTML)
        assert (answer.status_code, answer.mimetype) == (404, "text/html")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "script" not in answer.text
        assert "xxxx" not in answer.text


class TestWelcome:
    def test_it_leads_to_what_there_is(self, client: FlaskClient):
        page = client.get("/", headers=HTML).text
        for link in re.findall(r'<a [^>]*href="([^"]+)"', page):
            assert client.get(link, headers=HTML).status_code == 200, link
        assert {"/account/", "/docs", "/problems/"} <= set(re.findall(r'href="([^"]+)"', page))

    def test_without_account_pages_it_names_none(self, make_app: Callable[..., Flask], clean: None):
        with hashing():
            client = make_app(ACCOUNT_PAGES="off", LINK_URL="https://app.example.com/account").test_client()
        assert "/account/" not in client.get("/", headers=HTML).text
        for path in ("/.well-known/change-password", "/.well-known/passkey-endpoints"):
            problem(client.get(path), 404, "not_found")


class TestFiles:
    def test_p18_the_icon_is_one(self, client: FlaskClient):
        icon = client.get("/favicon.ico")
        assert (icon.status_code, icon.mimetype, icon.data[:4]) == (200, "image/x-icon", b"\0\0\1\0")
        touch = client.get("/apple-touch-icon.png")
        assert (touch.mimetype, touch.data[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")

    def test_the_operators_icon_stands_for_ours(self, make_app: Callable[..., Flask], clean: None, tmp_path: Path):
        svg, png = tmp_path / "logo.svg", tmp_path / "icon.png"
        svg.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
        png.write_bytes(b"\x89PNG\r\n\x1a\nours")
        with hashing():
            by_logo = make_app(ACCOUNT_LOGO=str(svg)).test_client()
            by_icon = make_app(ACCOUNT_LOGO=str(svg), ACCOUNT_ICON=str(png)).test_client()
        assert by_logo.get("/favicon.ico").mimetype == "image/svg+xml"
        problem(by_logo.get("/apple-touch-icon.png"), 404, "not_found")
        assert by_icon.get("/favicon.ico").data == by_icon.get("/apple-touch-icon.png").data == png.read_bytes()

    def test_p18_crawlers_are_told(self, client: FlaskClient):
        """`noindex` counts only for what a crawler may ask for."""
        rules = client.get("/robots.txt")
        assert rules.mimetype == "text/plain"
        assert rules.text.splitlines()[0] == "User-agent: *"
        assert "Disallow: /account" not in rules.text
        for path in ("/account/", "/docs", "/problems/", "/", "/nope"):
            assert client.get(path, headers=HTML).headers.getlist("X-Robots-Tag") == ["noindex"], path


class TestWellKnown:
    def test_p18_password_managers_find_where_to_change_a_password(self, client: FlaskClient):
        """W3C, A Well-Known URL for Changing Passwords; an address that can't exist must not answer 200."""
        answer = client.get("/.well-known/change-password", headers=HTML)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/account/#security")
        assert 'id="security"' in client.get("/account/").text
        strange = "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200"
        assert client.get(strange).status_code == client.get(strange, headers=HTML).status_code == 404

    def test_p18_passkey_managers_find_where_to_add_one(self, client: FlaskClient):
        answer = client.get("/.well-known/passkey-endpoints")
        assert answer.mimetype == "application/json"
        assert set(answer.get_json()) == {"enroll", "manage"}
        assert set(answer.get_json().values()) == {"http://localhost:8000/account/#security"}

    @pytest.mark.parametrize("contact", ["mailto:security@example.com", "https://example.com/security"])
    def test_whom_to_tell_is_told_if_somebody_is_named(
        self, client: FlaskClient, make_app: Callable[..., Flask], clean: None, contact: str
    ):
        problem(client.get("/.well-known/security.txt"), 404, "not_found")
        with hashing():
            told: Any = make_app(SECURITY_CONTACT=contact).test_client().get("/.well-known/security.txt")
        assert told.content_type == "text/plain; charset=utf-8"
        facts = dict(line.split(": ", 1) for line in told.text.splitlines())
        assert facts["Contact"] == contact
        assert facts["Canonical"] == "http://localhost:8000/.well-known/security.txt"
        until = datetime.fromisoformat(facts["Expires"])
        assert timedelta(days=60) < until - datetime.now(UTC) < timedelta(days=365)
