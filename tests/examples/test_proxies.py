"""Proxies that ask authsvc who is calling: nginx, two versions of Caddy, what Traefik would ask. U14, U18, U23, U26."""

import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from pymongo.database import Database

from tests.examples.running import EXAMPLES, NEEDS, Running, running
from tests.support import caddy
from tests.support.behind import say
from tests.support.programs import require
from tests.support.service import Service, Visitor, free_port

IDENTITY = ("X-Auth-User-Id", "X-Auth-Email", "X-Auth-Role", "X-Auth-Session-Id", "X-Auth-Scope")
HOST = {"Host": "auth.localhost"}
pytestmark = [pytest.mark.external, pytest.mark.timeout(900)]  # the newest Caddy is built first if it is not there
PROXIES = ("nginx", "caddy system", pytest.param("caddy newest", marks=pytest.mark.soak))


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return authsvc behind one proxy, with a throttle that tells addresses apart."""
    port = free_port()
    own = {"WEB_CONCURRENCY": 1, "PUBLIC_URL": f"http://localhost:{port}", "PORT": port, "TRUSTED_PROXIES": 1}
    with Service(**{**settings, **own}) as started:
        yield started


def run(proxy: str, service: Service, folder: Path) -> Any:
    """Return a context in which a proxy is at work, as its example says."""
    name, _, version = proxy.partition(" ")
    if not version:
        require(*NEEDS[name])
    return running(name, service, folder, caddy.folder_of(version) if version else None)


@pytest.fixture(scope="module", params=PROXIES)
def proxy(
    request: pytest.FixtureRequest, service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """Return a proxy at work."""
    with run(request.param, service, tmp_path_factory.mktemp("proxy")) as started:
        yield started


@pytest.fixture(scope="module", params=["system", pytest.param("newest", marks=pytest.mark.soak)])
def front(
    request: pytest.FixtureRequest, service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """Return Caddy in front of authsvc itself."""
    with run(f"caddy {request.param}", service, tmp_path_factory.mktemp("front")) as started:
        yield started


@pytest.fixture
def tokens(service: Service, clean: None) -> dict[str, Any]:
    """Return the tokens of a new account."""
    return dict(Visitor(service.url).register(f"{secrets.token_hex(6)}@example.com").json())


@pytest.fixture
def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    """Return the header that shows its access token."""
    return {"Authorization": f"Bearer {tokens['accessToken']}"}


@pytest.fixture
def script(service: Service, bearer: dict[str, str]) -> dict[str, str]:
    """Return the header that shows a personal access token: an answer about it names no session."""
    body = {"name": "script", "scopes": ["account:read"]}
    made = requests.post(f"{service.url}/auth/access-tokens", json=body, headers=bearer, timeout=15).json()
    return {"Authorization": f"Bearer {made['token']}"}


def spellings(name: str) -> Iterator[str]:
    """Yield what a visitor may write so that an application reads it as this header."""
    yield from (name, name.lower(), name.upper(), name.replace("-", "_"), name.upper().replace("-", "_"))
    first, *rest = name.split("-")
    yield f"{first}-{'_'.join(rest)}"
    yield f"{first}_{'-'.join(rest)}"
    yield f"{'-'.join([first, *rest[:-1]])}_{rest[-1]}"


def ask(port: int, *headers: str, target: str = "/", host: str = "localhost") -> tuple[int, str]:
    """Return status and body of the answer to a GET whose headers are written as they stand."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
        connection.sendall("\r\n".join(lines).encode())
        received = b""
        while part := connection.recv(65536):
            received += part
    return int(received.split()[1]), received.partition(b"\r\n\r\n")[2].decode()


