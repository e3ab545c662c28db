"""Which paths, methods and queries there are. D7, R48, R74, R80, R87, R88, R91."""

import re
from itertools import product

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import Person, problem
from tests.support.accounts import Database
from tests.support.console_routes import by_two_factors
from tests.support.wire import needs_login, routes

PAGES = ["/admin/?", "/account/?", "/account/(?:federation/)?f+", "/docs(?:/f+)?", "/problems(?:/[^/]*)?"]
"""For people: what a campaign, a mailer or a social network adds to a link to one of them is nobody's mistake."""

FILES = [
    r"/favicon\.ico",
    r"/apple-touch-icon\.png",
    r"/robots\.txt",
    r"/\.well-known/change-password",
    r"/\.well-known/passkey-endpoints",
    r"/\.well-known/security\.txt",
    r"/docs/assets/reference\.js",
    r"/account/brand\.css",
    "/account/icon",
    "/account/logo-dark",
    r"/authsvc\.js",
    r"/authsvc\.d\.ts",
    "/account/assets/.*",
    r"/account/theme\.css",
    "/account/logo",
]
"""Of pages: what a page writes behind the name of a script, so that it is fetched anew, is for nobody to read."""

QUERIES = ["x=1", "access_token=abc", "email[$ne]=1", "_id[$oid]=1", "__raw__=1", "email__ne=1", "$where=1", "=1", "x"]


class TestQuery:
    @pytest.mark.slow
    @pytest.mark.parametrize("query", QUERIES)
    def test_an_unknown_parameter_is_refused_on_every_route(
        self, app: Flask, alice: Person, mongo: Database, query: str
    ):
        """D7, R91; the guard comes first, so nobody learns a route's parameters without a token."""
        for collection in (mongo.users, mongo.sessions):  # whom every guard lets pass
            collection.update_many({}, {"$set": {"role": "admin"}})
        by_two_factors(alice, mongo)
        for method, path in routes(app):
            if any(re.fullmatch(page, path) for page in PAGES + FILES):
                continue
            url = f"{path}?{query}"
            if needs_login(app, method, path):
                problem(alice.client.open(url, method=method), 401, "token_missing")
            answer = alice.client.open(url, method=method, headers=alice.headers)
            document = problem(answer, 422, "validation_failed")
            name = query.partition("=")[0]
            assert (name, "unknown_field") in [(error["parameter"], error["code"]) for error in document["errors"]]
            assert alice.home().status_code == 200

    @pytest.mark.parametrize("query", [*QUERIES, "utm_source=x", "fbclid=1&fbclid=2", "return=/&return=/", "_schema=1"])
    def test_u24_a_page_for_people_ignores_what_it_does_not_read(self, app: Flask, client: FlaskClient, query: str):
        opened = 0
        for _, path in routes(app):
            if any(re.fullmatch(page, path) for page in PAGES):
                shown = path.replace("f" * 24, "sign-in" if path.startswith(("/account", "/docs")) else "not_found")
                answer = client.get(f"{shown}?{query}", headers={"Accept": "text/html"})
                assert answer.status_code == 200, shown
                assert answer.mimetype == "text/html"
                opened += 1
        assert opened >= 5

    @pytest.mark.parametrize("query", ["v=2", "_schema=1"])
    def test_u24_a_file_of_a_page_does_too(self, app: Flask, client: FlaskClient, query: str):
        answered = [
            client.get(f"{path}?{query}") for _, path in routes(app) if any(re.fullmatch(f, path) for f in FILES)
        ]
        assert len(answered) == len(FILES)
        # One leads on; 404: no brand of the operator, none of the name.
        assert {answer.status_code for answer in answered} == {200, 302, 404}

    def test_the_guard_comes_first(self, alice: Person):
        """R48: no token in the URL counts, and none is needed to be told so."""
        token = alice.tokens["accessToken"]
        for name in ("access_token", "jwt", "token", "Authorization"):
            problem(alice.client.get(f"/?{name}={token}"), 401, "token_missing")

    def test_a_token_in_the_body_does_not_count(self, alice: Person):
        """R48, D5"""
        token = alice.tokens["accessToken"]
        for body in ({"access_token": token}, [1], "x", {"token": token}):
            problem(alice.client.get("/", json=body), 401, "token_missing")
            problem(alice.client.patch("/auth/me", json=body), 401, "token_missing")

    def test_a_declared_parameter_may_stand_once(self, alice: Person):
        for url in ("/auth/sessions?limit=1&limit=2", "/auth/sessions?cursor=&cursor="):
            document = problem(alice.client.get(url, headers=alice.headers), 422, "validation_failed")
            assert document["errors"][0]["code"] == "not_allowed"
        problem(
            alice.client.delete("/auth/sessions?scope=all&scope=all", headers=alice.headers), 422, "validation_failed"
        )
        assert alice.home().status_code == 200

    @pytest.mark.parametrize("query", ["%ff=1", "x=%ff", "%00", "%", "%zz", "&&&", "a" * 3000, "x=1;y=2"])
    def test_a_malformed_query_is_no_fault_of_ours(self, app: Flask, alice: Person, query: str):
        for method, path in routes(app):
            assert alice.client.open(f"{path}?{query}", method=method, headers=alice.headers).status_code < 500


