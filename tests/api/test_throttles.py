"""Throttles: guessing is slowed down, and nobody is locked out by it. R20-R27, R63."""

from collections.abc import Iterator
from typing import Any

import pymongo
import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.errors import InvalidCredentials, TooManyAttempts
from authsvc.services import throttles
from authsvc.services.throttles import Bucket
from authsvc.settings import Limit
from tests.api.forging import now
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import Database, Work, counted_work, hashing, login, occupied, register, throttled
from tests.support.races import race
from tests.support.sign_ins import STRANGER, WRONG, try_login

SPOOFED = [
    "X-Forwarded-For",
    "X-Real-IP",
    "Forwarded",
    "X-Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X_Forwarded_For",
]


def statuses(answers: Iterator[Any]) -> list[int]:
    """Return the statuses of answers."""
    return [answer.status_code for answer in answers]


@pytest.fixture
def far_away(alice: Person, mongo: Database) -> Person:
    """Return Alice, who has not signed in from anywhere yet."""
    mongo.devices.delete_many({})
    return alice


class TestAccount:
    def test_guesses_from_everywhere_are_counted_together(self, app: Flask, far_away: Person):
        """R20: 101 wrong passwords from 101 addresses."""
        with throttled(app, login_account=5):
            answers = [try_login(far_away.client, far_away.email, ip=f"203.0.113.{number}") for number in range(101)]
        assert statuses(iter(answers)) == [401] * 5 + [429] * 96

    def test_each_spelling_is_the_same_account(self, app: Flask, far_away: Person):
        """R27"""
        spellings = ["alice@example.com", "ALICE@example.com", "alice@EXAMPLE.com", "Alice@Example.Com"]
        with throttled(app, login_account=4):
            assert statuses(try_login(far_away.client, spelling) for spelling in spellings) == [401] * 4
            problem(try_login(far_away.client, "aLiCe@example.com"), 429, "too_many_attempts")

    @pytest.mark.parametrize("email", ["nobody@example.com", "no address", "\u212aate@example.com"])
    @pytest.mark.usefixtures("heard")
    def test_an_unknown_one_is_throttled_alike(self, app: Flask, far_away: Person, email: str):
        """R17: same answers, same work."""
        told = []
        with throttled(app, login_account=2), hashing(6):
            for address, ip in ((far_away.email, "192.0.2.1"), (email, "192.0.2.2")):
                for _ in range(3):
                    with counted_work() as work:
                        answer = try_login(far_away.client, address, ip=ip)
                    headers = {**answer.headers, "X-Request-ID": "", "Retry-After": "", "RateLimit": ""}
                    body = {**answer.get_json(), "requestId": ""}
                    told.append((answer.status_code, headers, body, work))
        assert told[:3] == told[3:]
        assert [status for status, *_ in told] == [401, 401, 429] * 2

    def test_the_right_password_is_not_told_from_a_wrong_one(self, app: Flask, far_away: Person):
        """R23: nothing is hashed."""
        with throttled(app, login_account=1):
            assert try_login(far_away.client, far_away.email).status_code == 401
            told = []
            for password in (WRONG, far_away.password):
                with counted_work() as work:
                    told.append(problem(try_login(far_away.client, far_away.email, password), 429, "too_many_attempts"))
                assert work.rounds == 0
        assert {**told[0], "requestId": ""} == {**told[1], "requestId": ""}

    def test_a_success_is_given_back_and_forgives_nothing(self, app: Flask, far_away: Person, bob: Person):
        """R25: own successes do not buy guesses at another's password."""
        with throttled(app, login_address=10):
            for _ in range(9):
                assert try_login(far_away.client, far_away.email).status_code == 401
                assert try_login(far_away.client, bob.email, bob.password).status_code == 200
            assert try_login(far_away.client, far_away.email).status_code == 401
            problem(try_login(far_away.client, bob.email, bob.password), 429, "too_many_attempts")

    def test_what_was_not_judged_does_not_count(self, app: Flask, far_away: Person, mongo: Database):
        """Neither a sign-in that found no room to be hashed, nor the right password of a disabled account."""
        mongo.users.update_one({}, {"$set": {"disabledAt": None}})
        with throttled(app, login_account=1):
            with hashing(size=1, max_wait=0) as pool, occupied(pool):
                assert try_login(far_away.client, far_away.email).status_code == 503
            mongo.users.update_one({}, {"$currentDate": {"disabledAt": True}})
            for _ in range(3):
                problem(try_login(far_away.client, far_away.email, far_away.password), 403, "account_disabled")

    def test_two_windows_do_not_lie_side_by_side(self, app: Flask, far_away: Person):
        """A window begins with the first attempt, so no edge of the clock lets twice as many pass."""
        with throttled(app, login_account=2), time_machine.travel(1_800_000_000, tick=False) as traveller:
            for ahead, status in ((0, 401), (86_399, 401), (0.5, 429), (0.5, 401), (0, 401), (1, 429), (86_400, 401)):
                traveller.shift(ahead)
                assert try_login(far_away.client, far_away.email).status_code == status, ahead

    def test_a_clock_that_goes_back_locks_nobody_out(self, app: Flask, far_away: Person):
        """F11."""
        with throttled(app, login_account=1), time_machine.travel(1_800_000_000, tick=False) as traveller:
            assert try_login(far_away.client, far_away.email).status_code == 401
            traveller.shift(-3600)
            assert try_login(far_away.client, far_away.email).status_code == 401
            assert try_login(far_away.client, far_away.email).status_code == 429

    def test_it_is_told_when_to_come_back(self, app: Flask, far_away: Person):
        """draft-ietf-httpapi-ratelimit-headers"""
        with throttled(app, login_account=1), time_machine.travel(1_800_000_000, tick=False) as traveller:
            assert try_login(far_away.client, far_away.email).status_code == 401
            traveller.shift(86_000)
            answer = try_login(far_away.client, far_away.email)
            assert answer.headers["Retry-After"] == "400"
            assert answer.headers["RateLimit-Policy"] == '"login_account";q=1;w=86400'
            assert answer.headers["RateLimit"] == '"login_account";r=0;t=400'
            traveller.shift(400)
            assert try_login(far_away.client, far_away.email).status_code == 401

    def test_the_counters_say_nothing_of_whom_and_go(self, app: Flask, far_away: Person, mongo: Database):
        with throttled(app, login_account=1):
            try_login(far_away.client, far_away.email)
        stored = list(mongo.throttles.find())
        assert stored
        for secret in (far_away.email, STRANGER, WRONG):
            assert secret not in repr(stored)
        assert all(clock.now() < counter["expiresAt"] for counter in stored)


