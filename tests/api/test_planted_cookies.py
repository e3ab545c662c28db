"""Cookies that somebody else planted, and other input that a request may carry twice. U9."""

import re
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authsvc.security import opaque_tokens
from tests.conftest import Person, problem
from tests.support.accounts import Database, hashing, throttled
from tests.support.cookies import NAME, SECURE_NAME, live, parsed, reasons, refresh
from tests.support.factors import post
from tests.support.letters import newest
from tests.support.sign_ins import WRONG, try_login

GARBAGE = ["x", "a.b.c", "null", "\xe9", "x" * 3000, '"a.b.c"']
READERS = ("/auth/refresh-token", "/auth/logout")


def cookies(*values: str, name: str = NAME) -> dict[str, str]:
    """Return the header of a browser that holds several cookies of one name."""
    return {"Cookie": "; ".join(f"{name}={value}" for value in values)}


def removed(answer: Any, name: str = NAME) -> set[tuple[str, str]]:
    """Return the (path, domain) of each cookie of a name that an answer removes."""
    lines = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith(f"{name}=;")]
    found = [SimpleCookie(line)[name] for line in lines]
    assert all(one["max-age"] == "0" for one in found)
    return {(one["path"], one["domain"]) for one in found}


@pytest.fixture
def own(alice: Person) -> str:
    """Return the refresh token in Alice's cookie."""
    return str(alice.tokens["refreshToken"])


@pytest.fixture
def planted(bob: Person) -> str:
    """Return a genuine and current refresh token of somebody else's."""
    return str(bob.tokens["refreshToken"])


@pytest.fixture
def ended(bob: Person) -> str:
    """Return a genuine refresh token whose session has ended."""
    token = bob.login().tokens
    bob.client.post("/auth/logout", json={"refreshToken": token["refreshToken"]})
    return str(token["refreshToken"])


class TestU9Refresh:
    @pytest.mark.parametrize("other", GARBAGE)
    @pytest.mark.parametrize("first", [True, False])
    def test_garbage_beside_the_own_one_does_not_count(self, client: FlaskClient, own: str, other: str, first: bool):
        answer = client.post("/auth/refresh-token", headers=cookies(*((other, own) if first else (own, other))))
        assert answer.status_code == 200, answer.text
        assert answer.get_json()["user"]["email"] == "alice@example.com"
        assert {path for path, _ in removed(answer)} >= {"/", "/auth/", "/auth/refresh-token"}
        assert ("/auth", "") not in removed(answer)

    @pytest.mark.parametrize("first", [True, False])
    def test_an_ended_one_beside_the_own_one_does_not_count(
        self, client: FlaskClient, own: str, ended: str, first: bool
    ):
        answer = client.post("/auth/refresh-token", headers=cookies(*((ended, own) if first else (own, ended))))
        assert answer.get_json()["user"]["email"] == "alice@example.com"

    @pytest.mark.parametrize("first", [True, False])
    def test_of_two_that_are_current_none_counts(
        self, client: FlaskClient, own: str, planted: str, mongo: Database, first: bool
    ):
        values = (planted, own) if first else (own, planted)
        answer = client.post("/auth/refresh-token", headers=cookies(*values))
        problem(answer, 401, "token_invalid")
        assert {path for path, _ in removed(answer)} >= {"/", "/auth", "/auth/", *READERS}
        assert live(mongo) == 2
        assert mongo.sessions.count_documents({"generation": {"$gt": 1}}) == 0

    def test_of_none_that_is_genuine_none_counts(self, client: FlaskClient):
        for values in (("x", "y"), ("a.b.c",), tuple(str(number) for number in range(50))):
            answer = client.post("/auth/refresh-token", headers=cookies(*values))
            problem(answer, 401, "token_invalid")
            assert {path for path, _ in removed(answer)} >= {"/", "/auth", "/auth/", *READERS}

    def test_the_same_one_twice_is_one(self, client: FlaskClient, own: str):
        assert client.post("/auth/refresh-token", headers=cookies(own, own)).status_code == 200

    def test_more_than_anybody_has_are_not_looked_at(self, client: FlaskClient, own: str):
        answer = client.post("/auth/refresh-token", headers=cookies(own, *(f"x{number}" for number in range(20))))
        problem(answer, 401, "token_invalid")

    def test_an_older_generation_of_the_own_one_is_no_theft(self, client: FlaskClient, alice: Person, own: str):
        """Two paths of one browser: the newest counts."""
        newer = alice.refresh(own).get_json()["refreshToken"]
        newest_one = alice.refresh(newer).get_json()["refreshToken"]
        answer = client.post("/auth/refresh-token", headers=cookies(own, newest_one))
        assert answer.status_code == 200

    def test_the_domain_and_its_parents_are_cleared_too(
        self, app: Flask, make_lasting_app: Callable[..., Flask], clean: None
    ):
        with hashing():
            served = make_lasting_app(PUBLIC_URL="https://login.auth.example.com")
        answer = served.test_client(use_cookies=False).post(
            "/auth/refresh-token", headers=cookies("x", name=SECURE_NAME)
        )
        problem(answer, 401, "token_invalid")
        assert {domain for _, domain in removed(answer, SECURE_NAME)} == {
            *("", "login.auth.example.com", "auth.example.com", "example.com"),
        }
        lines = [line for line in answer.headers.getlist("Set-Cookie") if SECURE_NAME in line]
        assert all("Secure" in line for line in lines)  # or the prefix makes browsers ignore them
        assert sum(map(len, lines)) < 4096


