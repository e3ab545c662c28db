"""What a hook may answer, and what comes of anything else: `503 hook_failed`, and nothing is stored. R124."""

import gzip
import json
import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from authsvc.security import standard_webhooks
from tests.api.forging import claims_of
from tests.conftest import problem
from tests.support.accounts import register
from tests.support.hooks import (
    ALLOW,
    SECRET,
    HookServer,
    asking,
    drips,
    hangs_up,
    never_ends,
    says_nothing,
    writes,
)

Mongo = Database[dict[str, Any]]


def late(request: Any) -> None:
    """Answer well after three seconds."""
    time.sleep(3)
    writes({**ALLOW, "claims": {}})(request)


SLOW = {"says nothing": says_nothing(4), "drips": drips, "answers late": late}
UNUSABLE: dict[str, Any] = {
    "hangs up": hangs_up,
    "null": writes(None),
    "a list": writes([ALLOW]),
    "a text": writes("true"),
    "nothing": writes(b""),
    "no JSON": writes(b"{"),
    "HTML": writes(b"<!doctype html><title>Welcome</title>", kind="text/html"),
    "JSON that says it is HTML": writes(ALLOW, kind="text/html"),
    "JSON of no type": writes(ALLOW, kind=""),
    "10 MB": writes(b'{"allow": true, "claims": {}, "more": "' + b"x" * 10_000_000 + b'"}'),
    "10 MB that announce less": writes(b"x" * 10_000_000, Content_Length="20"),
    "more than it sends": writes(b'{"allow": true}', Content_Length="100"),
    "no end": never_ends,
    "a bomb": writes(gzip.compress(json.dumps({"more": "x" * 10_000_000}).encode()), Content_Encoding="gzip"),
    "a small bomb": writes(gzip.compress(b'{"allow": true}' + b" " * 100_000), Content_Encoding="gzip"),
    "good, and said to be gzip": writes(ALLOW, Content_Encoding="gzip"),
    "a duplicate key": writes(b'{"allow": true, "allow": true}'),
    "not a number": writes(b'{"allow": true, "claims": {"n": NaN}}'),
    "too deep": writes(b'{"allow": true, "claims": {"deep": ' + b"[" * 500 + b"]" * 500 + b"}}"),
    "UTF-16": writes(json.dumps(ALLOW).encode("utf-16")),
    "500": writes(ALLOW, status=500),
    "201": writes(ALLOW, status=201),
    "204": writes(b"", status=204),
    "404": writes({"error": "not found"}, status=404),
    "a redirect inside": writes(ALLOW, status=307, Location="http://169.254.169.254/latest/meta-data/"),
    "a redirect to itself": writes(ALLOW, status=302, Location="/ask"),
    "no HTTP": lambda request: request.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n"),
}
OF_SIGN_UPS: dict[str, Any] = {
    "nobody knows": {},
    "null allowed": {"allow": None},
    "1": {"allow": 1},
    "a text for true": {"allow": "true"},
    "a reason that is no text": {"allow": False, "reason": ["no"]},
    "a reason that is no text, allowed": {"allow": True, "reason": 1},
    "an empty reason": {"allow": False, "reason": ""},
    "a reason of blanks": {"allow": False, "reason": " \u200b "},
    "a reason of two lines": {"allow": False, "reason": "no\nyes"},
    "a reason backwards": {"allow": False, "reason": "no \u202eyes"},
    "a long reason": {"allow": False, "reason": "x" * 201},
}
OF_TOKENS: dict[str, Any] = {
    "null claims": {"claims": None},
    "a list of claims": {"claims": [{"plan": "pro"}]},
    "a text of claims": {"claims": "plan"},
    "claims that grow in a token": {"claims": {"name": "é" * 2000}},
    "half a character": writes(rb'{"claims": {"name": "\ud800"}}'),
    "half a character, deep": writes(rb'{"claims": {"names": [{"of": ["a\udfffb"]}]}}'),
    "half a character as a name": writes(rb'{"claims": {"more": {"\udc00": 1}}}'),
    "an integer of 4000 digits": writes(b'{"claims": {"n": ' + b"9" * 4000 + b"}}"),
    "an integer of 54 bits": {"claims": {"n": [2**53]}},
    "a negative one": {"claims": {"n": -(2**53)}},
}


