"""Targets and hosts as they stand on the wire, in every spelling, against real gunicorn. U12, U14."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from flask import Flask

from tests.conftest import Person
from tests.support.races import eventually
from tests.support.service import Service, Visitor, free_port
from tests.support.wire import EVIL, exchange, routes, statuses


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service."""
    with Service(**{**settings, "WEB_CONCURRENCY": 1}) as running:
        yield running


@pytest.fixture(scope="module")
def development(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a service in development, with its letters and metrics to be seen."""
    port = free_port()
    own = {"APP_ENV": "development", "PORT": port, "PUBLIC_URL": f"http://auth.test:{port}"}
    with Service(**{**settings, **own}) as running:
        yield running


def ask(
    service: Service,
    target: str,
    *headers: str,
    host: str | None = "localhost",
    version: str = "1.1",
    method: str = "GET",
) -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON of the one answer to a request that is written as it stands."""
    named = [] if host is None else [f"Host: {host}"]
    lines = [f"{method} {target} HTTP/{version}", *named, "Connection: close", *headers, "", ""]
    received = exchange(service.port, "\r\n".join(lines).encode("latin-1"))
    (status,) = statuses(received)
    text = received.partition(b"\r\n\r\n")[2]
    return status, json.loads(text) if text.startswith(b"{") else {}


def spellings(path: str) -> list[str]:
    """Return other ways to write a path, which RFC 3986, a proxy or a server may take for the same."""
    first, _, rest = path[1:].partition("/")
    return [
        *(f"{'/' * count}{path[1:]}" for count in (2, 3, 17)),
        path[1:],
        f"/.{path}",
        f"/..{path}",
        f"/x/..{path}",
        f"/%2e{path}",
        f"/%2e%2e{path}",
        f"/%2E.{path}",
        f"/%2f{path[1:]}",
        f"/%252f{path[1:]}",
        f"%2f{path[1:]}",
        f"\\{path[1:]}",
        f"/\\{path[1:]}",
        f"/%5c{path[1:]}",
        f"/;{path}",
        f"/;x=y{path}",
        f"{path};",
        f"{path};x=y",
        f"{path}%00",
        f"{path}%20",
        f"{path}%3f",
        f"{path}#x",
        f"{path}//",
        f"{path}/.",
        f"{path}/x/..",
        f"{path}%2f",
        f"/%{ord(path[1]):02x}{path[2:]}",
        f"/%{ord(path[1]):02X}{path[2:]}",
        f"/{path[1].upper()}{path[2:]}",
        path.upper(),
        *(
            [path.replace("/", "//"), path.replace("/", "/./"), f"/{first}%2f{rest}", f"/{first}/;/{rest}"]
            if rest
            else []
        ),
        *([f"/{first}/x/../{rest}", f"/{first}\\{rest}", f"/{first}%5c{rest}", f"http:/{path}"] if rest else []),
        f"http://localhost/{path}",
        f"http://localhost//{path}",
        f"http://localhost/.{path}",
        f"http:{path}",
        f"http://{path}",
        f"http:{path[1:]}",
        f"file://{path}",
        f"x:{path}",
        f"//localhost{path}",
        f"*{path}",
        f"?{path}",
    ]


class TestU12OneSpelling:
    """A rule of a proxy for `/admin` is a rule for all that is served as `/admin`."""

    @pytest.mark.parametrize("path", ["/admin/users", "/auth/verify", "/metrics", "/healthz", "/account/sign-in"])
    def test_no_other_spelling_of_a_path_is_served(self, service: Service, path: str):
        assert ask(service, path)[0] in (200, 401)
        served = {}
        for other in dict.fromkeys(spellings(path)):
            status, document = ask(service, other)
            if status != 404 or document.get("code") != "not_found":
                served[other] = status, document.get("code")
        assert {other: found for other, found in served.items() if found != (400, "request_malformed")} == {}

    def test_the_double_slash_is_there_on_no_route(self, app: Flask, service: Service):
        for method, path in routes(app):
            assert ask(service, f"/{path}", method=method, host="localhost")[0] in (403, 404), path
            assert ask(service, f"//{path}", "Content-Length: 0", method=method)[0] in (403, 404), path

    def test_it_is_not_found_for_an_administrator_either(self, app: Flask, alice: Person, service: Service):
        shown = f"Authorization: {alice.headers['Authorization']}"
        assert ask(service, "/auth/me", shown)[0] == 200
        for other in spellings("/auth/me"):
            assert ask(service, other, shown)[0] in (400, 404), other

    @pytest.mark.parametrize(
        "target", ["http://localhost/healthz", "HTTP://localhost/healthz?", "https://a.example/healthz"]
    )
    def test_the_absolute_form_is_the_same_resource(self, service: Service, target: str):
        """RFC 9112 section 3.2.2: a server must take it."""
        assert ask(service, target)[0] == 200
        assert ask(service, target.replace("/healthz", ""), method="GET")[0] == 401


class TestU12Host:
    """RFC 9112 section 3.2."""

    BAD = (
        "",
        " ",
        "a@evil",
        "user:pw@localhost",
        "localhost:8000@evil",
        "localhost:port",
        "localhost:80:80",
        "local host",
        "localhost/",
        "localhost/path",
        "localhost?",
        "localhost#",
        "localhost\\",
        "http://localhost",
        "a,b",
        "<script>",
        "[::1",
        "::1",
        "[::1]x",
        "[localhost]",
        "\xe9.example",
        "a%00b",
        "a" * 300,
    )

    @pytest.mark.parametrize("host", BAD)
    def test_a_bad_one_is_refused_on_every_kind_of_route(self, service: Service, host: str):
        for path in ("/healthz", "/", "/docs", "/nope", "/auth/me"):
            status, document = ask(service, path, host=host)
            assert (status, document["code"]) == (400, "request_malformed"), path
        if "/" not in host and host.strip() and "#" not in host and "?" not in host and " " not in host:
            assert ask(service, f"http://{host}/healthz")[0] == 400

    def test_a_missing_one_is_refused(self, service: Service):
        for path in ("/healthz", "/", "/auth/me"):
            assert ask(service, path, host=None)[0] == 400
        assert ask(service, "/auth/me", host=None, version="1.0")[0] == 400

    def test_a_health_check_in_http_1_0_needs_none(self, service: Service):
        """As HAProxy's `option httpchk` and others ask, who know an address only."""
        assert ask(service, "/healthz", host=None, version="1.0")[0] == 200
        assert ask(service, "/readyz", host=None, version="1.0")[0] == 200

    @pytest.mark.parametrize(
        "host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "10.0.0.7:80", "[::1]:8000", "auth_svc:8000", "a.example."]
    )
    def test_a_good_one_is_taken(self, service: Service, host: str):
        assert ask(service, "/healthz", host=host)[0] == 200

    def test_two_hosts_are_refused(self, service: Service):
        assert ask(service, "/healthz", "Host: localhost")[0] == 400


class TestU12Development:
    """DNS rebinding: to the browser a page at evil.example, a name that now leads to 127.0.0.1, is of one origin."""

    FOREIGN = ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evillocalhost", "authsvc", "test")

    def test_a_foreign_host_sees_nothing(self, app: Flask, development: Service):
        assert ask(development, "/dev/outbox", host=f"localhost:{development.port}")[0] == 200
        for host in self.FOREIGN:
            for path in ("/dev/outbox", "/metrics", "/healthz", "/docs", "/auth/me", "/account/", "/nope"):
                for named in (host, f"{host}:{development.port}"):
                    status, document = ask(development, path, "Sec-Fetch-Site: same-origin", host=named)
                    assert (status, document["code"]) == (403, "cross_origin_refused"), (host, path)
            assert ask(development, f"http://{host}/dev/outbox")[0] == 403

    def test_nor_is_it_an_origin_that_may_change_something(self, development: Service):
        for site in ("Sec-Fetch-Site: same-origin", "Accept: */*"):
            origin = f"Origin: http://evil.example:{development.port}"
            host = f"evil.example:{development.port}"
            assert ask(development, "/auth/logout", origin, site, host=host, method="POST")[0] == 403

    def test_what_is_on_this_machine_is_served(self, development: Service):
        port = development.port
        for host in ("localhost", "app.localhost", "127.0.0.1", "[::1]", "192.0.2.7", "auth.test", "AUTH.TEST"):
            assert ask(development, "/dev/outbox", host=f"{host}:{port}")[0] == 200, host
            origin = f"Origin: http://{host.lower()}:{port}"
            status, document = ask(development, "/auth/refresh-token", origin, host=f"{host}:{port}", method="POST")
            assert (status, document["code"]) != (403, "cross_origin_refused"), host

    def test_elsewhere_any_host_is_served(self, service: Service):
        """Load balancers ask by address, proxies by whatever name they know: nothing there depends on it."""
        assert ask(service, "/healthz", host="evil.example")[0] == 200
        assert ask(service, "/dev/outbox", host="localhost")[0] == 404


OFFERS = (
    (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ),
    ("Connection: upgrade, close", "Upgrade: WebSocket"),
    ("Connection: keep-alive, Upgrade", "Upgrade: websocket"),
    ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"),
    ("Connection: Upgrade", "Upgrade: TLS/1.2, websocket"),
    ("Upgrade: websocket",),
)


class TestU14Upgrade:
    """RFC 9110 section 7.8: a server may ignore the offer, and this one does."""

    @pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer[-1])
    def test_every_route_answers_as_without_the_offer(self, app: Flask, service: Service, offer: tuple[str, ...]):
        for path in sorted({path for method, path in routes(app) if method == "GET"}):
            plain, offered = ask(service, path), ask(service, path, *offer)
            assert offered[0] == plain[0], path
            assert offered[1].get("code") == plain[1].get("code"), path

    def test_a_proxy_that_asks_for_a_websocket_is_told_who_calls(self, service: Service, clean: None):
        tokens = Visitor(service.url).register("upgrading@example.com").json()
        headers = {"Authorization": f"Bearer {tokens['accessToken']}", "Connection": "Upgrade", "Upgrade": "websocket"}
        answer = requests.get(f"{service.url}/auth/verify", headers=headers, timeout=10)
        assert answer.status_code == 204
        assert answer.headers["X-Auth-User-Id"] == tokens["user"]["id"]
        assert "Upgrade" not in answer.headers
        eventually(lambda: requests.get(f"{service.url}/auth/verify", timeout=10).status_code == 401)

    def test_other_methods_ignore_it_too(self, service: Service):
        for method in ("HEAD", "OPTIONS", "DELETE"):
            assert ask(service, "/auth/logout", *OFFERS[0], method=method)[0] != 400
        assert ask(service, "/auth/logout", f"Origin: {EVIL}", *OFFERS[0], method="POST")[0] == 403