class TestU9Logout:
    @pytest.mark.parametrize("other", GARBAGE)
    def test_garbage_beside_the_own_one_does_not_stop_it(
        self, client: FlaskClient, own: str, mongo: Database, other: str
    ):
        answer = client.post("/auth/logout", headers=cookies(other, own))
        assert answer.status_code == 204
        assert reasons(mongo) == ["logout"]
        assert {path for path, _ in removed(answer)} >= {"/", "/auth", "/auth/", *READERS}

    def test_of_two_that_are_current_none_is_ended_and_all_are_removed(
        self, client: FlaskClient, own: str, planted: str, mongo: Database
    ):
        answer = client.post("/auth/logout", headers=cookies(planted, own))
        problem(answer, 401, "token_invalid")
        assert live(mongo) == 2
        assert {path for path, _ in removed(answer)} >= {"/", "/auth", "/auth/", *READERS}

    @pytest.mark.parametrize("values", [("x",), ("x", "y")])
    def test_another_credential_decides_whatever_the_cookies_are(
        self, alice: Person, mongo: Database, values: tuple[str, ...]
    ):
        answer = alice.client.post("/auth/logout", headers={**alice.headers, **cookies(*values)})
        assert answer.status_code == 204
        assert reasons(mongo) == ["logout"]
        assert ("/auth", "") in removed(answer)

    def test_an_unreadable_one_alone_is_removed(self, client: FlaskClient):
        answer = client.post("/auth/logout", headers=cookies("garbage"))
        problem(answer, 401, "token_invalid")
        assert {path for path, _ in removed(answer)} >= {"/", "/auth", "/auth/", *READERS}


class TestU9SignIn:
    def sign_in(self, person: Person, **headers: str) -> Any:
        body = {"email": person.email, "password": person.password, "transport": "cookie"}
        return person.client.post("/auth/login", json=body, headers=headers)

    def test_a_planted_one_is_removed_and_the_own_one_replaced(
        self, alice: Person, own: str, ended: str, mongo: Database
    ):
        answer = self.sign_in(alice, **cookies(ended, "x", own))
        assert answer.status_code == 200
        assert reasons(mongo) == ["logout", "replaced"]
        assert {path for path, _ in removed(answer)} >= {"/", "/auth/", *READERS}
        stored = [line for line in answer.headers.getlist("Set-Cookie") if re.match(rf"{NAME}=[^;]", line)]
        assert len(stored) == 1
        assert "Path=/auth;" in f"{stored[0]};"

    def test_where_it_can_not_be_told_which_one_is_replaced_none_is_ended(
        self, alice: Person, own: str, planted: str, mongo: Database
    ):
        assert self.sign_in(alice, **cookies(planted, own)).status_code == 200
        assert reasons(mongo) == []

    def test_one_cookie_is_answered_with_one(self, alice: Person, own: str):
        parsed(self.sign_in(alice, **cookies(own)))


class TestU9OtherRoutes:
    @pytest.mark.parametrize("values", [("x",), ("x", "y"), ("a.b.c", "")])
    def test_no_request_ends_because_of_a_cookie(self, app: Flask, alice: Person, values: tuple[str, ...]):
        shown = cookies(*values)
        link = {"token": newest(app, "verify", alice.email)}
        assert alice.client.post("/auth/email/verify", json=link, headers=shown).status_code == 200
        again = {**link, "newPassword": alice.password}  # a proof that is nobody's session's removes the password
        assert alice.client.post("/auth/password/reset", json=again, headers=shown).status_code == 204
        assert refresh(alice.client, shown["Cookie"], {"refreshToken": "x"}).status_code == 401
        signed_in = alice.login()
        again = {"refreshToken": signed_in.tokens["refreshToken"]}
        assert refresh(alice.client, shown["Cookie"], again).status_code == 200

    def test_a_planted_session_is_not_the_one_that_proves(self, app: Flask, alice: Person, own: str, mongo: Database):
        """Of two sessions of one account none is told to be the own one."""
        other = alice.login().tokens["refreshToken"]
        link = {"token": newest(app, "verify", alice.email)}
        assert alice.client.post("/auth/email/verify", json=link, headers=cookies(own, other)).status_code == 200
        assert live(mongo) == 0


