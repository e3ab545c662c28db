"""Who may change things from a browser page, and which pages may read the answer. D5, R51, R73, R74, R76."""

from collections.abc import Callable
from itertools import product

import pymongo
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import Database, hashing, occupied
from tests.support.origins import browser_headers, is_refused, permit, preflight
from tests.support.wire import EVIL, LISTED, OWN, routes, sign_in_by_cookie

SITES = [None, "same-origin", "none", "same-site", "cross-site", "", "Same-Origin", "bogus"]
ORIGINS = [
    None,
    OWN,
    LISTED,
    EVIL,
    "null",
    "",
    "http://localhost",
    "http://localhost:8001",
    "http://localhost:80000",
    "https://localhost:8000",
    "http://127.0.0.1:8000",
    "http://app.example.com",
    "https://app.example.com:444",
    "https://app.example.com:443",
    "https://app.example.com/",
    "https://app.example.com.evil.example",
    "https://evilapp.example.com",
    "https://sub.app.example.com",
    "https://user@app.example.com",
    f"{LISTED} {EVIL}",
    f"{LISTED},{EVIL}",
]
STRANGE_ORIGINS = [origin for origin in ORIGINS if origin not in (None, OWN, LISTED)]
UNSAFE = [("POST", "/auth/refresh-token"), ("PATCH", "/auth/me"), ("DELETE", "/auth/logout"), ("PUT", "/auth/me")]


class TestChange:
    @pytest.mark.parametrize(("method", "path"), UNSAFE)
    @pytest.mark.parametrize("site", SITES)
    def test_the_whole_table(self, client: FlaskClient, method: str, path: str, site: str | None):
        """The rule of the contract, for every Origin: R73, R76."""
        for origin in ORIGINS:
            passes = site in ("same-origin", "none") or origin in (OWN, LISTED) or (site is None and origin is None)
            answer = client.open(path, method=method, headers=browser_headers(site, origin))
            assert is_refused(answer) is not passes, (site, origin)
            if passes:
                assert answer.status_code in (401, 405)

    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
    def test_reading_is_nobodys_business(self, alice: Person, method: str):
        for site, origin in product(SITES, ORIGINS):
            answer = alice.client.open(
                "/auth/me", method=method, headers={**alice.headers, **browser_headers(site, origin)}
            )
            assert answer.status_code == 200

    def test_every_route_that_changes_something_is_protected(self, app: Flask, alice: Person, mongo: Database):
        """Whatever its credentials: a bearer token does not exempt."""
        before = list(mongo.sessions.find()), list(mongo.users.find())
        # Providers post their forms there; no cookie is read, and nothing changes: tests/federation/test_requests.py.
        unsafe = [
            (method, path) for method, path in routes(app) if method != "GET" and path != f"/federation/{'f' * 24}"
        ]
        assert len(unsafe) >= 8
        for method, path in unsafe:
            headers = {**alice.headers, **browser_headers("cross-site", EVIL)}
            assert is_refused(alice.client.open(path, method=method, json={}, headers=headers)), path
        assert (list(mongo.sessions.find()), list(mongo.users.find())) == before

    def test_two_origins_are_none_of_ours(self, client: FlaskClient):
        """A list that starts with ours is not ours."""
        answer = client.post("/auth/refresh-token", headers=[("Origin", LISTED), ("Origin", EVIL)])
        assert is_refused(answer)

    @pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
    def test_signing_somebody_in_from_elsewhere_is_refused(self, alice: Person, mongo: Database, content_type: str):
        """R73: login CSRF, session fixation."""
        body = f'{{"email": "{alice.email}", "password": "{PASSWORD}", "transport": "cookie"}}'
        for path in ("/auth/login", "/auth/register", "/auth/refresh-token"):
            for headers in (browser_headers("cross-site", EVIL), browser_headers(None, EVIL)):
                assert is_refused(alice.client.post(path, data=body, content_type=content_type, headers=headers))
        assert mongo.sessions.count_documents({}) == 1

    def test_signing_somebody_out_from_elsewhere_is_refused(
        self, alice: Person, browser_client: FlaskClient, mongo: Database
    ):
        """R73: a page of another origin neither refreshes nor ends the session of the cookie."""
        sign_in_by_cookie(browser_client, alice.email, PASSWORD)
        for site in (None, "cross-site", "same-site"):
            for method, path in [("POST", "/auth/logout"), ("DELETE", "/auth/logout"), ("POST", "/auth/refresh-token")]:
                assert is_refused(browser_client.open(path, method=method, headers=browser_headers(site, EVIL)))
        assert mongo.sessions.count_documents({"endedAt": None, "generation": 1}) == 2
        assert browser_client.post("/auth/refresh-token").status_code == 200

    def test_a_client_that_is_no_browser_is_let_through(self, alice: Person):
        """R73: curl, without Origin."""
        assert alice.login().home().status_code == 200

    def test_the_refusal_comes_before_the_input_is_read(self, client: FlaskClient):
        for data in (b"", b"{", b"\xff" * 100, b"x" * 100_000):
            assert is_refused(client.post("/auth/login", data=data, headers=browser_headers(None, EVIL)))


