"""Signing in with a password: R8, R9, R17, R18, R29-R31, R93."""

import base64
import json
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from flask.testing import FlaskClient
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from authsvc.services.users import state
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import (
    BAD_HASHES,
    EMAIL,
    OLD,
    USER_MEMBERS,
    WRONG_TYPES,
    Database,
    Work,
    counted_documents,
    counted_work,
    hashing,
    import_account,
    login,
    node_hash,
    occupied,
    register,
    told,
)
from tests.support.service import Service, Visitor
from tests.support.timing import assert_equal_time

WRONG = "not the right phrase"


def disable(person: Person) -> Person:
    """Disable a person's account, as an administrator would."""
    with person.client.application.app_context():
        state.disable(None, person.id)
    return person


class TestLogin:
    def test_the_right_password_signs_in(self, alice: Person):
        answer = login(alice.client)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        body = answer.get_json()
        assert set(body) == {"accessToken", "refreshToken", "tokenType", "expiresIn", "user"}
        assert set(body["user"]) == USER_MEMBERS
        assert body["user"] == alice.tokens["user"]

    def test_each_sign_in_is_a_session_of_its_own(self, alice: Person, mongo: Database):
        """R29: another jti, another family, whatever token is shown along."""
        first = alice.login()
        answer = alice.client.post(
            "/auth/login", json={"email": alice.email, "password": alice.password}, headers=first.headers
        )
        second = Person(alice.client, alice.email, alice.password, tokens=answer.get_json())
        seen = [claims(person.tokens["accessToken"]) for person in (alice, first, second)]
        assert len({found["jti"] for found in seen}) == len({found["sid"] for found in seen}) == 3
        assert mongo.sessions.count_documents({"endedAt": None}) == 3
        alice.client.delete("/auth/logout", headers=second.headers)
        assert first.home().status_code == 200

    def test_a_wrong_type_is_refused(self, alice: Person):
        """R9, D7"""
        for member, value in product(["email", "password", "transport"], WRONG_TYPES):
            answer = alice.client.post("/auth/login", json={"email": EMAIL, "password": PASSWORD, member: value})
            problem(answer, 422, "validation_failed")
            assert told(answer) == {(f"/{member}", "wrong_type")}, value
        assert alice.login()

    @pytest.mark.parametrize("member", ["$where", "email__ne", "__raw__", "email[$ne]", "_id[$oid]", "rememberMe"])
    def test_a_member_that_is_not_asked_for_is_refused(self, alice: Person, member: str):
        """D7"""
        answer = alice.client.post("/auth/login", json={"email": EMAIL, "password": PASSWORD, member: "1"})
        problem(answer, 422, "validation_failed")
        assert told(answer) == {(f"/{member}", "unknown_field")}

    @pytest.mark.parametrize("password", ["short", "password", "alice123", "x", "x" * 256])
    def test_no_rule_about_new_passwords_applies(self, alice: Person, password: str):
        problem(login(alice.client, password=password), 401, "invalid_credentials")

    @pytest.mark.parametrize(
        ("length", "status", "code"),
        [
            (0, 422, "validation_failed"),
            (257, 422, "validation_failed"),
            (10_000, 422, "validation_failed"),
            (1_000_000, 413, "body_too_large"),
        ],
    )
    def test_an_overlong_password_is_refused(self, alice: Person, length: int, status: int, code: str):
        """R8, D13"""
        for email in (EMAIL, "nobody@example.com"):
            problem(login(alice.client, email, "x" * length), status, code)
        assert alice.login()

    @pytest.mark.parametrize(
        "email",
        ["", "alice", "alice@", "@example.com", "alice@localhost", "\u212aate@x.io", "x" * 300, "a@b\n", "\x7f"],
    )
    def test_what_is_no_address_is_a_wrong_one(self, alice: Person, email: str):
        problem(login(alice.client, email), 401, "invalid_credentials")

    def test_a_disabled_account_is_told_so_after_the_right_password_alone(self, alice: Person):
        disable(alice)
        problem(login(alice.client), 403, "account_disabled")
        problem(login(alice.client, password=WRONG), 401, "invalid_credentials")

    @pytest.mark.parametrize("hash_", BAD_HASHES, ids=lambda value: value[:12])
    def test_a_malformed_stored_hash_fits_no_password(self, client: FlaskClient, mongo: Database, hash_: str):
        """D13"""
        document = import_account(mongo, password=hash_)
        for password in (PASSWORD, hash_ or "x", "x" * 100):
            problem(login(client, document["email"], password), 401, "invalid_credentials")
        assert mongo.users.find_one({"_id": document["_id"]}) == document

    def test_an_account_without_a_password_has_none_that_fits(self, client: FlaskClient, mongo: Database):
        import_account(mongo, email="a@example.com", without="password")
        import_account(mongo, email="b@example.com", password=None)
        for email in ("a@example.com", "b@example.com"):
            for password in (PASSWORD, "None", "null"):
                problem(login(client, email, password), 401, "invalid_credentials")


