"""Metadata documents: apps that nobody has registered. R102, R103, R105, O6, O21."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine
import trustme
from flask import Flask
from flask.testing import FlaskClient

from authsvc.models.apps import App, AppKind
from authsvc.services import app_documents
from tests.api.forging import claims_of
from tests.conftest import Person, problem
from tests.support.accounts import Database
from tests.support.app_documents import CALLBACK, HOST, DocumentServer, answering, asking, described
from tests.support.assertions import assertion, public_jwks, shown
from tests.support.commands import flask
from tests.support.oauth import TOKEN, Answer, AppClient, bearer, challenge_of, new_app, send
from tests.support.outside import Behaviour, dripping, saying, silent
from tests.support.races import race
from tests.support.sign_ins import limited

VERIFIER = "v" * 43
PAGE = "It describes itself at an address of its own"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return who vouches for the servers of these tests."""
    return trustme.CA()


@pytest.fixture
def server(app: Flask, client: FlaskClient, authority: trustme.CA) -> Iterator[DocumentServer]:
    """Return a server with a good document, which the application asks."""
    with DocumentServer(authority) as running, asking(app, authority):
        running.show()
        yield running


@pytest.fixture
def assistant(client: FlaskClient, server: DocumentServer) -> AppClient:
    """Return the app of that document."""
    return described(client, server.address())


@contextmanager
def later(**span: float) -> Iterator[None]:
    """Let time pass."""
    with time_machine.travel(datetime.now(UTC) + timedelta(**span), tick=True):
        yield


def ask(client: FlaskClient, client_id: str, redirect_uri: str = CALLBACK, **params: str) -> Answer:
    """Begin to sign somebody in."""
    query = {
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": "openid",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        **params,
    }
    return send(client, "GET", f"/oauth2/authorize?{urlencode(query)}")


def refused(answer: Answer) -> str:
    """Assert that an answer is a page, and leads nowhere; return it."""
    assert answer.status == 400, answer.text
    assert "Location" not in answer.headers
    assert not answer.cookies
    assert answer.headers["Content-Type"].startswith("text/html")
    return answer.text


def consent(assistant: AppClient, person: Person, **params: str) -> dict[str, Any]:
    """Return the first step of a request."""
    request, cookie, _ = assistant.begin(**params)
    return dict(assistant.advance(request, {**cookie, **person.headers}).json)


class TestSignIn:
    def test_r102_o6_an_app_that_nobody_registered_signs_somebody_in(
        self, assistant: AppClient, alice: Person, server: DocumentServer, mongo: Database
    ):
        tokens = assistant.sign_in(alice.tokens["accessToken"], nonce="n")
        assert assistant.userinfo(tokens["access_token"]).json["sub"] == alice.id
        assert claims_of(tokens["id_token"])["aud"] == assistant.id == server.address()
        assert claims_of(tokens["access_token"])["client_id"] == assistant.id
        assert assistant.refresh(tokens["refresh_token"]).status == 200
        (request,) = server.requests
        assert request.startswith(b"GET /client.json HTTP/1.1\r\n")
        assert b"accept: application/json" in request.lower()
        assert mongo.apps.find_one({"_id": assistant.id})["document"]["allowedAt"] is not None

    def test_r102_o21_people_are_asked_each_time_and_told_of_both_hosts(
        self, assistant: AppClient, alice: Person, server: DocumentServer
    ):
        server.show(redirect_uris=["https://elsewhere.example.org/callback"], client_name="Your <b>bank</b>")
        assistant.redirect_uri = "https://elsewhere.example.org/callback"
        for _ in range(2):
            step = consent(assistant, alice)
            assert step["step"] == "consent"
            assert step["app"] == {
                "name": "Your <b>bank</b>",
                "verified": False,
                "host": "elsewhere.example.org",
                "document": f"{HOST}:{server.port}",
            }
            assistant.sign_in(alice.tokens["accessToken"])

    def test_r102_an_app_without_a_name_is_called_by_its_host(
        self, assistant: AppClient, alice: Person, server: DocumentServer
    ):
        server.show(client_name=None)
        assert consent(assistant, alice)["app"]["name"] == f"{HOST}:{server.port}"

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_an_app_of_ours_has_no_document(self, app: Flask, client: FlaskClient, alice: Person, method: str):
        notes = new_app(app, client)
        assert consent(notes, alice)["app"]["document"] is None

    def test_o4_the_port_of_an_installed_app_is_free(self, assistant: AppClient, alice: Person, server: DocumentServer):
        server.show(redirect_uris=["http://127.0.0.1/callback"])
        assert assistant.sign_in(alice.tokens["accessToken"], redirect_uri="http://127.0.0.1:50123/callback")
        refused(ask(assistant.client, assistant.id, "http://localhost:50123/callback"))

    def test_o4_that_of_a_page_is_not(self, client: FlaskClient, server: DocumentServer):
        server.show(redirect_uris=["http://127.0.0.1/callback"], application_type="web")
        refused(ask(client, server.address(), "http://127.0.0.1:50123/callback"))

    @pytest.mark.parametrize("there", ["jwks", "jwks_uri"])
    def test_o26_an_app_with_keys_must_use_them(
        self, assistant: AppClient, alice: Person, server: DocumentServer, there: str
    ):
        method = {"token_endpoint_auth_method": "private_key_jwt"}
        if there == "jwks":
            server.show(jwks=public_jwks("ES256"), **method)
        else:
            document = server.document(jwks_uri=server.address("/keys"), **method)
            pages = {b"/client.json": document, b"/keys": public_jwks("ES256")}
            server.behaviour = lambda connection, request: answering(pages[request.split(b" ")[1]])(connection, request)
        code = assistant.authorize(alice.tokens["accessToken"])
        assert assistant.exchange(code).error == "invalid_client"
        code = assistant.authorize(alice.tokens["accessToken"])
        tokens = assistant.token({**code.form, **shown(assertion(assistant.id))})
        assert tokens.status == 200, tokens.text
        told = assistant.post(
            "/oauth2/introspect", {"token": tokens.json["access_token"], **shown(assertion(assistant.id))}
        )
        assert told.json["active"] is True
        assert len(server.requests) == (1 if there == "jwks" else 2)

    def test_r105_what_is_not_known_is_ignored_and_nothing_is_fetched(
        self, assistant: AppClient, alice: Person, server: DocumentServer
    ):
        """The logo above all."""
        server.show(
            logo_uri=server.address("/logo.png"),
            client_uri=server.address("/about"),
            policy_uri="http://169.254.169.254/",
            sector_identifier_uri=server.address("/sector"),
            backchannel_logout_uri=server.address("/out"),
            post_logout_redirect_uris=[server.address("/bye")],
            software_statement="x.y.z",
            contacts=["a@example.com"],
            grant_types=["authorization_code", "client_credentials", "implicit", "urn:x"],
            scope="openid mcp:tools account:read users:write",
        )
        tokens = assistant.sign_in(alice.tokens["accessToken"], scope="openid")
        assert "refresh_token" not in tokens
        assert len(server.requests) == 1
        assert assistant.token({"grant_type": "client_credentials"}).error == "unauthorized_client"
        refusal = consent_refusal(assistant, alice, scope="openid account:read")
        assert refusal == ["invalid_scope"]
        query = urlencode({"client_id": assistant.id, "post_logout_redirect_uri": server.address("/bye")})
        asked = send(assistant.client, "GET", f"/oauth2/logout?{query}")
        body = {"request": parse_qs(urlsplit(asked.headers["Location"]).query)["request"][0]}
        step = send(assistant.client, "POST", "/auth/sign-outs/advance", json=body).json
        assert (step["step"], step["redirect"]) == ("done", None)
        assert step["app"]["name"] == f"Assistant ({HOST}:{server.port})"


