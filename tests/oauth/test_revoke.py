"""Revocation: an app ends what it got. O45; RFC 7009."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from authsvc.models.apps import AppKind
from tests.api.forging import altered, now
from tests.conftest import Person
from tests.support.oauth import FORM, AppClient, bearer, new_app, send

Mongo = Database[dict[str, Any]]
REVOKE = "/oauth2/revoke"


@pytest.fixture
def notes(app: Flask, client: FlaskClient) -> AppClient:
    """Return an app that keeps a secret."""
    return new_app(app, client)


@pytest.fixture
def page(app: Flask, client: FlaskClient) -> AppClient:
    """Return an app that can't."""
    return new_app(app, client, AppKind.SPA)


def is_live(asking: AppClient, tokens: dict[str, Any]) -> bool:
    """Tell whether tokens work."""
    return asking.userinfo(tokens["access_token"]).status == 200


def revoked(asking: AppClient, token: str, **more: str) -> None:
    """Revoke, and assert the only answer that there is to an app that shows who it is."""
    answer = asking.post(REVOKE, {"token": token, **more})
    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["Cache-Control"] == "no-store"


class TestRevoke:
    @pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
    @pytest.mark.parametrize("hint", ["refresh_token", "access_token", "bogus", ""])
    def test_o45_it_ends_the_session_whatever_the_hint(
        self, notes: AppClient, alice: Person, mongo: Mongo, kind: str, hint: str
    ) -> None:
        """At once, and only that one: the user stays signed in here, and what they allowed stays."""
        tokens, others = (notes.sign_in(alice.tokens["accessToken"]) for _ in range(2))
        revoked(notes, tokens[kind], token_type_hint=hint)
        assert not is_live(notes, tokens)
        assert notes.refresh(tokens["refresh_token"]).error == "invalid_grant"
        assert is_live(notes, others)
        assert alice.home().status_code == 200
        assert mongo.grants.count_documents({"app": notes.id}) == 1
        revoked(notes, tokens[kind])

    def test_o45_an_earlier_refresh_token_ends_it_too(self, notes: AppClient, alice: Person) -> None:
        tokens = notes.sign_in(alice.tokens["accessToken"])
        later = notes.refresh(tokens["refresh_token"]).json
        revoked(notes, tokens["refresh_token"])
        assert not is_live(notes, later)

    def test_o45_an_app_without_a_secret_may(self, page: AppClient, alice: Person) -> None:
        tokens = page.sign_in(alice.tokens["accessToken"])
        revoked(page, tokens["refresh_token"])
        assert not is_live(page, tokens)

    def test_o45_an_answer_of_no_bytes_has_no_type(self, page: AppClient, alice: Person) -> None:
        """oidc-client-ts takes one that says it is HTML for a failure."""
        tokens = page.sign_in(alice.tokens["accessToken"])
        answer = page.post("/oauth2/revoke", {"token": tokens["refresh_token"]})
        assert (answer.status, answer.text, answer.headers.get("Content-Type")) == (200, "", None)

    @pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
    def test_o45_what_is_another_app_s_lives_on(
        self, notes: AppClient, page: AppClient, alice: Person, kind: str
    ) -> None:
        tokens = notes.sign_in(alice.tokens["accessToken"])
        revoked(page, tokens[kind])
        assert is_live(notes, tokens)
        assert notes.refresh(tokens["refresh_token"]).status == 200

    @pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
    def test_o45_what_has_expired_ends_nothing(self, notes: AppClient, alice: Person, app: Flask, kind: str) -> None:
        tokens = notes.sign_in(alice.tokens["accessToken"])
        revoked(notes, altered(app, tokens[kind], iat=now() - 100, exp=now() - 1))
        assert is_live(notes, tokens)

    @pytest.mark.parametrize("shown", ["x", "a.b.c", "\u202e", "x" * 5000, "asc_" + "0" * 49])
    def test_o45_what_is_unknown_ends_nothing(self, notes: AppClient, shown: str) -> None:
        revoked(notes, shown)

    def test_o45_a_person_s_own_tokens_live_on(self, notes: AppClient, alice: Person) -> None:
        for token in (alice.tokens["accessToken"], alice.tokens["refreshToken"]):
            revoked(notes, token)
        assert alice.home().status_code == 200
        assert alice.refresh().status_code == 200


class TestRequest:
    def test_the_app_shows_who_it_is(self, notes: AppClient, alice: Person) -> None:
        tokens = notes.sign_in(alice.tokens["accessToken"])
        form = {"token": tokens["refresh_token"]}
        for headers in ({}, bearer(tokens["access_token"]), {"Authorization": "Basic eDp5"}):
            answer = notes.post(REVOKE, form, headers=headers)
            assert (answer.status, answer.error) == (401, "invalid_client")
        answer = notes.post(REVOKE, {**form, "client_id": notes.id}, headers={})
        assert (answer.status, answer.error) == (401, "invalid_client")
        assert is_live(notes, tokens)

    @pytest.mark.parametrize("body", ["", "token=", "token=a&token=b", "token=a&x=1&x=2", "token=%00", "token=%ff"])
    def test_what_is_malformed_is_refused(self, page: AppClient, body: str) -> None:
        answer = send(page.client, "POST", REVOKE, data=f"client_id={page.id}&{body}", headers=FORM)
        assert (answer.status, answer.error) == (400, "invalid_request")

    def test_only_a_form_is_read(self, page: AppClient) -> None:
        for path, options in (
            (REVOKE, {"json": {"token": "x", "client_id": page.id}}),
            (f"{REVOKE}?client_id={page.id}", {"data": "token=x", "headers": FORM}),
            (f"{REVOKE}?token=x", {"data": f"client_id={page.id}&token=x", "headers": FORM}),
        ):
            answer = send(page.client, "POST", path, **options)
            assert answer.error in ("invalid_request", "invalid_client")
        assert send(page.client, "GET", REVOKE).status == 405

    def test_o51_pages_of_any_origin_may(self, page: AppClient) -> None:
        origin = {"Origin": "https://notes.example.com"}
        asked = send(page.client, "OPTIONS", REVOKE, headers={**origin, "Access-Control-Request-Method": "POST"})
        answer = send(page.client, "POST", REVOKE, data=f"client_id={page.id}&token=x", headers={**FORM, **origin})
        assert answer.status == 200
        for told in (asked, answer):
            assert told.headers["Access-Control-Allow-Origin"] == "*"
            assert "Access-Control-Allow-Credentials" not in told.headers

    def test_o44_the_metadata_name_it(self, page: AppClient) -> None:
        told = send(page.client, "GET", "/.well-known/openid-configuration").json
        assert told["revocation_endpoint"] == f"http://localhost:8000{REVOKE}"
        assert "none" in told["revocation_endpoint_auth_methods_supported"]
