"""Providers of identities on this machine, and an application that people sign in to with them.

`Upstream` is an OpenID provider in plain Python: it signs in whoever a test says, and says of them what a test wants.
"""

import base64
import hashlib
import html
import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import jwt
import trustme
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask

from authsvc.clients.connector import Connector
from authsvc.clients.identity.base import Claims, Errand, IdentityProvider, Return
from authsvc.security import jwk
from authsvc.security.jwk import Algorithm, KeyPair
from authsvc.services import providers
from authsvc.settings.identity_providers import PRESETS, ProviderSettings

CLIENT_ID = "authsvc-at-upstream"
CLIENT_SECRET = "the secret:of/this+client %"
ALICE = {"sub": "alice-4711", "email": "alice@example.com", "email_verified": True, "name": "Alice"}

CALLBACK = "http://localhost:8000/account/federation/work"

Answer = tuple[int, dict[str, str], bytes]


@cache
def key_pair(number: int = 0, algorithm: Algorithm = Algorithm.RS256) -> KeyPair:
    """Return one of the key pairs of upstreams: a new one takes a while."""
    return jwk.generate(algorithm)


def table(name: str, **members: Any) -> str:
    """Return a table in the file of IDENTITY_PROVIDERS."""
    return "\n".join([f"[{name}]", *(f"{member} = {json.dumps(value)}" for member, value in members.items()), ""])


