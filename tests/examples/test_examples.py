"""The examples, started as the documentation says, with the real frameworks, against the real service."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from pymongo.database import Database

from authsvc.models.signing_keys import Ring
from authsvc.services import app_scopes, signing_keys
from tests.api.forging import altered, claims_of, header_of, now, own_key, segment, sign
from tests.examples.running import COMMANDS, EXAMPLES, started
from tests.support.oauth import new_app
from tests.support.races import eventually
from tests.support.service import Service, Visitor, free_port

pytestmark = pytest.mark.external

ASKS_AUTHSVC = ("flask", "nginx", "caddy")


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return authsvc, under the address that the examples take for its issuer."""
    port = free_port()
    own = {"WEB_CONCURRENCY": 1, "PUBLIC_URL": f"http://localhost:{port}", "PORT": port}
    with Service(**{**settings, **own}) as running:
        yield running


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


class TestDocumentation:
    def test_it_shows_all_of_them(self) -> None:
        assert [name for name, _ in COMMANDS] == ["express", "fastapi", "flask", "nginx", "caddy"]
        elsewhere = {"passkeys", "spa", "traefik"}  # see tests/browser, and tests/examples/test_proxies.py
        of_apps = {"oidc-spa", "fastapi-oauth", "oauth2-proxy"}  # see tests/browser and tests/examples
        asked = {"hook"}  # see tests/hooks
        of_package = {"react", "nextjs", "react-native"}  # see tests/browser and tests/clients
        told = {"webhooks"}  # see tests/examples/test_webhooks.py
        shown = {name for name, _ in COMMANDS} | elsewhere | of_apps | of_package | asked | told
        assert {folder.name for folder in EXAMPLES.iterdir()} == shown

    @pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
    def test_each_is_under_sixty_lines(self, name: str) -> None:
        written = [path for path in (EXAMPLES / name).iterdir() if path.suffix in (".js", ".py", ".conf", "")]
        assert 0 < sum(len(path.read_text().splitlines()) for path in written if path.is_file()) < 60


class TestExample:
    def test_whoever_is_signed_in_gets_in(self, example: tuple[str, str], tokens: dict[str, Any]) -> None:
        _, url = example
        for path in ("/", "/?a=b&role=admin"):
            answer = get(url, tokens["accessToken"], path)
            assert (answer.status_code, answer.json()["user"]) == (200, tokens["user"]["id"])

    def test_no_other_token_gets_in(self, example: tuple[str, str], tokens: dict[str, Any], app: Flask) -> None:
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

    def test_o36_no_token_of_an_app_gets_in(
        self, example: tuple[str, str], service: Service, tokens: dict[str, Any], app: Flask
    ) -> None:
        """T2, T3: not even one for the audience that is checked for, which an operator may have registered."""
        _, url = example
        own = f"http://localhost:{service.port}"
        notes = new_app(app, Visitor(service.url), resources=(own,), scopes=app_scopes.ALL)
        got = notes.sign_in(tokens["accessToken"], resource=own, scope="openid account:read")
        access, claims = got["access_token"], claims_of(got["id_token"])
        assert (claims_of(access)["aud"], header_of(access)["typ"]) == (own, "at+jwt")
        with app.app_context():
            ids = signing_keys.snapshot(Ring.IDS).signing_by("ES256")
        kid = own_key(app).kid
        posing = {**claims, "aud": own, "role": "admin", "client_id": own}
        for shown in (
            access,
            got["refresh_token"],
            got["id_token"],
            sign({"alg": "ES256", "typ": "JWT", "kid": ids.kid}, posing, ids.private),
            sign({"alg": "ES256", "typ": "JWT", "kid": kid}, posing, own_key(app).private),
            sign({"alg": "ES256", "typ": "at+jwt", "kid": kid}, {**posing, "type": "access"}, own_key(app).private),
            sign({"alg": "ES256", "typ": "logout+jwt", "kid": kid}, {**posing, "type": "access"}, own_key(app).private),
            sign({"alg": "ES256", "typ": "JWT", "kid": kid}, {**posing, "type": "refresh"}, own_key(app).private),
        ):
            for path in ("/", "/admin"):
                answer = get(url, shown, path)
                assert answer.status_code == 401, (header_of(shown), answer.text)

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
        """And with the token's expiry where it is not, as the documentation says."""
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


class TestWithoutAuthsvc:
    @pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
    def test_nobody_is_let_in_and_nobody_is_signed_out(
        self, app: Flask, settings: dict[str, str], tmp_path: Path, name: str, tokens: dict[str, Any]
    ) -> None:
        """C4: 503 where it can't be known, or 502, as Caddy says it."""
        gone = Service(**settings)
        gone.start()
        with started(name, gone, tmp_path) as url:
            gone.stop()
            answer = get(url, tokens["accessToken"])
            assert answer.status_code == (502 if name == "caddy" else 503)
            assert name == "caddy" or answer.headers["Retry-After"]


class TestRotation:
    """`jose`'s createRemoteJWKSet and PyJWT's PyJWKClient: across a rotation, with the keys they hold."""

    def test_nobody_is_refused(
        self, service: Service, tmp_path: Path, tokens: dict[str, Any], app: Flask, own_ring: None
    ) -> None:
        with (
            started("express", service, tmp_path / "1") as express,
            started("fastapi", service, tmp_path / "2") as fast,
        ):
            published = f"{service.url}/.well-known/jwks.json"
            before = len(requests.get(published, timeout=5).json()["keys"])
            said = app.test_cli_runner().invoke(args=["keys", "rotate", "--lead", "8"])
            assert said.exit_code == 0
            eventually(lambda: len(requests.get(published, timeout=5).json()["keys"]) == before + 1)
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
