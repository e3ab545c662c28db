"""What a body may be. D5, D6, D7, D14, R9, R75, R91."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import WRONG_TYPES, Database, hashing
from tests.support.wire import BODY_ROUTES, OPTIONAL_BODY, send

LIMIT = 65_536
GOOD = {"email": "alice@example.com", "password": PASSWORD}
TEXT = json.dumps(GOOD)

MALFORMED = {
    "an open object": b"{",
    "cut in a key": b'{"ema',
    "cut after a colon": b'{"email":',
    "cut after a comma": b'{"email": "a",',
    "a comma too many": b'{"email": "a",}',
    "single quotes": b"{'email': 'a'}",
    "a comment": b'{"email": "a"} // x',
    "two texts": b"{}{}",
    "text behind": b"{} x",
    "a NUL behind": b"{}\0",
    "no JSON": b"email=a&password=b",
    "spaces alone": b"   ",
    "NaN": b"NaN",
    "NaN inside": b'{"email": NaN}',
    "Infinity": b'{"email": Infinity}',
    "-Infinity": b'{"email": [-Infinity]}',
    "a number without bounds": b'{"email": 1e400}',
    "a negative one": b'{"email": -1e400}',
    "5,000 digits": b'{"email": ' + b"9" * 5000 + b"}",
    "an octal number": b'{"email": 012}',
    "a plus sign": b'{"email": +1}',
    "a key twice": b'{"email": "a@x.io", "email": "b@x.io"}',
    "a key twice, escaped": b'{"email": "a@x.io", "\\u0065mail": "b@x.io"}',
    "a key twice, inside": b'{"email": {"a": 1, "a": 2}}',
    "a raw NUL": b'{"email": "a\0b"}',
    "a raw newline": b'{"email": "a\nb"}',
    "a bad escape": b'{"email": "\\x41"}',
    "a cut escape": b'{"email": "\\u00"}',
    "ff": b'{"email": "\xff"}',
    "an overlong slash": b'{"email": "\xc0\xaf"}',
    "a raw surrogate": b'{"email": "\xed\xa0\x80"}',
    "beyond Unicode": b'{"email": "\xf5\x80\x80\x80"}',
    "latin-1": '{"email": "é"}'.encode("latin-1"),
    "a byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16 LE": TEXT.encode("utf-16-le"),
    "UTF-16 BE": TEXT.encode("utf-16-be"),
    "UTF-32": TEXT.encode("utf-32"),
    "UTF-32 LE": TEXT.encode("utf-32-le"),
    "2,000 open lists": b"[" * 2000,
    "2,000 lists": b"[" * 2000 + b"]" * 2000,
    "2,000 lists in a member": b'{"email": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    "2,000 objects": b'{"a":' * 2000 + b"1" + b"}" * 2000,
    "30,000 lists": b"[" * 30_000 + b"]" * 30_000,
}
NOT_OBJECTS = {
    "a list": b"[]",
    "objects in a list": b"[{}]",
    "text": b'"x"',
    "5": b"5",
    "null": b"null",
    "true": b"true",
}
UNKNOWN_MEMBERS = ["$where", "$gt", "a.b", "__raw__", "email__ne", "email[$ne]", "_id[$oid]", "_cls", "Email", "", "é"]
MEDIA_TYPES = [
    None,
    "",
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json, text/plain",
    "text/plain, application/json",
    "application/json; charset=latin1",
    "application/json; charset=utf-16",
    "application/json; charset=utf-8; x=y",
    "application/json; profile=x",
    "application/json+x",
    "application/problem+json",
    "application/vnd.api+json",
    "application/jsonp",
    "appli cation/json",
    "application/octet-stream",
    "*/*",
]


def named(table: dict[str, bytes]) -> Any:
    """Return the rows of a table as parameters."""
    return pytest.mark.parametrize("body", table.values(), ids=table)


@pytest.fixture(scope="module")
def roomy_app(app: Flask, make_lasting_app: Callable[..., Flask]) -> Flask:
    """Return an application that takes bodies of ten megabytes."""
    with hashing():
        return make_lasting_app(MAX_BODY_BYTES=10_000_000)


@pytest.fixture
def roomy(roomy_app: Flask, clean: None) -> Person:
    """Return Alice at that application."""
    return Person(roomy_app.test_client(use_cookies=False), "alice@example.com", PASSWORD, "Alice").register()


def accepted(answer: Any) -> bool:
    """Tell whether the body was read and understood: what follows is about what it says."""
    return answer.status_code in (200, 201, 204, 401) or answer.get_json()["code"] == "validation_failed"


class TestMalformed:
    """R91: 400, and the account that was there still signs in."""

    def test_a_malformed_body_is_refused(self, alice: Person):
        for name, body in MALFORMED.items():
            for method, path in BODY_ROUTES:
                answer = send(alice, method, path, body)
                assert answer.status_code == 400, (name, method, path)
                problem(answer, 400, "malformed_json")
        assert alice.login()

    def test_so_are_100_000_levels(self, roomy: Person):
        """D5"""
        for method, path in BODY_ROUTES:
            for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
                for body in (opening * 100_000, opening * 100_000 + b"1" + closing * 100_000):
                    problem(send(roomy, method, path, body), 400, "malformed_json")
        assert roomy.login()

    def test_fifty_levels_are_too_many_or_simply_wrong(self, alice: Person):
        for method, path in BODY_ROUTES:
            answer = send(alice, method, path, b'{"email": ' + b"[" * 50 + b"]" * 50 + b"}")
            assert answer.get_json()["code"] in ("malformed_json", "validation_failed")

    def test_an_empty_body(self, alice: Person):
        for method, path in BODY_ROUTES:
            answer = send(alice, method, path, b"")
            if path in OPTIONAL_BODY:
                problem(answer, 401, "token_missing")
            else:
                problem(answer, 400, "malformed_json")

    def test_less_than_was_announced(self, alice: Person):
        for method, path in BODY_ROUTES:
            problem(send(alice, method, path, b"{}", announced="100"), 400, "malformed_json")


class TestWrongShape:
    """R9, R91: well-formed, and not what was asked for."""

    @named(NOT_OBJECTS)
    def test_what_is_no_object_is_refused(self, alice: Person, body: bytes):
        for method, path in BODY_ROUTES:
            document = problem(send(alice, method, path, body), 422, "validation_failed")
            assert [(error["pointer"], error["code"]) for error in document["errors"]] == [("", "wrong_type")]
        assert alice.login()

    @pytest.mark.parametrize("member", UNKNOWN_MEMBERS)
    def test_an_unknown_member_is_refused(self, alice: Person, member: str):
        """D7"""
        for method, path in BODY_ROUTES:
            document = problem(send(alice, method, path, json.dumps({member: 1}).encode()), 422, "validation_failed")
            assert ("/" + member, "unknown_field") in [
                (error["pointer"], error["code"]) for error in document["errors"]
            ]
        assert alice.login()

    @pytest.mark.parametrize("name", ["\ud800", "\0", "\r\n", "a/b~c", "\u2028", "<script>"], ids=ascii)
    def test_a_strange_member_name_is_quoted_safely(self, alice: Person, name: str):
        """D14; RFC 6901 section 3."""
        for method, path in BODY_ROUTES:
            answer = send(alice, method, path, json.dumps({name: 1}).encode())
            document = problem(answer, 422, "validation_failed")
            pointers = [error["pointer"] for error in document["errors"] if error["code"] == "unknown_field"]
            assert pointers == ["/" + name.replace("~", "~0").replace("/", "~1")]
            assert answer.data.isascii()
            assert b"\r" not in answer.data

    def test_an_endless_member_name_is_not_sent_back_whole(self, alice: Person):
        for method, path in BODY_ROUTES:
            answer = send(alice, method, path, json.dumps({"x" * 60_000: 1}).encode())
            problem(answer, 422, "validation_failed")
            assert len(answer.data) < 2000

    def test_a_hundred_thousand_members(self, roomy: Person):
        body = json.dumps({f"k{n}": n for n in range(100_000)}).encode()
        document = problem(send(roomy, "POST", "/auth/login", body), 422, "validation_failed")
        assert len(document["errors"]) <= 20
        assert roomy.login()

    @pytest.mark.parametrize("value", WRONG_TYPES, ids=str)
    @pytest.mark.parametrize("path", OPTIONAL_BODY)
    def test_a_refresh_token_of_a_wrong_type(self, alice: Person, mongo: Database, path: str, value: Any):
        """R9"""
        document = problem(alice.client.post(path, json={"refreshToken": value}), 422, "validation_failed")
        assert [(error["pointer"], error["code"]) for error in document["errors"]] == [("/refreshToken", "wrong_type")]
        assert mongo.sessions.count_documents({"endedAt": None, "generation": 1}) == 1

    @pytest.mark.parametrize("escaped", ["\\ud800", "\\udfff", "a\\ud800b", "\\u0000", "a\\u0000b"])
    def test_text_that_nothing_can_hold_is_refused(self, alice: Person, escaped: str):
        """D14: lone surrogates and NUL, in every string."""
        for method, path in BODY_ROUTES:
            wanted = {
                "/auth/register": {"name": "A", **GOOD, "transport": "body"},
                "/auth/login": {**GOOD, "transport": "body"},
                "/auth/me": {"name": "A"},
                "/auth/access-tokens": {"name": "A", "scopes": ["account:read"]},
            }.get(path, {"refreshToken": "x"})
            for member in wanted:
                body = json.dumps({**wanted, member: "HERE"}).replace("HERE", escaped).encode()
                document = problem(send(alice, method, path, body), 422, "validation_failed")
                assert [error["pointer"] for error in document["errors"]] == [f"/{member}"]
        assert alice.login()

    def test_operators_reach_no_query(self, alice: Person):
        """D7"""
        for operator in ({"$gt": ""}, {"$ne": None}, {"$regex": ".*"}, {"$where": "sleep(5000)"}):
            problem(
                alice.client.post("/auth/login", json={"email": operator, "password": operator}),
                422,
                "validation_failed",
            )


class TestSize:
    """D6, R91; chunked bodies in tests/test_framing.py."""

    def test_one_byte_too_many(self, alice: Person):
        for method, path in BODY_ROUTES:
            problem(send(alice, method, path, b" " * (LIMIT - 1) + b"{}"), 413, "body_too_large")
            problem(send(alice, method, path, b"{}", announced=str(LIMIT + 1)), 413, "body_too_large")
            problem(send(alice, method, path, b"{}", announced="9" * 30), 413, "body_too_large")
        assert alice.login()

    def test_exactly_the_limit(self, alice: Person):
        for method, path in BODY_ROUTES:
            assert accepted(send(alice, method, path, b" " * (LIMIT - 2) + b"{}"))


class TestMediaType:
    """R75"""

    @pytest.mark.parametrize("media_type", MEDIA_TYPES)
    def test_nothing_but_json_is_read(self, alice: Person, media_type: str | None):
        for method, path in BODY_ROUTES:
            answer = send(alice, method, path, TEXT.encode(), Content_Type=media_type)
            problem(answer, 415, "unsupported_media_type")

    @pytest.mark.parametrize(
        "media_type",
        [
            "application/json",
            "application/json; charset=utf-8",
            "application/json;charset=UTF-8",
            "Application/JSON ; Charset=utf-8",
        ],
    )
    def test_json_is_read(self, alice: Person, media_type: str):
        for method, path in BODY_ROUTES:
            assert accepted(send(alice, method, path, TEXT.encode(), Content_Type=media_type))

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "x", "gzip, identity"])
    def test_a_compressed_body_is_refused(self, alice: Person, coding: str):
        for method, path in BODY_ROUTES:
            answer = send(alice, method, path, TEXT.encode(), Content_Encoding=coding)
            problem(answer, 415, "unsupported_media_type")


class TestBodyThatNobodyAsksFor:
    @pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 2000, b"x" * 100_000, b"{}"], ids=len)
    @pytest.mark.parametrize("content_type", ["application/json", "text/plain", None])
    def test_it_is_ignored(self, app: Flask, alice: Person, body: bytes, content_type: str | None):
        without = [
            ("GET", "/"),
            ("GET", "/auth/me"),
            ("GET", "/auth/sessions"),
            ("DELETE", "/auth/sessions?scope=others"),
        ]
        for method, path in without:
            answer = alice.client.open(path, method=method, data=body, content_type=content_type, headers=alice.headers)
            assert answer.status_code in (200, 204)