class TestAddress:
    def test_many_accounts_from_one_address(self, app: Flask, far_away: Person):
        """R24: spraying."""
        with throttled(app, login_address=10):
            answers = (try_login(far_away.client, f"user-{number}@example.com") for number in range(30))
            assert statuses(answers) == [401] * 10 + [429] * 20
            assert try_login(far_away.client, "somebody@example.com", ip="203.0.113.8").status_code == 401

    @pytest.mark.parametrize("header", SPOOFED)
    def test_a_header_makes_no_other_address(self, app: Flask, far_away: Person, header: str):
        """R21: without a proxy that is trusted."""
        with throttled(app, login_address=3):
            for number in range(6):
                headers = [(header, f"198.51.100.{number}"), (header, "1.1.1.1, 127.0.0.1")]
                answer = try_login(far_away.client, "x@example.com", headers=headers)
                assert answer.status_code == (401 if number < 3 else 429)

    def test_behind_proxies_the_last_that_one_of_them_wrote_counts(self, make_app: Any, app: Flask, clean: None):
        """R21: what a client writes in front of it does not."""
        client = make_app(TRUSTED_PROXIES=2).test_client()
        with throttled(client.application, login_address=3):
            for number in range(6):
                forwarded = f"198.51.100.{number}, {STRANGER}, 10.0.0.1"
                answer = try_login(client, "x@example.com", ip="10.0.0.2", headers={"X-Forwarded-For": forwarded})
                assert answer.status_code == (401 if number < 3 else 429)
            other = {"X-Forwarded-For": "203.0.113.9, 10.0.0.1"}
            assert try_login(client, "x@example.com", ip="10.0.0.2", headers=other).status_code == 401

    @pytest.mark.parametrize("forwarded", ["", "garbage", "x" * 3000, "1.2.3.4.5, ::::", "\x7f,\t", ",,,"])
    def test_a_proxy_that_writes_nonsense_is_no_way_around(
        self, make_app: Any, app: Flask, clean: None, forwarded: str
    ):
        client = make_app(TRUSTED_PROXIES=1).test_client()
        with throttled(client.application, login_address=2):
            headers = {"X-Forwarded-For": forwarded}
            answers = [try_login(client, "x@example.com", headers=headers) for _ in range(3)]
            assert statuses(iter(answers)) == [401, 401, 429]

    def test_ipv6_is_counted_by_what_one_subscriber_has(self, app: Flask, far_away: Person):
        """D17: by /64."""
        with throttled(app, login_address=2):
            same = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:DB8:1:2::3"]
            answers = (try_login(far_away.client, "x@example.com", ip=ip) for ip in same)
            assert statuses(answers) == [401, 401, 429]
            assert try_login(far_away.client, "x@example.com", ip="2001:db8:1:3::1").status_code == 401

    def test_registrations(self, app: Flask, client: FlaskClient):
        with throttled(app, register_address=3):
            answers = [register(client, email=f"{number}@example.com") for number in range(2)]
            answers += [register(client, email="0@example.com"), register(client, email="3@example.com")]
            assert statuses(iter(answers)) == [201, 201, 409, 429]

    def test_what_is_wrong_with_a_registration_is_said_before_it_counts(self, app: Flask, client: FlaskClient):
        with throttled(app, register_address=1):
            for _ in range(3):
                assert register(client, password="password").status_code == 422
            assert register(client).status_code == 201