class TestU26ForwardAuth:
    def test_a_page_with_a_query_arrives_as_it_was_asked_for(
        self, proxy: Running, tokens: dict[str, Any], bearer: dict[str, str]
    ):
        answer = requests.get(f"{proxy.url}/page?role=admin&a=b%20c&x=", headers=bearer, timeout=15)
        assert answer.status_code == 200
        assert answer.json()["target"] == "/page?role=admin&a=b%20c&x="
        given = dict(answer.json()["headers"])
        assert given["X-Auth-User-Id"] == tokens["user"]["id"]
        assert given["X-Auth-Email"] == tokens["user"]["email"]
        assert given["X-Auth-Role"] == "user"
        assert given["X-Auth-Session-Id"]
        assert "X-Auth-Scope" not in given

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_a_body_reaches_the_application_and_not_authsvc(self, proxy: Running, bearer: dict[str, str], method: str):
        for data, length in ((b"", 0), (b"x" * 100_000, 100_000), (iter([b"x" * 50_000, b"y" * 50_000]), 100_000)):
            answer = requests.request(method, f"{proxy.url}/form", data=data, headers=bearer, timeout=15)
            assert answer.status_code == 200
            assert (answer.json()["method"], answer.json()["length"]) == (method, length)

    def test_u14_a_websocket_of_the_application_opens(
        self, proxy: Running, tokens: dict[str, Any], bearer: dict[str, str]
    ):
        before = len(proxy.asked)
        assert say(proxy.port, b"hello", f"Authorization: {bearer['Authorization']}") == (101, b"hello")
        (told,) = proxy.asked[before:]
        assert (told["target"], told["user"]) == ("/socket?a=b", tokens["user"]["id"])
        assert say(proxy.port, b"hello")[0] == 401
        assert len(proxy.asked) == before + 1

    @pytest.mark.parametrize("name", IDENTITY)
    def test_nobody_names_themselves(self, proxy: Running, bearer: dict[str, str], script: dict[str, str], name: str):
        """Also where authsvc's answer leaves the header out, in each case and with each underscore."""
        for shown in (bearer, script):
            token = f"Authorization: {shown['Authorization']}"
            for spelling in spellings(name):
                status, body = ask(proxy.port, f"{spelling}: forged", token)
                assert status == 200
                assert "forged" not in body, spelling
        status, body = ask(proxy.port, *(f"{spelling}: forged" for spelling in IDENTITY), token)
        assert (status, "forged" in body) == (200, False)
        assert ask(proxy.port, *(f"{spelling}: forged" for spelling in IDENTITY))[0] == 401

    def test_of_a_script_its_scopes_are_told_and_no_session(self, proxy: Running, script: dict[str, str]):
        given = dict(requests.get(proxy.url, headers=script, timeout=15).json()["headers"])
        assert given["X-Auth-Scope"] == "account:read"
        assert "X-Auth-Session-Id" not in given

    def test_a_refusal_is_passed_on_as_it_is(self, proxy: Running, bearer: dict[str, str]):
        before = len(proxy.asked)
        for headers, path, status in (
            ({}, "/", 401),
            ({"Authorization": "Bearer x"}, "/", 401),
            (bearer, "/admin", 403),
        ):
            answer = requests.get(proxy.url + path, headers=headers, timeout=15)
            assert answer.status_code == status
            assert answer.headers.get("WWW-Authenticate", "").startswith("Bearer") is (status == 401)
        assert len(proxy.asked) == before

    @pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/users?x=1"])
    def test_admins_get_further(
        self, proxy: Running, service: Service, tokens: dict[str, Any], mongo: Database[dict[str, Any]], path: str
    ):
        for copies in (mongo.users, mongo.sessions):
            copies.update_many({}, {"$set": {"role": "admin"}})
        renewed = Visitor(service.url).refresh(tokens["refreshToken"]).json()["accessToken"]
        answer = requests.get(proxy.url + path, headers={"Authorization": f"Bearer {renewed}"}, timeout=15)
        assert (answer.status_code, dict(answer.json()["headers"])["X-Auth-Role"]) == (200, "admin")

    @pytest.mark.parametrize("size", [8_300, 30_000])
    def test_u23_big_cookies_are_the_applications(self, proxy: Running, bearer: dict[str, str], size: int):
        answer = requests.get(proxy.url, headers={**bearer, "Cookie": "app=" + "x" * size}, timeout=15)
        assert answer.status_code == 200
        assert len(dict(answer.json()["headers"])["Cookie"]) == size + 4

    def test_u18_an_idle_connection_to_authsvc_serves_again(self, proxy: Running, bearer: dict[str, str]):
        """After more than the five seconds that were once all."""
        for pause in (5.0, 5.3):
            assert requests.post(proxy.url, data=b"x", headers=bearer, timeout=15).status_code == 200
            time.sleep(pause)
            assert requests.post(proxy.url, data=b"x", headers=bearer, timeout=15).status_code == 200


class TestU26WithoutAuthsvc:
    @pytest.mark.parametrize("name", PROXIES)
    def test_nobody_gets_through(
        self, app: Flask, settings: dict[str, str], tmp_path: Path, bearer: dict[str, str], name: str
    ):
        gone = Service(**{**settings, "WEB_CONCURRENCY": 1}).start()
        try:
            with run(name, gone, tmp_path) as proxy:
                gone.stop()
                for headers in ({}, bearer):
                    for path in ("/", "/admin", "/page?x"):
                        assert requests.get(proxy.url + path, headers=headers, timeout=15).status_code in (502, 503)
                    assert say(proxy.port, b"hello", *(f"{key}: {value}" for key, value in headers.items()))[0] in (
                        502,
                        503,
                    )
                assert proxy.asked == []
        finally:
            gone.stop()