def check_failure(answer: Any) -> None:
    """Check that an answer is the failure of a hook, by name."""
    body = problem(answer, 503, "hook_failed")
    assert int(answer.headers["Retry-After"]) > 0
    assert "127.0.0.1" not in json.dumps(body)


def is_empty(mongo: Mongo) -> bool:
    """Tell whether nothing is stored of anybody, and nothing is on record."""
    names = ("users", "sessions", "links", "letters", "email_codes", "audit", "devices")
    return all(mongo[name].find_one() is None for name in names)


class TestSignUp:
    @pytest.mark.parametrize("answer", [*UNUSABLE.values(), *OF_SIGN_UPS.values()], ids=[*UNUSABLE, *OF_SIGN_UPS])
    def test_r124_anything_but_an_answer_is_a_failure_and_makes_nothing(
        self, client: FlaskClient, sign_up_hook: HookServer, mongo: Mongo, answer: Any
    ) -> None:
        sign_up_hook.answer = lambda _: answer
        check_failure(register(client))
        assert len(sign_up_hook.questions) == 1
        assert is_empty(mongo)
        sign_up_hook.answer = lambda _: ALLOW
        assert register(client).status_code == 201

    @pytest.mark.slow
    @pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
    def test_r124_it_has_two_seconds(
        self, client: FlaskClient, sign_up_hook: HookServer, mongo: Mongo, answer: Any
    ) -> None:
        sign_up_hook.answer = lambda _: answer
        begun = time.monotonic()
        check_failure(register(client))
        assert 1.9 < time.monotonic() - begun < 4
        assert is_empty(mongo)

    def test_r124_nobody_there_is_a_failure(self, app: Flask, client: FlaskClient, mongo: Mongo) -> None:
        with asking(app, sign_up="http://127.0.0.1:1/"):
            check_failure(register(client))
        assert is_empty(mongo)

    @pytest.mark.parametrize(
        "answer", [{"allow": True}, {"allow": True, "reason": None}, {"allow": True, "later": [1]}, writes(ALLOW)]
    )
    def test_who_is_allowed_has_an_account(self, client: FlaskClient, sign_up_hook: HookServer, answer: Any) -> None:
        sign_up_hook.answer = lambda _: answer
        assert register(client).status_code == 201

    def test_the_type_of_an_answer_may_have_a_charset(self, client: FlaskClient, sign_up_hook: HookServer) -> None:
        sign_up_hook.answer = lambda _: writes(ALLOW, kind="Application/JSON; charset=utf-8")
        assert register(client).status_code == 201

    @pytest.mark.parametrize("reason", ["Only <b>example.com</b> & friends.", "Nur für Beschäftigte 👩‍🚀"])
    def test_who_is_refused_is_told_why(
        self, client: FlaskClient, sign_up_hook: HookServer, mongo: Mongo, reason: str
    ) -> None:
        sign_up_hook.answer = lambda _: {"allow": False, "reason": reason}
        answer = register(client)
        body = problem(answer, 403, "hook_refused")
        assert (body["reason"], body["detail"]) == (reason, reason)
        assert answer.content_type == "application/problem+json"
        assert is_empty(mongo)

    @pytest.mark.parametrize("answer", [{"allow": False}, {"allow": False, "reason": None}])
    def test_a_refusal_needs_no_reason(self, client: FlaskClient, sign_up_hook: HookServer, answer: Any) -> None:
        sign_up_hook.answer = lambda _: answer
        assert "reason" not in problem(register(client), 403, "hook_refused")


