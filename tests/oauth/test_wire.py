"""What every answer under `/oauth2`, and of the metadata, carries: headers, types, CORS, cookies. R94, R96."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pymongo
import pytest
from flask import Flask
from flask.testing import FlaskClient

from authsvc import oauth
from authsvc.errors.oauth_refusal import OAuthError
from authsvc.models.apps import AppKind
from tests.conftest import Person, problem
from tests.support.accounts import Database, throttled
from tests.support.oauth import CALLBACK, FORM, AppClient, bearer, new_app
from tests.support.wire import EVIL, LISTED, routes

AUTHORIZE, TOKEN, REVOKE, USERINFO = (f"/oauth2/{name}" for name in ("authorize", "token", "revoke", "userinfo"))
METADATA = tuple(
    f"/.well-known/{name}"
    for name in ("openid-configuration", "oauth-authorization-server", "oauth-protected-resource")
)
OPEN = (*METADATA, TOKEN, REVOKE, USERINFO)
"""What a page of any origin may read: O51."""
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
}
COOKIES = "refresh_token=x; device=y; session=z; authorization_1=a; access_token_cookie=b"
PREFLIGHT = "authorization, content-type, x-requested-with, mcp-protocol-version"

paths = pytest.mark.parametrize("path", OPEN)


def speaking(app: Flask) -> list[tuple[str, str]]:
    """Return each (method, path) that speaks OAuth."""
    return list(routes(app, oauth=True))


def answers(app: Flask, client: FlaskClient, alice: Person) -> Iterator[tuple[str, Any]]:
    """Yield (what, answer) for every route, and every way to fail and to succeed."""
    for method, path in speaking(app):
        yield f"{method} {path}", client.open(path, method=method, data="", headers=FORM)
        yield f"{path} OPTIONS", client.options(path)
        yield f"{path} PUT", client.put(path)
        yield f"{path} TRACE", client.open(path, method="TRACE")
        if method == "GET":
            yield f"{path} HEAD", client.head(path)
        if method == "POST":
            yield f"{path} JSON", client.post(path, json={})
            yield f"{path} 413", client.post(path, data="a=" + "b" * 70_000, headers=FORM)
            yield f"{path} latin-1", client.post(path, data=b"a=\xff", headers=FORM)
            yield f"{path} twice", client.post(path, data="a=b&a=c", headers=FORM)
        yield f"{path} bad token", client.open(path, method=method, headers=bearer("x"))
    asking = new_app(app, client)
    code = asking.authorize(alice.tokens["accessToken"])
    tokens = client.post(TOKEN, data=urlencode(code.form), headers={**FORM, **asking.credentials()[0]})
    yield "200", tokens
    yield "userinfo", client.get(USERINFO, headers=bearer(tokens.get_json()["access_token"]))
    query = urlencode({"client_id": asking.id, "redirect_uri": CALLBACK, "state": "s"})
    yield "303", client.get(f"{AUTHORIZE}?{query}")
    yield "400", client.get(f"{AUTHORIZE}?client_id=x")
    yield "404", client.get("/oauth2/nope")
    with pymongo.timeout(0.000_001):
        yield "503", client.get(f"{AUTHORIZE}?{query}")
        yield "token 503", client.post(TOKEN, data=urlencode({"client_id": asking.id}), headers=FORM)


class TestHeaders:
    def test_o51_every_answer_has_them(self, app: Flask, client: FlaskClient, alice: Person):
        """R94"""
        seen = set()
        for what, answer in answers(app, client, alice):
            seen.add(answer.status_code)
            is_page = answer.content_type.startswith("text/html") and answer.status_code == 400
            for name, value in ALWAYS.items():
                found = answer.headers.getlist(name)
                assert len(found) == 1, what
                assert found == [value] or (is_page and name == "Content-Security-Policy"), what
            assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"]), what
            assert not {"X-Powered-By", "Server"} & set(answer.headers.keys()), what
            assert "Set-Cookie" not in answer.headers, what
            assert "Werkzeug" not in str(answer.headers), what
        assert seen >= {200, 303, 400, 401, 404, 405, 413, 503}

    def test_nothing_is_stored_but_the_metadata(self, app: Flask, client: FlaskClient, alice: Person):
        """RFC 6749 section 5.1: tokens, and what goes with them, are kept by no cache."""
        for what, answer in answers(app, client, alice):
            if "/.well-known/" not in what or answer.status_code != 200:
                assert answer.headers.getlist("Cache-Control") == ["no-store"], what

    @pytest.mark.parametrize("path", METADATA)
    def test_the_metadata_may_be_kept(self, client: FlaskClient, path: str):
        answer = client.get(path)
        assert (answer.status_code, answer.content_type) == (200, "application/json")
        assert re.fullmatch(r"public, max-age=\d+", answer.headers["Cache-Control"])
        again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["Access-Control-Allow-Origin"] == "*"
        assert client.head(path).headers["Content-Length"] == str(len(answer.data))


class TestErrors:
    """RFC 6749 section 5.2: `{error, error_description}`, whatever goes wrong."""

    def shape(self, answer: Any, status: int, error: OAuthError) -> None:
        """Check the shape of an error."""
        assert answer.status_code == status, answer.text
        assert answer.content_type == "application/json"
        document = answer.get_json()
        assert set(document) == {"error", "error_description"}
        assert document["error"] == error
        assert all(" " <= char <= "~" and char not in '"\\' for char in document["error_description"])

    def test_of_every_answer(self, app: Flask, client: FlaskClient, alice: Person):
        for what, answer in answers(app, client, alice):
            if answer.status_code < 400 or answer.content_type.startswith("text/html") or "HEAD" in what:
                continue
            if "/.well-known/" in what:
                assert answer.content_type == "application/problem+json", what
                continue
            self.shape(answer, answer.status_code, OAuthError(answer.get_json()["error"]))

    def test_an_unknown_path(self, client: FlaskClient):
        for path in ("/oauth2/nope", "/oauth2/", "/oauth2/token/", "/oauth2/token/x", "/oauth2/Token"):
            self.shape(client.get(path), 404, OAuthError.INVALID_REQUEST)
        problem(client.get("/oauth2"), 404, "not_found")

    def test_another_method(self, app: Flask, client: FlaskClient):
        """A15"""
        for path in {path for _, path in speaking(app) if path.startswith(oauth.PREFIX)}:
            allowed = {method for method, other in speaking(app) if other == path}
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
                answer = client.open(path, method=method)
                self.shape(answer, 405, OAuthError.INVALID_REQUEST)
                assert allowed <= set(answer.headers["Allow"].split(", "))

    def test_a_body_that_is_too_large(self, app: Flask, client: FlaskClient):
        for path in {path for method, path in speaking(app) if method == "POST" and path != USERINFO}:
            self.shape(client.post(path, data="a=" + "b" * 70_000, headers=FORM), 413, OAuthError.INVALID_REQUEST)

    @pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", "", None])
    def test_a_body_of_another_type(self, client: FlaskClient, kind: str | None):
        """A8: it is the request that is wrong, so 400."""
        headers = {} if kind is None else {"Content-Type": kind}
        self.shape(client.post(TOKEN, data="grant_type=x", headers=headers), 400, OAuthError.INVALID_REQUEST)

    def test_a_form_that_is_compressed_or_in_another_charset(self, client: FlaskClient):
        for headers in ({"Content-Encoding": "gzip"}, {"Content-Type": f"{FORM['Content-Type']}; charset=latin-1"}):
            answer = client.post(TOKEN, data="grant_type=x", headers={**FORM, **headers})
            self.shape(answer, 400, OAuthError.INVALID_REQUEST)

    def test_too_many_requests(self, app: Flask, client: FlaskClient):
        with throttled(app, authorize_address=1):
            client.get(f"{AUTHORIZE}?client_id=x")
            answer = client.get(f"{AUTHORIZE}?client_id=x")
        self.shape(answer, 429, OAuthError.TEMPORARILY_UNAVAILABLE)
        assert int(answer.headers["Retry-After"]) > 0

    def test_an_unreachable_database(self, app: Flask, client: FlaskClient, alice: Person):
        asking = new_app(app, client)
        form = urlencode({**asking.authorize(alice.tokens["accessToken"]).form})
        with pymongo.timeout(0.000_001):
            answer = client.post(TOKEN, data=form, headers={**FORM, **asking.credentials()[0]})
        self.shape(answer, 503, OAuthError.TEMPORARILY_UNAVAILABLE)
        assert "Retry-After" in answer.headers
        assert client.post(TOKEN, data=form, headers={**FORM, **asking.credentials()[0]}).status_code == 200

    def test_what_fails_in_us(self, app: Flask, client: FlaskClient, alice: Person, mongo: Database):
        asking = new_app(app, client)
        code = asking.authorize(alice.tokens["accessToken"])
        mongo.authorizations.update_many({}, {"$unset": {"params.redirect_uri": 1}})
        answer = client.post(TOKEN, data=urlencode(code.form), headers={**FORM, **asking.credentials()[0]})
        self.shape(answer, 500, OAuthError.SERVER_ERROR)


class TestSharing:
    """O51: pages of any origin may read what apps in browsers need, without credentials, and nothing else."""

    @paths
    @pytest.mark.parametrize("origin", [None, EVIL, LISTED, "null", "http://localhost:8000", "app://obsidian.md"])
    def test_o51_any_origin_reads(self, client: FlaskClient, path: str, origin: str | None):
        headers = {} if origin is None else {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        method = "POST" if path in (TOKEN, REVOKE) else "GET"
        answer = client.open(path, method=method, headers=headers)
        assert answer.headers.getlist("Access-Control-Allow-Origin") == ["*"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"

    @paths
    @pytest.mark.parametrize("origin", [EVIL, LISTED, "null"])
    def test_o51_a_preflight(self, client: FlaskClient, path: str, origin: str):
        """Swagger UI sends X-Requested-With, the MCP SDK its protocol's version."""
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST" if path in (TOKEN, REVOKE) else "GET",
            "Access-Control-Request-Headers": PREFLIGHT,
        }
        answer = client.options(path, headers=asked)
        assert answer.status_code in (200, 204)
        assert answer.headers.getlist("Access-Control-Allow-Origin") == ["*"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
        allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
        assert set(allowed) >= {"authorization", "content-type", "x-requested-with", "mcp-protocol-version"}
        assert {"GET", "POST"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))

    @paths
    def test_o51_an_error_can_be_read_too(self, client: FlaskClient, path: str):
        for answer in (client.delete(path, headers={"Origin": EVIL}), client.post(path, headers={"Origin": EVIL})):
            assert answer.status_code in (400, 401, 403, 405)
            assert answer.headers["Access-Control-Allow-Origin"] == "*"

    def test_o51_a_request_that_is_throttled_or_fails_too(self, client: FlaskClient, app: Flask):
        asking = new_app(app, client, AppKind.SPA)
        with pymongo.timeout(0.000_001):
            answer = client.post(TOKEN, data=f"client_id={asking.id}", headers={**FORM, "Origin": EVIL})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (503, "*")

    def test_o51_no_other_answer(self, app: Flask, client: FlaskClient):
        """The list is the whole list: the page for signing in, say, is for people."""
        for method, path in routes(app):
            answer = client.open(path, method=method, headers={"Origin": EVIL})
            if path not in ("/.well-known/jwks.json", "/authsvc.js", "/authsvc.d.ts"):
                assert "Access-Control-Allow-Origin" not in answer.headers, path
        assert set(OPEN) <= oauth.FOR_ANY_ORIGIN
        closed = {path for _, path in speaking(app)} - oauth.FOR_ANY_ORIGIN
        assert AUTHORIZE in closed
        for path in closed:
            for method in ("GET", "POST", "OPTIONS"):
                answer = client.open(path, method=method, headers={"Origin": EVIL})
                assert "Access-Control-Allow-Origin" not in answer.headers, path

    def test_o51_from_another_site_apps_are_not_refused(self, app: Flask, client: FlaskClient):
        """No cookie is read there, so there is nothing to forge."""
        headers = {**FORM, "Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
        for path in {path for method, path in speaking(app) if method == "POST"}:
            answer = client.post(path, data="", headers=headers)
            led_on = {303} if path == "/oauth2/logout" else set()  # to a page, which asks
            assert answer.status_code in {400, 401, *led_on}, path
            assert "cross_origin" not in answer.text


class TestCookies:
    """O51: under `/oauth2` no cookie is read, and none is set but the one that ties a request to its browser."""

    def test_o51_none_is_read(self, app: Flask, client: FlaskClient, alice: Person):
        own = f"{COOKIES}; refresh_token={alice.tokens['refreshToken']}"
        for method, path in speaking(app):
            plain = client.open(path, method=method, data="", headers=FORM)
            sent = client.open(path, method=method, data="", headers={**FORM, "Cookie": own})
            assert (sent.status_code, sent.data) == (plain.status_code, plain.data), path
            assert "Set-Cookie" not in sent.headers
            assert "Cookie" not in sent.vary

    def test_o51_one_is_set(self, app: Flask, client: FlaskClient, alice: Person):
        asking = new_app(app, client)
        with_cookies = AppClient(client, asking.id, asking.secret, headers={})
        request, cookie, _ = with_cookies.begin()
        assert re.fullmatch(r"authorization_\d{1,2}=[\w-]{22}", cookie["Cookie"])
        step = with_cookies.advance(request, {**cookie, **alice.headers}, "allow")
        assert step.json["step"] == "done"

    def test_o51_tokens_come_in_the_body_alone(self, app: Flask, client: FlaskClient, alice: Person):
        asking = new_app(app, client)
        code = asking.authorize(alice.tokens["accessToken"])
        assert asking.exchange(code).cookies == []
