"""`authsvc/server`: an app's server that keeps the sessions of browsers in a cookie of its own, before the service."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from tests.api.forging import altered, header_of, now, own_key, sign
from tests.support.accounts import Database
from tests.support.app_servers import SECRET, AppServer, Window
from tests.support.npm import with_package
from tests.support.service import ROOT, Service, Visitor, free_port
from tests.support.wire import EVIL

pytestmark = pytest.mark.external

LIFE = 4
"""Seconds for which access tokens are good: a refresh is due after three of them."""
REPLACED = "old" * 20
"""A secret of the cookies from before."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the package is installed."""
    return with_package(tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return authsvc, which forgives no refresh token that comes twice: the app may show each of them once only."""
    port = free_port()
    own = {
        "PUBLIC_URL": f"http://localhost:{port}",
        "PORT": port,
        "ACCESS_TOKEN_TTL": LIFE,
        "REFRESH_REUSE_GRACE": 0,
        "TRUSTED_PROXIES": 1,
    }
    with Service(**{**settings, **own}) as running:
        yield running


@pytest.fixture(scope="module")
def server(folder: Path, service: Service) -> Iterator[AppServer]:
    """Return the app's server."""
    with AppServer(folder, f"http://localhost:{service.port}", known=f"{SECRET} {REPLACED}") as running:
        yield running


@pytest.fixture
def window(server: AppServer, clean: None) -> Window:
    """Return a browser at the app."""
    return Window(server)


@pytest.fixture
def ada(window: Window) -> dict[str, Any]:
    """Return somebody who has just signed up in `window`."""
    return dict(window.register()["user"])


def due() -> None:
    """Wait until a refresh is due, and the token is good yet."""
    time.sleep(LIFE * 0.8)


def expired() -> None:
    """Wait until the access token is not good any more."""
    time.sleep(LIFE + 0.2)


class TestSignIn:
    def test_no_token_reaches_the_browser(self, window: Window) -> None:
        answer = window.register("𓂀" * 100, f"{'a' * 60}@{'b' * 60}.example.com")
        assert answer["accessToken"] == "in-the-cookie"
        assert "refreshToken" not in answer
        kept = {cookie.name: cookie for cookie in window.jar.cookies}
        assert set(kept) == {"session", "device"}
        assert kept["session"].has_nonstandard_attr("HttpOnly")
        assert kept["session"].get_nonstandard_attr("SameSite") == "Lax"
        assert len(window.cookie) < 3_000, "browsers keep no cookie of more than 4,096 bytes"
        assert "eyJ" not in window.cookie.removeprefix("eyJ"), "no token is to be read in it"

    def test_a_page_knows_who_is_signed_in(self, window: Window, ada: dict[str, Any]) -> None:
        assert window.user() == ada
        assert Window(window._app).user() is None

    def test_a_reload_says_who_is_signed_in_as_they_are_now(self, window: Window, ada: dict[str, Any]) -> None:
        assert window.ask("PATCH", "/api/auth/me", {"name": "Countess"}).status_code == 200
        answer = window.refresh()
        assert answer.json()["user"] == {**ada, "name": "Countess"}
        assert 0 < answer.json()["expiresIn"] <= LIFE
        assert answer.json()["accessToken"] == "in-the-cookie"
        assert answer.headers["Cache-Control"] == "no-store"

    def test_a_second_sign_in_ends_the_first(
        self, window: Window, ada: dict[str, Any], mongo: Database, server: AppServer
    ) -> None:
        first = Window(server)
        first.cookie = window.cookie
        credentials = {"email": ada["email"], "password": "an analytical engine"}
        assert window.ask("POST", "/api/auth/login", credentials).json()["user"] == ada
        assert mongo.sessions.count_documents({"endedAt": None}) == 1
        assert (window.user(), first.user()) == (ada, None)

    def test_a_browser_that_is_known_is_known_again(self, window: Window, ada: dict[str, Any], mongo: Database) -> None:
        """The service's cookie for that goes to and fro, below the app's path."""
        (device,) = [cookie for cookie in window.jar.cookies if cookie.name == "device"]
        assert device.path == "/api/auth"
        window.ask("POST", "/api/auth/logout")
        credentials = {"email": ada["email"], "password": "an analytical engine"}
        window.ask("POST", "/api/auth/login", credentials)
        assert {cookie.value for cookie in window.jar.cookies if cookie.name == "device"} == {device.value}

    def test_where_the_browser_is_comes_from_it(self, window: Window, ada: dict[str, Any]) -> None:
        credentials = {"email": ada["email"], "password": "an analytical engine"}
        agent = "Mozilla/5.0 (iPhone)"
        window.ask("POST", "/api/auth/login", credentials, **{"X-Browser": "203.0.113.7", "User-Agent": agent})
        (session,) = window.ask("GET", "/api/auth/sessions?limit=5").json()["items"]
        assert (session["ip"], session["userAgent"]) == ("203.0.113.7", agent)

    def test_a_recent_proof_counts_and_shows_no_token(
        self, window: Window, ada: dict[str, Any], mongo: Database
    ) -> None:
        old = {"$set": {"authTime": mongo.users.find_one()["createdAt"].replace(year=2020)}}
        assert mongo.sessions.update_many({}, old).modified_count == 1
        mongo.users.update_many({}, {"$set": {"emailVerifiedAt": mongo.users.find_one()["createdAt"]}})
        assert window.ask("POST", "/api/auth/mfa/totp").json()["code"] == "fresh_login_required"
        proof = {"password": "an analytical engine"}
        answer = window.ask("POST", "/api/auth/reauthenticate", proof)
        assert (answer.status_code, answer.json()["accessToken"]) == (200, "in-the-cookie")
        assert window.ask("POST", "/api/auth/mfa/totp").status_code == 200

    def test_every_way_in_that_the_service_has_is_known_here(self, app: Flask) -> None:
        """A new one has to be named, or its cookie would be left out; a provider leads back to the service."""
        document = app.extensions["authsvc.api"].spec.to_dict()
        schemas = document["components"]["schemas"]
        found = set()
        for path, operations in document["paths"].items():
            schema = operations.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json", {})
            name = schema.get("schema", {}).get("$ref", "").rpartition("/")[2]
            if "transport" in schemas.get(name, {}).get("properties", {}):
                found.add(path)
        source = (ROOT / "sdk/js/src/server/session.js").read_text()
        (pattern,) = re.findall(r"SIGN_INS = /(.+)/;", source)
        ways = {path for path in found if not path.startswith("/auth/federation/")}
        assert ways
        assert {path for path in document["paths"] if re.search(pattern.replace("\\/", "/"), path)} == ways


class TestRefresh:
    def test_many_requests_with_one_cookie_refresh_once(
        self, window: Window, ada: dict[str, Any], server: AppServer
    ) -> None:
        """The service forgives no token that comes twice, so the session would end."""
        expired()
        windows = [Window(server) for _ in range(12)]
        for one in windows:
            one.cookie = window.cookie
        with ThreadPoolExecutor(12) as threads:
            assert list(threads.map(lambda one: one.refresh().status_code, windows)) == [200] * 12
        late = Window(server)
        late.cookie = window.cookie
        assert late.user() == ada, "and so may one that comes later with the old cookie"
        assert late.ask("GET", "/token").json()["setCookie"].startswith("session=")
        newest = windows[0]
        expired()
        assert newest.refresh().json()["user"] == ada

    def test_a_page_is_told_the_new_cookie(self, window: Window, ada: dict[str, Any], server: AppServer) -> None:
        before = window.ask("GET", "/token").json()
        assert "setCookie" not in before
        due()
        said = window.ask("GET", "/token", Cookie=f"theme=dark; session={window.cookie}").json()
        assert said["accessToken"] != before["accessToken"]
        assert said["cookie"].startswith("theme=dark; session=")
        newer = Window(server)
        newer.cookie = said["cookie"].rpartition("session=")[2]
        assert newer.cookie in said["setCookie"]
        assert newer.user() == ada

    def test_another_process_knows_too_if_they_share_a_cache(
        self, folder: Path, service: Service, tmp_path: Path, clean: None
    ) -> None:
        with (
            AppServer(folder, service.url, cache=tmp_path) as one,
            AppServer(folder, service.url, cache=tmp_path) as other,
        ):
            window, late = Window(one), Window(other)
            ada = window.register()["user"]
            late.cookie = window.cookie
            expired()
            assert window.refresh().json()["user"] == ada
            assert late.refresh().json()["user"] == ada
        kept = " ".join(path.name + path.read_text() for path in tmp_path.iterdir())
        assert kept
        assert ada["email"] not in kept
        assert ".eyJ" not in kept

    def test_nobody_is_signed_out_while_the_cache_is_away(
        self, folder: Path, service: Service, tmp_path: Path, clean: None
    ) -> None:
        """Nothing is refreshed then, as another process may have done it."""
        cache = tmp_path / "cache"
        cache.write_text("no folder")
        with AppServer(folder, service.url, cache=cache) as server:
            window = Window(server)
            ada = window.register()["user"]
            assert window.refresh().json()["user"] == ada
            expired()
            assert (window.refresh().status_code, window.refresh().json()["code"]) == (503, "offline")
            cache.unlink()
            cache.mkdir()
            assert window.refresh().json()["user"] == ada


class TestEnd:
    def test_signing_out_ends_the_session_and_the_cookie(
        self, window: Window, ada: dict[str, Any], mongo: Database
    ) -> None:
        stolen = window.cookie
        assert window.ask("POST", "/api/auth/logout").status_code == 204
        assert "session" not in window.jar.cookies
        assert mongo.sessions.count_documents({"endedAt": None}) == 0
        window.cookie = stolen
        assert window.user() is None

    def test_signing_out_once_more_ends_the_cookie_too(self, window: Window, ada: dict[str, Any]) -> None:
        """The first answer may be lost on the way."""
        kept = window.cookie
        assert window.ask("POST", "/api/auth/logout").status_code == 204
        window.cookie = kept
        assert window.ask("POST", "/api/auth/logout").status_code in (204, 401)
        assert "session" not in window.jar.cookies

    @pytest.mark.parametrize(("method", "path"), [("GET", "/api/auth/me"), ("POST", "/api/auth/refresh-token")])
    def test_a_late_answer_does_not_put_an_old_cookie_back(
        self, window: Window, ada: dict[str, Any], server: AppServer, method: str, path: str
    ) -> None:
        """Several requests with the cookie of before are on their way while somebody signs in."""
        first, late = Window(server), Window(server)
        first.cookie = late.cookie = window.cookie
        expired()
        assert first.ask(method, path).status_code == 200, "which replaces the session"
        credentials = {"email": ada["email"], "password": "an analytical engine"}
        assert window.ask("POST", "/api/auth/login", credentials).status_code == 200
        answer = late.ask(method, path)
        assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")
        assert "session=" not in answer.headers.get("Set-Cookie", "")
        assert window.user() == ada

    def test_signing_out_with_an_old_cookie_too(self, window: Window, ada: dict[str, Any], mongo: Database) -> None:
        expired()
        assert window.ask("POST", "/api/auth/logout").status_code == 204
        assert mongo.sessions.count_documents({"endedAt": None}) == 0

    def test_a_session_that_was_ended_elsewhere_is_over_at_once(
        self, window: Window, ada: dict[str, Any], service: Service
    ) -> None:
        other = Visitor(service.url).login(ada["email"], "an analytical engine").json()["accessToken"]
        ended = Visitor(service.url).request(
            "DELETE", "/auth/sessions?scope=others", headers={"Authorization": f"Bearer {other}"}
        )
        assert ended.status_code == 204
        assert window.user() is None
        answer = window.refresh()
        assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")
        assert answer.json()["reason"] == "logout_others"
        assert "session" not in window.jar.cookies

    def test_it_is_told_also_once_the_token_has_expired(
        self, window: Window, ada: dict[str, Any], mongo: Database
    ) -> None:
        mongo.sessions.update_many({}, {"$set": {"endedAt": mongo.users.find_one()["createdAt"], "endReason": "admin"}})
        expired()
        assert window.user() is None
        assert window.ask("GET", "/token").json()["accessToken"] is None
        answer = window.ask("GET", "/api/auth/me")
        assert (answer.status_code, answer.json()["code"], answer.json()["reason"]) == (401, "session_ended", "admin")
        assert "Set-Cookie" not in answer.headers  # another tab may have signed in since this one asked
        assert window.refresh().json()["code"] == "session_ended"
        assert "session" not in window.jar.cookies

    def test_whoever_deletes_the_account_is_signed_out(self, window: Window, ada: dict[str, Any]) -> None:
        assert window.ask("DELETE", "/api/auth/me").status_code == 204
        assert window.refresh().json()["code"] in ("token_missing", "session_ended")
        assert window.user() is None


class TestForgery:
    def test_nobody_is_signed_in_by_a_cookie_of_their_own_making(self, window: Window, ada: dict[str, Any]) -> None:
        header, key, iv, text, tag = window.cookie.split(".")
        flipped = ("B" if text[5] == "A" else "A").join((text[:5], text[6:]))
        for forged in (
            "x",
            "",
            header,
            f"{header}.{key}.{iv}.{flipped}.{tag}",
            f"{header}.{key}.{iv}.{text}.{tag[:-4]}AAAA",
        ):
            window.cookie = forged
            assert window.user() is None
            answer = window.refresh()
            assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")

    def test_another_secret_opens_nothing_and_an_old_one_still_does(
        self, window: Window, folder: Path, service: Service, ada: dict[str, Any]
    ) -> None:
        with AppServer(folder, service.url, known=REPLACED) as former:
            old = Window(former)
            old.cookie = window.cookie
            assert old.user() is None
            mine = old.register()["user"]
        window.cookie = old.cookie
        assert window.user() == mine

    @pytest.mark.parametrize(
        "said",
        [
            {"Sec-Fetch-Site": "cross-site", "Origin": EVIL},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "", "Origin": EVIL},
            {"Sec-Fetch-Site": "", "Origin": "null"},
        ],
    )
    def test_another_site_changes_nothing(
        self, window: Window, ada: dict[str, Any], mongo: Database, said: dict[str, str]
    ) -> None:
        for method, path in (("POST", "/api/auth/logout"), ("DELETE", "/api/auth/me"), ("POST", "/api/auth/login")):
            answer = window.ask(method, path, {}, **said)
            assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin_refused")
        assert mongo.sessions.count_documents({"endedAt": None}) == 1
        assert window.ask("GET", "/api/auth/logout").status_code == 405
        assert window.user() == ada

    def test_nothing_but_the_accounts_routes_is_reached(self, window: Window, ada: dict[str, Any]) -> None:
        for path in (
            "/admin/users",
            "/auth/..%2fadmin/users",
            "/auth/%2e%2e%2fadmin",
            "/auth//me",
            "/auth/",
            "/oauth2/token",
        ):
            prepared = requests.Request("GET", "http://x").prepare()
            prepared.url = f"{window._app.url}/api{path}"
            answer = window.jar.send(prepared, timeout=10)
            assert (answer.status_code, answer.json()["type"]) == (404, "about:blank"), path  # ours: nobody was asked

    def test_a_provider_is_refused_because_it_leads_elsewhere(self, window: Window, clean: None) -> None:
        answer = window.ask("POST", "/api/auth/federation/google", {"intent": "sign_in"})
        assert (answer.status_code, answer.json()["code"]) == (400, "cookie_required")

    def test_bad_bodies_are_answered_by_the_service(self, window: Window, clean: None) -> None:
        for text, status, code in (
            ("{", 400, "malformed_json"),
            ("[1]", 422, "validation_failed"),
            ("null", 422, "validation_failed"),
        ):
            headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
            answer = window.jar.post(f"{window._app.url}/api/auth/login", data=text, headers=headers, timeout=10)
            assert (answer.status_code, answer.json()["code"]) == (status, code), text
        answer = window.jar.post(
            f"{window._app.url}/api/auth/login", data=b" " * 1_500_000, headers=headers, timeout=10
        )
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