class TestKnownDevice:
    def test_its_user_is_not_locked_out_by_strangers(self, app: Flask, far_away: Person):
        """R23: the browser of an earlier sign-in is known by its cookie, wherever it is."""
        browser = app.test_client()
        assert try_login(browser, far_away.email, far_away.password, members={"transport": "cookie"}).status_code == 200
        with throttled(app, login_account=5, login_address=5, login_device=2):
            for number in range(101):
                try_login(far_away.client, far_away.email, ip=f"198.51.100.{number}")
            for _ in range(5):
                try_login(far_away.client, "x@example.com", ip="192.0.2.1")
            assert try_login(far_away.client, far_away.email, far_away.password, ip="192.0.2.1").status_code == 429
            assert try_login(browser, far_away.email, far_away.password, ip="192.0.2.1").status_code == 200
            assert statuses(try_login(browser, far_away.email) for _ in range(3)) == [401, 401, 429]

    def test_a_network_where_the_user_signed_in_is_known_without_a_cookie(self, app: Flask, far_away: Person):
        assert try_login(far_away.client, far_away.email, far_away.password, ip="192.0.2.1").status_code == 200
        with throttled(app, login_account=1, login_device=2):
            for number in range(3):
                try_login(far_away.client, far_away.email, ip=f"198.51.100.{number}")
            assert try_login(far_away.client, far_away.email, far_away.password, ip="198.51.100.9").status_code == 429
            assert try_login(far_away.client, far_away.email, far_away.password, ip="192.0.2.1").status_code == 200
            answers = (try_login(far_away.client, far_away.email, ip="192.0.2.1") for _ in range(3))
            assert statuses(answers) == [401, 401, 429]

    @pytest.mark.parametrize(("days", "status"), [(30, 200), (32, 429)])
    def test_a_network_is_known_for_thirty_days(self, app: Flask, far_away: Person, days: int, status: int):
        assert try_login(far_away.client, far_away.email, far_away.password).status_code == 200
        with throttled(app, login_account=1), time_machine.travel(now() + days * 86_400, tick=True):
            try_login(far_away.client, far_away.email, ip="198.51.100.1")
            assert try_login(far_away.client, far_away.email, far_away.password).status_code == status

    def test_it_is_known_for_its_own_user_alone(self, app: Flask, far_away: Person, bob: Person, mongo: Database):
        mongo.devices.delete_many({})
        browser = app.test_client()
        try_login(browser, bob.email, bob.password, ip="192.0.2.1", members={"transport": "cookie"})
        with throttled(app, login_account=1):
            assert try_login(far_away.client, far_away.email).status_code == 401
            assert try_login(browser, far_away.email, far_away.password, ip="192.0.2.1").status_code == 429

    def test_two_users_of_a_browser_are_both_known(self, app: Flask, far_away: Person, bob: Person, mongo: Database):
        mongo.devices.delete_many({})
        browser = app.test_client()
        for person in (far_away, bob):
            try_login(browser, person.email, person.password, ip="192.0.2.1", members={"transport": "cookie"})
        with throttled(app, login_account=1):
            for person in (far_away, bob):
                assert try_login(person.client, person.email).status_code == 401
                assert try_login(browser, person.email, person.password, ip="192.0.2.9").status_code == 200

    def test_its_cookie_is_a_secret_of_its_own(self, app: Flask, far_away: Person, mongo: Database):
        browser = app.test_client()
        answer = try_login(browser, far_away.email, far_away.password, members={"transport": "cookie"})
        (line,) = (line for line in answer.headers.getlist("Set-Cookie") if line.startswith("device="))
        value, *attributes = line.removeprefix("device=").split("; ")
        assert len(value) == 49
        assert {"HttpOnly", "Path=/auth", "SameSite=Strict", "Max-Age=31536000"} <= set(attributes)
        assert value not in repr(list(mongo.devices.find()))
        again = try_login(browser, far_away.email, far_away.password, members={"transport": "cookie"})
        assert f"device={value};" in "".join(again.headers.getlist("Set-Cookie"))
        assert try_login(browser, far_away.email, members={"transport": "cookie"}).headers.getlist("Set-Cookie") == []

    @pytest.mark.parametrize("value", ["", "x", "é", "0" * 49, "x" * 6000])
    def test_a_cookie_that_we_did_not_make_is_replaced(self, far_away: Person, value: str, mongo: Database):
        answer = try_login(
            far_away.client,
            far_away.email,
            far_away.password,
            headers={"Cookie": f"device={value}"},
            members={"transport": "cookie"},
        )
        assert answer.status_code == 200
        (line,) = (line for line in answer.headers.getlist("Set-Cookie") if line.startswith("device="))
        assert not value or f"={value};" not in line