class TestU26InFront:
    """Caddy in front of authsvc itself (nginx as shipped for that: tests/deploy)."""

    HOST = {"Host": "auth.localhost"}

    def test_people_sign_in_through_it(self, front: Running, clean: None, mongo: Database[dict[str, Any]]):
        account = {"name": "Ada", "email": "ada@example.com", "password": "correct horse battery"}
        forged = {**HOST, "X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
        made = requests.post(f"{front.url}/auth/register", json=account, headers=forged, timeout=15)
        assert made.status_code == 201
        assert {entry["ip"] for entry in mongo.audit.find()} == {"127.0.0.1"}
        shown = {**HOST, "Authorization": f"Bearer {made.json()['accessToken']}"}
        assert requests.get(f"{front.url}/auth/me", headers=shown, timeout=15).json()["email"] == account["email"]

    def test_the_metrics_are_not_for_everybody(self, front: Running):
        for path in ("/metrics", "//metrics", "/%6detrics", "/./metrics"):
            assert ask(front.port, target=path, host="auth.localhost")[0] in (308, 404), path

    def test_u18_a_post_after_a_pause_is_answered(self, front: Running):
        """On the same connection to authsvc: 502 once, one time in fifty."""
        for _ in range(2):
            answer = requests.post(f"{front.url}/auth/login", json={}, headers=HOST, timeout=15)
            assert answer.status_code == 422
            time.sleep(5.2)
        assert requests.post(f"{front.url}/auth/login", json={}, headers=HOST, timeout=15).status_code == 422

    def test_u12_two_spellings_are_not_one_path(self, front: Running):
        """Whatever Caddy makes of it, authsvc serves no second spelling."""
        for path in ("//auth/me", "/auth//me", "/auth/%6de", "/auth%2fme", "/auth/./me", "/x/../auth/me"):
            assert ask(front.port, target=path, host="auth.localhost")[0] in (308, 404), path


class TestU26Traefik:
    """It can't be had here: this asks as Traefik's forward auth does, and reads its example."""

    HOP_BY_HOP = ("Connection: Upgrade", "Upgrade: websocket")

    def question(self, port: int, *headers: str, method: str = "GET", query: str = "") -> tuple[int, dict[str, str]]:
        """Return status and headers of the answer to a question in Traefik's words, behind the visitor's headers."""
        lines = [
            f"GET /auth/verify{query} HTTP/1.1",
            f"Host: localhost:{port}",
            "User-Agent: Mozilla/5.0",
            *headers,
            "Accept-Encoding: gzip",
            "X-Forwarded-For: 203.0.113.7",
            "X-Forwarded-Host: app.example.com",
            f"X-Forwarded-Method: {method}",
            "X-Forwarded-Port: 443",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Server: 5d1b2f3c4a5e",
            "X-Forwarded-Uri: //admin/page?role=admin&a=b",
            "X-Real-Ip: 203.0.113.7",
            "",
            "",
        ]
        with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
            connection.sendall("\r\n".join(lines).encode())
            top = b""
            while b"\r\n\r\n" not in top:
                top += connection.recv(65536)
        status, *found = top.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        return int(status.split()[1]), dict(line.split(": ", 1) for line in found)

    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "PROPFIND"])
    @pytest.mark.parametrize("kept", [(), HOP_BY_HOP], ids=["dropped", "kept"])
    def test_its_question_is_answered(
        self, service: Service, tokens: dict[str, Any], bearer: dict[str, str], method: str, kept: tuple[str, ...]
    ):
        """Whether hop-by-hop headers are dropped, as by today's, or not."""
        visitor = (
            "Content-Type: multipart/form-data; boundary=x",
            "Cookie: app=" + "x" * 20_000,
            "Origin: https://app.example.com",
            "Sec-Fetch-Site: cross-site",
            "X-Auth-Role: admin",
            f"Authorization: {bearer['Authorization']}",
        )
        status, found = self.question(service.port, *visitor, *kept, method=method)
        assert (status, found["X-Auth-User-Id"], found["X-Auth-Role"]) == (204, tokens["user"]["id"], "user")
        assert self.question(service.port, *visitor, *kept, method=method, query="?role=admin")[0] == 403
        status, found = self.question(service.port, *visitor[:-1], *kept, method=method)
        assert (status, found["WWW-Authenticate"]) == (401, "Bearer")

    def test_its_example_names_what_authsvc_answers(self, app: Flask):
        text = (EXAMPLES / "traefik/dynamic.yml").read_text() + (EXAMPLES / "traefik/traefik.yml").read_text()
        (identity,) = [line for line in text.splitlines() if "&identity" in line]
        for name in IDENTITY:
            assert name in identity
        paths = {rule.rule for rule in app.url_map.iter_rules()}
        asked = [
            line.split("localhost:8000")[1].split("?")[0].split()[0]
            for line in text.splitlines()
            if "address: http" in line
        ]
        assert asked
        assert set(asked) <= paths
        assert "not run with Traefik itself" in text
        assert "traefik" not in NEEDS
