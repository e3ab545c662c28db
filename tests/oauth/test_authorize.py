"""The authorization endpoint: which requests begin, which are refused by redirect, and which by a page."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import pymongo
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from authsvc.errors.oauth_refusal import OAuthError
from authsvc.models.apps import AppKind
from authsvc.security import opaque_tokens, redirect_uris
from authsvc.services import apps, authorizations
from tests.conftest import Person
from tests.support.accounts import Database, throttled
from tests.support.leaks import leaks_in
from tests.support.oauth import CALLBACK, FORM, AppClient, bearer, new_app
from tests.support.service import Service, Visitor, free_port

PATH = "/oauth2/authorize"
ISSUER = "http://localhost:8000"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""RFC 7636, appendix B."""
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}

Pairs = list[tuple[str, str]]


@pytest.fixture
def native(app: Flask, client: FlaskClient) -> AppClient:
    """Return an installed app, which listens on this machine and has a scheme of its own."""
    uris = ("http://127.0.0.1/cb", "http://[::1]:7777/cb?x=1", "http://localhost:3000/cb", "com.example.notes:/cb")
    return new_app(app, client, AppKind.NATIVE, uris=uris)


def good(app: AppClient, **params: str | None) -> Pairs:
    """Return the parameters of a good request, but for those given; None leaves one out."""
    usual = {
        "client_id": app.id,
        "redirect_uri": app.redirect_uri,
        "response_type": "code",
        "scope": "openid email",
        "state": "the state",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return [(name, value) for name, value in {**usual, **params}.items() if value is not None]


def ask(app: AppClient, pairs: Pairs | str, **options: Any) -> Any:
    """Return the answer to a request with these parameters."""
    query = pairs if isinstance(pairs, str) else urlencode(pairs)
    assert isinstance(app.client, FlaskClient)
    return app.client.get(f"{PATH}?{query}", **options)


def begun(answer: Any) -> str:
    """Check that a request has begun: the browser goes to our page, and gets a cookie; return its secret."""
    assert answer.status_code == 303, answer.text
    assert answer.location.startswith(f"{ISSUER}/account/authorize?request=asr_")
    assert len(answer.headers.getlist("Set-Cookie")) == 1
    return answer.location.partition("=")[2]


def is_page(answer: Any, status: int = 400) -> None:
    """Check that an answer is a page that leads nowhere (RFC 6749 section 4.1.2.1)."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "text/html; charset=utf-8"
    assert "Location" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert "Refresh" not in answer.headers
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "<script" not in answer.text


def refused(answer: Any, error: str, uri: str = CALLBACK, state: str | None = "the state") -> dict[str, str]:
    """Check that a request is refused by a redirect to the app, with `state` and `iss`; return its parameters."""
    assert answer.status_code == 303, answer.text
    assert "Set-Cookie" not in answer.headers
    target, _, query = answer.location.rpartition("&" if "?" in uri else "?")
    if "?" in uri:
        target, query = answer.location[: len(uri)], answer.location[len(uri) + 1 :]
    assert target == uri
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict")
    found = dict(pairs)
    assert len(found) == len(pairs)
    assert set(found) == {"error", "error_description", "iss", *({"state"} if state is not None else set())}
    assert (found["error"], found["iss"], found.get("state")) == (error, ISSUER, state)
    assert all(" " <= char <= "~" and char not in '"\\' for char in found["error_description"])
    return found


class TestUnknown:
    """O2: an app or address that is not registered gets a page, and no redirect. R108"""

    @pytest.mark.parametrize("text", [None, "", "app_", "app_000000000000000000000000", "x" * 3000, "ü", "a b", "null"])
    def test_o2_an_app_that_is_not_known(self, web: AppClient, text: str | None):
        is_page(ask(web, good(web, client_id=text)))

    def test_o2_an_app_by_almost_its_id(self, web: AppClient):
        for text in (web.id.upper(), f"{web.id} ", f" {web.id}", web.id[:-1], f"{web.id}\n", f"{web.id}\0"):
            is_page(ask(web, good(web, client_id=text)))

    @pytest.mark.parametrize("uri", [None, "", "https://evil.example/", "javascript:alert(1)", "/callback", "ü", "\0"])
    def test_o2_an_address_that_is_not_registered(self, web: AppClient, uri: str | None):
        is_page(ask(web, good(web, redirect_uri=uri)))

    def test_o2_whatever_else_is_wrong(self, web: AppClient):
        is_page(ask(web, good(web, redirect_uri="https://evil.example/", response_type="token", prompt="none")))
        is_page(ask(web, good(web, client_id=None, response_mode="form_post")))
        is_page(ask(web, ""))

    def test_o2_an_app_that_is_disabled_or_deleted(self, app: Flask, mongo: Database, web: AppClient):
        mongo.apps.update_one({"_id": web.id}, {"$set": {"disabledAt": mongo.apps.find_one()["createdAt"]}})
        is_page(ask(web, good(web)))
        with app.test_request_context():
            apps.delete(web.id)
        is_page(ask(web, good(web)))

    def test_o2_another_apps_address(self, app: Flask, client: FlaskClient, web: AppClient):
        other = new_app(app, client, uris=("https://other.example/cb",))
        is_page(ask(web, good(web, redirect_uri=other.redirect_uri)))

    def test_o2_the_page_says_so_and_repeats_nothing(self, web: AppClient):
        answer = ask(web, good(web, client_id="<b>bold</b>", redirect_uri="https://evil.example/<i>"))
        assert "known" in answer.text
        assert "evil" not in answer.text
        assert "bold" not in answer.text

    def test_o2_nothing_is_stored(self, mongo: Database, web: AppClient):
        ask(web, good(web, redirect_uri="https://evil.example/"))
        assert mongo.authorizations.count_documents({}) == 0

    def test_o2_what_can_not_be_read_at_all(self, web: AppClient):
        is_page(ask(web, "&".join(f"p{number}=" for number in range(200)) + "&" + urlencode(good(web))))
        is_page(ask(web, "client_id=%ff&redirect_uri=%ff"))


class TestAddress:
    """O3: redirect URIs are compared as whole texts."""

    @pytest.mark.parametrize(
        "uri",
        [
            "https://app.example.net/Callback",
            "https://APP.example.net/callback",
            "HTTPS://app.example.net/callback",
            "http://app.example.net/callback",
            "https://app.example.net/callback/",
            "https://app.example.net/callback?",
            "https://app.example.net/callback?a=b",
            "https://app.example.net/callback#",
            "https://app.example.net/callback#f",
            "https://app.example.net/callback/../evil",
            "https://app.example.net/callback/..;/evil",
            "https://app.example.net/evil/..;/callback",
            "https://app.example.net/./callback",
            "https://app.example.net//callback",
            "https://app.example.net/%63allback",
            "https://app.example.net/callback%00",
            "https://app.example.net/callback%2f",
            "https://app.example.net/callback\\",
            "https://app.example.net:443/callback",
            "https://app.example.net./callback",
            "https://app.example.net@evil.example/callback",
            "https://evil@app.example.net/callback",
            "https://app.example.net.evil.example/callback",
            "https://evil.example/https://app.example.net/callback",
            "https://evil.example\\@app.example.net/callback",
            " https://app.example.net/callback",
            "https://app.example.net/callback ",
            "https://app.example.net/callback\n",
            "https://app.example.net/callback\r\nSet-Cookie: a=b",
            "https://app.example.net/callbac",
            "https://app.example.net/callback2",
            "https://app.example.net/",
            "//app.example.net/callback",
            "https://xn--pp-yia.example.net/callback",
            "https://app.example.net/cаllback",  # noqa: RUF001 - Cyrillic
        ],
    )
    def test_o3_any_other_spelling_is_another_address(self, web: AppClient, uri: str):
        is_page(ask(web, good(web, redirect_uri=uri)))

    def test_o3_the_query_of_an_address_is_kept(self, app: Flask, client: FlaskClient):
        uri = "https://app.example.net/cb?tenant=a%26b&x="
        other = new_app(app, client, uris=(uri, "https://app.example.net/other"))
        begun(ask(other, good(other)))
        found = refused(ask(other, good(other, response_type=None)), "invalid_request", uri)
        assert "tenant" not in found
        is_page(ask(other, good(other, redirect_uri=uri.replace("%26", "%2526"))))
        is_page(ask(other, good(other, redirect_uri="https://app.example.net/cb?x=&tenant=a%26b")))


class TestLoopback:
    """O4: only the port of http://127.0.0.1 and http://[::1] is free, to an installed app."""

    @pytest.mark.parametrize(
        "uri",
        [
            "http://127.0.0.1/cb",
            "http://127.0.0.1:1/cb",
            "http://127.0.0.1:80/cb",
            "http://127.0.0.1:65535/cb",
            "http://[::1]/cb?x=1",
            "http://[::1]:51004/cb?x=1",
            "http://localhost:3000/cb",
            "com.example.notes:/cb",
        ],
    )
    def test_o4_what_is_free(self, native: AppClient, uri: str):
        begun(ask(native, good(native, redirect_uri=uri)))
        refused(ask(native, good(native, redirect_uri=uri, response_type="x")), "unsupported_response_type", uri)

    @pytest.mark.parametrize(
        "uri",
        [
            "http://localhost:3001/cb",
            "http://localhost/cb",
            "https://127.0.0.1/cb",
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:080/cb",
            "http://127.0.0.1:65536/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:1234",
            "http://127.0.0.1:1234/",
            "http://127.0.0.1:1234/cb/",
            "http://127.0.0.1:1234/cb?x=1",
            "http://127.0.0.1:1234/cb#f",
            "http://127.0.0.1:1234@evil.example/cb",
            "http://127.0.0.1:12@34/cb",
            "http://127.0.0.1:1234:1/cb",
            "http://127.0.0.1:\u0661/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.2/cb",
            "http://127.1/cb",
            "http://0x7f000001/cb",
            "http://0.0.0.0/cb",
            "http://[::1]:51004/cb",
            "http://[::]/cb?x=1",
            "http://[0:0:0:0:0:0:0:1]/cb?x=1",
            "http://[::ffff:127.0.0.1]/cb",
            "com.example.notes:/cb2",
            "com.example.notes:///cb",
            "COM.EXAMPLE.NOTES:/cb",
        ],
    )
    def test_o4_what_is_not(self, native: AppClient, uri: str):
        is_page(ask(native, good(native, redirect_uri=uri)))

    @pytest.mark.parametrize("kind", [AppKind.WEB, AppKind.SPA])
    def test_o4_a_page_is_where_it_says(self, app: Flask, client: FlaskClient, kind: AppKind):
        """RFC 9700 section 4.1.3: the exception is for native apps."""
        page = new_app(app, client, kind, uris=("http://127.0.0.1:3000/",))
        begun(ask(page, good(page)))
        is_page(ask(page, good(page, redirect_uri="http://127.0.0.1:3001/")))
        is_page(ask(page, good(page, redirect_uri="http://127.0.0.1/")))

    def test_o4_where_an_answer_goes_is_told_by_what_the_system_looks_at(self):
        """The scheme of an installed app decides, whatever host it names behind that."""
        assert redirect_uris.place_of("com.evil.app://bank.example.com/") == "com.evil.app"
        assert redirect_uris.place_of("https://bank.example.com:444/x?y#z") == "bank.example.com:444"
        assert redirect_uris.place_of("http://[::1]:5/cb") == "[::1]:5"


class TestRegistration:
    """O5, O6: what can't be registered."""

    @pytest.mark.parametrize(
        "uri",
        [
            "javascript:alert(1)",
            "JavaScript://x.example/%0aalert(1)",
            "data:text/html,x",
            "blob:https://x.example/1",
            "file:///etc/passwd",
            "vbscript:x",
            "about:blank",
            "intent://x#Intent;end",
            "http://app.example.net/cb",
            "http://127.0.0.1.evil.example/",
            "http://192.168.0.1/",
            "https://app.example.net/#f",
            "https://app.example.net/#",
            "https://user@app.example.net/",
            "https://user:word@app.example.net/",
            "https:app.example.net/cb",
            "https:/app.example.net/cb",
            "https:///cb",
            "//app.example.net/cb",
            "/cb",
            "",
            "https://app.example.net/ü",
            'https://app.example.net/"',
            "https://app.example.net/<",
            "https://app.example.net/\\",
            "https://app.example.net/a b",
            "https://app.example.net/a\r\nb",
            "https://app.example.net:99999/",
            "https://[::1/",
            "https://app.example.net/" + "a" * 2000,
            "http://localhost:8000/",
            "http://localhost:8000/account/sign-in",
            "http://LOCALHOST:8000/x",
        ],
    )
    @pytest.mark.parametrize("native", [True, False])
    def test_o5_a_bad_redirect_uri(self, uri: str, *, native: bool):
        assert redirect_uris.fault_of(uri, own_origin=ISSUER, native=native)

    def test_o6_an_id_is_ours(self, app: Flask, client: FlaskClient):
        """An app's id is never an audience or issuer: it is a name that only we give."""
        made = new_app(app, client)
        assert made.id.startswith("app_")
        assert len(made.id) == 28
        assert made.id not in (app.config["TOKEN_AUDIENCE"], app.config["TOKEN_ISSUER"])


class TestRepetition:
    """O1: a parameter that is there twice gives no code."""

    @pytest.mark.parametrize(
        "name",
        [
            *("response_type", "scope", "code_challenge", "code_challenge_method", "nonce", "prompt", "max_age"),
            *("response_mode", "display", "login_hint", "unheard_of"),
        ],
    )
    def test_o1_twice(self, mongo: Database, web: AppClient, name: str):
        value = dict(good(web, nonce="n", prompt="login", max_age="1", response_mode="query")).get(name, "x")
        refused(ask(web, [*good(web, **{name: value}), (name, value)]), "invalid_request")
        assert mongo.authorizations.count_documents({}) == 0

    def test_o1_twice_with_another_value(self, web: AppClient):
        refused(ask(web, [*good(web), ("nonce", "a"), ("nonce", "b")]), "invalid_request")
        refused(ask(web, [*good(web), ("scope", "")]), "invalid_request")

    def test_o1_who_and_where_twice(self, web: AppClient):
        is_page(ask(web, [*good(web), ("client_id", web.id)]))
        is_page(ask(web, [*good(web), ("redirect_uri", CALLBACK)]))
        is_page(ask(web, [("client_id", ""), *good(web)]))

    def test_o1_a_state_that_is_there_twice_is_not_sent_back(self, web: AppClient):
        refused(ask(web, [*good(web), ("state", "another")]), "invalid_request", state=None)

    def test_o1_what_nobody_knows_is_ignored_once(self, web: AppClient):
        begun(ask(web, [*good(web), ("unheard_of", "1"), ("ui_locales", "tlh"), ("acr_values", "0"), ("", "")]))

    def test_o1_what_is_empty_is_not_there(self, web: AppClient):
        """RFC 6749 section 3.1"""
        empty = ("request", "request_uri", "registration", "nonce", "prompt", "max_age", "response_mode", "resource")
        begun(ask(web, [*good(web, state=None), *((name, "") for name in empty), ("state", "")]))
        refused(ask(web, good(web, response_type="")), "invalid_request")
        refused(ask(web, good(web, code_challenge="")), "invalid_request")
        is_page(ask(web, good(web, redirect_uri="")))


class TestProofKey:
    """O7: PKCE, by S256 alone (RFC 7636 section 4.2, RFC 9700 section 2.1.1)."""

    @pytest.mark.parametrize(
        ("challenge", "method"),
        [
            (None, None),
            (None, "S256"),
            (CHALLENGE, None),
            (CHALLENGE, "plain"),
            (CHALLENGE, "s256"),
            (CHALLENGE, "S256 "),
            (CHALLENGE, "S512"),
            (CHALLENGE[:-1], "S256"),
            (CHALLENGE + "A", "S256"),
            ("a" * 128, "S256"),
            ("a" * 129, "S256"),
            (CHALLENGE + "\n", "S256"),
            (CHALLENGE[:-1] + "\n", "S256"),
            (CHALLENGE + "=", "S256"),
            (CHALLENGE[:-1] + "=", "S256"),
            (CHALLENGE[:-1] + "+", "S256"),
            (CHALLENGE[:-1] + "/", "S256"),
            (CHALLENGE[:-1] + "é", "S256"),
            (" " + CHALLENGE[1:], "S256"),
        ],
    )
    @pytest.mark.parametrize("kind", [AppKind.WEB, AppKind.SPA])
    def test_o7_no_other_form(
        self, app: Flask, client: FlaskClient, challenge: str | None, method: str | None, kind: AppKind
    ):
        asking = new_app(app, client, kind)
        params = good(asking, code_challenge=challenge, code_challenge_method=method)
        refused(ask(asking, params), "invalid_request")


class TestState:
    """O13: what the app sent as `state` comes back byte for byte."""

    STATES = (
        "&=#",
        "?a=b&c=d#e;f,g+h/i\\j\"k'l<m>n",
        "100%",
        "%41%26%00",
        "a b  c ",
        "+",
        "ü",
        "日本語 🔑 \u202e\u0301",
        "\r\nSet-Cookie: a=b",
        "\t\x01\x7f",
        '{"a":["b"]}',
        "x" * 2048,
        "&" * 2048,
        "é" * 1024,
        "\ufffd",
    )

    @pytest.mark.parametrize("state", STATES, ids=ascii)
    def test_o13_with_an_error(self, web: AppClient, state: str):
        answer = ask(web, good(web, response_type="token", state=state))
        refused(answer, "unsupported_response_type", state=state)
        assert answer.location.isascii()
        assert f"state={quote(state, safe='')}".replace("~", "%7E") in answer.location.replace("~", "%7E")

    @pytest.mark.parametrize("state", STATES, ids=ascii)
    def test_o13_with_a_code(self, alice: Person, web: AppClient, state: str):
        assert web.authorize(alice.tokens["accessToken"], state=state).answer["state"] == state

    @pytest.mark.parametrize("state", ["x" * 2049, "é" * 1025, "🔑" * 600], ids=len)
    def test_o13_above_2_kb_it_is_refused(self, web: AppClient, state: str):
        refused(ask(web, good(web, state=state)), "invalid_request", state=None)
        refused(ask(web, good(web, nonce=state)), "invalid_request")

    @pytest.mark.parametrize("coded", ["%00", "a%00b", "%ff", "%c3", "%ed%a0%80", "%c0%80", "%fe%ff"])
    def test_o13_nul_and_what_is_not_utf_8_is_refused(self, web: AppClient, coded: str):
        query = urlencode(good(web, state=None))
        refused(ask(web, f"{query}&state={coded}"), "invalid_request", state=None)
        refused(ask(web, f"{urlencode(good(web))}&nonce={coded}"), "invalid_request")
        refused(ask(web, f"{urlencode(good(web))}&unheard={coded}"), "invalid_request")
        refused(ask(web, f"{urlencode(good(web))}&{coded}=1"), "invalid_request")

    def test_o13_none_comes_back_if_there_was_none(self, alice: Person, web: AppClient):
        refused(ask(web, good(web, state=None, response_type="x")), "unsupported_response_type", state=None)
        assert set(web.authorize(alice.tokens["accessToken"]).answer) == {"code", "iss"}

    def test_o63_it_is_sealed_while_it_waits(self, mongo: Database, web: AppClient):
        """O63: a dump of the database has none; nor has it what the browser holds."""
        secret = begun(ask(web, good(web, state="canary-of-state")))
        refused_later = begun(ask(web, good(web, state="canary-of-state", response_mode="form_post", scope="x")))
        for document in mongo.authorizations.find():
            assert "canary" not in repr(document)
            assert secret not in repr(document)
            assert refused_later not in repr(document)
            assert "asr_" not in repr(document)

    def test_o63_a_leak_of_such_a_secret_is_found(self):
        for prefix in (authorizations.PREFIX, authorizations.CODE_PREFIX, apps.SECRET_PREFIX):
            assert leaks_in(f"here: {opaque_tokens.generate(prefix)}")

    def test_o20_a_request_whose_seal_is_broken_is_gone(self, mongo: Database, alice: Person, web: AppClient):
        """O20: SECRET_KEY was replaced meanwhile, without a fallback."""
        request, cookie, _ = web.begin(state="s")
        mongo.authorizations.update_one({}, {"$set": {"params.state": "AAAA" * 12}})
        answer = web.advance(request, {**cookie, **bearer(alice.tokens["accessToken"])}, "deny")
        assert (answer.status, answer.json["code"]) == (410, "request_gone")


class TestIssuer:
    """O12: every answer says who answers (RFC 9207 section 2)."""

    def test_o12_it_is_that_of_the_metadata(self, alice: Person, client: FlaskClient, web: AppClient):
        issuer = client.get("/.well-known/openid-configuration").get_json()["issuer"]
        assert refused(ask(web, good(web, scope="nope")), "invalid_scope")["iss"] == issuer
        assert web.authorize(alice.tokens["accessToken"]).answer["iss"] == issuer
        for params, decision in (({}, "deny"), ({"prompt": "none"}, None)):
            request, cookie, _ = web.begin(**params)
            answer = web.advance(request, cookie, decision).json["redirect"]
            assert parse_qs(urlsplit(answer).query)["iss"] == [issuer]
        for allowed in ("allow", "deny"):
            request, cookie, _ = web.begin(response_mode="form_post", prompt="consent")
            answer = web.advance(request, {**cookie, **bearer(alice.tokens["accessToken"])}, allowed)
            assert answer.json["fields"]["iss"] == issuer


class TestUnsupported:
    """O14, O15 and the rest of what a request may say."""

    @pytest.mark.parametrize("name", ["request", "request_uri", "registration"])
    @pytest.mark.parametrize("value", ["x", "https://evil.example/r.jwt", "e30.e30.", "{}"])
    def test_o14_request_objects_are_refused_by_name(self, web: AppClient, name: str, value: str):
        refused(ask(web, good(web, **{name: value})), f"{name}_not_supported")

    @pytest.mark.parametrize("mode", ["fragment", "web_message", "query.jwt", "jwt", "bogus", "QUERY", "query "])
    def test_o15_another_response_mode(self, web: AppClient, mode: str):
        refused(ask(web, good(web, response_mode=mode)), "invalid_request")

    def test_o15_two_are_supported(self, web: AppClient):
        begun(ask(web, good(web, response_mode="query")))
        begun(ask(web, good(web, response_mode="form_post")))

    def test_o15_an_error_by_form_post_goes_by_the_page(self, web: AppClient):
        """Only a page can send a form; the error is not in an address."""
        assert isinstance(web.client, FlaskClient)
        answer = ask(web, good(web, response_mode="form_post", scope="nope"))
        request = begun(answer)
        assert "invalid" not in answer.location
        cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
        step = web.advance(request, cookie).json
        assert (step["step"], step["action"], "redirect" in step) == ("done", CALLBACK, False)
        assert step["fields"]["error"] == "invalid_scope"
        assert (step["fields"]["iss"], step["fields"]["state"]) == (ISSUER, "the state")
        assert web.advance(request, cookie).status == 410

    @pytest.mark.parametrize("kind", ["token", "id_token", "code token", "code id_token", "none", "Code", "code "])
    def test_r103_another_response_type(self, web: AppClient, kind: str):
        refused(ask(web, good(web, response_type=kind)), "unsupported_response_type")

    @pytest.mark.parametrize(
        "scope", ["nope", "openid nope", "openid  email", " openid", "OPENID", "ü", "openid\temail"]
    )
    def test_a_scope_that_the_app_may_not_ask_for(self, web: AppClient, scope: str):
        """A17: it is not dropped in silence."""
        refused(ask(web, good(web, scope=scope)), "invalid_scope")

    @pytest.mark.parametrize("text", ["-1", "+1", "abc", "1.5", "1e3", " 1", "0x1", "\u0661", "9" * 10, "1\n"])
    def test_o17_a_max_age_that_is_no_number(self, web: AppClient, text: str):
        refused(ask(web, good(web, max_age=text)), "invalid_request")

    @pytest.mark.parametrize("text", ["0", "1", "10000", "999999999", "007"])
    def test_o17_a_max_age(self, web: AppClient, text: str):
        begun(ask(web, good(web, max_age=text)))


class TestPrompt:
    """O16: `none` stands alone (OpenID Connect Core section 3.1.2.1)."""

    @pytest.mark.parametrize(
        "prompt",
        [
            *("none login", "login none", "none consent", "none select_account", "none create", "none bogus"),
            *("none\tlogin", "none\u00a0login", "bogus", "login bogus", "NONE", "Login", "login,consent", "\u00a0"),
        ],
    )
    def test_o16_what_is_refused(self, web: AppClient, prompt: str):
        refused(ask(web, good(web, prompt=prompt)), "invalid_request")

    @pytest.mark.parametrize(
        "prompt", ["none", "login", "consent", "select_account", "create", "login consent", "consent  login", " login "]
    )
    def test_o16_what_is_not(self, web: AppClient, prompt: str):
        begun(ask(web, good(web, prompt=prompt)))


class TestFrames:
    """No page of ours can be framed, so what is asked of nobody is answered at once."""

    @pytest.mark.parametrize("kind", ["iframe", "frame", "embed", "object"])
    def test_o16_a_frame_learns_that_nobody_can_sign_in_there(self, web: AppClient, mongo: Database, kind: str):
        """The same for everybody: it tells nothing of who is signed in."""
        answer = ask(web, good(web, prompt="none"), headers={"Sec-Fetch-Dest": kind, "Sec-Fetch-Site": "cross-site"})
        refused(answer, "login_required")
        assert "Set-Cookie" not in answer.headers
        assert mongo.authorizations.count_documents({}) == 0

    @pytest.mark.parametrize(
        ("prompt", "kind"),
        [(None, "iframe"), ("login", "iframe"), ("none", "document"), ("none", "IFRAME"), ("none", "")],
    )
    def test_o22_all_else_gets_the_page(self, web: AppClient, prompt: str | None, kind: str):
        """Which its browser does not show in a frame."""
        begun(ask(web, good(web, prompt=prompt), headers={"Sec-Fetch-Dest": kind}))

    def test_o2_an_unknown_app_is_led_nowhere(self, web: AppClient):
        wrong = good(web, prompt="none", redirect_uri="https://evil.example/")
        is_page(ask(web, wrong, headers={"Sec-Fetch-Dest": "iframe"}))


class TestMethods:
    """How a request may come."""

    def test_by_post(self, web: AppClient):
        """OpenID Connect Core section 3.1.2.1; from any site, since no cookie is read (B3)."""
        assert isinstance(web.client, FlaskClient)
        headers = {**FORM, "Origin": "https://app.example.net", "Sec-Fetch-Site": "cross-site"}
        begun(web.client.post(PATH, data=urlencode(good(web)), headers=headers))
        refused(web.client.post(PATH, data=urlencode(good(web, scope="x")), headers=headers), "invalid_scope")

    def test_by_post_only_the_form_counts(self, web: AppClient):
        """A6"""
        assert isinstance(web.client, FlaskClient)
        query = urlencode(good(web))
        is_page(web.client.post(f"{PATH}?{query}", data="", headers=FORM))
        begun(web.client.post(f"{PATH}?client_id=x", data=query, headers=FORM))

    @pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", None])
    def test_by_post_of_anything_else(self, web: AppClient, kind: str | None):
        assert isinstance(web.client, FlaskClient)
        headers = {} if kind is None else {"Content-Type": kind}
        is_page(web.client.post(PATH, data=urlencode(good(web)), headers=headers))

    def test_head_is_get_without_a_body(self, web: AppClient):
        """RFC 9110 section 9.3.2"""
        assert isinstance(web.client, FlaskClient)
        begun(web.client.head(f"{PATH}?{urlencode(good(web))}"))
        unknown = web.client.head(f"{PATH}?{urlencode(good(web, client_id='x'))}")
        assert (unknown.status_code, unknown.data) == (400, b"")
        assert unknown.content_type.startswith("text/html")

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
    def test_by_no_other(self, web: AppClient, method: str):
        assert isinstance(web.client, FlaskClient)
        answer = web.client.open(f"{PATH}?{urlencode(good(web))}", method=method)
        assert (answer.status_code, answer.get_json()["error"]) == (405, "invalid_request")
        assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))

    def test_r108_our_own_address_is_the_configured_one(self, web: AppClient):
        """R108: no header says where we are."""
        headers = {
            "Host": "evil.example",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "https",
            "Forwarded": "host=evil.example;proto=https",
        }
        begun(ask(web, good(web), headers=headers))
        refused(ask(web, good(web, scope="nope"), headers=headers), "invalid_scope")