def consent_refusal(assistant: AppClient, person: Person, **params: str) -> list[str]:
    """Return the error that the page would take to the app, if the person wants that."""
    step = consent(assistant, person, **params)
    assert (step["step"], step["confirm"]) == ("done", True), step
    return parse_qs(urlsplit(step["redirect"]).query)["error"]


class TestDevices:
    """O47 for such apps: the device endpoint too may be where one is seen first."""

    CODE = "urn:ietf:params:oauth:grant-type:device_code"

    def test_o47_r102_a_device_is_signed_in_after_a_question(
        self, assistant: AppClient, alice: Person, server: DocumentServer, mongo: Database
    ):
        server.show(grant_types=[self.CODE, "refresh_token"], redirect_uris=None)
        codes = assistant.post("/oauth2/device", {"scope": "openid"}).json
        form = {"grant_type": self.CODE, "device_code": codes["device_code"]}
        assert assistant.token(form).error == "authorization_pending"
        body = {"userCode": codes["user_code"]}
        step = assistant.client.post("/auth/devices/advance", json=body, headers=alice.headers).get_json()
        assert step["app"] == {"name": "Assistant", "verified": False, "document": f"{HOST}:{server.port}"}
        body["decision"] = "allow"
        assert assistant.client.post("/auth/devices/advance", json=body, headers=alice.headers).status_code == 200
        assert mongo.apps.find_one({"_id": assistant.id})["document"]["allowedAt"] is not None
        with later(seconds=6):
            tokens = assistant.token(form)
            assert tokens.status == 200, tokens.text
            assert assistant.userinfo(tokens.json["access_token"]).json["sub"] == alice.id

    def test_o47_only_if_the_document_says_so(self, assistant: AppClient):
        assert assistant.post("/oauth2/device", {}).error == "unauthorized_client"

    def test_r105_one_that_can_not_be_had_gets_no_codes(self, assistant: AppClient, server: DocumentServer):
        server.behaviour = raw(b"")
        begun = time.monotonic()
        answer = assistant.post("/oauth2/device", {})
        assert (answer.status, answer.error) == (401, "invalid_client")
        assert time.monotonic() - begun >= 1

    def test_r103_nor_one_that_is_not_admitted(
        self, app: Flask, assistant: AppClient, alice: Person, server: DocumentServer
    ):
        server.show(grant_types=[self.CODE], redirect_uris=None)
        codes = assistant.post("/oauth2/device", {"scope": "openid"}).json
        app.config["APP_DOCUMENTS"] = ["off"]
        assert assistant.post("/oauth2/device", {}).error == "invalid_client"
        assert assistant.token({"grant_type": self.CODE, "device_code": codes["device_code"]}).error == "invalid_client"
        body = {"userCode": codes["user_code"], "decision": "allow"}
        answer = assistant.client.post("/auth/devices/advance", json=body, headers=alice.headers)
        assert answer.get_json()["code"] == "user_code_invalid"


class TestResources:
    def test_o35_those_of_the_setting_and_no_other(
        self, app: Flask, client: FlaskClient, alice: Person, authority: trustme.CA
    ):
        mcp = "https://mcp.example.com/mcp"
        with DocumentServer(authority) as server, asking(app, authority, resources=(mcp,)):
            server.show()
            assistant = described(client, server.address())
            tokens = assistant.sign_in(alice.tokens["accessToken"], resource=mcp)
            assert claims_of(tokens["access_token"])["aud"] == mcp
            refreshed = assistant.refresh(tokens["refresh_token"], resource=mcp)
            assert claims_of(refreshed.json["access_token"])["aud"] == mcp
            for other in ("https://other.example.com/", app.config["TOKEN_AUDIENCE"], f"{app.config['PUBLIC_URL']}/"):
                assert consent_refusal(assistant, alice, resource=other) == ["invalid_target"]
            app.config["APP_DOCUMENT_RESOURCES"] = []
            assert assistant.refresh(refreshed.json["refresh_token"]).error == "invalid_target"

    def test_o46_with_keys_it_learns_of_its_own_tokens_only(
        self, app: Flask, client: FlaskClient, alice: Person, authority: trustme.CA
    ):
        mcp = "https://mcp.example.com/mcp"
        notes = new_app(app, client, resources=[mcp])
        theirs = notes.sign_in(alice.tokens["accessToken"], resource=mcp)["access_token"]
        with DocumentServer(authority) as server, asking(app, authority, resources=(mcp,)):
            server.show(token_endpoint_auth_method="private_key_jwt", jwks=public_jwks("ES256"))
            assistant = described(client, server.address())
            assistant.authorize(alice.tokens["accessToken"])
            told = assistant.post("/oauth2/introspect", {"token": theirs, **shown(assertion(assistant.id))})
            assert told.json == {"active": False}