class TestSameAnswer:
    def test_nothing_tells_an_unknown_address_from_a_wrong_password(self, alice: Person, bob: Person, mongo: Database):
        """R17"""
        disable(bob)
        import_account(mongo)
        import_account(mongo, email="nopassword@example.com", without="password")
        emails = [
            "nobody@example.com",
            EMAIL,
            bob.email,
            OLD,
            "nopassword@example.com",
            "no address",
        ]
        answers = [login(alice.client, email, WRONG) for email in emails]
        for answer in answers:
            problem(answer, 401, "invalid_credentials")
        assert len({answer.text.replace(answer.headers["X-Request-ID"], "") for answer in answers}) == 1
        varying = ("X-Request-ID", "Date")
        shown = [[(name, value) for name, value in answer.headers if name not in varying] for answer in answers]
        assert all(headers == shown[0] for headers in shown)


class TestOnlyPost:
    @pytest.mark.parametrize("path", ["/auth/login", "/auth/register"])
    @pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
    def test_another_method_is_refused(self, alice: Person, method: str, path: str):
        """R30"""
        answer = alice.client.open(path, method=method, query_string={"email": EMAIL, "password": PASSWORD})
        problem(answer, 405, "method_not_allowed")
        assert "POST" in answer.headers["Allow"]
        assert "GET" not in answer.headers["Allow"]

    def test_head_is_refused(self, client: FlaskClient):
        """R30"""
        answer = client.head("/auth/login")
        assert answer.status_code == 405
        assert "POST" in answer.headers["Allow"]

    @pytest.mark.parametrize("body", [{}, {"email": EMAIL}, {"email": EMAIL, "password": PASSWORD}], ids=len)
    def test_credentials_in_the_url_do_not_count(self, alice: Person, body: dict[str, str]):
        """R30"""
        query = {"email": EMAIL, "password": PASSWORD}
        answer = alice.client.post("/auth/login", json=body, query_string=query)
        problem(answer, 422, "validation_failed")
        assert PASSWORD not in answer.text

    def test_a_form_does_not_count(self, alice: Person):
        """R30"""
        answer = alice.client.post("/auth/login", data={"email": EMAIL, "password": PASSWORD})
        problem(answer, 415, "unsupported_media_type")


class TestNoDefaultAccount:
    def test_a_fresh_installation_has_no_account(self, client: FlaskClient, mongo: Database):
        """R31"""
        assert mongo.users.count_documents({}) == 0
        for email in ("admin", "root", "admin@example.com", "root@localhost"):
            for password in (email, "admin", "root", "changeme", *FREQUENCY_LISTS["passwords"][:25]):
                problem(login(client, email, password), 401, "invalid_credentials")