class TestBrowser:
    """What a person sees if it goes wrong before there is an app to tell."""

    def test_too_many_requests_are_a_page(self, app: Flask, web: AppClient):
        with throttled(app, authorize_address=1):
            begun(ask(web, good(web), headers=BROWSER))
            answer = ask(web, good(web), headers=BROWSER)
            is_page(answer, 429)
            assert int(answer.headers["Retry-After"]) > 0
            assert "RateLimit" in answer.headers
            assert "Wait a minute" in answer.text
            program = ask(web, good(web))
            assert (program.status_code, program.get_json()["error"]) == (429, "temporarily_unavailable")
            assert "Retry-After" in program.headers
            assert {"Accept"} <= set(program.vary) & set(answer.vary)

    def test_an_unreachable_database_is_a_page(self, web: AppClient):
        with pymongo.timeout(0.000_001):
            answer = ask(web, good(web), headers=BROWSER)
            program = ask(web, good(web))
        is_page(answer, 503)
        assert "Retry-After" in answer.headers
        assert "available" in answer.text
        assert (program.status_code, program.get_json()["error"]) == (503, "temporarily_unavailable")

    def test_too_large_a_form_is_a_page(self, web: AppClient):
        assert isinstance(web.client, FlaskClient)
        answer = web.client.post(PATH, data="a=" + "b" * 70_000, headers={**FORM, **BROWSER})
        is_page(answer, 413)

    def test_another_method_is_a_page(self, web: AppClient):
        assert isinstance(web.client, FlaskClient)
        answer = web.client.put(PATH, headers=BROWSER)
        is_page(answer, 405)
        assert "Allow" in answer.headers


