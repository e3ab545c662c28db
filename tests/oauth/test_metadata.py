"""Metadata: the same at both addresses, and each value in them works. O44, R108; RFC 8414, OpenID Connect Discovery."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authsvc.clients.connector import Connector
from authsvc.models.apps import AppKind, AuthMethod
from authsvc.services import apps, logout_notices
from tests.api.forging import claims_of, header_of
from tests.conftest import Person
from tests.support.accounts import Database
from tests.support.app_devices import DEVICE, GRANT, Device, new_device_app
from tests.support.assertions import assertion, public_jwks, shown
from tests.support.factors import complete, ticket, with_totp
from tests.support.oauth import CALLBACK, FORM, Answer, AppClient, bearer, new_app, send
from tests.support.outside import Server

OPENID = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"
HERE = "http://localhost:8000"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@dataclass
class World:
    """Somebody who signs in to apps, and what the service says of itself."""

    app: Flask
    alice: Person
    mongo: Database
    told: Mapping[str, Any]

    def notes(self, **options: Any) -> AppClient:
        """Return a new app."""
        return new_app(self.app, self.alice.client, **options)

    def tokens(self, notes: AppClient, **params: str) -> dict[str, Any]:
        """Return what an app gets for Alice."""
        return notes.sign_in(self.alice.tokens["accessToken"], **params)

    def step(self, notes: AppClient, *, signed_in: bool = True, decision: str | None = None, **params: str) -> Answer:
        """Return the first step of a request."""
        request, cookie, _ = notes.begin(**params)
        who = bearer(self.alice.tokens["accessToken"]) if signed_in else {}
        return notes.advance(request, {**cookie, **who}, decision)

    def refusal(self, notes: AppClient, **params: str) -> str:
        """Return the error that a request is answered with by redirect."""
        query = {
            "client_id": notes.id,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **params,
        }
        answer = send(notes.client, "GET", f"/oauth2/authorize?{urlencode(query)}")
        assert answer.status == 303, answer.text
        return parse_qs(urlsplit(answer.headers["Location"]).query)["error"][0]


@pytest.fixture
def world(app: Flask, client: FlaskClient, alice: Person, mongo: Database) -> World:
    """Return it."""
    return World(app, alice, mongo, client.get(OPENID).get_json())


Driver = Callable[[World, Any], None]


def path_of(url: str) -> str:
    """Return the path of one of our own addresses."""
    assert url.startswith(f"{HERE}/"), url
    return url.removeprefix(HERE)


def authorize(world: World, url: str) -> None:
    notes = world.notes()
    query = {"client_id": notes.id, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid"}
    text = urlencode({**query, "code_challenge": CHALLENGE, "code_challenge_method": "S256"})
    for answer in (
        send(notes.client, "GET", f"{path_of(url)}?{text}"),
        send(notes.client, "POST", path_of(url), data=text, headers=FORM),
    ):
        assert answer.status == 303
        assert "request=" in answer.headers["Location"]


def exchange(world: World, url: str) -> None:
    notes = world.notes()
    code = notes.authorize(world.alice.tokens["accessToken"])
    assert "access_token" in notes.post(path_of(url), code.form).json


def ask_who(world: World, url: str) -> None:
    token = world.tokens(world.notes())["access_token"]
    told = send(world.alice.client, "GET", path_of(url), headers=bearer(token)).json
    assert told["sub"] == world.alice.id


def revoke(world: World, url: str) -> None:
    notes = world.notes()
    token = world.tokens(notes)["access_token"]
    assert notes.post(path_of(url), {"token": token}).status == 200
    assert notes.userinfo(token).status == 401


def introspect(world: World, url: str) -> None:
    notes = world.notes()
    token = world.tokens(notes)["access_token"]
    assert notes.post(path_of(url), {"token": token}).json["active"] is True


def keys(world: World, url: str) -> None:
    published = {key["kid"] for key in world.alice.client.get(path_of(url)).get_json()["keys"]}
    tokens = world.tokens(world.notes())
    assert {header_of(tokens[name])["kid"] for name in ("access_token", "refresh_token", "id_token")} <= published


def scope(world: World, name: str) -> None:
    wanted = name if name == "openid" else f"openid {name}"
    assert name in world.tokens(world.notes(), scope=wanted)["scope"].split()


def response_type(world: World, name: str) -> None:
    assert world.step(world.notes(), decision="allow", response_type=name).json["step"] == "done"


def response_mode(world: World, name: str) -> None:
    done = world.step(world.notes(), decision="allow", response_mode=name).json
    if name == "query":
        assert "code" in parse_qs(urlsplit(done["redirect"]).query)
    else:
        assert (name, done["action"]) == ("form_post", CALLBACK)
        assert {"code", "iss"} <= set(done["fields"])


def grant_type(world: World, name: str) -> None:
    if name == "client_credentials":
        with world.app.test_request_context():
            made = apps.create(
                "Backup", AppKind.SERVICE, scopes=["backup:write"], resources=["https://backup.example.net"]
            )
        answer = AppClient(world.alice.client, made.app.id, made.secret).token({"grant_type": name})
        assert answer.status == 200, answer.text
        return
    if name == "password":
        form = {"grant_type": name, "username": world.alice.email, "password": world.alice.password}
        answer = send(world.alice.client, "POST", "/oauth2/token", data=urlencode(form), headers=FORM)
        assert answer.status == 200, answer.text
        return
    if name == GRANT:
        ask_by_device(world, f"{HERE}{DEVICE}")
        return
    notes = world.notes()
    tokens = world.tokens(notes)
    assert name in ("authorization_code", "refresh_token"), f"nothing here tries the grant type {name}: add it"
    assert notes.refresh(tokens["refresh_token"]).status == 200


def ask_by_device(world: World, address: str) -> None:
    assert address == f"{HERE}{DEVICE}"
    telly = new_device_app(world.app, world.alice.client)
    tokens = Device.begin(telly).sign_in(world.alice.tokens["accessToken"])
    assert telly.userinfo(tokens["access_token"]).status == 200


def subject_type(world: World, name: str) -> None:
    assert name == "public"
    assert {claims_of(world.tokens(world.notes())["id_token"])["sub"] for _ in range(2)} == {world.alice.id}


def id_token_alg(world: World, name: str) -> None:
    notes = world.notes(id_token_alg=name)
    assert header_of(world.tokens(notes)["id_token"])["alg"] == name


def acr(world: World, name: str) -> None:
    client = world.alice.client
    ada = Person(client, f"{secrets.token_hex(4)}@example.com", world.alice.password).register()
    if name.endswith("/multi-factor"):
        protected = with_totp(ada, world.mongo)
        ada.tokens = complete(client, ticket(client, ada), recoveryCode=protected.recovery_codes[0]).get_json()
    token = world.notes().sign_in(ada.tokens["accessToken"], acr_values=name)["id_token"]
    assert claims_of(token)["acr"] == name


def by(world: World, method: str, alg: str = "ES256") -> tuple[AppClient, Callable[[], dict[str, str]]]:
    """Return an app that shows who it is by a method, and what it adds to each form."""
    if method == AuthMethod.NONE:
        return world.notes(kind=AppKind.SPA), dict
    if method != AuthMethod.PRIVATE_KEY:
        return world.notes(auth_method=method), dict
    notes = world.notes(auth_method=method, jwks=public_jwks(alg))
    return notes, lambda: shown(assertion(notes.id, alg))


def authenticate(endpoint: str, *, by_alg: bool = False) -> Driver:
    """Return what sends a form to an endpoint by a method, or signed by an algorithm."""

    def drive(world: World, name: str) -> None:
        notes, extra = by(world, "private_key_jwt", name) if by_alg else by(world, name)
        code = notes.authorize(world.alice.tokens["accessToken"])
        tokens = notes.token({**code.form, **extra()})
        assert tokens.status == 200, tokens.text
        if endpoint != "/oauth2/token":
            answer = notes.post(endpoint, {"token": tokens.json["access_token"], **extra()})
            assert answer.status == 200, answer.text

    return drive


def challenge(world: World, name: str) -> None:
    assert world.step(world.notes(), decision="allow", code_challenge_method=name).json["step"] == "done"


def prompt(world: World, name: str) -> None:
    notes = world.notes()
    assert world.step(notes, decision="allow").json["step"] == "done"
    if name == "none":
        assert "code=" in world.step(notes, prompt=name).json["redirect"]
        assert "error=login_required" in world.step(notes, signed_in=False, prompt=name).json["redirect"]
        return
    asked = {"login": "prove", "consent": "consent", "select_account": "consent", "create": "create"}
    assert world.step(notes, signed_in=name != "create", prompt=name).json["step"] == asked[name]


def ui_locale(world: World, name: str) -> None:
    notes = world.notes()
    query = {"client_id": notes.id, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid"}
    query |= {"code_challenge": CHALLENGE, "code_challenge_method": "S256", "ui_locales": f"tlh {name}-XX"}
    asked = world.app.test_client()
    for answer in (
        asked.get(f"/oauth2/authorize?{urlencode(query)}"),
        asked.post("/oauth2/authorize", data=query),
    ):
        page = asked.get(answer.headers["Location"].removeprefix(HERE).partition("#")[0])
        assert f'<html lang="{name}"' in page.text


def claim(world: World, name: str) -> None:
    tokens = world.tokens(world.notes(), scope="openid profile email", nonce="n")
    told = {**claims_of(tokens["id_token"]), **world.notes().userinfo(tokens["access_token"]).json}
    assert name in told
    assert set(told) == set(world.told["claims_supported"]), "and nothing else is told"


def resource(world: World, name: str) -> None:
    told = world.alice.client.get("/.well-known/oauth-protected-resource").get_json()
    assert told["resource"] == name


def issuer(world: World, name: str) -> None:
    tokens = world.tokens(world.notes())
    assert {claims_of(tokens[kind])["iss"] for kind in ("id_token", "access_token", "refresh_token")} == {name}


def iss_in_answers(world: World, supported: bool) -> None:
    notes = world.notes()
    assert supported
    assert notes.authorize(world.alice.tokens["accessToken"]).answer["iss"] == world.told["issuer"]
    request, cookie, _ = notes.begin()
    denied = notes.advance(request, {**cookie, **bearer(world.alice.tokens["accessToken"])}, "deny").json["redirect"]
    assert parse_qs(urlsplit(denied).query)["iss"] == [world.told["issuer"]]


def refused_parameter(name: str, error: str) -> Driver:
    """Return what finds that a parameter is refused by name."""

    def drive(world: World, supported: bool) -> None:
        assert not supported
        assert world.refusal(world.notes(), **{name: "https://app.example.net/x"}) == error

    return drive


def claims_parameter(world: World, supported: bool) -> None:
    assert not supported
    asked = '{"id_token":{"email":{"essential":true}}}'
    assert "email" not in claims_of(world.tokens(world.notes(), claims=asked)["id_token"])


def sign_out(world: World, url: str) -> None:
    notes = world.notes()
    query = urlencode({"id_token_hint": world.tokens(notes)["id_token"]})
    answer = world.alice.client.get(f"{urlsplit(url).path}?{query}")
    assert answer.status_code == 303, answer.text
    request = answer.location.rpartition("=")[2]
    step = world.alice.client.post(
        "/auth/sign-outs/advance", json={"request": request}, headers=bearer(world.alice.tokens["accessToken"])
    )
    assert step.get_json()["step"] == "sign_out"


def back_channel(world: World, supported: bool) -> None:
    """The logout token comes, with the session's id."""
    assert supported
    notes, alice = world.notes(), world.alice.login()
    with Server() as server, world.app.app_context():
        world.mongo.apps.update_one({"_id": notes.id}, {"$set": {"backchannelUri": server.url()}})
        tokens = notes.sign_in(alice.tokens["accessToken"])
        assert alice.client.post("/auth/logout", headers=alice.headers).status_code == 204
        assert logout_notices.deliver(Connector(local=True))
    (request,) = server.requests
    told = claims_of(request.rpartition(b"logout_token=")[2].decode())
    assert told["sid"] == claims_of(tokens["id_token"])["sid"]


