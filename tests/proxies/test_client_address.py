"""Whose address a request behind a proxy has, as throttles, sessions, letters and the record see it. U15."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from tests.conftest import PASSWORD, Person
from tests.support.accounts import Database, hashing, throttled

PEER = "10.0.0.2"
SPELLINGS = {
    "a port": [f"203.0.113.7:{port}" for port in range(40_001, 40_006)],
    "brackets": ["[2001:db8::1]", "[2001:db8::2]:4000", "2001:DB8::3", "[2001:db8:0:0::4]:5", '"[2001:db8::5]"'],
    "mapped": ["203.0.113.7", "::ffff:203.0.113.7", "[::FFFF:203.0.113.7]:1", "::ffff:cb00:7107", "203.0.113.7:2"],
    "NAT64": [
        "64:ff9b::203.0.113.7",
        "[64:ff9b::cb00:7107]:1",
        "64:ff9b:1::203.0.113.7",
        "203.0.113.7",
        "203.0.113.7:9",
    ],
    "6to4": [f"2002:cb00:7107:{subnet}::1" for subnet in range(5)],
    "no address": ["unknown", "_hidden", "_x1", "x", "203.0.113.7.9"],
    "quotes": [f'"{number}, 203.0.113.7' for number in range(5)],
}


@pytest.fixture
def behind(app: Flask, make_app: Callable[..., Flask], clean: None) -> Iterator[FlaskClient]:
    """Return a client behind one trusted proxy."""
    with hashing():
        yield make_app(TRUSTED_PROXIES=1).test_client(use_cookies=False)


def post(client: FlaskClient, path: str, forwarded: str | None, **members: str) -> Any:
    """Return the answer to a POST that a proxy hands on."""
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client.post(path, json=members, headers=headers, environ_overrides={"REMOTE_ADDR": PEER})


class TestU15OneClient:
    @pytest.mark.parametrize("spellings", SPELLINGS.values(), ids=SPELLINGS)
    def test_however_it_is_written_it_is_throttled_as_one(self, behind: FlaskClient, spellings: list[str]):
        with throttled(behind.application, login_address=2):
            answers = [
                post(behind, "/auth/login", text, email="nobody@example.com", password="x") for text in spellings
            ]
        assert [answer.status_code for answer in answers] == [401, 401, 429, 429, 429]

    def test_clients_behind_one_translator_are_told_apart(self, behind: FlaskClient):
        with throttled(behind.application, login_address=1):
            answers = [
                post(behind, "/auth/login", f"64:ff9b::203.0.113.{number}", email="x@example.com", password="x")
                for number in range(12)
            ]
        assert {answer.status_code for answer in answers} == {401}

    @pytest.mark.parametrize("spellings", [SPELLINGS["a port"], SPELLINGS["brackets"]])
    def test_one_place_is_new_once(self, behind: FlaskClient, mongo: Database, spellings: list[str]):
        person = Person(behind, "ada@example.com", PASSWORD, "Ada")
        assert (
            post(
                behind, "/auth/register", "198.51.100.1", name="Ada", email=person.email, password=PASSWORD
            ).status_code
            == 201
        )
        mongo.users.update_one({}, {"$set": {"emailVerifiedAt": clock.now()}})  # notices go to proved addresses
        for text in spellings:
            assert post(behind, "/auth/login", text, email=person.email, password=PASSWORD).status_code == 200
        assert mongo.letters.count_documents({"kind": "new_sign_in"}) == 1

    @pytest.mark.parametrize(
        ("forwarded", "ip"),
        [
            ("203.0.113.7:40001", "203.0.113.7"),
            ("[2001:DB8::1]:4000", "2001:db8::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("1.1.1.1, 203.0.113.7", "203.0.113.7"),
            ("unknown", None),
            ("_hidden", None),
            ("<script>", None),
            ("x" * 3000, None),
            (None, PEER),
        ],
    )
    def test_sessions_and_the_record_hold_an_address_or_none(
        self, behind: FlaskClient, mongo: Database, forwarded: str | None, ip: str | None
    ):
        answer = post(behind, "/auth/register", forwarded, name="Ada", email="ada@example.com", password=PASSWORD)
        assert answer.status_code == 201
        assert [session.get("ip") for session in mongo.sessions.find()] == [ip]
        assert {entry.get("ip") for entry in mongo.audit.find()} == {ip}
        shown = {"Authorization": f"Bearer {answer.get_json()['accessToken']}"}
        assert behind.get("/auth/sessions", headers=shown).get_json()["items"][0]["ip"] == ip
        assert behind.get("/auth/me/activity", headers=shown).get_json()["items"][0]["ip"] == ip

    def test_an_unknown_address_is_no_known_place(self, behind: FlaskClient, mongo: Database):
        """Who signs in from there gives nobody else who has none the limits of a friend."""
        with throttled(behind.application, login_account=2, login_device=9):
            post(behind, "/auth/register", "unknown", name="Ada", email="ada@example.com", password=PASSWORD)
            assert post(behind, "/auth/login", "unknown", email="ada@example.com", password=PASSWORD).status_code == 200
            assert mongo.devices.count_documents({}) == 0
            answers = [
                post(behind, "/auth/login", "_other", email="ada@example.com", password="wrong") for _ in range(3)
            ]
        assert [answer.status_code for answer in answers] == [401, 401, 429]

    @pytest.mark.parametrize(
        "header", ["Forwarded", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Port", "X-Client-IP"]
    )
    def test_nothing_else_is_believed(self, behind: FlaskClient, mongo: Database, header: str):
        headers = {header: "for=203.0.113.9;host=evil.example", "X-Forwarded-For": "203.0.113.7"}
        account = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
        assert behind.post("/auth/register", json=account, headers=headers).status_code == 201
        assert {entry["ip"] for entry in mongo.audit.find()} == {"203.0.113.7"}


class TestU15Scheme:
    """`X-Forwarded-Proto` counts in development only, for the origin that a request came to."""

    @pytest.mark.parametrize(
        ("scheme", "hops", "passes"),
        [
            ("https", 1, True),
            ("HTTPS", 1, True),
            ("https", 0, False),
            ("ftp", 1, False),
            ("https://x", 1, False),
            ("https, http", 1, False),
            ("https, http", 2, True),
            ("http, https", 1, True),
            ("", 1, False),
        ],
    )
    def test_it_is_http_or_https(
        self, make_app: Callable[..., Flask], app: Flask, scheme: str, hops: int, passes: bool
    ):
        with hashing():
            client = make_app(APP_ENV="development", TRUSTED_PROXIES=hops).test_client(use_cookies=False)
        headers = {"Host": "127.0.0.1:3000", "X-Forwarded-Proto": scheme, "Origin": "https://127.0.0.1:3000"}
        refused = client.post("/auth/refresh-token", headers=headers).get_json()["code"] == "cross_origin_refused"
        assert refused is not passes