class TestBusy:
    @pytest.mark.parametrize("route", [login, register])
    def test_who_would_wait_too_long_is_told_so(self, alice: Person, mongo: Database, route: Callable[..., Any]):
        """R93: nothing is hashed, nothing is stored, and it passes."""
        with hashing(size=1, max_wait=0) as pool:
            with occupied(pool):
                answer = route(alice.client, email="new@example.com")
                problem(answer, 503, "hashing_busy")
                assert int(answer.headers["Retry-After"]) >= 1
                assert alice.home().status_code == 200
            assert mongo.users.count_documents({}) == 1
            assert login(alice.client).status_code == 200
            assert register(alice.client).status_code == 201


class TestEqualWork:
    """R18: hashes (as rounds of bcrypt) and database commands are the same, so the time can be."""

    @pytest.fixture
    def emails(self, alice: Person, bob: Person, mongo: Database) -> list[str]:
        """Return addresses of every kind."""
        disable(bob)
        import_account(mongo)
        import_account(mongo, email="2a@example.com", password=node_hash(PASSWORD, 5, b"2a"))
        import_account(mongo, email="none@example.com", without="password")
        import_account(mongo, email="bad@example.com", password="$2b$10$" + "z" * 53)
        return [
            *("nobody@example.com", EMAIL, bob.email, OLD, OLD.upper(), "2a@example.com", "none@example.com"),
            *("bad@example.com", "no address", "", "\u212aate@example.com", "x" * 300),
        ]

    @pytest.mark.parametrize(("password", "times"), [(WRONG, 1), ("w" * 72, 1), ("w" * 73, 2), ("é" * 256, 2)])
    def test_every_wrong_answer_takes_the_same(self, client: FlaskClient, emails: list[str], password: str, times: int):
        with hashing(6):
            for email in emails:
                with counted_work() as work, counted_documents() as documents:
                    problem(login(client, email, password), 401, "invalid_credentials")
                assert (email, work) == (email, Work(times * 2**6, ["find users", "find devices", "insert audit"]))
                assert (email, documents) == (email, {"User": 1, "AuditEvent": 1})

    @pytest.mark.parametrize("length", [0, 257, 1_000, 10_000, 1_000_000])
    def test_an_overlong_password_takes_none(self, client: FlaskClient, emails: list[str], length: int):
        """R8: on registering too."""
        for route in (login, register):
            for email in emails:
                with counted_work() as work:
                    assert route(client, email=email, password="x" * length).status_code in (413, 422)
                assert not work

    def test_a_registration_that_is_refused_for_its_input_takes_none(self, client: FlaskClient):
        """R93: what can be judged before hashing is."""
        for members in ({"email": "no address"}, {"password": "password"}, {"name": ""}, {"role": "admin"}):
            with counted_work() as work:
                problem(register(client, **members), 422, "validation_failed")
            assert not work


@pytest.fixture(scope="module")
def visitor(settings: dict[str, str], mongo: Database) -> Iterator[Visitor]:
    """Return somebody with one connection to a service where there are accounts of every kind."""
    mongo.users.delete_many({})
    with Service(**{**settings, "BCRYPT_ROUNDS": 10}) as service:
        assert Visitor(service.url).register(EMAIL).status_code == 201
        import_account(mongo, password=node_hash(PASSWORD, 8))
        import_account(mongo, email="2a@example.com", password=node_hash(PASSWORD, 8, b"2a"))
        import_account(mongo, email="none@example.com", without="password")
        yield Visitor(service.url, keep_alive=True)


@pytest.mark.timing
class TestEqualTime:
    """R18: 200 interleaved pairs over one connection. Imported hashes are as much cheaper as Node's 10 is than 12."""

    @pytest.mark.parametrize(
        ("email", "password"),
        [
            *((email, WRONG) for email in (EMAIL, OLD, "2a@example.com", "none@example.com", "no address")),
            *((email, "w" * 100) for email in (EMAIL, OLD)),
        ],
    )
    def test_an_unknown_address_takes_as_long_as_a_wrong_password(self, visitor: Visitor, email: str, password: str):
        def refused(address: str) -> None:
            assert visitor.login(address, password).status_code == 401

        assert_equal_time(lambda: refused("nobody@example.com"), lambda: refused(email))


def claims(token: str) -> dict[str, Any]:
    """Return what a token claims."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