class TestToken:
    @pytest.mark.parametrize("answer", [*UNUSABLE.values(), *OF_TOKENS.values()], ids=[*UNUSABLE, *OF_TOKENS])
    def test_r124_anything_but_an_answer_is_a_failure_and_makes_nothing(
        self, client: FlaskClient, token_hook: HookServer, mongo: Mongo, answer: Any
    ) -> None:
        token_hook.answer = lambda _: answer
        check_failure(register(client))
        assert is_empty(mongo)
        token_hook.answer = lambda _: {}
        assert register(client).status_code == 201

    @pytest.mark.parametrize("answer", [{}, {"claims": {}}, {"allow": False}])
    def test_no_claims_are_no_member(self, client: FlaskClient, token_hook: HookServer, answer: Any) -> None:
        token_hook.answer = lambda _: answer
        assert "ext" not in claims_of(register(client).get_json()["accessToken"])

    def test_r124_claims_are_under_ext_alone(self, client: FlaskClient, token_hook: HookServer) -> None:
        claims = {
            "role": "admin",
            "sub": "someone else",
            "exp": 1,
            "ext": {"ext": 1},
            "plan": ["pro", None, 1.5, "é😀"],
        }
        token_hook.answer = lambda _: {"claims": claims, "role": "admin", "exp": 1}
        tokens = register(client).get_json()
        access = claims_of(tokens["accessToken"])
        assert access["ext"] == claims
        assert (access["role"], access["sub"]) == ("user", tokens["user"]["id"])
        assert set(access) == {
            *("iss", "aud", "sub", "sid", "jti", "iat", "exp", "type", "role", "auth_time", "amr", "ext", "fresh")
        } - ({"fresh"} - set(access))
        assert "ext" not in claims_of(tokens["refreshToken"])
        answer = client.get("/", headers={"Authorization": f"Bearer {tokens['accessToken']}"})
        assert answer.status_code == 200

    def test_the_longest_claims_are_taken_and_the_token_serves(
        self, client: FlaskClient, token_hook: HookServer
    ) -> None:
        claims = {"text": "x" * 8100}
        token_hook.answer = lambda _: {"claims": claims}
        token = register(client).get_json()["accessToken"]
        assert claims_of(token)["ext"] == claims
        assert client.get("/", headers={"Authorization": f"Bearer {token}"}).status_code == 200


class TestQuestion:
    def test_what_is_asked_about_a_sign_up(self, client: FlaskClient, sign_up_hook: HookServer) -> None:
        assert register(client, name="Zoë 😀", email="zoe@example.com").status_code == 201
        (question,) = sign_up_hook.questions
        moment = question.pop("timestamp")
        assert moment.endswith("Z")
        data = {"name": "Zoë 😀", "email": "zoe@example.com", "role": "user", "locale": None, "how": "register"}
        assert question == {"type": "sign_up", "data": data}

    def test_the_language_of_who_asks_is_told(self, client: FlaskClient, sign_up_hook: HookServer) -> None:
        body = {"name": "Zoe", "email": "zoe@example.com", "password": "correct horse battery"}
        assert client.post("/auth/register", json=body, headers={"Accept-Language": "ja"}).status_code == 201
        assert sign_up_hook.about("sign_up")[0]["locale"] == "ja"

    def test_what_is_asked_about_a_token(self, client: FlaskClient, token_hook: HookServer) -> None:
        tokens = register(client).get_json()
        claims, user = claims_of(tokens["accessToken"]), tokens["user"]
        (data,) = token_hook.about("token")
        names = ("id", "name", "email", "emailVerified", "role", "locale")
        assert data == {
            "account": {**{name: user[name] for name in names}, "createdAt": None},  # it is not made yet
            "session": {"id": claims["sid"], "methods": ["pwd"], "authTime": claims["auth_time"]},
        }

    def test_r122_each_has_an_id_of_its_own(self, client: FlaskClient, sign_up_hook: HookServer) -> None:
        for number in range(3):
            register(client, email=f"a{number}@example.com")
        assert len({one.headers["webhook-id"] for one in sign_up_hook.asked}) == 3

    def test_r122_two_secrets_sign_while_they_are_changed(
        self, app: Flask, client: FlaskClient, hook: HookServer
    ) -> None:
        new = standard_webhooks.new_secret()
        hook.secrets = [new, SECRET]
        with asking(app, sign_up=hook.url, secret=f"{new},{SECRET}"):
            assert register(client).status_code == 201
        assert len(hook.questions) == 1