class TestRefresh:
    def test_a_session_and_an_address_may_refresh_so_often(self, app: Flask, alice: Person, bob: Person):
        """R63"""
        with throttled(app, refresh_session=3, refresh_address=5):
            for person, passes in ((alice, 3), (bob, 2)):
                token = person.tokens["refreshToken"]
                for _ in range(passes):
                    answer = person.refresh(token)
                    assert answer.status_code == 200
                    token = answer.get_json()["refreshToken"]
                problem(person.refresh(token), 429, "too_many_attempts")

    def test_a_throttled_token_is_not_used_up(self, app: Flask, alice: Person):
        with throttled(app, refresh_session=1):
            token = alice.refresh().get_json()["refreshToken"]
            assert alice.refresh(token).status_code == 429
        assert alice.refresh(token).status_code == 200

    def test_a_forged_one_counts_nowhere(self, app: Flask, alice: Person):
        """It costs neither a hash nor a read."""
        with throttled(app, refresh_address=1):
            for _ in range(3):
                with counted_work() as work:
                    assert alice.refresh(alice.tokens["refreshToken"][:-4] + "AAAA").status_code == 401
                assert work == Work(0, [])


class TestFlood:
    def test_a_refusal_only_reads_whatever_else_may_count(self, app: Flask, clean: None):
        chain = throttles.any_of(Limit.LETTER_ADDRESS, ("this browser", "this network"))
        with throttled(app, letter_address=2), app.test_request_context():
            for _ in range(4):
                throttles.count(chain)
            for turn in range(3):
                with counted_work() as work, pytest.raises(TooManyAttempts):
                    throttles.count(chain)
                assert turn == 0 or work.commands == ["find throttles"]

    @pytest.mark.race
    def test_of_many_right_ones_at_once_none_is_refused(self, app: Flask, clean: None, mongo: Database):
        """They contend for a row, which each of them breaks."""

        def attempt() -> int:
            passed = 0
            with app.test_request_context():
                for _ in range(10):
                    with throttles.counting(Bucket(Limit.LOGIN_ROW, "hers"), failures=(InvalidCredentials,)):
                        passed += 1
            return passed

        with throttled(app, login_row=100):
            assert sum(race(*[attempt] * 24)) == 240
        (row,) = mongo.throttles.find()
        assert row["count"] == 0


class TestWithoutTheDatabase:
    def test_nobody_is_let_through_uncounted(self, app: Flask, alice: Person):
        """F22: fail closed."""
        with throttled(app), pymongo.timeout(0.000_001):
            problem(login(alice.client), 503, "database_unavailable")
            problem(register(alice.client, email="new@example.com"), 503, "database_unavailable")
            problem(alice.refresh(), 503, "database_unavailable")


class TestOff:
    def test_nothing_is_counted(self, alice: Person, mongo: Database):
        for _ in range(12):
            assert login(alice.client, password=WRONG).status_code == 401
        assert login(alice.client, password=PASSWORD).status_code == 200
        assert mongo.throttles.count_documents({}) == 0
