"""The MCP server of the guide, and MCP clients by both SDKs: where to sign in, a token for this server, refresh.

O4, O32, O35, R102, R105, and what RFC 9728 and RFC 8707 say, as these programs read them.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import jwt
import pytest
import requests
import trustme
from flask import Flask

from authsvc.models.apps import AppKind
from tests.support import recipes
from tests.support.app_documents import DocumentServer, trusting
from tests.support.app_programs import run
from tests.support.app_visits import Somebody
from tests.support.npm import installed
from tests.support.oauth import AppClient, new_app
from tests.support.races import eventually
from tests.support.service import Service, Visitor, free_port

pytestmark = [pytest.mark.external, pytest.mark.timeout(240)]

PROGRAMS = Path(__file__).parent / "oauth"


@pytest.fixture(scope="module")
def documents() -> Iterator[DocumentServer]:
    """Return a server with the metadata document of a client, whose authority the service trusts."""
    with DocumentServer(trustme.CA(), "localhost") as running:
        running.show(redirect_uris=["http://127.0.0.1/callback"])
        yield running


@pytest.fixture(scope="module")
def url() -> str:
    """Return the address of the MCP server, which does not yet work."""
    return f"http://127.0.0.1:{free_port()}/mcp"


@pytest.fixture(scope="module")
def service(
    app: Flask,
    settings: dict[str, str],
    documents: DocumentServer,
    url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """Return the service under the address that it gives as its own."""
    port = free_port()
    own = {"PORT": port, "PUBLIC_URL": f"http://127.0.0.1:{port}", "APP_DOCUMENT_RESOURCES": url}
    trusted = trusting(documents, tmp_path_factory.mktemp("authority"))
    with Service(**{**settings, **trusted, **own}) as running:
        yield running


@pytest.fixture(scope="module")
def server(service: Service, url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of the guide's MCP server at work."""
    folder = tmp_path_factory.mktemp("mcp")
    program = recipes.program("notes_mcp.py")
    (folder / "notes_mcp.py").write_text(program)
    port = urlsplit(url).port
    told = {"AUTHSVC": service.url, "HERE": url, "PORT": str(port)}
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "notes_mcp.py"], cwd=folder, env={**os.environ, **told}, stdout=log, stderr=log
        )
        try:
            eventually(lambda: process.poll() is not None or _status(url) == 401, 60)
            assert process.poll() is None, (folder / "log").read_text()
            yield url
        finally:
            process.kill()
            process.wait(15)


def _status(url: str, **headers: str) -> int | None:
    with suppress(requests.ConnectionError):
        return requests.post(url, json={}, headers=headers, timeout=5).status_code
    return None


@pytest.fixture
def assistant(app: Flask, somebody: Somebody, server: str) -> AppClient:
    """Return an MCP client, as the guide registers it."""
    back = "http://127.0.0.1/callback"
    return new_app(app, Visitor(somebody.url), AppKind.NATIVE, "Assistant", (back,), resources=[server])


class TestMcp:
    @pytest.mark.parametrize("sdk", ["npm", "pypi"])
    def test_it_calls_a_tool_in_somebodys_name(
        self, somebody: Somebody, server: str, assistant: AppClient, tmp_path: Path, sdk: str
    ):
        folder = installed(PROGRAMS, tmp_path / "oauth") if sdk == "npm" else PROGRAMS
        command = ["node", "mcp.mjs"] if sdk == "npm" else [sys.executable, "mcp_client.py"]
        back = f"http://127.0.0.1:{free_port()}/callback"  # whatever port it got
        told = run(command, folder, somebody, clientId=assistant.id, server=server, redirectUri=back)
        assert told["whoami"] == told["whoami again"] == somebody.id
        assert told["another token"] is True
        claims = jwt.decode(told["token"], options={"verify_signature": False})
        assert claims["aud"] == server
        assert set(told["scope"].split()) == ({"openid"} if sdk == "npm" else {"openid", "offline_access"})
        assert somebody.steps == ["consent"]

    @pytest.mark.parametrize("sdk", ["npm", "pypi"])
    def test_r102_r105_one_that_nobody_registered_shows_its_document(
        self, somebody: Somebody, server: str, documents: DocumentServer, tmp_path: Path, sdk: str
    ):
        """They take the address for a client ID because the metadata say `client_id_metadata_document_supported`."""
        folder = installed(PROGRAMS, tmp_path / "oauth") if sdk == "npm" else PROGRAMS
        command = ["node", "mcp.mjs"] if sdk == "npm" else [sys.executable, "mcp_client.py"]
        back = f"http://127.0.0.1:{free_port()}/callback"
        told = run(command, folder, somebody, document=documents.address(), server=server, redirectUri=back)
        assert told["whoami"] == told["whoami again"] == somebody.id
        claims = jwt.decode(told["token"], options={"verify_signature": False})
        assert (claims["aud"], claims["client_id"]) == (server, documents.address())
        assert somebody.steps == ["consent"]

    def test_a_token_that_was_made_for_something_else_opens_nothing(
        self, somebody: Somebody, server: str, assistant: AppClient
    ):
        redirect = {"redirect_uri": "http://127.0.0.1/callback"}
        tokens = assistant.sign_in(somebody.tokens["accessToken"], resource=server, **redirect)
        for_userinfo = assistant.sign_in(somebody.tokens["accessToken"], **redirect)
        assert _status(server, Authorization=f"Bearer {tokens['access_token']}") not in (None, 401)
        for token in (for_userinfo["access_token"], tokens["id_token"], somebody.tokens["accessToken"], "x"):
            assert _status(server, Authorization=f"Bearer {token}") == 401
