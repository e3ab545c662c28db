"""`ACCOUNT_PAGES=off`: nobody can be asked about an app, so no app can ask. O44, R103.

What needs a page is neither named nor served; what people allowed before, and what no person is asked for, works on.
"""

import html
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authsvc.models.apps import AppKind
from tests.conftest import Person
from tests.support.accounts import Database
from tests.support.app_devices import ADVANCE, Device, ask, new_device_app
from tests.support.oauth import CALLBACK, AppClient, bearer, check_refusal, new_app, send

OPENID = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"
NEEDS_PAGES = {
    "authorization_endpoint",
    "device_authorization_endpoint",
    "end_session_endpoint",
    "response_modes_supported",
    "code_challenge_methods_supported",
    "prompt_values_supported",
    "ui_locales_supported",
    "authorization_response_iss_parameter_supported",
}
DOCUMENT = "https://app.example.org/client.json"


@pytest.fixture
def bare(make_app: Callable[..., Flask], clean: None) -> Flask:
    """Return a service without pages."""
    return make_app(ACCOUNT_PAGES="off", LINK_URL="https://app.example.com/account", APP_DOCUMENTS="on")


@pytest.fixture
def visitor(bare: Flask) -> FlaskClient:
    """Return a client of it."""
    return bare.test_client(use_cookies=False)


def here(notes: AppClient, visitor: FlaskClient) -> AppClient:
    """Return an app as it speaks to the service without pages."""
    return AppClient(visitor, notes.id, notes.secret, notes.redirect_uri, notes.method, notes.scope)