class TestHost:
    """The origin that a request came to counts in development alone: elsewhere the client chooses its Host."""

    HOST = "127.0.0.1:8000"

    @pytest.mark.parametrize(("environment", "passes"), [("development", True), ("testing", False)])
    def test_only_in_development(self, make_app: Callable[..., Flask], environment: str, passes: bool):
        with hashing():
            client = make_app(APP_ENV=environment).test_client()
        headers = {"Host": self.HOST, **browser_headers("cross-site", f"http://{self.HOST}")}
        assert is_refused(client.post("/auth/refresh-token", headers=headers)) is not passes
        for origin in (EVIL, "https://" + self.HOST, "http://127.0.0.1", "http://127.0.0.1:8001"):
            others = {"Host": self.HOST, **browser_headers("cross-site", origin)}
            assert is_refused(client.post("/auth/refresh-token", headers=others))

    def test_the_host_does_not_count_in_production(self, make_app: Callable[..., Flask]):
        with hashing():
            production = {"APP_ENV": "production", "PUBLIC_URL": "https://auth.example.com", "BCRYPT_ROUNDS": 10}
            client = make_app(**production).test_client()
        headers = {"Host": "evil.example", **browser_headers(None, "http://evil.example")}
        assert is_refused(client.post("/auth/refresh-token", headers=headers))
        own = browser_headers("cross-site", "https://auth.example.com")
        problem(client.post("/auth/refresh-token", headers=own), 401, "token_missing")

    def test_forwarded_hosts_do_not_count(self, make_app: Callable[..., Flask]):
        with hashing():
            client = make_app(APP_ENV="development", TRUSTED_PROXIES=1).test_client()
        for name in ("X-Forwarded-Host", "X-Original-Host", "Forwarded", "X-Host"):
            headers = {name: "evil.example", **browser_headers(None, "http://evil.example")}
            assert is_refused(client.post("/auth/refresh-token", headers=headers))


