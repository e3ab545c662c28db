"""`deploy/nginx.conf` in front of a running service: TLS, the client's own address, no metrics."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from pymongo.database import Database

from tests.support.races import eventually
from tests.support.service import ROOT, Service, free_port

WRAP = "daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}} http {{ access_log off; {site} }}"


@pytest.fixture(scope="module")
def site(app: Flask, settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Return the address of a site with TLS and its certificate."""
    if shutil.which("nginx") is None or shutil.which("openssl") is None:
        assert not os.environ.get("CI"), "CI must have nginx and openssl"
        pytest.skip("nginx is not installed")
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
            yield url, certificate
        finally:
            nginx.terminate()
            nginx.wait(10)


class TestSite:
    def test_it_serves_with_tls_and_says_so(self, site: tuple[str, Path], clean: None):
        url, certificate = site
        account = {"name": "Alice", "email": "alice@example.com", "password": "correct horse battery"}
        answer = requests.post(
            f"{url}/auth/register", json={**account, "transport": "cookie"}, verify=str(certificate), timeout=10
        )
        assert answer.status_code == 201
        assert {"__Secure-refresh_token", "__Secure-device"} <= set(answer.cookies.keys())
        assert "max-age=" in answer.headers["Strict-Transport-Security"]

    def test_a_client_can_not_pass_for_another_address(
        self, site: tuple[str, Path], clean: None, mongo: Database[dict[str, Any]]
    ):
        """R21, through the proxy as shipped: what a client writes into the header is dropped."""
        url, certificate = site
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

    def test_the_metrics_are_not_for_everybody(self, site: tuple[str, Path]):
        url, certificate = site
        assert requests.get(f"{url}/metrics", verify=str(certificate), timeout=10).status_code == 404