DRIVERS: dict[str, Driver] = {
    "issuer": issuer,
    "authorization_endpoint": authorize,
    "token_endpoint": exchange,
    "device_authorization_endpoint": ask_by_device,
    "userinfo_endpoint": ask_who,
    "end_session_endpoint": sign_out,
    "backchannel_logout_supported": back_channel,
    "backchannel_logout_session_supported": back_channel,
    "revocation_endpoint": revoke,
    "introspection_endpoint": introspect,
    "jwks_uri": keys,
    "scopes_supported": scope,
    "response_types_supported": response_type,
    "response_modes_supported": response_mode,
    "grant_types_supported": grant_type,
    "subject_types_supported": subject_type,
    "id_token_signing_alg_values_supported": id_token_alg,
    "acr_values_supported": acr,
    "token_endpoint_auth_methods_supported": authenticate("/oauth2/token"),
    "token_endpoint_auth_signing_alg_values_supported": authenticate("/oauth2/token", by_alg=True),
    "revocation_endpoint_auth_methods_supported": authenticate("/oauth2/revoke"),
    "revocation_endpoint_auth_signing_alg_values_supported": authenticate("/oauth2/revoke", by_alg=True),
    "introspection_endpoint_auth_methods_supported": authenticate("/oauth2/introspect"),
    "introspection_endpoint_auth_signing_alg_values_supported": authenticate("/oauth2/introspect", by_alg=True),
    "code_challenge_methods_supported": challenge,
    "prompt_values_supported": prompt,
    "ui_locales_supported": ui_locale,
    "claims_supported": claim,
    "protected_resources": resource,
    "authorization_response_iss_parameter_supported": iss_in_answers,
    "request_parameter_supported": refused_parameter("request", "request_not_supported"),
    "request_uri_parameter_supported": refused_parameter("request_uri", "request_uri_not_supported"),
    "claims_parameter_supported": claims_parameter,
}
"""What tries a value of each member. A new member needs a row, and a new value has to pass its row."""


