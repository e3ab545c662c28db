"""`deploy/nginx.conf` in front of a running service: TLS, the client's own address, no metrics, framing. R94, R100."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from pymongo.database import Database

from authsvc.security_headers import for_service_at
from tests.support.framing import AMBIGUOUS, SMUGGLED
from tests.support.programs import require
from tests.support.races import eventually
from tests.support.service import ROOT, Service, free_port
from tests.support.wire import exchange, statuses

pytestmark = pytest.mark.external

WRAP = "daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}} http {{ access_log off; {site} }}"


@dataclass(frozen=True)
class Site:
    """A site with TLS."""

    port: int
    certificate: Path

    @property
    def url(self) -> str:
        """Return its address."""
        return f"https://localhost:{self.port}"


@pytest.fixture(scope="module")
def site(app: Flask, settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return `deploy/nginx.conf` at work, with a certificate of its own."""
    require("nginx", "openssl")
    folder = tmp_path_factory.mktemp("nginx")
    certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
    request = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run([*request.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    plain, tls = free_port(), free_port()
    with Service(
        **{**settings, "PUBLIC_URL": f"https://localhost:{tls}", "TRUSTED_PROXIES": 1, "RATE_LIMITS": "on"},
        LIMIT_LOGIN_ADDRESS="3/86400",
        METRICS="on",
    ) as service:
        text = (ROOT / "deploy/nginx.conf").read_text()
        for old, new in (
            ("${DOMAIN}", "localhost"),
            ("${AUTHSVC}", f"127.0.0.1:{service.port}"),
            ("listen 80;", f"listen 127.0.0.1:{plain};"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{tls} ssl;"),
            ("/etc/nginx/tls", str(folder)),
        ):
            assert old in text
            text = text.replace(old, new)
        config = folder / "nginx.conf"
        config.write_text(WRAP.format(folder=folder, site=text))
        nginx = subprocess.Popen(["nginx", "-c", str(config), "-e", str(folder / "error.log")])
        try:
            url = f"https://localhost:{tls}"
            eventually(lambda: requests.get(f"{url}/healthz", verify=str(certificate), timeout=5).status_code == 200)
            moved = requests.get(
                f"http://127.0.0.1:{plain}/healthz", headers={"Host": "localhost"}, allow_redirects=False, timeout=5
            )
            assert (moved.status_code, moved.headers["Location"]) == (301, "https://localhost/healthz")
            assert moved.headers["X-Content-Type-Options"] == "nosniff"
            assert "Strict-Transport-Security" not in moved.headers
            yield Site(tls, certificate)
        finally:
            nginx.terminate()
            nginx.wait(10)


class TestSite:
    def test_it_serves_with_tls_and_says_so(self, site: Site, clean: None):
        url, certificate = site.url, site.certificate
        account = {"name": "Alice", "email": "alice@example.com", "password": "correct horse battery"}
        answer = requests.post(
            f"{url}/auth/register", json={**account, "transport": "cookie"}, verify=str(certificate), timeout=10
        )
        assert answer.status_code == 201
        assert {"__Secure-refresh_token", "__Secure-device"} <= set(answer.cookies.keys())
        assert "max-age=" in answer.headers["Strict-Transport-Security"]

    def test_a_client_can_not_pass_for_another_address(self, site: Site, clean: None, mongo: Database[dict[str, Any]]):
        """R21, through the proxy as shipped: what a client writes into the header is dropped."""
        url, certificate = site.url, site.certificate
        told = [
            requests.post(
                f"{url}/auth/login",
                json={"email": f"{number}@example.com", "password": "x"},
                headers={"X-Forwarded-For": f"198.51.100.{number}", "X-Forwarded-Proto": "http"},
                verify=str(certificate),
                timeout=10,
            ).status_code
            for number in range(5)
        ]
        assert told == [401, 401, 401, 429, 429]
        assert {event["ip"] for event in mongo.audit.find({"action": "login.failed"})} == {"127.0.0.1"}

    def test_the_metrics_are_not_for_everybody(self, site: Site):
        url, certificate = site.url, site.certificate
        assert requests.get(f"{url}/metrics", verify=str(certificate), timeout=10).status_code == 404


READ_ALIKE = {"a bare line feed", "a bare line feed in a header", "a header without a colon"}
"""What nginx reads in the one way it can be read (RFC 9112 section 2.2), and hands on spelled as it should be."""


class TestFraming:
    """R100: what two parsers could read in two ways is refused before it comes through."""

    @pytest.mark.parametrize("name", sorted(AMBIGUOUS.keys() - READ_ALIKE - {"HTTP/0.9"}))
    def test_it_is_refused_and_the_connection_closed(self, site: Site, name: str):
        received = exchange(site.port, AMBIGUOUS[name] + SMUGGLED, certificate=site.certificate)
        (status,) = statuses(received)
        assert status in (400, 501, 505)
        top = received.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        assert "Connection: close" in top
        check_headers([line.partition(": ")[::2] for line in top[1:]])

    @pytest.mark.parametrize("name", sorted(READ_ALIKE))
    def test_what_can_be_read_in_one_way_only_is_one_request(self, site: Site, name: str):
        """And the one behind it is another."""
        received = exchange(site.port, AMBIGUOUS[name] + SMUGGLED, certificate=site.certificate)
        assert statuses(received) == [401, 404]

    def test_http_0_9_is_answered_once(self, site: Site):
        """It has neither headers nor a second request."""
        received = exchange(site.port, AMBIGUOUS["HTTP/0.9"] + SMUGGLED, certificate=site.certificate)
        assert json.loads(received)["code"] == "token_missing"


class TestHeaders:
    """R94: nginx's own answers have the headers of all others, and no answer has one twice."""

    @pytest.mark.parametrize(
        ("path", "status"), [("/healthz", 200), ("/docs", 200), ("/auth/me", 401), ("/nope", 404), ("/metrics", 404)]
    )
    def test_each_is_there_once(self, site: Site, path: str, status: int):
        got = requests.get(site.url + path, verify=str(site.certificate), timeout=10)
        assert got.status_code == status
        check_headers(list(got.raw.headers.items()))

    def test_also_where_nginx_refuses_a_body(self, site: Site):
        got = requests.post(site.url + "/auth/login", data=b" " * 70_000, verify=str(site.certificate), timeout=10)
        assert (got.status_code, got.headers["Content-Type"]) == (413, "text/html")
        check_headers(list(got.raw.headers.items()))


def check_headers(found: list[tuple[str, str]]) -> None:
    """Assert that an answer has each header of every answer, once, and says little of who answers."""
    names = [name.lower() for name, _ in found]
    for name in for_service_at("https://localhost"):
        assert names.count(name.lower()) == 1, name
    assert dict(found)["X-Content-Type-Options"] == "nosniff"
    assert dict(found)["Server"] == "nginx"
