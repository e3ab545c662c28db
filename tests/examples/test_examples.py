"""The examples, started as the README says, with the real frameworks, against the real service."""

import http.server
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from pymongo.database import Database

from tests.api.forging import altered, header_of, now, segment
from tests.support.races import eventually
from tests.support.service import ROOT, Service, Visitor, free_port

EXAMPLES = ROOT / "examples"
_SECTION = (ROOT / "README.md").read_text().partition("## For the services behind")[2]
COMMANDS = re.findall(r"^# .*examples/(\w+)/\S+\n(.+)$", _SECTION, re.MULTILINE)
NEEDS = {"express": ("node", "npm"), "nginx": ("nginx",), "fastapi": (), "flask": ()}
ASKS_AUTHSVC = ("flask", "nginx")


class Echo(http.server.BaseHTTPRequestHandler):
    """The application behind nginx: it tells which headers it was given."""

    def do_GET(self) -> None:
        body = json.dumps({"user": self.headers.get("X-Auth-User-Id"), "headers": self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return authsvc, under the address that the examples take for its issuer."""
    port = free_port()
    own = {"WEB_CONCURRENCY": 1, "PUBLIC_URL": f"http://localhost:{port}", "PORT": port}
    with Service(**{**settings, **own}) as running:
        yield running


def missing(name: str) -> str | None:
    """Return which program an example needs and this machine lacks; in CI they are all there."""
    lacking = [program for program in NEEDS[name] if shutil.which(program) is None]
    if not lacking:
        return None
    assert not os.environ.get("CI"), f"CI must have {lacking}"
    return f"the {name} example needs {', '.join(lacking)}"


@contextmanager
def started(name: str, service: Service, folder: Path) -> Iterator[str]:
    """Run an example as the README says; yield its address."""
    reason = missing(name)
    if reason is not None:
        pytest.skip(reason)
    port, behind = free_port(), http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=behind.serve_forever, daemon=True).start()
    environ = {
        **os.environ,
        "AUTHSVC": service.url.replace("127.0.0.1", "localhost"),
        "PORT": str(port),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    shutil.copytree(EXAMPLES, folder / "examples", ignore=shutil.ignore_patterns("node_modules"))
    config = folder / "examples/nginx/nginx.conf"
    config.write_text(
        config.read_text()
        .replace("127.0.0.1:8000", f"127.0.0.1:{service.port}")
        .replace("127.0.0.1:3000", f"127.0.0.1:{port}")
        .replace("127.0.0.1:3001", f"127.0.0.1:{behind.server_address[1]}")
    )
    log = (folder / "log").open("w+")
    with log, ExitStack() as stack:
        stack.callback(behind.server_close)
        stack.callback(behind.shutdown)
        process = subprocess.Popen(
            ["bash", "-c", dict(COMMANDS)[name]],
            cwd=folder,
            env=environ,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        stack.callback(end, process)
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: process.poll() is not None or requests.get(url, timeout=5).status_code == 401, 90)
        assert process.poll() is None, (folder / "log").read_text()
        yield url


def end(process: "subprocess.Popen[bytes]") -> None:
    """End an example and all that it started."""
    with suppress(ProcessLookupError):  # it could not start: what it wrote says why
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(15)


@pytest.fixture(scope="module", params=[name for name, _ in COMMANDS])
def example(
    request: pytest.FixtureRequest, service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """Return the name and the address of a running example."""
    with started(request.param, service, tmp_path_factory.mktemp(request.param)) as url:
        yield request.param, url


@pytest.fixture
def tokens(service: Service, clean: None) -> dict[str, Any]:
    """Return the tokens of a new account."""
    return dict(Visitor(service.url).register(f"{secrets.token_hex(6)}@example.com").json())


def get(url: str, token: str | None, path: str = "/", **headers: str) -> requests.Response:
    """Call an example."""
    shown = {} if token is None else {"Authorization": f"Bearer {token}"}
    return requests.get(url + path, headers={**shown, **headers}, timeout=15)


class TestReadme:
    def test_it_shows_all_of_them(self) -> None:
        assert [name for name, _ in COMMANDS] == ["express", "fastapi", "flask", "nginx"]
        pages = {"passkeys", "spa"}  # see tests/browser
        assert {folder.name for folder in EXAMPLES.iterdir()} == {name for name, _ in COMMANDS} | pages

    @pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
    def test_each_is_under_fifty_lines(self, name: str) -> None:
        written = [path for path in (EXAMPLES / name).iterdir() if path.suffix in (".js", ".py", ".conf")]
        assert 0 < sum(len(path.read_text().splitlines()) for path in written) < 50


class TestExample:
    def test_whoever_is_signed_in_gets_in(self, example: tuple[str, str], tokens: dict[str, Any]) -> None:
        _, url = example
        for path in ("/", "/?a=b&role=admin"):
            answer = get(url, tokens["accessToken"], path)
            assert (answer.status_code, answer.json()["user"]) == (200, tokens["user"]["id"])

    def test_nobody_else_does(self, example: tuple[str, str], tokens: dict[str, Any], app: Flask) -> None:
        """R32, R35, R40, R43: and the refresh token is nobody's access token."""
        _, url = example
        access = tokens["accessToken"]
        body, signature = access.split(".")[1:]
        none = segment({"alg": "none", "typ": "JWT", "kid": header_of(access)["kid"]})
        assert get(url, None).status_code == 401
        assert get(url, None, "/", Authorization="Basic eDp5").status_code == 401
        for forged in (
            tokens["refreshToken"],
            f"{none}.{body}.",
            f"{none}.{body}.{signature}",
            access[:-4],
            "x",
            altered(app, access, exp=now() - 60, iat=now() - 100),
            altered(app, access, aud="https://elsewhere.example"),
            altered(app, access, iss="https://elsewhere.example"),
        ):
            answer = get(url, forged)
            assert answer.status_code == 401, forged
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    def test_the_role_is_asked_for(
        self, example: tuple[str, str], service: Service, tokens: dict[str, Any], mongo: Database[dict[str, Any]]
    ) -> None:
        _, url = example
        assert get(url, tokens["accessToken"], "/admin").status_code == 403
        assert get(url, None, "/admin").status_code == 401
        for copies in (mongo.users, mongo.sessions):
            copies.update_many({}, {"$set": {"role": "admin"}})
        renewed = Visitor(service.url).refresh(tokens["refreshToken"]).json()["accessToken"]
        assert get(url, renewed, "/admin").status_code == 200

    def test_a_sign_out_counts_at_once_where_authsvc_is_asked(
        self, example: tuple[str, str], service: Service, tokens: dict[str, Any]
    ) -> None:
        """And with the token's expiry where it is not, as the README says."""
        name, url = example
        assert Visitor(service.url).logout(tokens["accessToken"]).status_code == 204
        assert get(url, tokens["accessToken"]).status_code == (401 if name in ASKS_AUTHSVC else 200)

    def test_a_personal_access_token_counts_where_authsvc_is_asked(
        self, example: tuple[str, str], service: Service, tokens: dict[str, Any]
    ) -> None:
        name, url = example
        made = requests.post(
            f"{service.url}/auth/access-tokens",
            json={"name": "script", "scopes": ["account:read"]},
            headers={"Authorization": f"Bearer {tokens['accessToken']}"},
            timeout=15,
        ).json()
        assert get(url, made["token"]).status_code == (200 if name in ASKS_AUTHSVC else 401)


class TestNginx:
    @pytest.fixture
    def url(self, service: Service, tmp_path: Path) -> Iterator[str]:
        """Return the address of nginx."""
        with started("nginx", service, tmp_path) as url:
            yield url

    def test_a_client_cannot_name_itself(self, url: str, tokens: dict[str, Any]) -> None:
        """What it sends under our names is overwritten, or does not arrive."""
        faked = {f"X-Auth-{name}": "forged" for name in ("User-Id", "Email", "Role", "Session-Id", "Scope")}
        given = dict(get(url, tokens["accessToken"], "/", **faked).json()["headers"])
        assert given["X-Auth-User-Id"] == tokens["user"]["id"]
        assert given["X-Auth-Email"] == tokens["user"]["email"]
        assert given["X-Auth-Role"] == "user"
        assert "X-Auth-Scope" not in given
        assert "forged" not in given.values()

    def test_a_body_reaches_the_application_and_not_authsvc(self, url: str, tokens: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {tokens['accessToken']}"}
        assert requests.post(url, data="x" * 100_000, headers=headers, timeout=15).status_code == 200


class TestWithoutAuthsvc:
    @pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
    def test_nobody_is_let_in_and_nobody_is_signed_out(
        self, app: Flask, settings: dict[str, str], tmp_path: Path, name: str, tokens: dict[str, Any]
    ) -> None:
        """C4: 503 where it can't be known."""
        gone = Service(**settings)
        gone.start()
        with started(name, gone, tmp_path) as url:
            gone.stop()
            assert get(url, tokens["accessToken"]).status_code == 503
            assert get(url, tokens["accessToken"]).headers["Retry-After"]


class TestRotation:
    """`jose`'s createRemoteJWKSet and PyJWT's PyJWKClient: across a rotation, with the keys they hold."""

    def test_nobody_is_refused(
        self, service: Service, tmp_path: Path, tokens: dict[str, Any], app: Flask, own_ring: None
    ) -> None:
        with (
            started("express", service, tmp_path / "1") as express,
            started("fastapi", service, tmp_path / "2") as fast,
        ):
            said = app.test_cli_runner().invoke(args=["keys", "rotate", "--lead", "8"])
            assert said.exit_code == 0
            published = f"{service.url}/.well-known/jwks.json"
            eventually(lambda: len(requests.get(published, timeout=5).json()["keys"]) == 2)
            visitor, pair = Visitor(service.url), dict(tokens)

            def check(token: str) -> None:
                assert [get(url, token).status_code for url in (express, fast)] == [200, 200]

            def renewed() -> bool:
                pair.update(visitor.refresh(pair["refreshToken"]).json())
                check(pair["accessToken"])
                return header_of(pair["accessToken"])["kid"] != header_of(tokens["accessToken"])["kid"]

            check(tokens["accessToken"])
            eventually(renewed)
            check(tokens["accessToken"])
