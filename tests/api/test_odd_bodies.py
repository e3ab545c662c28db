"""What clients send that is neither right nor malicious. U16, U17, U22, U24, U36."""

import json
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from flask import Flask

from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import EMAIL, Database, login, told
from tests.support.factors import Protected, complete, post, ticket, with_totp
from tests.support.races import ROUNDS, SOAK
from tests.support.service import Service
from tests.support.wire import BODY_ROUTES, OPTIONAL_BODY, exchange, routes, send, statuses

NO_BODY = b"0\r\n\r\n"
GOOD_JSON = [
    'application/json; charset="utf-8"',
    "application/json;",
    "application/json; ",
    "application/json;\tcharset=utf-8",
    "application/json\t;charset=UTF-8",
    'APPLICATION/JSON;CHARSET="UTF-8"',
    "application/json;; charset=utf-8",
    "application/json; charset=utf-8;",
]
BAD_JSON = [
    'application/json; charset="latin1"',
    "application/json; charset=utf-8; charset=latin1",
    "application/json; charset=utf-8; charset=utf-8",
    "application/json; charset",
    "application/json; charset=",
    'application/json; charset="utf-8"; profile=x',
    "application/json; version=1",
    "application/json; =",
    "application/json, application/json",
    "application/json;charset=utf-8, text/plain",
    "application/json; charset=utf-8 x",
    "application/json\u00a0",
    "application/json; " + "a=b; " * 10_000,
    "; charset=utf-8",
    "json",
]
RESERVED = [
    *("json", "query", "form", "_schema", "0", "files", "headers", "cookies", "json_or_form", "querystring", "path"),
    *("unknown", "many", "partial", "context", "data", "missing", "default", "fields", "Meta", "error", "errors"),
    *(
        "__class__",
        "__init__",
        "__proto__",
        "constructor",
        "self",
        "transport_",
        "/",
        "//",
        "~",
        "~0",
        "~1",
        "a/b",
        "a~b",
    ),
    *("", " ", "\t", "a b", "/_schema", "/email", "-1", "None", "null", "%2f", "#", "\u00a0", "\u4e2d", "\U0001f600"),
]
PARAMETERS = [name for name in RESERVED if name.strip()]
VALUES: list[Any] = [1, None, {"a": ["b"]}, ["x"], {"json": {"query": ["x: y"]}}]
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \r\n\t ",
    "null": b"null",
    "a list": b"[]",
    "a list of lists": b"[[{}]]",
    "text": b'"x"',
    "a number": b"1e9",
    "an object": b"{}",
    "a form": b"email=a&password=b",
    "parts": b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\na\r\n--x--\r\n',
    "bytes": bytes(range(256)),
    "never closed": b'{"a":"' + b'\\"' * 100,
    "reserved names": json.dumps(dict.fromkeys(RESERVED, 1)).encode(),
    "wrong types": json.dumps(
        {name: {"$ne": None} for name in ("email", "password", "token", "name", "code", "credential", "scopes")}
    ).encode(),
    "deep": b"[" * 60 + b"]" * 60,
    "huge numbers": b'{"expiresInDays":' + b"9" * 4000 + b"}",
    "a fraction": b'{"expiresInDays":1e308}',
}
MEDIA_TYPES = [
    *(None, "", "application/json", 'application/json; charset="utf-8"', "application/json; charset=x", "text/plain"),
    *(
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "\u00e9",
        ";",
        "a/b;c",
    ),
]


ENDING = (("DELETE", "/auth/me"), ("DELETE", "/auth/sessions"))
"""What would end what the others need."""


