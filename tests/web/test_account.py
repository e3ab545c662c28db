"""The account pages as the service sends them: headers, files, settings."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

import config
from authsvc.schemas import access_tokens
from authsvc.web import account
from tests.conftest import Person, problem

PAGES = ("", "sign-in", "sign-up", "forgot-password", "reset-password", "verify-email", "undo-email")
STATIC = Path(account.__file__).parent / "static" / "account"

each_page = pytest.mark.parametrize("page", PAGES)


class TestPage:
    @each_page
    def test_it_may_run_and_ask_nothing_but_what_is_ours(self, client: FlaskClient, page: str):
        """R94; CSP level 3 and trusted types."""
        answer = client.get(f"/account/{page}")
        assert answer.status_code == 200
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        assert policy == {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": "'self' data:",
            "connect-src": "'self'",
            "form-action": "'none'",
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
            "require-trusted-types-for": "'script'",
            "trusted-types": "'none'",
        }
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"

    @each_page
    def test_it_holds_no_script_no_style_and_nothing_from_elsewhere(self, client: FlaskClient, page: str):
        html = client.get(f"/account/{page}").text
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", html)
        assert not re.search(r"(?:src|href)=\"(?!/|#)", html)

    @each_page
    def test_it_holds_nobodys_data(self, alice: Person, client: FlaskClient, page: str):
        """It is the same whoever asks, signed in or not."""
        alice.client.post("/auth/login", json={"email": alice.email, "password": alice.password, "transport": "cookie"})
        signed_in = alice.client.get(f"/account/{page}", headers=alice.headers).text
        assert signed_in == client.application.test_client().get(f"/account/{page}").text
        assert alice.email not in signed_in

    @each_page
    def test_what_it_names_is_there(self, client: FlaskClient, page: str):
        named = re.findall(r'(?:src|href)="(/[^"#]*)"', client.get(f"/account/{page}").text)
        assert len(named) > 5
        for address in named:
            assert client.get(address).status_code == 200, address

    def test_the_home_is_there_without_its_slash(self, client: FlaskClient):
        """R80: no redirect to the host that a request names."""
        answer = client.get("/account", headers={"Host": "evil.example"})
        assert (answer.status_code, answer.text) == (200, client.get("/account/").text)
        assert "evil.example" not in answer.text

    def test_no_other_is_there(self, client: FlaskClient):
        for path in ("/account/base", "/account/fields", "/account/home", "/account/nope", "/account/sign-in/"):
            problem(client.get(path), 404, "not_found")

    def test_what_a_link_may_say(self, client: FlaskClient):
        assert client.get("/account/sign-in?return=//evil.example&ended=admin").status_code == 200
        assert "evil" not in client.get("/account/sign-in?return=//evil.example").text
        problem(client.get("/account/sign-in?token=x"), 422, "validation_failed")

    def test_every_scope_is_offered(self):
        assert {scope for scope, _, _ in account.SCOPES} == set(access_tokens.SCOPES)


class TestAssets:
    @pytest.fixture
    def folder(self, client: FlaskClient) -> str:
        """Return where the pages' files are."""
        (folder,) = set(re.findall(r'"(/account/assets/\w+)/', client.get("/account/").text))
        return folder

    def test_they_are_kept_for_good_under_their_version(self, client: FlaskClient, folder: str):
        answer = client.get(f"{folder}/home.js")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        again = client.get(f"{folder}/home.js", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")

    def test_under_another_they_are_asked_for_each_time(self, client: FlaskClient):
        """While one version gives way to the next, a page may come from one worker and its files from another."""
        assert client.get("/account/assets/0123456789ab/home.js").headers["Cache-Control"] == "no-cache"

    @pytest.mark.parametrize("name", ["nope.js", "..%2fauthsvc.js", "%2e%2e/authsvc.js", "home.html", ".", ".."])
    def test_nothing_else_is_there(self, client: FlaskClient, folder: str, name: str):
        problem(client.get(f"{folder}/{name}"), 404, "not_found")

    def test_a_module_is_short_and_puts_no_markup_into_a_page(self):
        modules = sorted(STATIC.glob("*.js"))
        assert len(modules) > 8
        for module in modules:
            text = module.read_text()
            assert len(text.splitlines()) < 250, module.name
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|DOMParser", text), (
                module.name
            )

    def test_all_is_small(self):
        """Without a build step; what a page loads, before compression."""
        assert sum(path.stat().st_size for path in STATIC.iterdir()) < 100_000


class TestSettings:
    @pytest.fixture
    def themed(self, make_app: Callable[..., Flask], tmp_path: Path) -> Iterator[FlaskClient]:
        """Return a client of a service that looks as its operator likes it."""
        (tmp_path / "own.css").write_text(":root { --accent: #a0045a; }")
        (tmp_path / "own.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
        app = make_app(
            ACCOUNT_NAME="Acme & Co",
            ACCOUNT_LOGO=tmp_path / "own.svg",
            ACCOUNT_THEME=tmp_path / "own.css",
            PASSWORD_MIN_LENGTH="15",
        )
        return app.test_client()

    def test_name_logo_and_theme(self, themed: FlaskClient):
        html = themed.get("/account/sign-up").text
        assert "<title>Create an account · Acme &amp; Co</title>" in html
        assert html.index("account.css") < html.index('href="/account/theme.css"')
        assert 'src="/account/logo"' in html
        assert "At least 15 characters" in html
        assert "--accent" in themed.get("/account/theme.css").text
        answer = themed.get("/account/logo")
        assert answer.headers["Content-Type"] == "image/svg+xml"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert themed.get("/account/logo", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304

    def test_without_them_nothing_is_named(self, client: FlaskClient):
        assert "theme.css" not in client.get("/account/").text
        problem(client.get("/account/theme.css"), 404, "not_found")
        problem(client.get("/account/logo"), 404, "not_found")

    def test_a_file_that_is_gone_is_not_found(self, themed: FlaskClient, tmp_path: Path):
        (tmp_path / "own.css").unlink()
        problem(themed.get("/account/theme.css"), 404, "not_found")

    def test_what_is_no_such_file_is_refused(self, settings: dict[str, str], tmp_path: Path):
        (tmp_path / "own.html").write_text("")
        for name, value in [("ACCOUNT_LOGO", "own.html"), ("ACCOUNT_THEME", "nope.css"), ("ACCOUNT_THEME", ".")]:
            with pytest.raises(SystemExit, match=f"{name} must be a file"):
                config.from_environment({**settings, name: str(tmp_path / value)})

    def test_off(self, make_app: Callable[..., Flask]):
        client = make_app(ACCOUNT_PAGES="off").test_client()
        for path in ("/account/", "/account/sign-in", "/account/sign-up", "/account/logo", "/account/assets/x/home.js"):
            problem(client.get(path), 404, "not_found")
        for page in ("verify-email", "undo-email", "reset-password", "forgot-password"):
            answer = client.get(f"/account/{page}")
            assert answer.status_code == 200
            assert "script-src 'sha256-" in answer.headers["Content-Security-Policy"]
