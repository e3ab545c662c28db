"""The account pages as the service sends them: headers, files, settings."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

import config
from authsvc.schemas import access_tokens
from authsvc.services import mail
from authsvc.web import account
from tests.conftest import PASSWORD, Person, problem
from tests.support.brands import HELP, LINKS, brand, png
from tests.support.letters import sent

PAGES = (
    *("", "sign-in", "sign-up", "forgot-password", "reset-password", "verify-email", "undo-email"),
    *("email-code", "federation/work"),
)
STATIC = Path(account.__file__).parent / "static"

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
        if page.startswith("federation/"):  # O22: it may be in a window that an app has opened, on its way back there
            assert "Cross-Origin-Opener-Policy" not in answer.headers
        else:
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"

    @pytest.mark.parametrize("page", ["sign-in", "sign-up", "forgot-password"])
    def test_o22_a_window_that_an_app_has_opened_stays_connected(self, client: FlaskClient, page: str):
        """O22, B6: on the way back to the page that leads to apps, and on no other."""
        usual = client.get(f"/account/{page}").headers
        led = client.get(f"/account/{page}?return=%2Faccount%2Fauthorize%3Frequest%3Dasr_x").headers
        assert "Cross-Origin-Opener-Policy" not in led
        for name in ("Content-Security-Policy", "Cache-Control", "Referrer-Policy"):
            assert led[name] == usual[name]
        for text in (
            "/account/",
            "/account/authorize",
            "/account/authorizes?request=asr_x",
            "https://evil.example/account/authorize?request=asr_x",
            "/account/authorize?request=asr_x&evil=1",
            "/account/authorize?request=asr_x#evil",
            "/account/authorize?request=asr_x\n",
            '/account/authorize?request=asr_"><b>evil',
        ):
            other = client.get(f"/account/{page}", query_string={"return": text})
            assert other.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert other.text == client.get(f"/account/{page}").text

    @pytest.mark.parametrize("page", ["sign-in", "sign-up", "forgot-password"])
    def test_o22_links_keep_the_way_back_before_any_script_runs(self, client: FlaskClient, page: str):
        address = "return=%2Faccount%2Fauthorize%3Frequest%3Dasr_x"
        kept = re.findall(r'href="([^"]*)" data-keep', client.get(f"/account/{page}?{address}").text)
        assert kept
        assert all(link.endswith(f"?{address}") for link in kept)

    def test_o22_the_page_that_leads_to_apps(self, client: FlaskClient):
        """O15, O22: no policy follows a form to the app, which may redirect it; it can't be framed either."""
        headers = client.get("/account/authorize?request=asr_x").headers
        usual = client.get("/account/sign-in").headers["Content-Security-Policy"]
        assert headers["Content-Security-Policy"] == usual.replace("form-action 'none'; ", "")
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert (headers["Referrer-Policy"], headers["Cache-Control"]) == ("origin", "no-store")
        assert "Cross-Origin-Opener-Policy" not in headers

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
        for path in (
            *("/account/base", "/account/fields", "/account/home", "/account/nope", "/account/sign-in/"),
            *("/account/federation", "/account/federation/", "/account/federation/No", "/account/federation/a/b"),
        ):
            problem(client.get(path), 404, "not_found")

    def test_what_a_link_may_say(self, client: FlaskClient):
        assert client.get("/account/sign-in?return=//evil.example&ended=admin").status_code == 200
        assert "evil" not in client.get("/account/sign-in?return=//evil.example").text
        assert client.get("/account/sign-in?token=evil").status_code == 200
        assert "evil" not in client.get("/account/sign-in?token=evil").text

    def test_every_scope_is_offered(self):
        assert {scope for scope, _, _ in account.SCOPES} == set(access_tokens.SCOPES)