class TestO44Values:
    def test_each_member_is_tried(self, world: World) -> None:
        assert set(world.told) == set(DRIVERS)

    @pytest.mark.parametrize("name", DRIVERS)
    def test_each_value_works(self, world: World, name: str) -> None:
        values = world.told[name]
        assert values != []
        for value in values if isinstance(values, list) else [values]:
            DRIVERS[name](world, value)

    def test_r103_the_password_grant_is_listed_if_it_is_on(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "password" not in world.told["grant_types_supported"]
        monkeypatch.setitem(world.app.config, "PASSWORD_GRANT", True)
        told = world.alice.client.get(OPENID).get_json()["grant_types_supported"]
        assert [*world.told["grant_types_supported"], "password"] == told
        for name in told:
            grant_type(world, name)

    def test_what_has_to_be_there_is(self, world: World) -> None:
        """OpenID Connect Discovery section 3: RS256 and code above all."""
        assert world.told["issuer"] == HERE
        assert "RS256" in world.told["id_token_signing_alg_values_supported"]
        assert "openid" in world.told["scopes_supported"]
        assert world.told["code_challenge_methods_supported"] == ["S256"]
        assert "none" not in world.told["introspection_endpoint_auth_methods_supported"]

    @pytest.mark.parametrize(
        ("params", "error"),
        [
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"response_type": "id_token"}, "unsupported_response_type"),
            ({"response_type": "code id_token"}, "unsupported_response_type"),
            ({"response_type": "none"}, "unsupported_response_type"),
            ({"response_mode": "fragment"}, "invalid_request"),
            ({"response_mode": "query.jwt"}, "invalid_request"),
            ({"scope": "openid phone"}, "invalid_scope"),
            ({"scope": "openid address"}, "invalid_scope"),
            ({"prompt": "bogus"}, "invalid_request"),
            ({"code_challenge_method": "plain"}, "invalid_request"),
        ],
    )
    def test_what_is_not_listed_does_not_work(self, world: World, params: dict[str, str], error: str) -> None:
        assert world.refusal(world.notes(), **params) == error

    @pytest.mark.parametrize(
        "grant",
        [
            "password",
            "implicit",
            "urn:ietf:params:oauth:grant-type:device_code",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "urn:openid:params:grant-type:ciba",
        ],
    )
    def test_a_grant_that_is_not_listed_does_not_work(self, world: World, grant: str) -> None:
        if grant not in world.told["grant_types_supported"]:
            assert world.notes().token({"grant_type": grant}).error == "unsupported_grant_type"

    def test_no_page_is_listed_that_is_not_there(self, world: World) -> None:
        for name, value in world.told.items():
            if name.endswith(("_endpoint", "_uri")):
                assert send(world.alice.client, "OPTIONS", path_of(value)).status != 404, name