def framings(number: int, place: int) -> list[tuple[str | None, bool]]:
    """Return media types, and whether the body comes in chunks, in which a route meets a body."""
    if ROUNDS >= SOAK:
        return list(product(MEDIA_TYPES, (False, True)))
    chunked = (number + place // len(MEDIA_TYPES)) % 2 == 0  # so that each media type comes in both ways
    return [("application/json", not chunked), (MEDIA_TYPES[(number + place) % len(MEDIA_TYPES)], chunked)]


class TestAnyBody:
    @pytest.mark.slow
    @pytest.mark.race
    @pytest.mark.parametrize("number", range(len(BODIES)), ids=list(BODIES))
    def test_every_route_refuses_it_clearly_or_does_not_mind(self, app: Flask, alice: Person, number: int):
        """Never a 5xx; every refusal is a problem; and who was there before still signs in.

        Each route meets each body, each route each media type and each body each media type, with and without chunks;
        in `make soak` they meet in all combinations.
        """
        body = list(BODIES.values())[number]
        for place, (method, path) in enumerate(routes(app)):
            headers = {} if "logout" in path or (method, path) in ENDING else alice.headers
            for media_type, chunked in framings(number, place):
                framing = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""} if chunked else {}
                answer = alice.client.open(
                    path, method=method, data=body, content_type=media_type, headers=headers, environ_overrides=framing
                )
                assert answer.status_code < 500, (method, path, media_type)
                if answer.status_code >= 400:
                    assert answer.content_type == "application/problem+json"
                    assert answer.get_json()["status"] == answer.status_code
        assert alice.login()