class TestAddress:
    @pytest.mark.parametrize(
        "path",
        [
            *(
                "",
                "/",
                "/a/../client.json",
                "/a/./client.json",
                "/..",
                "/%2e%2e/client.json",
                "/a%2Fb",
                "//client.json",
            ),
            *("/client.json#x", "/client.json?x=1", "/client.json?", "/a b", "/%", "/%zz", "/client.json\\", "/é"),
            *("/" + "x" * 520, "/%00", "/a//b", "/client.json%0A"),
        ],
    )
    def test_o6_r105_what_no_client_id_may_be(self, client: FlaskClient, server: DocumentServer, path: str):
        address = f"https://{HOST}:{server.port}{path}"
        server.behaviour = answering(server.document(client_id=address))
        assert PAGE not in refused(ask(client, address)), "it is unknown like any other"
        assert server.connections == 0

    @pytest.mark.parametrize(
        "address",
        [
            *(
                "http://{place}/c.json",
                "HTTPS://{place}/c.json",
                "https://user@{place}/c.json",
                "https://u:p@{place}/c",
            ),
            *(
                "https://APP.example.net:{port}/c.json",
                "https://{place}./c.json",
                "https:/{place}/c.json",
                "//{place}/c",
            ),
            *("https://127.0.0.1:{port}/c.json", "https://[::1]:{port}/c.json", "https://2130706433:{port}/c.json"),
            *("https://0x7f.1:{port}/c.json", "https://127.1:{port}/c.json", "https://app.example.net:0{port}/c.json"),
            *("https://app.example.net:/c.json", "https://äpp.example.net:{port}/c.json", "https://intranet:{port}/c"),
            *("https://app%2eexample.net:{port}/c", "https://app.example.net:{port}@evil.example/c", "https:///c"),
            *("https://app.example.net:22/c.json", "https://app.example.net:80/c", "https://app.example.net:65536/c"),
            *("https://evil.example\\@{place}/c", "https://{place}", "https://app_0/c", "javascript:alert(1)"),
        ],
    )
    def test_o6_r105_what_no_host_may_be(self, client: FlaskClient, server: DocumentServer, address: str):
        address = address.format(place=f"{HOST}:{server.port}", port=server.port)
        server.behaviour = answering(server.document(client_id=address))
        refused(ask(client, address))
        assert server.connections == 0

    @pytest.mark.parametrize("name", ["PUBLIC_URL", "TOKEN_ISSUER", "TOKEN_AUDIENCE"])
    def test_o6_none_is_at_an_origin_that_tokens_name(
        self, app: Flask, client: FlaskClient, server: DocumentServer, monkeypatch: pytest.MonkeyPatch, name: str
    ):
        """T3: an ID token for it would pass for a token of a person at a service that looks at no type."""
        monkeypatch.setitem(app.config, name, f"https://{HOST}:{server.port}")
        refused(ask(client, server.address()))
        assert server.connections == 0

    def test_o6_none_is_a_registered_resource(self, app: Flask, client: FlaskClient, server: DocumentServer):
        new_app(app, client, resources=[server.address()])
        assert PAGE in refused(ask(client, server.address()))

    def test_o6_ids_of_ours_are_none_of_theirs(self, app: Flask, client: FlaskClient, server: DocumentServer):
        notes = new_app(app, client)
        server.show("/notes", client_id=notes.id)
        assert PAGE in refused(ask(client, server.address("/notes")))
        for near in (f"https://{notes.id}", f"https://{HOST}:{server.port}/{notes.id}"):
            refused(ask(client, near))

    def test_r105_parameters_that_are_there_twice_lead_nowhere(self, client: FlaskClient, server: DocumentServer):
        query = urlencode([("client_id", server.address())] * 2 + [("redirect_uri", CALLBACK)])
        refused(send(client, "GET", f"/oauth2/authorize?{query}"))
        refused(send(client, "GET", f"/oauth2/authorize?{urlencode({'client_id': server.address()})}"))
        assert server.connections == 0


def raw(body: bytes, status: str = "200 OK", content_type: str = "application/json", **headers: str) -> Behaviour:
    """Return a behaviour that answers with these bytes."""
    return saying(status, body, Content_Type=content_type, **headers)


def text_of(server: DocumentServer, **members: Any) -> bytes:
    """Return a document as it is sent."""
    return json.dumps(server.document(**members)).encode()


Bad = Callable[[DocumentServer], Behaviour]