class TestO44Answer:
    @pytest.mark.parametrize("headers", [{}, {"Origin": "https://spa.example.org"}, {"Accept": "text/html"}])
    def test_it_is_the_same_at_both_addresses_byte_for_byte(self, client: FlaskClient, headers: dict[str, str]) -> None:
        """RFC 8414 section 3"""
        first, second = (client.get(path, headers=headers) for path in (OPENID, OAUTH))
        assert first.data == second.data
        assert first.headers["ETag"] == second.headers["ETag"]
        assert first.content_type == second.content_type == "application/json"
        assert first.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in first.headers
        assert client.get(OPENID).data == first.data, "and each time"

    def test_the_issuer_is_that_of_the_setting_to_the_last_byte(self, app: Flask, client: FlaskClient) -> None:
        """RFC 8414 section 3.3: clients compare it with the address that they asked."""
        assert client.get(OPENID).get_json()["issuer"] == app.config["TOKEN_ISSUER"] == HERE

    @pytest.mark.parametrize("path", [OPENID, OAUTH])
    def test_one_that_has_not_changed_is_not_sent_again(self, client: FlaskClient, path: str) -> None:
        """RFC 9110 section 13.1.2"""
        first = client.get(path)
        assert first.headers["Cache-Control"] == "public, max-age=3600"
        for tag in (first.headers["ETag"], f'"other", {first.headers["ETag"]}', "*"):
            again = client.get(path, headers={"If-None-Match": tag})
            assert (again.status_code, again.data) == (304, b"")
            assert again.headers["ETag"] == first.headers["ETag"]
            assert again.headers["Access-Control-Allow-Origin"] == "*"
        assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
        head = client.head(path)
        assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", first.headers["ETag"])

    @pytest.mark.parametrize(
        "path", [f"{OPENID}/", f"{OAUTH}/", f"{OPENID}/tenant", "/oauth2/.well-known/openid-configuration"]
    )
    def test_it_is_nowhere_else(self, client: FlaskClient, path: str) -> None:
        assert client.get(path).status_code == 404

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    def test_it_is_only_read(self, client: FlaskClient, method: str) -> None:
        assert client.open(OPENID, method=method).status_code == 405