def ask_to_authorize(notes: AppClient, **params: str) -> Any:
    """Send somebody to the authorization endpoint."""
    query = {"client_id": notes.id, "redirect_uri": CALLBACK, "response_type": "code", "state": "s 1", **params}
    query |= {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
    return send(notes.client, "GET", f"/oauth2/authorize?{urlencode(query)}", headers={"Accept": "text/html"})


def check_page(answer: Any, status: int, title: str) -> None:
    """Assert that people are told, and led nowhere."""
    assert answer.status == status
    assert "Location" not in answer.headers
    assert answer.cookies == []
    assert answer.headers["Content-Type"].startswith("text/html")
    assert f"<h1>{title}</h1>" in html.unescape(answer.text)


class TestMetadata:
    def test_o44_what_needs_pages_is_not_named(self, client: FlaskClient, visitor: FlaskClient) -> None:
        whole, told = client.get(OPENID).get_json(), visitor.get(OPENID).get_json()
        assert set(whole) - set(told) == NEEDS_PAGES
        assert set(told) - set(whole) == set()  # nor are metadata documents, which name apps that can only use codes
        assert told["grant_types_supported"] == ["refresh_token", "client_credentials"]
        assert told["response_types_supported"] == []  # which RFC 8414 requires, like the issuer and no other member
        changed = {name for name in told if told[name] != whole[name]}
        assert changed == {"grant_types_supported", "response_types_supported"}

    def test_o44_both_addresses_say_the_same(self, visitor: FlaskClient) -> None:
        assert visitor.get(OPENID).data == visitor.get(OAUTH).data

    def test_o44_what_is_named_is_there(self, visitor: FlaskClient) -> None:
        told = visitor.get(OPENID).get_json()
        for name, value in told.items():
            if name.endswith(("_endpoint", "_uri")):
                assert send(visitor, "OPTIONS", urlsplit(value).path).status != 404, name

    def test_r103_the_password_grant_needs_no_page(self, make_app: Callable[..., Flask], clean: None) -> None:
        own = {"ACCOUNT_PAGES": "off", "LINK_URL": "https://app.example.com/account", "PASSWORD_GRANT": "on"}
        told = make_app(**own).test_client().get(OPENID).get_json()
        assert told["grant_types_supported"] == ["refresh_token", "client_credentials", "password"]


class TestAuthorize:
    def test_an_app_is_told_by_redirect(self, bare: Flask, visitor: FlaskClient) -> None:
        """RFC 6749 section 4.1.2.1; its page can then say so, and a window that it opened comes back."""
        answer = ask_to_authorize(new_app(bare, visitor), scope="openid")
        assert answer.status == 303
        assert answer.cookies == []
        target = urlsplit(answer.headers["Location"])
        assert f"{target.scheme}://{target.netloc}{target.path}" == CALLBACK
        assert {name: value for name, (value,) in parse_qs(target.query).items()} == {
            "error": "unsupported_response_type",
            "error_description": "Nobody can sign in to apps here: this service has no pages for it.",
            "state": "s 1",
            "iss": "http://localhost:8000",
        }

    def test_whatever_else_is_wrong_with_the_request(self, bare: Flask, visitor: FlaskClient) -> None:
        for params in ({"scope": "bogus"}, {"prompt": "none"}, {"response_type": "token"}, {"request": "x"}):
            answer = ask_to_authorize(new_app(bare, visitor), **params)
            assert "error=unsupported_response_type" in answer.headers["Location"]

    def test_whom_only_a_page_could_lead_on_is_told_by_a_page(self, bare: Flask, visitor: FlaskClient) -> None:
        """Only a page sends forms, and only a page leads to apps of strangers, which are not even asked about."""
        check_page(
            ask_to_authorize(new_app(bare, visitor), response_mode="form_post"), 404, "You can't sign in to apps here"
        )
        check_page(ask_to_authorize(AppClient(visitor, DOCUMENT)), 404, "You can't sign in to apps here")

    def test_o2_an_unknown_app_or_address_gets_its_page(self, bare: Flask, visitor: FlaskClient) -> None:
        check_page(ask_to_authorize(AppClient(visitor, "app_x")), 400, "This link doesn't work")
        answer = ask_to_authorize(new_app(bare, visitor), redirect_uri="https://evil.example/")
        check_page(answer, 400, "This link doesn't work")

    def test_nothing_is_stored(self, bare: Flask, visitor: FlaskClient, mongo: Database) -> None:
        for mode in ("query", "form_post"):
            ask_to_authorize(new_app(bare, visitor), response_mode=mode)
        send(visitor, "GET", "/oauth2/logout")
        assert mongo.authorizations.count_documents({}) == mongo.sign_outs.count_documents({}) == 0


class TestOthers:
    def test_a_device_is_told(self, bare: Flask, visitor: FlaskClient, mongo: Database) -> None:
        answer = ask(new_device_app(bare, visitor))
        check_refusal(answer)
        assert answer.error == "unsupported_grant_type"
        assert mongo.authorizations.count_documents({}) == 0

    def test_whom_an_app_sends_to_sign_out_is_told(self, visitor: FlaskClient) -> None:
        for method in ("GET", "POST"):
            check_page(send(visitor, method, "/oauth2/logout"), 404, "You can't sign out here")

    @pytest.mark.parametrize("path", ["/auth/authorizations/advance", ADVANCE, "/auth/sign-outs/advance"])
    def test_what_only_the_pages_ask_for_is_gone(self, visitor: FlaskClient, path: str) -> None:
        assert send(visitor, "POST", path, json={}).json["code"] == "not_found"
        assert path not in visitor.get("/openapi.json").get_json()["paths"]

    def test_services_get_tokens(self, bare: Flask, visitor: FlaskClient) -> None:
        options = {"scopes": ["orders:read"], "resources": ["https://orders.example.com"]}
        nightly = new_app(bare, visitor, AppKind.SERVICE, "Nightly", (), **options)
        answer = nightly.token({"grant_type": "client_credentials"})
        assert answer.status == 200, answer.text
        told = nightly.post("/oauth2/introspect", {"token": answer.json["access_token"]})
        assert told.json["active"] is True


class TestWhatWasThereBefore:
    """The pages are switched off after people have signed in to apps."""

    def test_r103_codes_are_worth_nothing(
        self, app: Flask, client: FlaskClient, alice: Person, bare: Flask, visitor: FlaskClient
    ) -> None:
        token = alice.login().tokens["accessToken"]
        notes, tv = new_app(app, client), Device.begin(new_device_app(app, client))
        tv.allow(token)
        code = notes.authorize(token)
        assert here(notes, visitor).exchange(code).error == "unsupported_grant_type"
        assert Device(here(tv.app, visitor), tv.codes).poll().error == "unsupported_grant_type"

    def test_who_is_signed_in_to_an_app_stays_so(
        self, app: Flask, client: FlaskClient, alice: Person, bare: Flask, visitor: FlaskClient
    ) -> None:
        token = alice.tokens["accessToken"]
        registered = new_app(app, client)
        tokens = registered.sign_in(token)
        notes = here(registered, visitor)
        answer = notes.refresh(tokens["refresh_token"])
        assert answer.status == 200, answer.text
        assert "id_token" in answer.json
        assert notes.userinfo(answer.json["access_token"]).json["sub"] == alice.id
        (grant,) = send(visitor, "GET", "/auth/grants", headers=bearer(token)).json["items"]
        assert send(visitor, "DELETE", f"/auth/grants/{grant['id']}", headers=bearer(token)).status == 204
        assert notes.userinfo(answer.json["access_token"]).status == 401
