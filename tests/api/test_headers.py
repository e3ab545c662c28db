"""What every answer carries: R94, R96."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pymongo
import pytest
from flask import Flask
from flask.testing import FlaskClient

from authsvc import metrics
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import Database, hashing
from tests.support.wire import EVIL, routes

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
METRICS = metrics.CONTENT_TYPE
POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
CLIENT = {"/authsvc.js": "text/javascript; charset=utf-8", "/authsvc.d.ts": "text/plain; charset=utf-8"}
FILES = {
    **CLIENT,
    "/account/brand.css": "text/css; charset=utf-8",
    "/docs/assets/reference.js": "text/javascript; charset=utf-8",
    "/favicon.ico": "image/x-icon",
    "/apple-touch-icon.png": "image/png",
    "/robots.txt": "text/plain; charset=utf-8",
}
PUBLIC = ("/docs", "/openapi.json", "/.well-known/jwks.json", "/.well-known/passkey-endpoints", *FILES)


def answers(client: FlaskClient, mongo: Database) -> Iterator[tuple[str, Any]]:
    """Yield (what, answer) for every route and every way to fail."""
    person = Person(client, "alice@example.com", PASSWORD, "Alice").register()
    for method, path in routes(client.application):
        if method == "GET":
            yield f"{path} anonymous", client.get(path)
            yield f"{path} HEAD", client.head(path, headers=person.headers)
        yield f"{method} {path}", client.open(path, method=method, json={}, headers=person.headers)
        yield f"{path} OPTIONS", client.options(path)
        yield f"{path} TRACE", client.open(path, method="TRACE")
    person = person.login()
    yield "/problems HTML", client.get("/problems/not_found", headers={"Accept": "text/html"})
    yield "me", client.get("/auth/me", headers=person.headers)
    yield "sessions", client.get("/auth/sessions", headers=person.headers)
    credentials = {"email": person.email, "password": person.password}
    yield "200", client.post("/auth/login", json=credentials)
    yield "cookie", client.post("/auth/login", json={**credentials, "transport": "cookie"})
    yield "400", client.post("/auth/login", data=b"{", content_type="application/json")
    yield "401", client.post("/auth/login", json={**credentials, "password": "wrong"})
    yield "403", client.post("/auth/login", headers={"Origin": EVIL})
    yield "404", client.get("/nope")
    yield "409", client.post("/auth/register", json={**credentials, "name": "A"})
    yield "413", client.post("/auth/login", data=b" " * 70_000, content_type="application/json")
    yield "415", client.post("/auth/login", data=b"{}")
    yield "204", client.delete("/auth/sessions?scope=others", headers=person.headers)
    with pymongo.timeout(0.000_001):
        yield "503", client.get("/", headers=person.headers)
        yield "readyz 503", client.get("/readyz")
    mongo.sessions.update_many({}, {"$unset": {"expiresAt": 1}})
    yield "500", client.get("/", headers=person.headers)


def is_for_any_page(what: str) -> bool:
    """Tell whether pages of any origin may read an answer: the module for browsers, its declarations, the keys."""
    return not what.endswith("OPTIONS") and what.removeprefix("GET ").split()[0] in (*CLIENT, "/.well-known/jwks.json")


class TestSecurityHeaders:
    """R94"""

    def test_every_answer_has_them(self, client: FlaskClient, mongo: Database):
        seen = set()
        for what, answer in answers(client, mongo):
            seen.add(answer.status_code)
            for_any_page = answer.status_code == 200 and is_for_any_page(what)
            expected = {**ALWAYS, "Cross-Origin-Resource-Policy": "cross-origin"} if for_any_page else ALWAYS
            for name, value in expected.items():
                assert answer.headers.getlist(name) == [value], what
            assert len(answer.headers.getlist("Content-Security-Policy")) == 1, what
            assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"]), what
            assert not {"X-Powered-By", "Server", "Strict-Transport-Security"} & set(answer.headers.keys()), what
            assert "Flask" not in str(answer.headers), what
            assert "Werkzeug" not in str(answer.headers), what
        assert seen >= {200, 204, 400, 401, 403, 404, 405, 409, 413, 415, 422, 500, 503}

    def test_nothing_is_stored_but_the_reference_and_the_keys(self, client: FlaskClient, mongo: Database):
        """Tokens, personal data and every error: no cache keeps them."""
        for what, answer in answers(client, mongo):
            public = answer.status_code == 200 and what.split()[0] in (*PUBLIC, "/problems")
            if not public and what.removeprefix("GET ") not in PUBLIC:
                assert answer.headers.getlist("Cache-Control") == ["no-store"], what

    def test_the_policy_lets_nothing_run(self, client: FlaskClient, mongo: Database):
        for what, answer in answers(client, mongo):
            policy = answer.headers["Content-Security-Policy"]
            assert "'unsafe" not in policy, what
            path = what.removeprefix("GET ").split()[0]
            if ("/account" in what or path in ("/admin", "/admin/")) and answer.status_code == 200:
                continue  # these run what is ours, and say so: tests/web/test_account.py, test_console.py
            if path == "/docs" and answer.status_code == 200:
                policy = policy.replace("script-src 'self'; require-trusted-types-for 'script'; ", "")
            assert "script" not in policy, what
            if answer.mimetype == "text/html" and not what.endswith("OPTIONS"):
                assert "style-src 'sha256-" in policy, what
                assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy.split("; "))
            else:
                assert policy == POLICY, what

    def test_the_content_type_is_right(self, client: FlaskClient, mongo: Database):
        for what, answer in answers(client, mongo):
            if answer.status_code >= 400:
                assert answer.content_type == "application/problem+json", what
            elif answer.status_code == 204:
                assert answer.data == b"", what
            elif answer.data:
                expected = FILES.get(what.removeprefix("GET ").split()[0], "application/json")
                assert answer.content_type in (expected, "text/html; charset=utf-8", METRICS), what

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("public_url", "expected"),
        [
            ("https://auth.example.com", ["max-age=31536000; includeSubDomains"]),
            ("http://localhost:8000", []),
        ],
    )
    def test_https_is_insisted_on_where_it_is_used(
        self, make_app: Callable[..., Flask], clean: None, mongo: Database, public_url: str, expected: list[str]
    ):
        with hashing():
            client = make_app(PUBLIC_URL=public_url).test_client(use_cookies=False)
        for what, answer in answers(client, mongo):
            assert answer.headers.getlist("Strict-Transport-Security") == expected, what


class TestRequestId:
    """R96"""

    @pytest.mark.parametrize("path", ["/healthz", "/", "/nope", "/docs"])
    @pytest.mark.parametrize(
        "given", ["12345678", "A-b_c.d-0", "x" * 128, "0af7651916cd43dd8448eb211c80319c", "........"]
    )
    def test_a_good_one_is_kept(self, client: FlaskClient, path: str, given: str):
        answer = client.get(path, headers={"X-Request-ID": given})
        assert answer.headers.getlist("X-Request-ID") == [given]
        if answer.status_code >= 400:
            assert answer.get_json()["requestId"] == given

    @pytest.mark.parametrize(
        "given",
        [
            "",
            "1234567",
            "x" * 129,
            "x" * 8000,
            "has space",
            "semi;colon",
            "a,b,c,d,e",
            "<script>alert(1)</script>",
            "${jndi:ldap://x}",
            "../../etc/passwd",
            '"quoted-id"',
            "tab\tinside",
            "\x1b[31mred\x1b[0m",
            "sequence\u2028",
            "ünicode-id",
            "\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18",
            "%0d%0aX-Evil: 1",
            "null-byte\0",
        ],
        ids=lambda given: ascii(given)[:20],
    )
    def test_a_bad_one_is_replaced(self, client: FlaskClient, given: str):
        raw = given.encode().decode("latin-1")
        answer = client.get("/", environ_overrides={"HTTP_X_REQUEST_ID": raw})
        document = problem(answer, 401, "token_missing")
        assert re.fullmatch(r"[0-9a-f]{32}", document["requestId"])
        assert "X-Evil" not in answer.headers

    def test_two_of_them_are_replaced(self, client: FlaskClient):
        answer = client.get("/healthz", headers=[("X-Request-ID", "a" * 20), ("X-Request-ID", "b" * 20)])
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])

    def test_each_request_has_one_of_its_own(self, client: FlaskClient):
        assert len({client.get("/healthz").headers["X-Request-ID"] for _ in range(50)}) == 50


class TestAuthenticate:
    """D9; RFC 6750 section 3."""

    @pytest.mark.parametrize(
        "header", [None, "Bearer a.b.c", "Basic eDp4", "Bearer", ",  ,x", "Bearer a, Bearer b", "Token x"]
    )
    def test_a_401_says_how(self, client: FlaskClient, header: str | None):
        """D5"""
        headers = {} if header is None else {"Authorization": header}
        answer = client.get("/", headers=headers)
        problem(answer, 401, "token_missing" if header is None else "token_invalid")
        expected = "Bearer" if header is None else 'Bearer error="invalid_token"'
        assert answer.headers.getlist("WWW-Authenticate") == [expected]

    def test_a_503_says_when_to_come_back(self, alice: Person):
        with pymongo.timeout(0.000_001):
            for answer in (alice.home(), alice.refresh(), alice.client.get("/readyz")):
                assert answer.status_code == 503
                assert int(answer.headers["Retry-After"]) >= 1