class TestMethod:
    @pytest.mark.parametrize("method", ["TRACE", "CONNECT", "FOO", "PROPFIND", "PUT"])
    def test_an_unknown_method_is_refused_on_every_route(self, app: Flask, alice: Person, method: str):
        """R91"""
        for path in sorted({path for _, path in routes(app)}):
            answer = alice.client.open(path, method=method, headers=alice.headers)
            problem(answer, 405, "method_not_allowed")
            allowed = set(answer.headers["Allow"].split(", "))
            assert {shown for shown, found in routes(app) if found == path} <= allowed

    @pytest.mark.parametrize(
        "header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-Method"]
    )
    def test_a_header_does_not_change_the_method(self, alice: Person, header: str):
        """R87"""
        problem(
            alice.client.post("/auth/me", json={"name": "B"}, headers={**alice.headers, header: "PATCH"}),
            405,
            "method_not_allowed",
        )
        assert alice.client.get("/auth/me", headers={**alice.headers, header: "DELETE"}).status_code == 200

    def test_no_state_is_changed_by_reading(self, app: Flask, alice: Person, mongo: Database):
        """R74"""
        before = list(mongo.sessions.find()), list(mongo.users.find())
        for method in ("GET", "HEAD"):
            for path in sorted({path for _, path in routes(app)}):
                assert alice.client.open(path, method=method, headers=alice.headers).status_code < 500
        assert (list(mongo.sessions.find()), list(mongo.users.find())) == before


UNKNOWN_PATHS = [
    "/nope",
    "/auth",
    "/auth/",
    "/auth/login/",
    "/auth//login",
    "//auth/login",
    "/AUTH/login",
    "/auth/Login",
    "/auth/login;x",
    "/auth/login%00",
    "/auth/login%0a",
    "/auth/%2e%2e/auth/me",
    "/auth/me/..",
    "/auth/..;/auth/me",
    "/auth/sessions/",
    "/auth/sessions/a/b",
    "/docs/",
    "/docs/nope",
    "/problems//",
    "/problems/nope",
    "/problems/session_ended/x",
    "/problems/<script>alert(1)</script>",
    "/problems/%ff",
    "/static/style.css",
    "/.git/config",
    "/.env",
    "/%ff%fe",
    "/\u2603",
    "/" + "x" * 4000,
]


class TestPath:
    def test_an_unknown_path_is_told_so(self, alice: Person):
        """R87, R91: nothing is redirected, nothing normalised."""
        for path, headers in product(UNKNOWN_PATHS, ({}, alice.headers)):
            answer = alice.client.get(path, headers=headers)
            assert answer.status_code == 404, path
            problem(answer, 404, "not_found")
            assert "<script" not in answer.text
            assert "Location" not in answer.headers

    @pytest.mark.parametrize(
        "session_id", ["nope", "f" * 24, "f" * 23, "f" * 25, "{'$ne': null}", "%00", "%ff", "é", "f" * 12]
    )
    def test_an_id_that_nobody_has_is_told_so(self, alice: Person, session_id: str):
        """R88"""
        answer = alice.client.delete(f"/auth/sessions/{session_id}", headers=alice.headers)
        problem(answer, 404, "not_found")
        assert alice.home().status_code == 200

    def test_a_strange_host_is_no_fault_of_ours(self, client: FlaskClient):
        """R80"""
        for host in ("", "evil.example", "a b", "[::1", "a:99999", "x" * 300, "<script>", "\u2603", "a,b", "a/b", "@"):
            for path in ("/healthz", "/docs", "/openapi.json", "/auth/login", "/nope"):
                answer = client.get(path, environ_overrides={"HTTP_HOST": host.encode().decode("latin-1")})
                assert answer.status_code < 500
                assert "evil" not in answer.text