class TestCors:
    """R76"""

    @pytest.mark.parametrize("origin", [*STRANGE_ORIGINS, "HTTPS://APP.EXAMPLE.COM", "https://appXexample.com"])
    def test_a_strange_origin_gets_no_permission(self, alice: Person, origin: str):
        headers = {"Origin": origin, **alice.headers}
        for method, path in [("GET", "/"), ("GET", "/nope"), ("POST", "/auth/login"), ("OPTIONS", "/auth/login")]:
            answer = alice.client.open(path, method=method, headers=headers)
            permissions = [name for name, _ in answer.headers if name.lower().startswith("access-control-")]
            assert permissions == []
            assert "Origin" in answer.headers["Vary"]

    @pytest.mark.parametrize(
        ("path", "others"),
        [("/", {"Accept-Language", "Accept"}), ("/healthz", set()), ("/nope", {"Accept-Language", "Accept"})],
    )
    def test_without_an_origin_none_is_named(self, client: FlaskClient, path: str, others: set[str]):
        """An exact echo, and nothing where there is nothing to echo."""
        answer = client.get(path)
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert set(answer.vary) == {"Origin", *others}

    def test_with_several_origins_only_the_one_that_asks_is_named(self, make_app: Callable[..., Flask]):
        others = ["http://localhost:3000", "http://[::1]:3000", LISTED]
        with hashing():
            client = make_app(CORS_ORIGINS=",".join(others)).test_client()
        for origin in others:
            permit(client.get("/healthz", headers={"Origin": origin}), origin)
        for origin in (EVIL, "http://localhost:30000", "http://:3000"):
            assert "Access-Control-Allow-Origin" not in client.get("/healthz", headers={"Origin": origin}).headers
        assert "Access-Control-Allow-Origin" not in client.get("/healthz").headers

    def test_without_a_list_nobody_is_permitted(self, make_app: Callable[..., Flask]):
        with hashing():
            client = make_app(CORS_ORIGINS="").test_client()
        for origin in (OWN, LISTED, "null", "*"):
            answer = client.get("/healthz", headers={"Origin": origin})
            assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]

    def test_the_listed_origin_may_read_every_error(self, alice: Person, mongo: Database):
        """Or a page can't tell why it failed."""
        client, listed = alice.client, {"Origin": LISTED}
        login = {"email": alice.email, "password": "wrong"}
        answers = [
            (400, client.post("/auth/login", data=b"{", content_type="application/json", headers=listed)),
            (401, client.get("/", headers=listed)),
            (401, client.post("/auth/login", json=login, headers=listed)),
            (403, client.post("/auth/logout", headers={"Origin": EVIL})),
            (404, client.get("/nope", headers=listed)),
            (405, client.put("/auth/login", headers=listed)),
            (409, client.post("/auth/register", json={**login, "name": "A", "password": PASSWORD}, headers=listed)),
            (413, client.post("/auth/login", data=b"x" * 70_000, content_type="application/json", headers=listed)),
            (415, client.post("/auth/login", data=b"{}", headers=listed)),
            (422, client.post("/auth/login", json={}, headers=listed)),
        ]
        with pymongo.timeout(0.000_001):
            answers.append((503, client.get("/", headers={**listed, **alice.headers})))
        with hashing(size=1, max_wait=0) as pool, occupied(pool):
            answers.append((503, client.post("/auth/login", json=login, headers=listed)))
        mongo.sessions.update_many({}, {"$unset": {"expiresAt": 1}})
        answers.append((500, client.get("/", headers={**listed, **alice.headers})))
        for status, answer in answers:
            assert answer.status_code == status
            if status != 403:
                permit(answer, LISTED)

    def test_the_listed_origin_may_read_every_answer(self, app: Flask, alice: Person):
        for method, path in routes(app):
            headers = {"Origin": LISTED, **alice.headers}
            permit(alice.client.open(path, method=method, json={}, headers=headers), LISTED)


class TestPreflight:
    """R51, R76"""

    @pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
    def test_a_listed_origin_is_told_what_it_may_do(self, app: Flask, client: FlaskClient, method: str):
        for path in sorted({path for _, path in routes(app)}):
            answer = preflight(client, path, LISTED, method, "authorization,content-type,x-request-id")
            assert answer.status_code in (200, 204)
            assert answer.headers["Access-Control-Allow-Origin"] == LISTED
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
            assert answer.headers["Access-Control-Max-Age"] == "600"
            assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "POST", "PATCH", "DELETE"}
            permitted = {name.lower() for name in answer.headers["Access-Control-Allow-Headers"].split(", ")}
            assert permitted == {"authorization", "content-type", "x-request-id"}

    @pytest.mark.parametrize("method", ["PUT", "TRACE", "CONNECT", "FOO", ""])
    def test_another_method_is_not_approved(self, client: FlaskClient, method: str):
        answer = preflight(client, "/auth/login", LISTED, method)
        assert method not in answer.headers.get("Access-Control-Allow-Methods", "").split(", ") or not method

    @pytest.mark.parametrize("header", ["X-Evil", "Cookie", "X-HTTP-Method-Override", "*", "X-CSRF-Token"])
    def test_another_header_is_not_approved(self, client: FlaskClient, header: str):
        answer = preflight(client, "/auth/login", LISTED, "POST", f"{header}, Content-Type")
        permitted = answer.headers.get("Access-Control-Allow-Headers", "").lower().split(", ")
        assert permitted == ["content-type"]

    @pytest.mark.parametrize("origin", STRANGE_ORIGINS)
    def test_a_strange_origin_is_told_nothing(self, client: FlaskClient, origin: str):
        answer = preflight(client, "/auth/login", origin, "POST", "content-type")
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]

    def test_it_runs_no_view(self, app: Flask, alice: Person, browser_client: FlaskClient, mongo: Database):
        """R51"""
        sign_in_by_cookie(browser_client, alice.email, PASSWORD)
        before = list(mongo.sessions.find()), list(mongo.users.find())
        for path in sorted({path for _, path in routes(app)}):
            answer = browser_client.options(path, headers=alice.headers)
            assert answer.status_code == 200
            assert answer.data == b""
            assert "Set-Cookie" not in answer.headers
        assert (list(mongo.sessions.find()), list(mongo.users.find())) == before
