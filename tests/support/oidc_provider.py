"""Two OpenID providers by npm's oidc-provider: people sign in there by typing any name.

They say of `alice` that she is `alice@example.com`, verified; of those whose name begins with `unproved` they don't say
so. Both know the same names.
"""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests

from authsvc.settings.identity_providers import PRESETS, ProviderSettings
from tests.support.npm import installed
from tests.support.service import free_port
from tests.support.upstreams import table

SOURCE = Path(__file__).parents[1] / "clients" / "upstream"
CLIENT_ID = "authsvc"
SECRET = "a:secret/with %, that + is encoded"


@dataclass(frozen=True)
class NpmUpstream:
    """One of them."""

    issuer: str

    def settings(self, name: str, **members: Any) -> ProviderSettings:
        """Return the settings by which a service knows it."""
        usual = {
            "label": name.title(),
            "issuer": self.issuer,
            "client_id": CLIENT_ID,
            "client_secret": SECRET,
            "scope": PRESETS["oidc"].scope,
        }
        return ProviderSettings(**{"name": name, "kind": "oidc", **usual, **members})

    def toml(self, name: str, **members: Any) -> str:
        """Return its table in the file of IDENTITY_PROVIDERS."""
        usual = {"kind": "oidc", "issuer": self.issuer, "client_id": CLIENT_ID, "client_secret": SECRET}
        return table(name, **{**usual, **members})

    def approve(self, location: str, who: str) -> dict[str, str]:
        """Sign somebody in with a browser of their own, and return what it brings back."""
        with requests.Session() as browser:
            answer = browser.get(location, allow_redirects=False)
            for _ in range(12):
                target = urljoin(answer.url, answer.headers.get("Location", ""))
                if answer.is_redirect and not target.startswith(self.issuer):
                    return dict(parse_qsl(urlsplit(target).query))
                if answer.is_redirect:
                    answer = browser.get(target, allow_redirects=False)
                else:
                    prompt = "login" if 'value="login"' in answer.text else "consent"
                    form = {"prompt": prompt, "login": who, "password": "any"}
                    answer = browser.post(answer.url, data=form, allow_redirects=False)
        raise AssertionError(answer.text)


@contextmanager
def npm_upstreams(folder: Path, redirect_uris: Sequence[str], *, ring: str = "external") -> Iterator[list[NpmUpstream]]:
    """Run both, for a client with these redirect URIs. The first sends all claims with the token, the second few."""
    ports = [free_port(), free_port()]
    told = {"clientId": CLIENT_ID, "secret": SECRET, "redirectUris": list(redirect_uris), "ports": ports}
    place = installed(SOURCE, folder / "upstream", ring=ring)
    command = ["node", "provider.mjs", json.dumps(told)]
    running = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert running.stdout is not None
        assert any(line == "ready\n" for line in running.stdout)
        yield [NpmUpstream(f"http://127.0.0.1:{port}") for port in ports]
    finally:
        running.terminate()
        running.communicate(timeout=20)
