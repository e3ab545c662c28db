"""Apache with mod_auth_openidc, as the guide configures it: people sign in here before they reach an application."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from tests.support import recipes
from tests.support.app_visits import Somebody
from tests.support.behind import application
from tests.support.oauth import new_app
from tests.support.programs import require, skip
from tests.support.races import eventually
from tests.support.service import Service, Visitor, free_port

pytestmark = pytest.mark.external

MODULES = Path("/usr/lib/apache2/modules")
NEEDED = ("mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http", "auth_openidc")


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return the service under the address that it gives as its own."""
    port = free_port()
    with Service(**{**settings, "PORT": port, "PUBLIC_URL": f"http://127.0.0.1:{port}"}) as running:
        yield running


@pytest.fixture
def somebody(service: Service, clean: None) -> Somebody:
    """Return a person with an account."""
    return Somebody.register(service.url, f"{secrets.token_hex(6)}@example.com")


@pytest.fixture
def apache(app: Flask, somebody: Somebody, tmp_path: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Return Apache's address, and what the application behind it was asked."""
    (program,) = require("apache2")
    if not (MODULES / "mod_auth_openidc.so").exists():
        skip("mod_auth_openidc")
    port = free_port()
    url = f"http://localhost:{port}"
    back, after = (f"{url}/oidc/back",), [f"{url}/"]
    made = new_app(app, Visitor(somebody.url), name="Intranet", uris=back, trusted=True, logout_uris=after)
    with application() as (behind, asked):
        values = {
            "https://auth.example.com": somebody.url,
            "https://intranet.example.com": url,
            "app_…": made.id,
            "aps_…": made.secret or "",
            ":3001": f":{behind}",
        }
        text = recipes.program("oidc.conf")
        for ours, theirs in values.items():
            assert ours in text
            text = text.replace(ours, theirs)
        modules = [f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in NEEDED]
        around = [
            f"Listen 127.0.0.1:{port}",
            f"ServerName {url}",
            f"PidFile {tmp_path}/pid",
            f"ErrorLog {tmp_path}/log",
        ]
        user = ["User www-data", "Group www-data"]
        config = tmp_path / "apache.conf"
        config.write_text("\n".join([f"ServerRoot {tmp_path}", *modules, *around, *user, text]))
        process = subprocess.Popen([program, "-f", str(config), "-D", "FOREGROUND"])
        try:
            eventually(lambda: process.poll() is not None or _answers(url), 30)
            assert process.poll() is None, (tmp_path / "log").read_text()
            yield url, asked
        finally:
            process.terminate()
            process.wait(15)


def _answers(url: str) -> bool:
    with suppress(requests.ConnectionError):
        return requests.get(url, allow_redirects=False, timeout=5).status_code == 302
    return False


def test_the_application_learns_who_it_is(apache: tuple[str, list[dict[str, Any]]], somebody: Somebody):
    """O41: the module takes RS256, the default, and checks what it is given by itself."""
    url, asked = apache
    with requests.Session() as browser:

        def show(path: str, **headers: str) -> requests.Response:
            return browser.get(url + path, allow_redirects=False, headers=headers, timeout=15)

        back = somebody.visit(show("/page?a=b").headers["Location"])
        landed = browser.get(back, allow_redirects=False, timeout=15)
        assert (landed.status_code, landed.headers["Location"]) == (302, f"{url}/page?a=b"), landed.text
        assert asked == []
        page = show("/page?a=b", **{"OIDC_CLAIM_email": "forged@example.com", "OIDC-CLAIM-email": "forged@example.com"})
        told = dict(page.json()["headers"])
        assert (told["OIDC_CLAIM_sub"], told["OIDC_CLAIM_email"]) == (somebody.id, somebody.email)
        assert page.json()["target"] == "/page?a=b"
        assert "forged" not in page.text
        # O48: signed out there and here, and back.
        sent = show("/oidc/back?logout=" + requests.utils.quote(f"{url}/", safe=""))
        assert sent.status_code == 302
        assert sent.headers["Location"].startswith(f"{somebody.url}/oauth2/logout?")
        assert somebody.leave(sent.headers["Location"]) == f"{url}/"
        assert somebody.steps == ["sign_out"]
        assert not somebody.is_signed_in()
        assert show("/page?a=b").status_code == 302