class TestWithoutTheService:
    def test_nobody_is_signed_out(self, folder: Path, settings: dict[str, str], clean: None) -> None:
        """And a call that needs it says so: 503, `offline`."""
        own = {"ACCESS_TOKEN_TTL": LIFE, "PORT": free_port()}
        service = Service(**{**settings, **own}).start()
        with AppServer(folder, service.url) as server:
            window = Window(server)
            ada = window.register()["user"]
            cookie = window.cookie
            service.stop()
            for wait in (lambda: None, expired):
                wait()
                for method, path in (
                    ("POST", "/api/auth/refresh-token"),
                    ("GET", "/user"),
                    ("POST", "/api/auth/logout"),
                ):
                    answer = window.ask(method, path)
                    assert (answer.status_code, answer.json()["code"]) == (503, "offline"), path
            assert window.cookie == cookie
            with Service(**{**settings, **own}):
                assert window.user() == ada


class TestVerifier:
    @pytest.fixture
    def claims(self, server: AppServer) -> Any:
        """Return what verifies a token: its claims, or the code of the error."""

        def verify(token: str) -> Any:
            answer = requests.get(f"{server.url}/claims", headers={"X-Token": token}, timeout=10)
            return answer.json() if answer.ok else answer.json()["code"]

        return verify

    def test_it_returns_what_the_token_says(self, window: Window, ada: dict[str, Any], claims: Any) -> None:
        token = window.ask("GET", "/token").json()["accessToken"]
        said = claims(token)
        assert (said["sub"], said["role"], said["type"]) == (ada["id"], "user", "access")

    def test_no_other_token_is_taken(self, service: Service, claims: Any, app: Flask, clean: None) -> None:
        tokens = Visitor(service.url).register("ada@example.com").json()
        access = tokens["accessToken"]
        assert claims(access)["sub"] == tokens["user"]["id"]
        key, header = own_key(app), header_of(access)
        body = {**claims(access)}
        for forged, code in (
            ("", "token_missing"),
            ("x", "token_invalid"),
            (access[:-4], "token_invalid"),
            (tokens["refreshToken"], "token_invalid"),
            (altered(app, access, exp=now() - 60, iat=now() - 100), "token_expired"),
            (altered(app, access, aud="https://elsewhere.example"), "token_invalid"),
            (altered(app, access, iss="https://elsewhere.example"), "token_invalid"),
            (altered(app, access, without=("sid",)), "token_invalid"),
            (altered(app, access, type="refresh"), "token_invalid"),
            (sign({**header, "typ": "at+jwt"}, body, key.private), "token_invalid"),
            (sign({**header, "kid": "unknown"}, body, key.private), "token_invalid"),
        ):
            assert claims(forged) == code, forged

    def test_without_the_keys_nothing_is_said_of_a_token(self, folder: Path, service: Service, clean: None) -> None:
        access = Visitor(service.url).register("ada@example.com").json()["accessToken"]
        gone = free_port()
        server = AppServer(folder, f"http://localhost:{gone}")
        with server:
            answer = requests.get(f"{server.url}/claims", headers={"X-Token": access}, timeout=10)
            assert (answer.status_code, answer.json()["code"]) == (503, "offline")
