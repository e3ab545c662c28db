"""An app that signs people in: what an OAuth client does, against the application or against a running service."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Flask
from flask.testing import FlaskClient

from authsvc.errors.oauth_refusal import OAuthError
from authsvc.models.apps import AppKind
from authsvc.services import apps
from tests.support.service import Visitor

CALLBACK = "https://app.example.net/callback"
TOKEN = "/oauth2/token"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Answer:
    """An answer of either."""

    status: int
    text: str
    headers: Any
    cookies: list[str]

    @property
    def json(self) -> Any:
        """Return the body's value."""
        return json.loads(self.text)

    @property
    def error(self) -> str | None:
        """Return the error code, None for a success."""
        return None if self.status < 400 else self.json.get("error")


def send(client: FlaskClient | Visitor, method: str, path: str, **options: Any) -> Answer:
    """Send a request with `headers`, and a body (`data`) or a value as JSON (`json`); follow no redirect."""
    if isinstance(client, Visitor):
        answer = client.request(method, path, allow_redirects=False, **options)
        cookies = answer.raw.headers.getlist("Set-Cookie")
        return Answer(answer.status_code, answer.text, answer.headers, cookies)
    told = client.open(path, method=method, **options)
    return Answer(told.status_code, told.text, told.headers, told.headers.getlist("Set-Cookie"))


def basic(app_id: str, secret: str | None) -> dict[str, str]:
    """Return the header by which an app shows who it is."""
    return {"Authorization": "Basic " + base64.b64encode(f"{app_id}:{secret or ''}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows an access token."""
    return {"Authorization": f"Bearer {token}"}


@dataclass
class Code:
    """A code, and what has to be shown with it."""

    code: str
    verifier: str
    redirect_uri: str
    answer: dict[str, str]

    @property
    def form(self) -> dict[str, str]:
        """Return the parameters that exchange it."""
        return {
            "grant_type": "authorization_code",
            "code": self.code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }


@dataclass
class AppClient:
    """An app, as it is registered, and how it speaks: by Basic if it has a secret, else by its id alone."""

    client: FlaskClient | Visitor
    id: str
    secret: str | None = None
    redirect_uri: str = CALLBACK
    method: str = "client_secret_basic"
    scope: str | None = "openid email"
    headers: dict[str, str] = field(default_factory=dict)

    def begin(self, **params: Any) -> tuple[str, dict[str, str], str]:
        """Begin to sign somebody in; return the request's secret, the browser's cookies as a header, the verifier."""
        verifier = secrets.token_urlsafe(48)
        query = {
            "client_id": self.id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
            **({} if self.scope is None else {"scope": self.scope}),
            **params,
        }
        asked = send(self.client, "GET", f"/oauth2/authorize?{urlencode(query, doseq=True)}")
        assert asked.status == 303, asked.text
        cookies = "; ".join(cookie.partition(";")[0] for cookie in asked.cookies)
        found = parse_qs(urlsplit(asked.headers["Location"]).query)
        assert "request" in found, asked.headers["Location"]
        return found["request"][0], {"Cookie": cookies}, verifier

    def authorize(self, access_token: str, **params: Any) -> Code:
        """Sign somebody in who allows everything; return the code."""
        request, cookie, verifier = self.begin(**params)
        step = self.advance(request, {**cookie, **bearer(access_token)}, "allow")
        assert step.status == 200, step.text
        assert step.json["step"] == "done", step.text
        query = parse_qs(urlsplit(step.json["redirect"]).query)
        answer = {name: values[0] for name, values in query.items()}
        return Code(answer.get("code", ""), verifier, str(params.get("redirect_uri", self.redirect_uri)), answer)

    def advance(self, request: str, headers: dict[str, str], decision: str | None = None) -> Answer:
        """Go one step further with a request, as the page does."""
        body = {"request": request} if decision is None else {"request": request, "decision": decision}
        return send(self.client, "POST", "/auth/authorizations/advance", json=body, headers=headers)

    def token(self, form: dict[str, Any], **options: Any) -> Answer:
        """Send a form to the token endpoint, with the app's credentials unless `headers` are given."""
        return self.post(TOKEN, form, **options)

    def post(self, path: str, form: dict[str, Any], headers: dict[str, str] | None = None) -> Answer:
        """Send a form to a path, with the app's credentials unless `headers` are given."""
        own, extra = self.credentials() if headers is None else (headers, {})
        return send(self.client, "POST", path, data=urlencode({**form, **extra}, doseq=True), headers={**FORM, **own})

    def credentials(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the header and the parameters by which the app shows who it is."""
        if self.method == "client_secret_post":
            return self.headers, {"client_id": self.id, "client_secret": self.secret or ""}
        if self.secret is None:
            return self.headers, {"client_id": self.id}
        return {**basic(self.id, self.secret), **self.headers}, {}

    def exchange(self, code: Code) -> Answer:
        """Exchange a code."""
        return self.token(code.form)

    def sign_in(self, access_token: str, **params: Any) -> dict[str, Any]:
        """Sign somebody in, and return the tokens."""
        answer = self.exchange(self.authorize(access_token, **params))
        assert answer.status == 200, answer.text
        return dict(answer.json)

    def refresh(self, refresh_token: str, **params: Any) -> Answer:
        """Refresh."""
        return self.token({"grant_type": "refresh_token", "refresh_token": refresh_token, **params})

    def userinfo(self, access_token: str) -> Answer:
        """Ask who the user is."""
        return send(self.client, "GET", "/oauth2/userinfo", headers=bearer(access_token))


def check_refusal(answer: Answer) -> None:
    """Assert that an answer is an error as OAuth has it (RFC 6749 section 5.2), and no fault of ours."""
    assert answer.status in (400, 401, 405, 413, 429), answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert "no-store" in answer.headers["Cache-Control"]
    document = answer.json
    assert set(document) == {"error", "error_description"}
    assert document["error"] in list(OAuthError)
    text = document["error_description"]
    assert text.isascii()
    assert text.isprintable()
    assert not {'"', "\\"} & set(text)
    assert (answer.status == 401) == (document["error"] == "invalid_client") == ("WWW-Authenticate" in answer.headers)


def challenge_of(verifier: str) -> str:
    """Return the challenge of a verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def new_app(
    app: Flask,
    client: FlaskClient | Visitor,
    kind: AppKind = AppKind.WEB,
    name: str = "Notes",
    uris: tuple[str, ...] = (CALLBACK,),
    **options: Any,
) -> AppClient:
    """Register an app, and return it as it speaks to a client."""
    with app.test_request_context():
        made = apps.create(name, kind, list(uris), **options)
    return AppClient(client, made.app.id, made.secret, next(iter(uris), ""), made.app.auth_method)
