"""Apps by Authlib, against the service as it stands: the server that the guide shows, and the plain client."""

import secrets
from pathlib import Path
from typing import Any

import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask
from flask.testing import FlaskClient

from authsvc.models.apps import AppKind
from tests.support import recipes
from tests.support.app_visits import Somebody
from tests.support.oauth import CALLBACK, new_app
from tests.support.service import Visitor

BACK, AFTER = "http://localhost/back", "http://localhost/signed-out"


@pytest.fixture(params=[AppKind.WEB, AppKind.SPA])
def notes(
    app: Flask, somebody: Somebody, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> FlaskClient:
    """Return somebody's browser at the guide's server, which has a secret or none."""
    made = new_app(app, Visitor(somebody.url), request.param, uris=(BACK,), logout_uris=[AFTER])
    monkeypatch.setenv("AUTHSVC", somebody.url)
    monkeypatch.setenv("CLIENT_ID", made.id)
    monkeypatch.setenv("SESSION_KEY", secrets.token_hex(16))
    if made.secret is not None:
        monkeypatch.setenv("CLIENT_SECRET", made.secret)
    program = recipes.program("notes.py")
    module: dict[str, Any] = {"__name__": "notes"}
    exec(compile(program, "notes.py", "exec"), module)
    server: Flask = module["app"]
    server.testing = True
    return server.test_client()


class TestServerOfTheGuide:
    def test_somebody_signs_in(self, notes: FlaskClient, somebody: Somebody):
        assert "Sign in" in notes.get("/").text
        back = somebody.visit(notes.get("/sign-in").location)
        assert notes.get(back).location == "/"
        assert notes.get("/").text.startswith("Hello, Somebody ")
        assert somebody.steps == ["consent"]

    def test_o48_somebody_signs_out(self, notes: FlaskClient, somebody: Somebody):
        """There and here, and comes back with the state."""
        notes.get(somebody.visit(notes.get("/sign-in").location))
        back = somebody.leave(notes.post("/sign-out").location)
        assert back is not None
        assert back.startswith(f"{AFTER}?state=")
        assert not somebody.is_signed_in()
        assert "Sign in" in notes.get("/").text
        assert notes.get(back).location == "/"
        assert notes.get(back).status_code == 400  # a state works once
        assert somebody.steps == ["consent", "sign_out"]

    def test_r107_nobody_is_signed_out_by_a_link(self, notes: FlaskClient, somebody: Somebody):
        notes.get(somebody.visit(notes.get("/sign-in").location))
        assert notes.get("/sign-out").status_code == 405
        assert notes.get("/signed-out?state=planted").status_code == 400
        assert notes.get("/").text.startswith("Hello, Somebody ")

    def test_somebody_says_no(self, notes: FlaskClient, somebody: Somebody):
        said = notes.get(somebody.visit(notes.get("/sign-in").location, "deny"))
        assert (said.status_code, said.text) == (400, "You are not signed in: access_denied")
        assert "Sign in" in notes.get("/").text

    def test_an_answer_that_was_meant_for_another_browser_signs_nobody_in(self, notes: FlaskClient, somebody: Somebody):
        back = somebody.visit(notes.get("/sign-in").location)
        elsewhere = notes.application.test_client()
        assert elsewhere.get(back).status_code == 400
        assert "Sign in" in elsewhere.get("/").text


class TestPlainClient:
    def test_it_refreshes_and_a_code_works_once(self, app: Flask, somebody: Somebody):
        made = new_app(app, Visitor(somebody.url))
        metadata = requests.get(f"{somebody.url}/.well-known/openid-configuration", timeout=15).json()
        client = OAuth2Session(
            made.id,
            made.secret,
            scope="openid email offline_access",
            redirect_uri=CALLBACK,
            code_challenge_method="S256",
        )
        with client:
            verifier = secrets.token_urlsafe(48)
            url, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
            back = somebody.visit(url)
            form = {"authorization_response": back, "state": state, "code_verifier": verifier}
            first = dict(client.fetch_token(metadata["token_endpoint"], **form))
            assert client.get(metadata["userinfo_endpoint"], timeout=15).json()["email"] == somebody.email
            second = client.refresh_token(metadata["token_endpoint"])
            assert second["refresh_token"] != first["refresh_token"]
            assert client.get(metadata["userinfo_endpoint"], timeout=15).json()["sub"] == somebody.id
            with pytest.raises(OAuthError, match="invalid_grant"):
                client.fetch_token(metadata["token_endpoint"], **form)
            gone = client.get(metadata["userinfo_endpoint"], timeout=15)
            assert gone.status_code == 401