class TestU16NoBodyHoweverItIsFramed:
    @pytest.fixture(scope="class")
    @staticmethod
    def service(app: Flask, settings: dict[str, str]) -> Any:
        """Return a running service."""
        with Service(**{**settings, "WEB_CONCURRENCY": 1}) as running:
            yield running

    @pytest.mark.slow
    @pytest.mark.parametrize("media_type", ["", "Content-Type: text/plain\r\n", "Content-Type: application/json\r\n"])
    def test_chunks_of_nothing_are_no_body(self, service: Service, app: Flask, alice: Person, media_type: str):
        """On every route that does without one, by the bearer or the cookie that comes with it."""
        path_of = {
            "/auth/refresh-token": ("POST", f"Cookie: refresh_token={alice.tokens['refreshToken']}", 200),
            "/auth/me": ("GET", f"Authorization: {alice.headers['Authorization']}", 200),
            "/auth/login/passkey/options": ("POST", "X-A: b", 200),
            "/auth/logout": ("DELETE", f"Authorization: {alice.headers['Authorization']}", 204),
        }
        for path, (method, header, status) in path_of.items():
            request = (
                f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n{media_type}"
                "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            )
            received = exchange(service.port, request.encode() + NO_BODY)
            assert statuses(received) == [status], received

    def test_every_route_answers_as_it_does_without_a_body(self, app: Flask, alice: Person):
        chunked = {"HTTP_TRANSFER_ENCODING": "chunked"}
        for method, path in routes(app):
            plain = alice.client.open(path, method=method)
            framed = alice.client.open(path, method=method, environ_overrides=chunked)
            assert framed.status_code == plain.status_code, (method, path)


class TestU17MediaTypes:
    @pytest.mark.parametrize("media_type", GOOD_JSON)
    def test_a_json_type_is_read_by_its_grammar(self, alice: Person, media_type: str):
        body = json.dumps({"email": alice.email, "password": alice.password}).encode()
        assert send(alice, "POST", "/auth/login", body, Content_Type=media_type).status_code == 200

    @pytest.mark.parametrize("media_type", BAD_JSON, ids=lambda text: ascii(text[:50]))
    def test_another_parameter_or_type_is_refused(self, alice: Person, media_type: str):
        for method, path in BODY_ROUTES:
            answer = send(alice, method, path, b"{}", Content_Type=media_type)
            problem(answer, 415, "unsupported_media_type")

    @pytest.mark.parametrize("media_type", [text.replace("json", "x-www-form-urlencoded") for text in GOOD_JSON])
    def test_so_is_a_forms(self, alice: Person, media_type: str):
        if media_type.startswith("APPLICATION"):
            media_type = media_type.replace("JSON", "X-WWW-FORM-URLENCODED")
        answer = alice.client.post("/auth/introspect", data=b"token=x", content_type=media_type, headers=alice.headers)
        assert answer.status_code != 415, answer.text

    @pytest.mark.parametrize("media_type", [text.replace("json", "x-www-form-urlencoded") for text in BAD_JSON])
    def test_and_a_forms_with_more_is_refused(self, alice: Person, media_type: str):
        answer = alice.client.post("/auth/introspect", data=b"token=x", content_type=media_type, headers=alice.headers)
        problem(answer, 415, "unsupported_media_type")


class TestU22NamesOfTheClient:
    @pytest.mark.race
    def test_a_member_is_named_where_it_stands(self, alice: Person):
        """Each name on each route and with each value; in `make soak` in all combinations."""
        for number, name in enumerate(RESERVED):
            pointer = "/" + name.replace("~", "~0").replace("/", "~1")
            for place, (method, path) in enumerate(BODY_ROUTES):
                for value in VALUES if ROUNDS >= SOAK else [VALUES[(number + place) % len(VALUES)]]:
                    answer = send(alice, method, path, json.dumps({name: value}).encode())
                    problem(answer, 422, "validation_failed")
                    assert (pointer, "unknown_field") in told(answer), (method, path, name, value)
                    others = {place for place, _ in told(answer)} - {pointer}
                    assert others <= {"/name", "/email", "/password", "/scopes"}, (method, path, name, value)

    def test_a_parameter_is_named_as_it_is(self, alice: Person):
        for name in PARAMETERS:
            for path in ("/auth/sessions", "/auth/verify", "/auth/me", "/auth/me/activity"):
                answer = alice.client.get(path, query_string={name: "1"}, headers=alice.headers)
                errors = problem(answer, 422, "validation_failed")["errors"]
                assert [(error["parameter"], error["code"]) for error in errors] == [(name, "unknown_field")]

    def test_a_parameter_that_stands_twice_is_named_as_it_is(self, alice: Person):
        for name in PARAMETERS:
            answer = alice.client.get("/auth/sessions", query_string={name: ["1", "2"]}, headers=alice.headers)
            errors = problem(answer, 422, "validation_failed")["errors"]
            assert [(error["parameter"], error["code"]) for error in errors] == [(name, "not_allowed")]

    def test_a_member_of_a_form_is_ignored(self, alice: Person):
        for name in RESERVED:
            body = {"token": "x", name: "1"} if name != "token" else {}
            answer = alice.client.post("/auth/introspect", data=body, headers=alice.headers)
            assert answer.get_json() == {"active": False}, name

    def test_what_is_no_object_has_the_empty_pointer(self, alice: Person):
        for method, path in BODY_ROUTES:
            answer = send(alice, method, path, b'["_schema"]')
            assert told(answer) == {("", "wrong_type")}

    def test_of_very_many_names_only_some_are_quoted(self, alice: Person):
        body = json.dumps({f"k{number}": 1 for number in range(5000)}).encode()
        for method, path in BODY_ROUTES:
            assert 0 < len(told(send(alice, method, path, body))) <= 20


class TestU24WholeNumbers:
    @pytest.mark.parametrize("number", ["90", "90.0", "9e1", "9.0E+1", "900e-1", "90.000"])
    def test_a_number_without_a_fraction_is_whole(self, alice: Person, number: str):
        body = f'{{"name": "x", "scopes": ["account:read"], "expiresInDays": {number}}}'.encode()
        answer = send(alice, "POST", "/auth/access-tokens", body)
        assert answer.status_code == 201, answer.text
        made = answer.get_json()
        assert int(made["expiresAt"][:4]) >= int(made["createdAt"][:4])

    @pytest.mark.parametrize(
        ("number", "code"),
        [
            *[("90.5", "wrong_type"), ("true", "wrong_type"), ('"90"', "wrong_type"), ("null", "wrong_type")],
            *[("0.0", "not_allowed"), ("-1.0", "not_allowed"), ("1e300", "not_allowed"), ("3651.0", "not_allowed")],
        ],
    )
    def test_others_are_refused(self, alice: Person, number: str, code: str):
        body = f'{{"name": "x", "scopes": ["account:read"], "expiresInDays": {number}}}'.encode()
        answer = send(alice, "POST", "/auth/access-tokens", body)
        problem(answer, 422, "validation_failed")
        assert told(answer) == {("/expiresInDays", code)}

    def test_what_no_number_can_hold_is_malformed(self, alice: Person):
        body = b'{"name": "x", "scopes": ["account:read"], "expiresInDays": 1e400}'
        problem(send(alice, "POST", "/auth/access-tokens", body), 400, "malformed_json")


BETWEEN = [
    "\n",
    "\t",
    "\u00a0",
    "\u2013",
    "\u2014",
    "\u2011",
    "\u2212",
    " ",
    "-",
    "\u200b",
    "\u2009",
    "\u3000",
    ".",
    "\u00ad",
]


class TestU36AsPeopleType:
    @pytest.fixture
    def protected(self, alice: Person, mongo: Database) -> Protected:
        """Return Alice with an authenticator app."""
        return with_totp(alice, mongo)

    def test_a_recovery_code_is_its_letters_and_digits(self, protected: Protected):
        client, codes = protected.person.client, protected.recovery_codes
        wrap: list[Callable[[str], str]] = [
            *[lambda code, sign=sign: code.replace("-", sign) for sign in BETWEEN[:6]],
            lambda code: f"\u201c{code}\u201d\r\n",
            lambda code: f"\ufeff{code}\u200b",
            lambda code: f" {code.upper()} ",
        ]
        for code, typed in zip(codes, wrap, strict=False):
            answer = complete(client, ticket(client, protected.person), recoveryCode=typed(code))
            assert answer.status_code == 200, ascii(typed(code))

    @pytest.mark.parametrize("sign", BETWEEN, ids=ascii)
    def test_a_code_is_its_digits(self, protected: Protected, sign: str):
        client, code = protected.person.client, protected.app.code()
        typed = f"{sign}{code[:3]}{sign}{code[3:]}{sign}"
        assert complete(client, ticket(client, protected.person), code=typed).status_code == 200

    @pytest.mark.parametrize("code", ["123 45", "123-4567", "abc def", "12345a", "\u0661" * 6, "1" * 6 + " " * 60_000])
    def test_what_is_not_six_digits_is_still_none(self, protected: Protected, code: str):
        """R83"""
        answer = complete(protected.person.client, "asm_x", code=code)
        assert told(answer) == {("/code", "bad_format")}

    def test_so_is_the_first_code_of_an_app(self, alice: Person, mongo: Database):
        answer = post(alice, "/auth/mfa/totp/confirm", code="123 456")
        assert answer.get_json()["code"] != "validation_failed"

    @pytest.mark.parametrize(
        "blank", [" ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u200e"], ids=ascii
    )
    def test_a_blank_around_an_address_is_no_part_of_it(self, alice: Person, mongo: Database, blank: str):
        typed = f"{blank}{EMAIL}{blank}"
        assert login(alice.client, typed).status_code == 200
        again = alice.client.post("/auth/register", json={"name": "A", "email": typed, "password": PASSWORD})
        if blank in ("\n", "\r\n"):  # R12: no address is stored that was written with one
            problem(again, 422, "validation_failed")
        else:
            problem(again, 409, "email_taken")
        assert alice.client.post("/auth/password/forgot", json={"email": typed}).status_code == 202
        assert mongo.users.count_documents({}) == 1

    def test_nor_is_it_for_commands(self, app: Flask, alice: Person):
        shown = app.test_cli_runner().invoke(args=["users", "show", f"\u00a0{EMAIL.upper()}\t"])
        assert shown.exit_code == 0, shown.output
        made = app.test_cli_runner().invoke(
            args=["users", "create", " new@example.com\t", "--name", "N", "--password-stdin"], input="kq7Vz_mw-22\n"
        )
        assert made.exit_code == 0, made.output


def test_the_optional_bodies_are_those_that_the_document_names(app: Flask):
    """So that what the table above says is all of them."""
    paths = app.test_client().get("/openapi.json").get_json()["paths"]
    optional = {
        path
        for path, item in paths.items()
        for operation in item.values()
        if isinstance(operation, dict) and not operation.get("requestBody", {"required": True}).get("required", False)
    }
    assert set(OPTIONAL_BODY) <= optional