NAMES = (
    *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "prompt", "max_age"),
    *("code_challenge", "code_challenge_method", "request", "request_uri", "registration", "resource", "claims"),
    *("login_hint", "id_token_hint", "display", "ui_locales", "acr_values", "iss", "code", "error", ""),
)
VALUES = st.one_of(
    st.sampled_from(
        ["", "code", "none", "login consent", "openid", "0", "S256", CHALLENGE, "form_post", "query", CALLBACK]
    ),
    st.text(max_size=40),
    st.text(st.characters(max_codepoint=0x2FF), max_size=10).map(lambda text: text * 150),  # six stay below 64 kB
)


class TestAnything:
    """Whatever anybody sends is answered by a page, a redirect to the registered address, or our own page."""

    @given(
        changes=st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=6),
        kept=st.sets(st.sampled_from(NAMES[:7])),
        by_form=st.booleans(),
    )
    @example(changes=[("redirect_uri", '"'), ("response_type", "\r\nü")], kept=set(), by_form=False)  # A10
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_o2_parameters(self, web: AppClient, changes: Pairs, kept: set[str], *, by_form: bool):
        usual = [(name, value) for name, value in good(web) if name not in kept]
        query = urlencode([*usual, *changes], errors="surrogatepass")
        assert isinstance(web.client, FlaskClient)
        answer = web.client.post(PATH, data=query, headers=FORM) if by_form else ask(web, query)
        self._is_one_of_three(answer)

    @given(st.binary(max_size=200))
    @example(b"\xff=\xfe&%=%&%zz=%u1234&;&&=&client_id")
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_o2_bytes(self, web: AppClient, raw: bytes):
        assert isinstance(web.client, FlaskClient)
        known = urlencode(good(web)).encode()
        for body in (raw, known + b"&" + raw, known + raw):
            self._is_one_of_three(web.client.post(PATH, data=body, headers=FORM))
            self._is_one_of_three(web.client.get(PATH, environ_overrides={"QUERY_STRING": body.decode("latin-1")}))

    def _is_one_of_three(self, answer: Any) -> None:
        if answer.status_code == 400:
            return is_page(answer)
        assert answer.status_code == 303, (answer.status_code, answer.text)
        if answer.location.startswith(f"{ISSUER}/account/authorize?request="):
            begun(answer)
            return None
        assert answer.location.startswith(f"{CALLBACK}?error=")
        assert answer.location.isascii()
        query = parse_qs(urlsplit(answer.location).query, strict_parsing=True, keep_blank_values=True)
        assert query["iss"] == [ISSUER]
        assert query["error"][0] in set(OAuthError)
        assert "code" not in query
        return None


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service."""
    port = free_port()
    own = {"WEB_CONCURRENCY": 1, "PORT": port, "PUBLIC_URL": f"http://localhost:{port}"}
    with Service(**{**settings, **own}) as running:
        yield running


class TestWire:
    """The same through gunicorn, which has bounds of its own."""

    def ask(self, service: Service, query: str, **options: Any) -> Any:
        """Return the answer to a request whose query is sent as it is."""
        return Visitor(service.url).request("GET", f"{PATH}?{query}", allow_redirects=False, **options)

    def test_o13_a_state_of_2_kb_of_any_bytes_fits_into_a_line(self, service: Service, web: AppClient):
        for state in ("&" * 2048, "é" * 1024):
            answer = self.ask(service, urlencode(good(web, state=state)))
            assert answer.status_code == 303, answer.text
            assert answer.headers["Location"].startswith(f"http://localhost:{service.port}/account/authorize?")
            refusal = self.ask(service, urlencode(good(web, state=state, scope="nope")))
            assert parse_qs(urlsplit(refusal.headers["Location"]).query)["state"] == [state]

    def test_o2_a_query_that_is_too_long_is_refused(self, service: Service, web: AppClient):
        for length in (9_000, 40_000, 100_000):
            answer = self.ask(service, urlencode(good(web, unheard_of="x" * length)))
            assert 400 <= answer.status_code < 500
            assert "Location" not in answer.headers

    def test_o2_a_form_may_be_longer(self, service: Service, web: AppClient):
        form = urlencode(good(web, unheard_of="x" * 40_000))
        answer = Visitor(service.url).request("POST", PATH, data=form, headers=FORM, allow_redirects=False)
        assert answer.status_code == 303, answer.text