class TestU9Device:
    def sign_in(self, app: Flask, person: Person, *devices: str, ip: str = "203.0.113.7") -> str:
        """Sign in by cookie with these device cookies; return the one that the answer sets."""
        answer = try_login(
            app.test_client(use_cookies=False),
            person.email,
            person.password,
            ip,
            headers=cookies(*devices, name="device"),
            members={"transport": "cookie"},
        )
        assert answer.status_code == 200
        lines = answer.headers.getlist("Set-Cookie")
        (line,) = (line for line in lines if re.match(r"device=[^;]", line))
        return str(line.removeprefix("device=").partition(";")[0])

    def is_known(self, app: Flask, person: Person, *devices: str, ip: str = "192.0.2.99") -> bool:
        """Tell whether somebody is known by these device cookies, from a network that is not theirs."""
        with throttled(app, login_account=1):
            try_login(person.client, person.email, WRONG, "198.51.100.1")
            shown = cookies(*devices, name="device")
            answer = try_login(person.client, person.email, person.password, ip, headers=shown)
        return bool(answer.status_code == 200)

    def test_one_that_was_never_issued_is_replaced(self, app: Flask, alice: Person):
        invented = opaque_tokens.generate("")
        issued = self.sign_in(app, alice, invented)
        assert issued != invented
        assert self.is_known(app, alice, issued)
        assert not self.is_known(app, alice, invented, ip="192.0.2.98")

    def test_one_that_was_issued_to_another_account_is_replaced(self, app: Flask, alice: Person, bob: Person):
        """Or whoever planted their own would be known as the victim from then on."""
        theirs = self.sign_in(app, bob)
        issued = self.sign_in(app, alice, theirs)
        assert issued != theirs
        assert not self.is_known(app, alice, theirs)
        assert self.is_known(app, bob, issued)  # the browser's other user stays known there

    def test_the_own_one_is_kept(self, app: Flask, alice: Person):
        issued = self.sign_in(app, alice)
        assert self.sign_in(app, alice, issued) == issued
        assert self.sign_in(app, alice, "x", opaque_tokens.generate(""), issued) == issued

    def test_a_planted_one_hides_nothing(self, app: Flask, alice: Person, bob: Person):
        issued, theirs = self.sign_in(app, alice), self.sign_in(app, bob)
        assert self.is_known(app, alice, theirs, "x", issued)

    def test_one_of_before_a_reset_is_replaced(self, app: Flask, alice: Person, mongo: Database):
        issued = self.sign_in(app, alice)
        mongo.devices.delete_many({})
        assert self.sign_in(app, alice, issued) != issued


class TestU9GivenTwice:
    """What a request carries twice is refused, or neither is taken."""

    def test_two_authorization_headers_are_refused(self, alice: Person, bob: Person):
        both = [("Authorization", alice.headers["Authorization"]), ("Authorization", bob.headers["Authorization"])]
        problem(alice.client.get("/", headers=both), 401, "token_invalid")
        problem(alice.client.post("/auth/logout", headers=both), 401, "token_invalid")

    @pytest.mark.parametrize("name", ["token", "token_type_hint"])
    def test_members_of_the_introspection_form(self, alice: Person, name: str):
        made = post(alice, "/auth/access-tokens", name="x", scopes=["tokens:introspect"]).get_json()["token"]
        form = f"token=a&{name}=b&{name}=c"
        answer = alice.client.post(
            "/auth/introspect",
            data=form,
            content_type="application/x-www-form-urlencoded",
            headers={"Authorization": f"Bearer {made}"},
        )
        if name == "token":
            problem(answer, 422, "validation_failed")
        else:
            assert answer.status_code in (200, 422)

    @pytest.mark.parametrize(
        "path", ["/auth/sessions?limit=1&limit=2", "/auth/sessions?cursor=a&cursor=a", "/auth/verify?role=a&role=user"]
    )
    def test_query_parameters(self, alice: Person, path: str):
        problem(alice.client.get(path, headers=alice.headers), 422, "validation_failed")

    @pytest.mark.parametrize(
        "headers",
        [
            [("Origin", "https://app.example.com"), ("Origin", "https://evil.example")],
            [("Origin", "https://evil.example"), ("Origin", "https://app.example.com")],
            [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
            [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "none"), ("Origin", "https://evil.example")],
        ],
    )
    def test_who_sends_a_page_s_request(self, alice: Person, headers: list[tuple[str, str]]):
        body = {"email": alice.email, "password": alice.password}
        problem(alice.client.post("/auth/login", json=body, headers=headers), 403, "cross_origin_refused")