class Upstream:
    """An OpenID provider on loopback. What it says can be changed at any time:

    - `user`: the claims of whoever signs in next; `userinfo` the claims that only userinfo has
    - `bent`: claims that its ID tokens have instead (None: left out)
    - `sign`: makes the ID token of claims; `pair` signs, `published` are the keys that it shows
    - `metadata`: members that its metadata have instead (None: left out)
    - `intercept`: gets each request first, as (method, path, form), and may answer it
    """

    def __init__(
        self,
        *,
        client_id: str = CLIENT_ID,
        client_secret: str = CLIENT_SECRET,
        authority: trustme.CA | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        """With an `authority` it speaks https, and has a certificate for `host`."""
        self.client_id, self.client_secret = client_id, client_secret
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._origin = f"{'http' if authority is None else 'https'}://{host}:{self._server.server_port}"
        if authority is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(host).configure_cert(tls)
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.reset()

    def reset(self) -> None:
        """Be as at first."""
        self.issuer = self._origin
        self.user: dict[str, Any] = dict(ALICE)
        self.userinfo: dict[str, Any] = {}
        self.bent: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.pair = key_pair()
        self.published: list[KeyPair] = [self.pair]
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.intercept: Callable[[str, str, dict[str, str]], Answer | None] = lambda *_: None
        self.requests: list[tuple[str, str]] = []
        self._codes: dict[str, dict[str, Any]] = {}
        self._tokens: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def settings(self, name: str = "work", **members: Any) -> ProviderSettings:
        """Return the settings by which a service knows it."""
        usual = {
            "label": "Work",
            "issuer": self.issuer,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": PRESETS["oidc"].scope,
        }
        return ProviderSettings(**{"name": name, "kind": "oidc", **usual, **members})

    def toml(self, name: str = "work", **members: Any) -> str:
        """Return its table in the file of IDENTITY_PROVIDERS."""
        usual = {
            "kind": "oidc",
            "label": "Work",
            "issuer": self.issuer,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        return table(name, **{**usual, **members})

    def approve(self, location: str) -> dict[str, str]:
        """Do what a browser does whose user signs in here; return what it brings back: code, state and iss."""
        return self._approved(dict(parse_qsl(urlsplit(location).query)))

    def signed(self, claims: Mapping[str, Any], **headers: Any) -> str:
        """Return claims as an ID token."""
        members = json.dumps(dict(claims)).encode()  # the library would refuse some of what a hostile one says
        headers = {"kid": self.pair.kid, **headers}
        return jwt.PyJWS().encode(members, self.pair.private, algorithm=self.pair.algorithm.value, headers=headers)

    def rotate(self, number: int = 1) -> None:
        """Sign by another key from now on, and show only that."""
        self.pair = key_pair(number)
        self.published = [self.pair]

    def asked(self, path: str) -> int:
        """Return how often a path was asked for."""
        return sum(1 for _, one in self.requests if one == path)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the answer to a request."""
        parts = urlsplit(target)
        form = dict(parse_qsl(body.decode() or parts.query))
        self.requests.append((method, parts.path))
        other = self.intercept(method, parts.path, form)
        if other is not None:
            return other
        step = self.steps().get(parts.path)
        return _json(404, {"error": "not_found"}) if step is None else step(form, headers)

    def steps(self) -> dict[str, Callable[[dict[str, str], Mapping[str, str]], Answer]]:
        """Return what answers at each path, from a form and the headers."""
        return {
            "/.well-known/openid-configuration": lambda *_: _json(200, self._metadata()),
            "/keys": lambda *_: _json(200, {"keys": [jwk.public_jwk(pair) for pair in self.published]}),
            "/authorize": lambda form, _: self._authorize(form),
            "/token": self._token,
            "/userinfo": lambda _, headers: self._userinfo(headers),
        }

    def _metadata(self) -> dict[str, Any]:
        usual = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": [self.pair.algorithm.value],
            "authorization_response_iss_parameter_supported": True,
        }
        return _without_none({**usual, **self.metadata})

    def _approved(self, query: dict[str, str]) -> dict[str, str]:
        code = secrets.token_urlsafe(24)
        self._codes[code] = {**query, "user": dict(self.user), "since": int(time.time())}
        return {"code": code, "state": query["state"], "iss": self.issuer}

    def _authorize(self, query: dict[str, str]) -> Answer:
        back, members = query["redirect_uri"], self._approved(query)
        if query.get("response_mode") != "form_post":
            return 302, {"Location": f"{back}?{urlencode(members)}"}, b""
        fields = "".join(f'<input type="hidden" name="{n}" value="{html.escape(v)}">' for n, v in members.items())
        script = "<script>document.forms[0].submit()</script>"
        page = f'<!doctype html><form method="post" action="{html.escape(back)}">{fields}</form>{script}'
        return 200, {"Content-Type": "text/html"}, page.encode()

    def _token(self, form: dict[str, str], headers: Mapping[str, str]) -> Answer:
        if not self._is_client(form, headers):
            return _json(401, {"error": "invalid_client"})
        kept = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if kept is None or kept["redirect_uri"] != form["redirect_uri"] or kept.get("code_challenge") != challenge:
            return _json(400, {"error": "invalid_grant"})
        token = secrets.token_urlsafe(24)
        self._tokens[token] = {**kept["user"], **self.userinfo}
        return _json(200, {"access_token": token, "token_type": "Bearer", "id_token": self.sign(self._claims(kept))})

    def _claims(self, kept: dict[str, Any]) -> dict[str, Any]:
        now = int(time.time())
        usual = {
            "iss": self.issuer,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            "nonce": kept.get("nonce"),
            "auth_time": kept["since"] if "max_age" in kept else None,
            **kept["user"],
        }
        return _without_none({**usual, **self.bent})

    def _userinfo(self, headers: Mapping[str, str]) -> Answer:
        claims = self._tokens.get(headers.get("Authorization", "").removeprefix("Bearer "))
        return _json(401, {"error": "invalid_token"}) if claims is None else _json(200, claims)

    def _is_client(self, form: dict[str, str], headers: Mapping[str, str]) -> bool:
        kind, _, encoded = headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            name, _, secret = base64.b64decode(encoded).decode().partition(":")
            return (unquote_plus(name), unquote_plus(secret)) == (self.client_id, self.client_secret)
        return (form.get("client_id"), form.get("client_secret")) == (self.client_id, self.client_secret)


def _handler(upstream: Upstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, content = upstream.answer(self.command, self.path, dict(self.headers), body)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 - the names that it calls

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def answer_json(value: Any, status: int = 200) -> Answer:
    """Return an answer of JSON."""
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _json(status: int, value: Any) -> Answer:
    return answer_json(value, status)


def _without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


@contextmanager
def signing_in_with(app: Flask, *settings: ProviderSettings, connector: Connector | None = None) -> Iterator[None]:
    """Let people sign in to an application with these providers."""
    before = app.config["IDENTITY_PROVIDERS"]
    app.config["IDENTITY_PROVIDERS"] = settings
    providers.init_app(app, connector)
    try:
        yield
    finally:
        app.config["IDENTITY_PROVIDERS"] = before
        providers.init_app(app)


def providers_file(folder: Path, *tables: str) -> dict[str, str]:
    """Return the setting by which a service of its own has the providers of these tables."""
    file = folder / "providers.toml"
    file.write_text("\n".join(tables), encoding="utf-8")
    return {"IDENTITY_PROVIDERS": str(file)}


class Apple(Upstream):
    """Apple at the wire, as its documents describe it: a form that is posted, a signed secret, text for `true`."""

    team_id, key_id = "TEAM123456", "KEY1234567"

    def __init__(self) -> None:
        super().__init__(client_id="com.example.signin", client_secret="")
        self.private = ec.generate_private_key(ec.SECP256R1())

    def reset(self) -> None:
        """Be as at first."""
        super().reset()
        self.user = {"sub": "001234.abcdef.0001", "email": "x@privaterelay.appleid.com", "email_verified": "true"}
        self.metadata = {"authorization_response_iss_parameter_supported": None, "userinfo_endpoint": None}
        self.secrets: list[dict[str, Any]] = []
        self.name: dict[str, str] | None = {"firstName": "Ada", "lastName": "Lovelace"}

    def _approved(self, query: dict[str, str]) -> dict[str, str]:
        """Say the name with the first sign-in, and never again."""
        brought = {name: value for name, value in super()._approved(query).items() if name != "iss"}
        name, self.name = self.name, None
        return brought if name is None else {**brought, "user": json.dumps({"name": name, "email": "x@example.com"})}

    @property
    def key(self) -> str:
        """Return the key as the file has it that Apple lets one download."""
        pem = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return pem.decode()

    def settings(self, name: str = "apple", **members: Any) -> ProviderSettings:
        """Return the settings by which a service knows it."""
        usual = {
            "label": "Apple",
            "issuer": self.issuer,
            "client_id": self.client_id,
            "scope": PRESETS["apple"].scope,
            "team_id": self.team_id,
            "key_id": self.key_id,
            "key": self.key,
        }
        return ProviderSettings(name=name, kind="apple", **{**usual, **members})

    def toml(self, name: str = "apple", **members: Any) -> str:
        """Return its table in the file of IDENTITY_PROVIDERS."""
        usual = {
            "kind": "apple",
            "issuer": self.issuer,
            "client_id": self.client_id,
            "team_id": self.team_id,
            "key_id": self.key_id,
            "key": self.key,
        }
        return table(name, **{**usual, **members})

    def _is_client(self, form: dict[str, str], headers: Mapping[str, str]) -> bool:
        try:
            header = jwt.get_unverified_header(form["client_secret"])
            claims = jwt.decode(
                form["client_secret"],
                self.private.public_key(),
                algorithms=["ES256"],
                audience=self.issuer,
                issuer=self.team_id,
                options={"require": ["iss", "iat", "exp", "aud", "sub"]},
            )
        except (jwt.PyJWTError, KeyError):
            return False
        self.secrets.append(claims)
        is_ours = claims["sub"] == form.get("client_id") == self.client_id and header["kid"] == self.key_id
        return is_ours and "Authorization" not in headers


class GitHub(Upstream):
    """GitHub at the wire, as its documents describe it: an Enterprise Server, whose API is below it."""

    def reset(self) -> None:
        """Be as at first."""
        super().reset()
        self.user = {"id": 583231, "login": "octocat", "name": "The Octocat", "email": "public@example.com"}
        self.emails: Any = [
            {"email": "other@example.com", "primary": False, "verified": True, "visibility": None},
            {"email": "octocat@example.com", "primary": True, "verified": True, "visibility": "private"},
        ]

    def settings(self, name: str = "github", **members: Any) -> ProviderSettings:
        """Return the settings by which a service knows it."""
        scope = PRESETS["github"].scope
        return super().settings(name, **{"label": "GitHub", "scope": scope, "kind": "github", **members})

    def steps(self) -> dict[str, Callable[[dict[str, str], Mapping[str, str]], Answer]]:
        """Return what answers at each path."""
        return {
            "/login/oauth/authorize": lambda form, _: self._authorize(form),
            "/login/oauth/access_token": self._token,
            "/api/v3/user": lambda _, headers: self._userinfo(headers),
            "/api/v3/user/emails": lambda _, headers: self._addresses(headers),
        }

    def _token(self, form: dict[str, str], headers: Mapping[str, str]) -> Answer:
        """Answer as GitHub does: errors have the status 200, and JSON is for who asks for it."""
        if headers.get("Accept") != "application/json":
            return 200, {"Content-Type": "application/x-www-form-urlencoded"}, b"error=not_asked_for"
        status, _, body = super()._token(form, headers)
        members = json.loads(body)
        names = {"invalid_client": "incorrect_client_credentials", "invalid_grant": "bad_verification_code"}
        if status != 200:
            return _json(200, {"error": names[members["error"]]})
        del members["id_token"]
        return _json(200, {**members, "scope": "read:user,user:email"})

    def _addresses(self, headers: Mapping[str, str]) -> Answer:
        status, fields, body = self._userinfo(headers)
        return (status, fields, body) if status != 200 else _json(200, self.emails)


@dataclass(frozen=True)
class Trip:
    """One way to a provider and back, without a browser."""

    provider: IdentityProvider
    verifier: str = "v" * 43
    state: str = "state-of-the-trip"
    nonce: str = "nonce-of-the-trip"
    redirect_uri: str = CALLBACK
    max_age: int | None = None
    since: datetime | None = None

    def location(self, **members: Any) -> str:
        """Return where the provider sends the browser."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        errand = Errand(self.state, self.nonce, challenge, self.redirect_uri, self.max_age, **members)
        return self.provider.location(errand)

    def back(self, brought: Mapping[str, str], **members: Any) -> Return:
        """Return what the service makes of what a browser brought."""
        usual = {
            "code": brought["code"],
            "iss": brought.get("iss"),
            "verifier": self.verifier,
            "nonce": self.nonce,
            "redirect_uri": self.redirect_uri,
            "max_age": self.max_age,
            "since": self.since,
        }
        return Return(**{**usual, **members})

    def claims(self, upstream: Upstream, **members: Any) -> Claims:
        """Return whom the provider names, after a whole trip."""
        return self.provider.claims(self.back(upstream.approve(self.location()), **members))