HOSTILE = [
    {"Host": "evil.example"},
    {"Host": "localhost:8000@evil.example"},
    {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Proto": "gopher", "X-Forwarded-Port": "1"},
    {"X-Forwarded-Prefix": "/evil"},
    {"Forwarded": "host=evil.example;proto=http"},
    {"X-Original-URL": "//evil.example/", "X-Rewrite-URL": "//evil.example/"},
    {"X-Host": "evil.example", "X-Forwarded-Server": "evil.example"},
    {"Origin": "https://evil.example", "Referer": "https://evil.example/"},
]


@pytest.mark.parametrize("headers", HOSTILE, ids="+".join)
class TestR108Addresses:
    """They are those of PUBLIC_URL and of what is registered, whatever a request says of itself."""

    def test_r108_metadata(self, client: FlaskClient, headers: dict[str, str]) -> None:
        good = client.get(OPENID)
        for path in (OPENID, OAUTH):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 400 or answer.data == good.data

    def test_r108_redirects(self, world: World, headers: dict[str, str]) -> None:
        notes = world.notes()
        query = {"client_id": notes.id, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid"}
        good = {**query, "code_challenge": CHALLENGE, "code_challenge_method": "S256"}
        for params, begins in (
            (good, f"{HERE}/account/authorize?request="),
            (query, f"{CALLBACK}?error="),
            ({**good, "redirect_uri": "https://evil.example/"}, None),
        ):
            answer = send(notes.client, "GET", f"/oauth2/authorize?{urlencode(params)}", headers=headers)
            if answer.status == 303:
                assert begins is not None
                assert answer.headers["Location"].startswith(begins)
                assert "evil" not in answer.headers["Location"]
            else:
                assert answer.status == 400
                assert "Location" not in answer.headers
                assert begins is None or "Host" in headers

    def test_r108_sign_outs(self, world: World, headers: dict[str, str]) -> None:
        query = urlencode({"post_logout_redirect_uri": "https://evil.example/", "client_id": world.notes().id})
        answer = send(world.alice.client, "GET", f"/oauth2/logout?{query}", headers=headers)
        if answer.status == 303:
            assert answer.headers["Location"].startswith(f"{HERE}/account/sign-out?request=")
            assert "evil" not in answer.headers["Location"]
        else:
            assert answer.status == 400
            assert "Host" in headers

    def test_r108_tokens(self, world: World, headers: dict[str, str]) -> None:
        notes = world.notes()
        code = notes.authorize(world.alice.tokens["accessToken"])
        own, _ = notes.credentials()
        answer = notes.token(code.form, headers={**own, **headers})
        if answer.status == 200:
            for name in ("id_token", "access_token", "refresh_token"):
                assert claims_of(answer.json[name])["iss"] == HERE
            assert claims_of(answer.json["access_token"])["aud"] == f"{HERE}/oauth2/userinfo"
        else:
            assert "Host" in headers


ISSUER = "https://login.example.com"


@pytest.fixture
def elsewhere(make_app: Callable[..., Flask], clean: None) -> Flask:
    """Return a service whose issuer is another address than its own."""
    return make_app(TOKEN_ISSUER=ISSUER)


class TestO44AnotherIssuer:
    """TOKEN_ISSUER is not PUBLIC_URL: a proxy at the issuer's address passes the metadata on."""

    def test_the_issuer_is_the_same_everywhere_and_addresses_are_those_of_the_service(self, elsewhere: Flask) -> None:
        client = elsewhere.test_client(use_cookies=False)
        told = client.get(OPENID).get_json()
        assert client.get(OAUTH).get_json() == told
        assert told["issuer"] == ISSUER
        assert {value[: len(HERE) + 1] for name, value in told.items() if name.endswith(("_endpoint", "_uri"))} == {
            f"{HERE}/"
        }
        person = Person(client, f"{secrets.token_hex(4)}@example.com", "correct horse battery").register()
        notes = new_app(elsewhere, client)
        code = notes.authorize(person.tokens["accessToken"])
        assert code.answer["iss"] == ISSUER
        tokens = notes.exchange(code).json
        assert claims_of(tokens["id_token"])["iss"] == ISSUER
        assert notes.userinfo(tokens["access_token"]).json["sub"] == person.id
        assert claims_of(notes.refresh(tokens["refresh_token"]).json["id_token"])["iss"] == ISSUER

    def test_the_doctor_says_what_that_needs_once_there_are_apps(self, elsewhere: Flask, app: Flask) -> None:
        def found(service: Flask) -> bool:
            return "TOKEN_ISSUER" in service.test_cli_runner().invoke(args=["doctor"]).output

        assert not found(elsewhere)
        new_app(elsewhere, elsewhere.test_client())
        said = elsewhere.test_cli_runner().invoke(args=["doctor"]).output
        assert f"{ISSUER}/.well-known/" in said
        assert not found(app)