BAD_ANSWERS: dict[str, Bad] = {
    "another client_id": lambda at: raw(text_of(at, client_id="https://other.example/client.json")),
    "a client_id with the port left out": lambda at: raw(text_of(at, client_id=f"https://{HOST}/client.json")),
    "a client_id in another case": lambda at: raw(text_of(at, client_id=at.address().upper())),
    "a client_id that is a list": lambda at: raw(text_of(at, client_id=[at.address()])),
    "no client_id": lambda at: raw(text_of(at, client_id=None)),
    "an array": lambda at: raw(b"[" + text_of(at) + b"]"),
    "a text": lambda at: raw(json.dumps(at.address()).encode()),
    "null": lambda _: raw(b"null"),
    "nothing": lambda _: raw(b""),
    "not JSON": lambda _: raw(b"<html>"),
    "cut off": lambda at: raw(text_of(at)[:-1]),
    "two documents": lambda at: raw(text_of(at) * 2),
    "NaN": lambda at: raw(text_of(at)[:-1] + b', "x": NaN}'),
    "Infinity": lambda at: raw(text_of(at)[:-1] + b', "x": 1e999}'),
    "deep": lambda at: raw(text_of(at)[:-1] + b', "x": ' + b"[" * 2000 + b"]" * 2000 + b"}"),
    "duplicate keys": lambda at: raw(text_of(at)[:-1] + b', "client_name": "Other"}'),
    "duplicate client_id": lambda at: raw(b'{"client_id": "x", ' + text_of(at)[1:]),
    "not UTF-8": lambda at: raw(text_of(at).replace(b"Assistant", b"Assist\xe4nt")),
    "UTF-16": lambda at: raw(text_of(at).decode().encode("utf-16")),
    "a byte order mark": lambda at: raw(b"\xef\xbb\xbf" + text_of(at)),
    "another charset": lambda at: raw(text_of(at), content_type="application/json; charset=latin-1"),
    "6 kB": lambda at: raw(text_of(at)[:-1] + b', "x": "' + b"x" * 6000 + b'"}'),
    "HTML by its type": lambda at: raw(text_of(at), content_type="text/html"),
    "text by its type": lambda at: raw(text_of(at), content_type="text/plain"),
    "no type": lambda at: saying("200 OK", text_of(at)),
    "compressed": lambda at: raw(text_of(at), Content_Encoding="gzip"),
    "301": lambda at: raw(b"", "301 Moved Permanently", Location=at.address("/other")),
    "302 inwards": lambda _: raw(b"", "302 Found", Location="http://169.254.169.254/"),
    "307 with a document": lambda at: raw(text_of(at), "307 Temporary Redirect", Location=at.address("/other")),
    "201": lambda at: raw(text_of(at), "201 Created"),
    "204": lambda _: saying("204 No Content"),
    "206": lambda at: raw(text_of(at), "206 Partial Content"),
    "404 with a document": lambda at: raw(text_of(at), "404 Not Found"),
    "500": lambda at: raw(text_of(at), "500 Oh"),
    "silent": lambda _: silent,
    "a slow head": lambda _: dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "a slow body": lambda _: dripping(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{", b" "),
    "not HTTP": lambda _: lambda connection, _request: connection.sendall(b"SSH-2.0-x\r\n"),
    "closed at once": lambda _: lambda _connection, _request: None,
}
"""What servers answer that are wrong, broken, or no good."""

_URI = "redirect_uris"
BAD_MEMBERS: dict[str, dict[str, Any]] = {
    "no redirect_uris": {_URI: None},
    "no list": {_URI: CALLBACK},
    "an empty list": {_URI: []},
    "numbers": {_URI: [1]},
    "an object": {_URI: {"0": CALLBACK}},
    "too many": {_URI: [f"{CALLBACK}/{number}" for number in range(21)]},
    "javascript": {_URI: [CALLBACK, "javascript:alert(1)"]},
    "javascript with slashes": {_URI: [CALLBACK, "javascript://a.example/%0Aalert(1)"]},
    "data": {_URI: [CALLBACK, "data:text/html,x"]},
    "http": {_URI: [CALLBACK, "http://app.example.net/callback"]},
    "a fragment": {_URI: [CALLBACK, f"{CALLBACK}#x"]},
    "userinfo": {_URI: [CALLBACK, "https://user@app.example.net/"]},
    "an address of ours": {_URI: [CALLBACK, "http://localhost:8000/account/"]},
    "a line break": {_URI: [CALLBACK, f"{CALLBACK}\r\nX: y"]},
    "a long one": {_URI: [CALLBACK, f"{CALLBACK}/{'x' * 2000}"]},
    "a surrogate": {_URI: [CALLBACK, f"{CALLBACK}/\ud800"]},
    "a secret": {"client_secret": "x"},
    "a secret that expires": {"client_secret_expires_at": 0},
    "a secret by its method": {"token_endpoint_auth_method": "client_secret_basic"},
    "a secret in the form": {"token_endpoint_auth_method": "client_secret_post"},
    "a shared key": {"token_endpoint_auth_method": "client_secret_jwt"},
    "TLS": {"token_endpoint_auth_method": "tls_client_auth"},
    "a method that is none": {"token_endpoint_auth_method": ["none"]},
    "no keys": {"token_endpoint_auth_method": "private_key_jwt"},
    "empty keys": {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}},
    "keys that are a text": {"token_endpoint_auth_method": "private_key_jwt", "jwks": "x"},
    "keys twice": {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}, "jwks_uri": "x"},
    "keys elsewhere": {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://keys.example/"},
    "keys inside": {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://169.254.169.254/"},
    "keys at no address": {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://["},
    "keys that are a number": {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": 1},
    "a shared key in the keys": {
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [{"kty": "oct", "k": "eA"}]},
    },
    "a name that is a list": {"client_name": ["Assistant"]},
    "a name that is a number": {"client_name": 1},
    "an empty name": {"client_name": ""},
    "a long name": {"client_name": "x" * 101},
    "a name in two lines": {"client_name": "Assistant\nis verified"},
    "a name that turns the direction": {"client_name": "Assistant \u202egnp.exe"},
    "a name of surrogates": {"client_name": "\ud800"},
    "grant_types that are a text": {"grant_types": "authorization_code"},
    "grant_types of numbers": {"grant_types": [1]},
    "no grant_types of ours": {"grant_types": ["implicit", "client_credentials"]},
    "refresh alone": {"grant_types": ["refresh_token"]},
    "response_types that are a text": {"response_types": "code"},
    "response_types without code": {"response_types": ["token"]},
    "a scope that is a list": {"scope": ["openid"]},
    "no scope of ours": {"scope": "mcp:tools"},
    "an algorithm that is none": {"id_token_signed_response_alg": "none"},
    "an algorithm that is a list": {"id_token_signed_response_alg": ["RS256"]},
}
"""Members of documents that make them no good."""


class TestBadDocuments:
    """R105: one page for all of them, nothing kept, nothing sent, and the same time, so that nobody can look around."""

    @pytest.fixture
    def server(self, app: Flask, client: FlaskClient, authority: trustme.CA) -> Iterator[DocumentServer]:
        with DocumentServer(authority) as running, asking(app, authority, seconds=0.3):
            yield running

    @pytest.mark.parametrize("name", BAD_ANSWERS)
    def test_r105_an_answer(self, client: FlaskClient, server: DocumentServer, mongo: Database, name: str):
        server.behaviour = BAD_ANSWERS[name](server)
        self.check(client, server, mongo)
        assert server.connections == 1, "nothing else is asked for"

    @pytest.mark.parametrize("name", BAD_MEMBERS)
    def test_r105_a_member(self, client: FlaskClient, server: DocumentServer, mongo: Database, name: str):
        server.show(**BAD_MEMBERS[name])
        self.check(client, server, mongo)

    @pytest.mark.parametrize("keys", [b"{}", b"[]", b"<", b'{"keys": [{"kty": "oct", "k": "eA"}]}', b"x" * 6000])
    def test_r105_keys_elsewhere(self, client: FlaskClient, server: DocumentServer, mongo: Database, keys: bytes):
        document = text_of(server, token_endpoint_auth_method="private_key_jwt", jwks_uri=server.address("/keys"))
        server.behaviour = lambda connection, request: raw(document if b"/client" in request[:20] else keys)(
            connection, request
        )
        self.check(client, server, mongo)
        assert server.connections == 2

    @pytest.mark.parametrize(
        "address", ["10.0.0.1", "169.254.169.254", "192.168.1.1", "::1", "fd00::1", "100.64.0.1", "0.0.0.0"]
    )
    def test_r105_an_inner_address(
        self,
        app: Flask,
        client: FlaskClient,
        server: DocumentServer,
        authority: trustme.CA,
        mongo: Database,
        address: str,
    ):
        server.show()
        with asking(app, authority, seconds=0.3, resolve=lambda *_: [address], local=False):
            self.check(client, server, mongo)
        assert server.connections == 0

    def test_r105_this_machine(
        self, app: Flask, client: FlaskClient, server: DocumentServer, authority: trustme.CA, mongo: Database
    ):
        server.show()
        with asking(app, authority, seconds=0.3, local=False):
            self.check(client, server, mongo)
            self.check(client, server, mongo, f"https://localhost:{server.port}/client.json")
        assert server.connections == 0

    def test_r105_a_name_that_nobody_knows(
        self, app: Flask, client: FlaskClient, server: DocumentServer, authority: trustme.CA, mongo: Database
    ):
        def unknown(*_: Any) -> list[str]:
            raise OSError("unknown")

        with asking(app, authority, seconds=0.3, resolve=unknown):
            self.check(client, server, mongo)

    def test_r105_a_name_that_leads_elsewhere_the_second_time(
        self, app: Flask, client: FlaskClient, server: DocumentServer, authority: trustme.CA, mongo: Database
    ):
        """Rebinding: it is looked up once for each request, and what was found is what is asked."""
        server.show()
        turns = iter([["127.0.0.1"], ["169.254.169.254"]])
        with asking(app, authority, seconds=0.3, resolve=lambda *_: next(turns)):
            assert ask(client, server.address()).status == 303
            with later(hours=25):
                assert PAGE in refused(ask(client, server.address()))
        assert server.connections == 1

    def test_r105_a_certificate_that_nobody_vouches_for(
        self, app: Flask, client: FlaskClient, server: DocumentServer, mongo: Database
    ):
        server.show()
        with asking(app, trustme.CA(), seconds=0.3):
            self.check(client, server, mongo)

    def test_r105_plain_http(self, app: Flask, client: FlaskClient, authority: trustme.CA, mongo: Database):
        with asking(app, authority, seconds=0.3):
            refused(ask(client, "http://localhost/client.json"))

    def test_r105_the_page_quotes_nothing(self, client: FlaskClient, server: DocumentServer, mongo: Database):
        pages = set()
        for name in ("404 with a document", "silent", "another client_id"):
            server.behaviour = BAD_ANSWERS[name](server)
            pages.add(refused(ask(client, server.address())))
        assert len(pages) == 1
        assert HOST not in pages.pop()

    def check(self, client: FlaskClient, server: DocumentServer, mongo: Database, address: str | None = None) -> None:
        begun = time.monotonic()
        answer = ask(client, address or server.address())
        took = time.monotonic() - begun
        assert PAGE in refused(answer)
        assert 0.3 <= took < 1.5, "a failure takes its time, whatever it is"
        assert mongo.apps.count_documents({}) == 0
        assert mongo.authorizations.count_documents({}) == 0


class TestRedirectUris:
    @pytest.mark.parametrize(
        "uri",
        [
            *("https://app.example.net/callback/", "https://app.example.net/Callback", "https://evil.example/callback"),
            *("https://app.example.net/callback?x=1", "https://app.example.net:444/callback", "javascript:alert(1)"),
        ],
    )
    def test_o2_o3_it_is_one_of_the_document_or_a_page_says_so(
        self, client: FlaskClient, server: DocumentServer, uri: str
    ):
        refused(ask(client, server.address(), uri))

    def test_r105_one_that_the_document_no_longer_names_gets_no_code(
        self, assistant: AppClient, alice: Person, server: DocumentServer
    ):
        """Neither where somebody is asked meanwhile, nor where they have allowed it."""
        request, cookie, _ = assistant.begin()
        code = assistant.authorize(alice.tokens["accessToken"])
        server.show(redirect_uris=["https://app.example.net/other"])
        self.look_again(assistant, server)
        assert assistant.advance(request, {**cookie, **alice.headers}, "allow").json["code"] == "request_gone"
        assert assistant.exchange(code).error == "invalid_grant"

    def look_again(self, assistant: AppClient, server: DocumentServer) -> None:
        App.objects(id=assistant.id).update(set__document__fresh_until=datetime.now(UTC))
        assert ask(assistant.client, assistant.id, "https://app.example.net/other").status == 303

    @pytest.mark.parametrize(
        ("params", "error"),
        [
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"scope": "nothing"}, "invalid_scope"),
            ({"code_challenge": "x"}, "invalid_request"),
            ({"prompt": "none"}, "consent_required"),
            ({"request": "x"}, "request_not_supported"),
            ({"id_token_hint": "x"}, "invalid_request"),
        ],
    )
    @pytest.mark.parametrize("mode", ["query", "form_post"])
    def test_r102_nobody_is_led_there_by_a_refusal(
        self, assistant: AppClient, alice: Person, params: dict[str, str], error: str, mode: str
    ):
        """RFC 9700 section 4.11.2: else each document would make us an open redirector."""
        for signed_in in (True, False):
            asked = ask(assistant.client, assistant.id, response_mode=mode, state="s", **params)
            assert asked.status == 303
            assert asked.headers["Location"].startswith("http://localhost:8000/account/authorize?request=")
            request = parse_qs(urlsplit(asked.headers["Location"]).query)["request"][0]
            cookie = {"Cookie": asked.cookies[0].partition(";")[0]}
            step = assistant.advance(request, {**cookie, **(alice.headers if signed_in else {})}).json
            assert (step["step"], step["confirm"]) == ("done", True)
            fields = step.get("fields") or {k: v[0] for k, v in parse_qs(urlsplit(step["redirect"]).query).items()}
            wanted = error if signed_in or error != "consent_required" else "login_required"
            assert (fields["error"], fields["state"]) == (wanted, "s")

    @pytest.mark.parametrize("decision", ["allow", "deny"])
    def test_who_has_decided_goes_at_once(self, assistant: AppClient, alice: Person, decision: str):
        request, cookie, _ = assistant.begin()
        step = assistant.advance(request, {**cookie, **alice.headers}, decision).json
        assert (step["step"], step["confirm"]) == ("done", False)

    @pytest.mark.parametrize(("prompt", "decision"), [("none", None), ("login", "deny")])
    def test_o19_it_gets_whom_it_expects_or_nobody(
        self, assistant: AppClient, alice: Person, bob: Person, prompt: str, decision: str | None
    ):
        """R102: if nobody has decided, nobody is led there by that either."""
        hint = assistant.sign_in(alice.tokens["accessToken"])["id_token"]
        request, cookie, _ = assistant.begin(id_token_hint=hint, prompt=prompt)
        if decision is not None:
            assert assistant.advance(request, {**cookie, **bob.headers}).json["step"] == "switch"
        step = assistant.advance(request, {**cookie, **bob.headers}, decision).json
        assert (step["step"], step["confirm"]) == ("done", decision is None)
        assert parse_qs(urlsplit(step["redirect"]).query)["error"] == ["login_required"]

    def test_an_app_of_ours_needs_no_such_question(self, app: Flask, client: FlaskClient, alice: Person):
        request, cookie, _ = (notes := new_app(app, client)).begin(prompt="none")
        assert notes.advance(request, {**cookie, **alice.headers}).json["confirm"] is False
        assert ask(client, notes.id, response_type="token").headers["Location"].startswith("https://app.example.net/")


class TestFreshness:
    """R105, and RFC 9111 as far as it is bounded."""

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({}, 3600),
            ({"Cache_Control": "max-age=7200"}, 7200),
            ({"Cache_Control": "public, Max-Age=7200, must-revalidate"}, 7200),
            ({"Cache_Control": 'max-age="7200"'}, 7200),
            ({"Cache_Control": "max-age=7200", "Age": "1200"}, 6000),
            ({"Cache_Control": "max-age=7200, s-maxage=600"}, 600),
            ({"Cache_Control": "max-age=7200, max-age=60000"}, 7200),
            ({"Cache_Control": "max-age=0"}, 300),
            ({"Cache_Control": "max-age=1", "Age": "99999999999999999999"}, 300),
            ({"Cache_Control": "max-age=-1"}, 300),
            ({"Cache_Control": "max-age=x"}, 300),
            ({"Cache_Control": "no-store"}, 300),
            ({"Cache_Control": "no-cache, max-age=7200"}, 300),
            ({"Cache_Control": "max-age=31536000"}, 86400),
            ({"Cache_Control": "max-age=999999999999999999999"}, 300),
            ({"Expires": "0"}, 300),
            ({"Expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, 300),
            ({"Expires": "Fri, 31 Dec 9999 23:59:59 GMT"}, 86400),
            ({"Expires": "Fri, 31 Dec 99999 23:59:59 GMT"}, 300),
        ],
    )
    def test_r105_it_is_asked_again_when_that_is_over(
        self, client: FlaskClient, server: DocumentServer, mongo: Database, headers: dict[str, str], seconds: int
    ):
        server.show(headers=headers)
        assert ask(client, server.address()).status == 303
        stored = mongo.apps.find_one({"_id": server.address()})["document"]
        lasts = (stored["freshUntil"] - stored["fetchedAt"]).total_seconds()
        assert abs(lasts - seconds) < 3
        with later(seconds=seconds - 10):
            ask(client, server.address())
        assert len(server.requests) == 1
        with later(seconds=seconds + 10):
            ask(client, server.address())
        assert len(server.requests) == 2

    def test_r105_one_with_keys_is_asked_within_the_hour(self, client: FlaskClient, server: DocumentServer):
        keys = {"token_endpoint_auth_method": "private_key_jwt", "jwks": public_jwks("ES256")}
        server.show(headers={"Cache_Control": "max-age=86400"}, **keys)
        for minutes in (0, 59, 61):
            with later(minutes=minutes):
                assert ask(client, server.address()).status == 303
        assert len(server.requests) == 2

    def test_r105_failures_are_not_kept(self, client: FlaskClient, server: DocumentServer):
        good, server.behaviour = server.behaviour, BAD_ANSWERS["500"](server)
        refused(ask(client, server.address()))
        server.behaviour = good
        assert ask(client, server.address()).status == 303

    def test_r105_a_stale_one_is_not_enough_to_sign_in(
        self, assistant: AppClient, alice: Person, server: DocumentServer
    ):
        assistant.sign_in(alice.tokens["accessToken"])
        server.behaviour = BAD_ANSWERS["404 with a document"](server)
        with later(hours=2):
            assert PAGE in refused(ask(assistant.client, assistant.id))

    def test_r105_who_is_signed_in_stays_so_for_a_day_while_it_is_away(
        self, assistant: AppClient, alice: Person, server: DocumentServer
    ):
        token = assistant.sign_in(alice.tokens["accessToken"], scope="openid offline_access")["refresh_token"]
        server.behaviour = BAD_ANSWERS["500"](server)
        for hours in (2, 24):
            with later(hours=hours):
                answer = assistant.refresh(token)
                assert answer.status == 200, answer.text
                token = answer.json["refresh_token"]
                assert assistant.refresh(token, scope="nothing").error == "invalid_scope"
        assert len(server.requests) == 3, "it is tried once a minute at most"
        with later(hours=26):
            assert assistant.refresh(token).error == "invalid_client"
            assert assistant.post("/oauth2/revoke", {"token": token}).error == "invalid_client"
        server.show()
        with later(hours=26, minutes=2):
            assert assistant.refresh(token).status == 200

    def test_o26_a_refresh_notices_that_the_app_has_keys_now(
        self, assistant: AppClient, alice: Person, server: DocumentServer, mongo: Database
    ):
        token = assistant.sign_in(alice.tokens["accessToken"], scope="openid offline_access")["refresh_token"]
        server.show(token_endpoint_auth_method="private_key_jwt", jwks=public_jwks("ES256"))
        with later(hours=2):
            assert assistant.refresh(token).error == "invalid_client"
            assert assistant.token(
                {"grant_type": "refresh_token", "refresh_token": token, **shown(assertion(assistant.id))}
            ).status in (200, 401)
        entry = mongo.audit.find_one({"action": "app.changed"})
        assert entry["details"]["app"] == assistant.id
        assert set(entry["details"]["fields"]) >= {"auth_method", "jwks", "kind"}

    def test_r105_the_token_endpoint_asks_nobody_for_an_app_that_is_not_known(
        self, assistant: AppClient, server: DocumentServer
    ):
        for path in (TOKEN, "/oauth2/revoke", "/oauth2/introspect"):
            form = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
            assert assistant.post(path, form).error == "invalid_client"
        assert server.connections == 0

    def test_r105_of_many_at_once_one_asks(self, client: FlaskClient, server: DocumentServer, mongo: Database):
        good = server.behaviour

        def slow(connection: Any, request: bytes) -> None:
            time.sleep(0.4)
            good(connection, request)

        server.behaviour = slow
        answers = race(*[lambda: ask(client.application.test_client(use_cookies=False), server.address())] * 12)
        assert {answer.status for answer in answers} == {303}
        assert len(server.requests) == 1
        assert mongo.apps.count_documents({}) == 1

    def test_r105_the_failure_of_one_is_that_of_all(self, client: FlaskClient, server: DocumentServer):
        server.behaviour = silent
        answers = race(*[lambda: ask(client.application.test_client(use_cookies=False), server.address())] * 6)
        assert {refused(answer) for answer in answers} == {answers[0].text}
        assert server.connections == 1

    def test_r105_what_nobody_allows_is_forgotten(
        self, app: Flask, client: FlaskClient, server: DocumentServer, alice: Person, mongo: Database,
        monkeypatch: pytest.MonkeyPatch,
    ):  # fmt: skip
        monkeypatch.setattr(app_documents, "MOST_NEW", 3)
        server.show("/allowed")
        described(client, server.address("/allowed")).sign_in(alice.tokens["accessToken"])
        for number in range(6):
            assert ask(client, server.show(f"/{number}")).status == 303
        assert mongo.apps.count_documents({}) == 4
        kept = {one["_id"].rpartition("/")[2]: one["expiresAt"] - one["createdAt"] for one in mongo.apps.find()}
        assert set(kept) == {"allowed", "3", "4", "5"}
        assert timedelta(hours=25) < kept["5"] < timedelta(hours=27)
        assert kept["allowed"] > timedelta(days=399)


class TestLimits:
    def test_r105_a_network_fetches_only_so_many(self, app: Flask, client: FlaskClient, server: DocumentServer):
        with limited(app, document_address=(3, 60)):
            answers = [ask(client, server.show(f"/{number}")).status for number in range(5)]
            assert answers == [303, 303, 303, 429, 429]
            assert ask(client, server.address("/0")).status == 303, "what is known costs nothing"

    def test_r105_a_host_is_asked_only_so_often_for_new_apps(
        self, app: Flask, client: FlaskClient, server: DocumentServer
    ):
        with limited(app, document_host=(2, 60)):
            assert [ask(client, server.show(f"/{number}")).status for number in range(4)] == [303, 303, 429, 429]
            App.objects(id=server.address("/0")).update(set__document__fresh_until=datetime.now(UTC))
            server.show("/0")
            assert ask(client, server.address("/0")).status == 303, "nobody can keep a known one from being read"

    def test_r105_somebody_allows_only_so_many_new_ones(
        self, app: Flask, alice: Person, server: DocumentServer, mongo: Database
    ):
        """Each of them is kept for a year."""
        with limited(app, document_account=(2, 86_400)):
            for number in range(3):
                one = described(alice.client, server.show(f"/{number}"))
                if number < 2:
                    one.sign_in(alice.tokens["accessToken"])
            request, cookie, _ = one.begin()
            problem_of = one.advance(request, {**cookie, **alice.headers}, "allow")
            assert (problem_of.status, problem_of.json["code"]) == (429, "too_many_attempts")
            assert mongo.grants.count_documents({}) == 2
            server.show("/0")
            described(alice.client, server.address("/0")).sign_in(alice.tokens["accessToken"])

    def test_r105_only_a_few_names_are_looked_up_at_once(self, monkeypatch: pytest.MonkeyPatch):
        """A name server that is slow on purpose must not take the threads that mail and the database need."""
        now, most = [0], [0]

        def slow(*_: Any) -> list[str]:
            now[0] += 1
            most[0] = max(most)
            most.append(now[0])
            time.sleep(0.05)
            now[0] -= 1
            return ["10.0.0.1"]

        monkeypatch.setattr(app_documents._look_up, "_resolve", slow)
        race(*[lambda host=f"{number}.example": app_documents._look_up(host, 443) for number in range(16)])
        assert max(most) == 3


class TestSetting:
    """R103: what is switched off is off on every path."""

    def test_r103_by_default_there_are_none(self, app: Flask, client: FlaskClient):
        assert app.config["APP_DOCUMENTS"] == ["off"]
        assert PAGE not in refused(ask(client, f"https://{HOST}/client.json"))
        told = client.get("/.well-known/openid-configuration").get_json()
        assert "client_id_metadata_document_supported" not in told

    def test_o44_r103_the_metadata_say_so_only_if_there_are(self, client: FlaskClient, server: DocumentServer):
        for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
            assert client.get(path).get_json()["client_id_metadata_document_supported"] is True

    @pytest.mark.parametrize("rule", ["off", "other.example.org", f"on !{HOST}", "on !example.net"])
    def test_r103_once_off_nothing_works(
        self, app: Flask, assistant: AppClient, alice: Person, server: DocumentServer, rule: str
    ):
        code = assistant.authorize(alice.tokens["accessToken"])
        request, cookie, _ = assistant.begin()
        tokens = assistant.sign_in(alice.tokens["accessToken"])
        notes = new_app(app, assistant.client)
        app.config["APP_DOCUMENTS"] = rule.split()
        requests = len(server.requests)
        assert PAGE not in refused(ask(assistant.client, assistant.id))
        assert assistant.advance(request, {**cookie, **alice.headers}, "allow").json["code"] == "request_gone"
        assert assistant.exchange(code).error == "invalid_client"
        assert assistant.refresh(tokens["refresh_token"]).error == "invalid_client"
        assert assistant.post("/oauth2/revoke", {"token": tokens["refresh_token"]}).error == "invalid_client"
        assert assistant.userinfo(tokens["access_token"]).status == 401
        told = notes.post("/oauth2/introspect", {"token": tokens["access_token"]})
        assert told.json == {"active": False}
        problem(assistant.client.get("/auth/me", headers=bearer(tokens["access_token"])), 401, "token_invalid")
        assert len(server.requests) == requests
        grants = assistant.client.get("/auth/grants", headers=alice.headers).get_json()["items"]
        assert [one["app"]["id"] for one in grants] == [assistant.id], "and people can still take it back"
        app.config["APP_DOCUMENTS"] = ["on"]
        assert assistant.userinfo(tokens["access_token"]).status == 200

    def test_r103_introspection_by_a_resource_says_inactive(
        self, app: Flask, client: FlaskClient, alice: Person, authority: trustme.CA
    ):
        mcp = "https://mcp.example.com/mcp"
        api = new_app(app, client, AppKind.SERVICE, uris=(), resources=[mcp], scopes=["x"])
        with DocumentServer(authority) as server, asking(app, authority, resources=(mcp,)):
            server.show()
            token = described(client, server.address()).sign_in(alice.tokens["accessToken"], resource=mcp)[
                "access_token"
            ]
            assert api.post("/oauth2/introspect", {"token": token}).json["client_id"] == server.address()
            app.config["APP_DOCUMENTS"] = ["off"]
            assert api.post("/oauth2/introspect", {"token": token}).json == {"active": False}
            app.config.update(APP_DOCUMENTS=["on"], APP_DOCUMENT_RESOURCES=[])
            assert api.post("/oauth2/introspect", {"token": token}).json == {"active": False}

    @pytest.mark.parametrize(
        ("rule", "status"),
        [
            ("on", 303),
            ("{host}:{port}", 303),
            ("*.example.net:{port}", 303),
            ("on !other.example.net", 303),
            ("{host}", 400),
            ("*.example.net", 400),
            ("*.app.example.net:{port}", 400),
            ("example.net:{port}", 400),
            ("*.example.org other.example.net:{port}", 400),
            ("on !{host}", 400),
            ("on !example.net", 400),
        ],
    )
    def test_r103_whose_documents_are_admitted(
        self, app: Flask, client: FlaskClient, server: DocumentServer, rule: str, status: int
    ):
        app.config["APP_DOCUMENTS"] = rule.format(host=HOST, port=server.port).split()
        answer = ask(client, server.address())
        assert answer.status == status
        assert server.connections == (status == 303)


def app_documents_key(assistant: AppClient) -> str:
    """Return what stands for an app in paths."""
    return "url_" + base64.urlsafe_b64encode(assistant.id.encode()).decode().rstrip("=")


class TestAdministration:
    def test_they_see_and_block_an_app(
        self, assistant: AppClient, alice: Person, admin: Person, server: DocumentServer, mongo: Database
    ):
        tokens = assistant.sign_in(alice.tokens["accessToken"])
        waiting, cookie, _ = assistant.begin()
        assert ask(assistant.client, server.show("/never-allowed")).status == 303
        registered = assistant.client.get("/admin/apps", headers=admin.headers).get_json()
        assert registered["items"] == []
        (entry,) = assistant.client.get("/admin/apps?source=document", headers=admin.headers).get_json()["items"]
        assert (entry["id"], entry["name"], entry["owner"]) == (assistant.id, "Assistant", None)
        assert entry["document"]["allowedAt"] is not None
        assert entry["key"] == app_documents_key(assistant)
        path = f"/admin/apps/{entry['key']}"
        assert assistant.client.get(path, headers=admin.headers).get_json() == entry
        answer = assistant.client.patch(path, json={"disabled": True}, headers=admin.headers)
        assert answer.status_code == 200, answer.text
        assert answer.get_json()["disabledAt"] is not None
        assert assistant.userinfo(tokens["access_token"]).status == 401
        assert assistant.refresh(tokens["refresh_token"]).error == "invalid_client"
        assert assistant.advance(waiting, {**cookie, **alice.headers}, "allow").json["code"] == "request_gone"
        requests = len(server.requests)
        with later(days=500):
            assert PAGE not in refused(ask(assistant.client, assistant.id))
        assert len(server.requests) == requests, "nobody asks for the document of one that is blocked"
        assert mongo.apps.find_one({"_id": assistant.id}).get("expiresAt") is None
        assert {one["action"] for one in mongo.audit.find({"details.app": assistant.id})} >= {
            *("grant.given", "app.signed_in", "app.disabled"),
        }
        server.show()
        assert assistant.client.patch(path, json={"disabled": False}, headers=admin.headers).status_code == 200
        assert assistant.userinfo(tokens["access_token"]).status == 401, "what it had stays invalid"
        assert assistant.sign_in(alice.tokens["accessToken"])

    def test_an_app_is_what_its_document_says(self, assistant: AppClient, alice: Person, admin: Person):
        assistant.sign_in(alice.tokens["accessToken"])
        key = assistant.client.get("/admin/apps?source=document", headers=admin.headers).get_json()["items"][0]["key"]
        for change in ({"trusted": True}, {"name": "X"}, {"redirectUris": ["https://x.example/"]}, {"resources": []}):
            answer = assistant.client.patch(f"/admin/apps/{key}", json=change, headers=admin.headers)
            problem(answer, 422, "validation_failed")
        answer = assistant.client.post(f"/admin/apps/{key}/secrets", headers=admin.headers)
        problem(answer, 422, "validation_failed")

    def test_one_that_is_deleted_has_nothing(self, assistant: AppClient, alice: Person, admin: Person, mongo: Database):
        tokens = assistant.sign_in(alice.tokens["accessToken"])
        key = assistant.client.get("/admin/apps?source=document", headers=admin.headers).get_json()["items"][0]["key"]
        assert assistant.client.delete(f"/admin/apps/{key}", headers=admin.headers).status_code == 204
        assert assistant.userinfo(tokens["access_token"]).status == 401
        assert mongo.grants.count_documents({}) == 0

    @pytest.mark.parametrize(
        "key", ["url_", "url_x", "url_!", "url_aHR0cHM6Ly94L3k=", "url_YXBwX3g", "url_w6Q", "https:"]
    )
    def test_a_key_has_one_spelling(self, client: FlaskClient, admin: Person, key: str):
        problem(client.get(f"/admin/apps/{key}", headers=admin.headers), 404, "not_found")

    @pytest.mark.parametrize("key", ["url_x", "url_YXBwX3g", "url_aHR0cHM6Ly94L3k", "app_x"])
    def test_r103_who_may_not_ask_learns_nothing_of_keys(self, client: FlaskClient, alice: Person, key: str):
        problem(client.get(f"/admin/apps/{key}"), 401, "token_missing")
        problem(client.get(f"/admin/apps/{key}", headers=alice.headers), 403, "forbidden")
        problem(client.put(f"/admin/apps/{key}"), 405, "method_not_allowed")

    def test_pages_of_them(self, client: FlaskClient, alice: Person, admin: Person, server: DocumentServer):
        ids = []
        for number in range(3):
            ids.append(server.show(f"/{number}"))
            described(client, ids[-1]).sign_in(alice.tokens["accessToken"])
        first = client.get("/admin/apps?source=document&limit=2", headers=admin.headers).get_json()
        rest = client.get(f"/admin/apps?source=document&cursor={first['next']}", headers=admin.headers).get_json()
        assert [one["id"] for one in [*first["items"], *rest["items"]]] == ids[::-1]
        problem(client.get("/admin/apps?source=x", headers=admin.headers), 422, "validation_failed")

    def test_they_leave_room_for_apps_of_ours(
        self, app: Flask, client: FlaskClient, server: DocumentServer, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("authsvc.services.apps.MOST_APPS", 1)
        ask(client, server.address())
        ask(client, server.show("/other"))
        assert new_app(app, client).id.startswith("app_")

    def test_a_command_does_the_same(
        self, settings: dict[str, str], assistant: AppClient, alice: Person, server: DocumentServer
    ):
        tokens = assistant.sign_in(alice.tokens["accessToken"])
        assert assistant.id not in flask(settings, "apps", "list").stdout
        assert assistant.id in flask(settings, "apps", "list", "--documents").stdout
        assert "Assistant" in flask(settings, "apps", "show", assistant.id).stdout
        assert flask(settings, "apps", "disable", assistant.id).returncode == 0
        assert assistant.userinfo(tokens["access_token"]).status == 401
        changed = flask(settings, "apps", "change", assistant.id, "--trusted")
        assert changed.returncode != 0
        assert "Traceback" not in changed.stderr


class TestPeople:
    def test_their_lists_name_the_host(self, assistant: AppClient, alice: Person, server: DocumentServer):
        assistant.sign_in(alice.tokens["accessToken"])
        name = f"Assistant ({HOST}:{server.port})"
        (grant,) = assistant.client.get("/auth/grants", headers=alice.headers).get_json()["items"]
        assert grant["app"] == {"id": assistant.id, "name": name}
        sessions = assistant.client.get("/auth/sessions", headers=alice.headers).get_json()["items"]
        assert [one["app"]["name"] for one in sessions if one["app"] is not None] == [name]

    def test_who_disconnects_it_ends_it(self, assistant: AppClient, alice: Person):
        tokens = assistant.sign_in(alice.tokens["accessToken"])
        (grant,) = assistant.client.get("/auth/grants", headers=alice.headers).get_json()["items"]
        assert assistant.client.delete(f"/auth/grants/{grant['id']}", headers=alice.headers).status_code == 204
        assert assistant.userinfo(tokens["access_token"]).status == 401
        assert assistant.refresh(tokens["refresh_token"]).error == "invalid_grant"

    def test_the_app_gives_back_what_it_has(self, assistant: AppClient, alice: Person):
        tokens = assistant.sign_in(alice.tokens["accessToken"])
        assert assistant.post("/oauth2/revoke", {"token": tokens["refresh_token"]}).status == 200
        assert assistant.userinfo(tokens["access_token"]).status == 401

    def test_o10_another_document_gets_nothing_for_its_code(
        self, assistant: AppClient, alice: Person, server: DocumentServer
    ):
        code = assistant.authorize(alice.tokens["accessToken"])
        other = described(assistant.client, server.show("/other"))
        assert ask(other.client, other.id).status == 303
        assert other.exchange(code).error == "invalid_grant"
        assert assistant.exchange(code).status == 200