class TestAssets:
    @pytest.fixture
    def folder(self, client: FlaskClient) -> str:
        """Return where the pages' files are."""
        (folder,) = set(re.findall(r'"(/account/assets/\w+)/', client.get("/account/").text))
        return folder

    def test_they_are_kept_for_good_under_their_version(self, client: FlaskClient, folder: str):
        answer = client.get(f"{folder}/account/home.js")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        again = client.get(f"{folder}/account/home.js", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")

    def test_under_another_they_are_asked_for_each_time(self, client: FlaskClient):
        """While one version gives way to the next, a page may come from one worker and its files from another."""
        assert client.get("/account/assets/0123456789ab/account/home.js").headers["Cache-Control"] == "no-cache"

    @pytest.mark.parametrize(
        "name",
        [
            *(
                "account/nope.js",
                "account/..%2fauthsvc.js",
                "account/%2e%2e/authsvc.js",
                "../pages.py",
                "%2e%2e/pages.py",
            ),
            *("home.js", "ui/home.js", "account/home.html", "account/.", "account/..", ".."),
        ],
    )
    def test_nothing_else_is_there(self, client: FlaskClient, folder: str, name: str):
        problem(client.get(f"{folder}/{name}"), 404, "not_found")

    def test_a_module_is_short_and_puts_no_markup_into_a_page(self):
        modules = sorted(path for path in STATIC.glob("*/*.js") if path.parent.name != "texts")
        assert len(modules) > 8
        for module in modules:
            text = module.read_text()
            assert len(text.splitlines()) < 250, module.name
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|DOMParser", text), (
                module.name
            )

    @each_page
    def test_what_a_page_loads_is_small(self, client: FlaskClient, page: str):
        """Without a build step, before compression."""
        html = client.get(f"/account/{page}").text
        named = set(re.findall(r'(?:src|href)="(/account/assets/[^"]*)"', html))
        assert sum(len(client.get(address).data) for address in named) < (90_000 if page == "" else 60_000)


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
        assert html.index("ui/base.css") < html.index('href="/account/theme.css"')
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

    def test_p16_the_brand_is_whole(self, make_app: Callable[..., Flask], tmp_path: Path):
        for name in ("dark.png", "icon.ico"):
            (tmp_path / name).write_bytes(png(2, 2))
        more = {"ACCOUNT_LOGO_DARK": tmp_path / "dark.png", "ACCOUNT_ICON": tmp_path / "icon.ico"}
        settings = {**brand(tmp_path), **more, "ACCOUNT_LOGO_NAME": "off", "ACCOUNT_THEME": ""}
        client = make_app(**settings).test_client()
        for path in ("", "sign-in"):
            html = client.get(f"/account/{path}").text
            assert '<source srcset="/account/logo-dark" media="(prefers-color-scheme: dark)">' in html
            assert '<img src="/account/logo" alt="Contoso &amp; Söhne">' in html
            assert ">Contoso" not in html
            assert '<link rel="icon" href="/account/icon">' in html
            assert html.index("ui/base.css") < html.index('href="/account/brand.css"')
            foot = re.findall(r'<a href="((?:https|mailto):[^"]*)">([^<]*)</a>', html.partition("<footer")[2])
            assert foot == [
                *((LINKS["terms"], "Terms of service"), (LINKS["privacy"], "Privacy"), (LINKS["imprint"], "Imprint")),
                (f"mailto:{HELP}", "Help"),
            ]
        assert client.get("/account/brand.css").text.startswith(":root { --accent: light-dark(#79681b, #facc15);")
        for path, kind in (("logo", "image/png"), ("logo-dark", "image/png"), ("icon", "image/x-icon")):
            answer = client.get(f"/account/{path}")
            shared = "cross-origin" if path != "icon" else None  # web mail shows letters on pages of its own
            assert (answer.mimetype, answer.headers.get("Cross-Origin-Resource-Policy")) == (
                kind,
                shared or "same-origin",
            )

    def test_letters_find_the_logo_without_account_pages(self, make_app: Callable[..., Flask], tmp_path: Path):
        app = make_app(**brand(tmp_path), ACCOUNT_PAGES="off", LINK_URL="https://www.example.com/account")
        assert app.test_client().get("/account/logo").status_code == 200
        problem(app.test_client().get("/account/logo-dark"), 404, "not_found")

    def test_a_file_that_is_gone_is_not_found(self, themed: FlaskClient, tmp_path: Path):
        (tmp_path / "own.css").unlink()
        problem(themed.get("/account/theme.css"), 404, "not_found")

    def test_what_is_no_such_file_is_refused(self, settings: dict[str, str], tmp_path: Path):
        (tmp_path / "own.html").write_text("")
        for name, value in [("ACCOUNT_LOGO", "own.html"), ("ACCOUNT_THEME", "nope.css"), ("ACCOUNT_THEME", ".")]:
            with pytest.raises(SystemExit, match=f"{name} must be a file"):
                config.from_environment({**settings, name: str(tmp_path / value)})

    def test_without_account_pages_none_is_served(self, make_app: Callable[..., Flask]):
        client = make_app(ACCOUNT_PAGES="off", LINK_URL="https://app.example.com/account").test_client()
        for path in (
            "/account/",
            "/account",
            "/account/logo",
            "/account/theme.css",
            "/account/assets/x/account/home.js",
        ):
            problem(client.get(path), 404, "not_found")
        for page in PAGES[1:]:
            problem(client.get(f"/account/{page}"), 404, "not_found")
        assert client.get("/authsvc.js").status_code == 200

    def test_links_lead_to_the_account_pages_unless_other_pages_are_named(self, settings: dict[str, str]):
        assert f"{settings['PUBLIC_URL']}/account" == config.from_environment(settings).LINK_URL
        for address in ("https://app.example.com", "https://app.example.com/my/account", "http://localhost:3000/a"):
            for pages in ("on", "off"):
                own = {**settings, "ACCOUNT_PAGES": pages, "LINK_URL": f"{address}/"}
                assert address == config.from_environment(own).LINK_URL

    def test_letters_lead_to_the_pages_that_are_named(self, make_app: Callable[..., Flask], clean: None):
        own = {"ACCOUNT_PAGES": "off", "LINK_URL": "https://app.example.com/my", "EMAIL_VERIFICATION": "off"}
        app = make_app(**own)
        person = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
        user = app.test_client().post("/auth/register", json=person).get_json()["user"]
        assert app.test_client().post("/auth/password/forgot", json={"email": person["email"]}).status_code == 202
        (letter,) = sent(app, "reset")
        assert "https://app.example.com/my/reset-password#token=asl_" in letter["text"]
        with app.app_context():
            mail.post("password_changed", ObjectId(user["id"]), to=person["email"], ip="::1", agent="x")
        (letter,) = sent(app, "password_changed")
        assert "https://app.example.com/my/forgot-password" in letter["text"]

    def test_without_account_pages_other_pages_must_be_named(self, settings: dict[str, str]):
        with pytest.raises(SystemExit, match="LINK_URL is missing"):
            config.from_environment({**settings, "ACCOUNT_PAGES": "off"})

    def test_in_production_links_carry_no_secret_over_plain_http(self):
        production = {
            "SECRET_KEY": "Zk7wq3mXb9R2tYhV5nLc8sJf4gKp6xQa1uEo0iWz",
            "MONGODB_URI": "mongodb://authsvc:pw@db.internal:27017/authsvc",
            "PUBLIC_URL": "https://auth.corp.internal",
            "MAIL_URL": "smtp://authsvc:pw@mail.corp.internal",
        }
        config.from_environment({**production, "LINK_URL": "https://app.corp.internal/account"})
        with pytest.raises(SystemExit, match="LINK_URL must be https"):
            config.from_environment({**production, "LINK_URL": "http://app.corp.internal/account"})

    @pytest.mark.parametrize(
        "address",
        ["app.example.com", "/account", "//app.example.com", "https://app.example.com/a?b", "https://app.example.com/#a",
         "https://user@app.example.com", "https://app.example.com/a b", "javascript:alert(1)", "https://APP.example.com"],
    )  # fmt: skip
    def test_what_no_link_can_begin_with_is_refused(self, settings: dict[str, str], address: str):
        with pytest.raises(SystemExit, match="LINK_URL must be an address"):
            config.from_environment({**settings, "LINK_URL": address})
