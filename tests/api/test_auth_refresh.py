"""Refresh: rotation, grace, theft, limits (section 1.4)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from pymongo.database import Database

from authsvc.services import tokens
from authsvc.services.users import state
from tests.api.forging import altered, claims_of, now
from tests.conftest import PASSWORD, Person, problem
from tests.support.races import race


def later(seconds: float) -> time_machine.travel:
    """Return a context in which it is later; the clock goes on."""
    return time_machine.travel(datetime.now(UTC) + timedelta(seconds=seconds), tick=True)


def chain(person: Person, length: int) -> list[str]:
    """Return the refresh tokens of so many rotations, the first included."""
    tokens = [person.tokens["refreshToken"]]
    for _ in range(length):
        answer = person.refresh(tokens[-1])
        assert answer.status_code == 200, answer.text
        tokens.append(answer.get_json()["refreshToken"])
    return tokens


def ended(answer: Any, reason: str) -> None:
    """Assert that a session has ended, for this reason."""
    assert problem(answer, 401, "session_ended")["reason"] == reason


class TestRotation:
    def test_role_and_address_are_today_s(self, alice: Person, mongo: Database[dict[str, Any]]) -> None:
        """R52: also where whoever changed them did not get as far as the sessions."""
        changed = {"role": "admin", "email": "new@example.com"}
        mongo.users.update_one({}, {"$set": changed})
        answer = alice.refresh().get_json()
        assert claims_of(answer["accessToken"])["role"] == "admin"
        (session,) = mongo.sessions.find()
        assert changed.items() <= session.items()

    def test_each_refresh_gives_a_new_pair(self, alice: Person) -> None:
        """R53"""
        answer = alice.refresh()
        assert answer.status_code == 200
        pair = answer.get_json()
        assert pair["refreshToken"] != alice.tokens["refreshToken"]
        assert pair["user"] == alice.tokens["user"]
        assert claims_of(pair["accessToken"])["sid"] == claims_of(alice.tokens["accessToken"])["sid"]
        assert claims_of(pair["refreshToken"])["generation"] == 2
        assert answer.headers["Cache-Control"] == "no-store"

    def test_a_refresh_does_not_renew_the_sign_in(self, alice: Person) -> None:
        """`auth_time` stays: a refresh never makes a session fresh."""
        with later(60):
            pair = alice.refresh().get_json()
        assert claims_of(pair["accessToken"])["auth_time"] == claims_of(alice.tokens["accessToken"])["auth_time"]

    def test_only_post(self, alice: Person) -> None:
        """R62, R74"""
        problem(alice.client.get("/auth/refresh-token"), 405, "method_not_allowed")

    def test_without_a_token(self, alice: Person) -> None:
        problem(alice.client.post("/auth/refresh-token"), 401, "token_missing")
        problem(alice.client.post("/auth/refresh-token", json={}), 401, "token_missing")

    @pytest.mark.parametrize("token", ["", "a.b.c", "x" * 5000, "asv_abc"])
    def test_what_is_no_token(self, alice: Person, token: str) -> None:
        problem(alice.client.post("/auth/refresh-token", json={"refreshToken": token}), 401, "token_invalid")
        assert alice.refresh().status_code == 200

    def test_one_whose_session_is_stored_no_longer(self, alice: Person, mongo: Database[dict[str, Any]]) -> None:
        mongo.sessions.delete_many({})
        problem(alice.refresh(), 401, "token_invalid")

    def test_the_token_is_not_in_the_database(self, alice: Person, mongo: Database[dict[str, Any]]) -> None:
        """R60"""
        stored = str(list(mongo.sessions.find())) + str(list(mongo.users.find()))
        for token in (alice.tokens["refreshToken"], alice.tokens["accessToken"]):
            assert token not in stored
            assert token.split(".")[2] not in stored


class TestGrace:
    def test_a_lost_answer_can_be_asked_again(self, alice: Person) -> None:
        """F3: the parent gets the generation that stands, and the client goes on."""
        first = alice.refresh().get_json()
        with later(20):
            again = alice.refresh()
            assert again.status_code == 200
            assert claims_of(again.get_json()["refreshToken"])["generation"] == 2
            assert alice.refresh(first["refreshToken"]).status_code == 200

    def test_after_it_the_parent_is_taken_for_theft(self, alice: Person) -> None:
        child = alice.refresh().get_json()["refreshToken"]
        with later(31):
            ended(alice.refresh(), "token_reuse")
            ended(alice.refresh(child), "token_reuse")

    def test_it_is_the_configured_time_and_no_more(self, app: Flask, clean: None) -> None:
        moment, grace = float(now()), app.config["REFRESH_REUSE_GRACE"]
        with time_machine.travel(moment, tick=False) as traveller:
            alice = Person(app.test_client(), "alice@example.com", PASSWORD).register()
            assert alice.refresh().status_code == 200
            traveller.move_to(moment + grace - 0.001)
            assert alice.refresh().status_code == 200
            traveller.move_to(moment + grace)
            ended(alice.refresh(), "token_reuse")

    def test_a_grandparent_is_theft_even_within_it(self, alice: Person) -> None:
        """R58"""
        tokens = chain(alice, 2)
        ended(alice.refresh(tokens[0]), "token_reuse")
        ended(alice.refresh(tokens[2]), "token_reuse")

    def test_without_grace_the_parent_is_theft_at_once(self, alice: Person, make_app: Callable[..., Flask]) -> None:
        strict = Person(make_app(REFRESH_REUSE_GRACE=0).test_client(), alice.email, PASSWORD).login()
        child = strict.refresh().get_json()["refreshToken"]
        ended(strict.refresh(), "token_reuse")
        ended(strict.refresh(child), "token_reuse")

    def test_nor_where_the_clock_is_behind(self, alice: Person, make_app: Callable[..., Flask]) -> None:
        """That of the machine which is shown the parent, and the other one rotated."""
        strict = Person(make_app(REFRESH_REUSE_GRACE=0).test_client(), alice.email, PASSWORD).login()
        with later(5):
            assert strict.refresh().status_code == 200
        ended(strict.refresh(), "token_reuse")


class TestReuse:
    def test_it_ends_the_whole_session_and_no_other(self, alice: Person, caplog: pytest.LogCaptureFixture) -> None:
        """R54: tokens of every generation, the access token too; another sign-in goes on."""
        elsewhere = alice.login()
        tokens = chain(alice, 3)
        ended(alice.refresh(tokens[0]), "token_reuse")
        for token in reversed(tokens):
            ended(alice.refresh(token), "token_reuse")
        ended(alice.home(), "token_reuse")
        assert elsewhere.home().status_code == 200
        assert elsewhere.refresh().status_code == 200

    def test_a_generation_that_never_was(self, alice: Person, app: Flask) -> None:
        """C3, M7: a restored database does not bring a family back to life."""
        ended(alice.refresh(altered(app, alice.tokens["refreshToken"], generation=7)), "expired")
        ended(alice.refresh(), "expired")

    def test_while_one_request_puts_it_on_record_the_others_only_end_it(
        self, alice: Person, mongo: Database[dict[str, Any]]
    ) -> None:
        """R54: the token is refused there too, and the session is over whatever becomes of the first."""
        tokens = chain(alice, 2)
        mongo.sessions.update_one({}, {"$set": {"theftSeenAt": datetime.now(UTC)}})
        ended(alice.refresh(tokens[0]), "token_reuse")
        ended(alice.home(), "token_reuse")
        assert mongo.audit.count_documents({"action": "refresh_token.reused"}) == 0


class TestLimits:
    def test_an_idle_session_is_over(self, alice: Person) -> None:
        """R59"""
        with later(2_592_000 + 1):
            ended(alice.refresh(), "expired")

    def test_that_it_is_over_is_put_on_record_once(self, alice: Person, mongo: Database[dict[str, Any]]) -> None:
        with later(2_592_000 + 1):
            for _ in range(3):
                ended(alice.refresh(), "expired")
        (record,) = mongo.audit.find({"action": "session.ended"})
        assert record["details"]["reason"] == "expired"

    def test_a_used_one_is_not(self, alice: Person) -> None:
        with later(2_000_000):
            token = alice.refresh().get_json()["refreshToken"]
        with later(4_000_000):
            assert alice.refresh(token).status_code == 200

    @pytest.mark.parametrize(("name", "days"), [("expiresAt", 0), ("lastUsedAt", 30)])
    def test_an_access_token_does_not_outlive_its_session(
        self, alice: Person, mongo: Database[dict[str, Any]], name: str, days: int
    ) -> None:
        """R59: from the moment on at which it is over, however long the token itself would last."""
        with time_machine.travel(now() + 60, tick=False):
            mongo.sessions.update_one({}, {"$set": {name: datetime.now(UTC) - timedelta(days=days)}})
            ended(alice.home(), "expired")
            ended(alice.refresh(), "expired")

    def test_the_absolute_limit_stays(self, alice: Person, make_app: Callable[..., Flask]) -> None:
        """R59: refreshing does not move it, and access tokens end with it."""
        short = Person(make_app(SESSION_MAX_TTL=1000).test_client(), alice.email, PASSWORD).login()
        limit = claims_of(short.tokens["refreshToken"])["exp"]
        with later(600):
            pair = short.refresh().get_json()
            assert claims_of(pair["refreshToken"])["exp"] == limit
            assert claims_of(pair["accessToken"])["exp"] == limit
            assert pair["expiresIn"] <= 400
        with later(1001):
            ended(short.refresh(pair["refreshToken"]), "expired")

    def test_a_longer_life_than_any_we_give(self, alice: Person, app: Flask) -> None:
        token = altered(app, alice.tokens["refreshToken"], iat=now(), exp=now() + 31_536_001)
        problem(alice.refresh(token), 401, "token_invalid")


class TestAccount:
    """R61"""

    def test_disabling_an_account_ends_its_sessions(self, alice: Person, app: Flask) -> None:
        with app.app_context():
            state.disable(None, alice.id)
        ended(alice.refresh(), "account_disabled")
        ended(alice.home(), "account_disabled")

    @pytest.mark.parametrize(("change", "reason"), [("disable", "account_disabled"), ("delete", "account_deleted")])
    def test_changed_behind_our_back(
        self, alice: Person, mongo: Database[dict[str, Any]], change: str, reason: str
    ) -> None:
        """Where only the user was written, the refresh finds out and ends the session."""
        if change == "disable":
            mongo.users.update_many({}, {"$set": {"disabledAt": datetime.now(UTC)}})
        else:
            mongo.users.delete_many({})
        ended(alice.refresh(), reason)
        ended(alice.home(), reason)


class TestM7RestoredBackup:
    """The database is older than the token: that is nobody's theft."""

    @pytest.fixture
    def restored(self, alice: Person, mongo: Database[dict[str, Any]]) -> str:
        """Return a refresh token that the database knows nothing of any more."""
        before = list(mongo.sessions.find())
        token = chain(alice, 3)[-1]
        for session in before:
            mongo.sessions.replace_one({"_id": session["_id"]}, session)
        return token

    def test_its_session_ends_without_an_alarm(
        self, alice: Person, restored: str, mongo: Database[dict[str, Any]]
    ) -> None:
        ended(alice.refresh(restored), "expired")
        ended(alice.refresh(), "expired")
        ended(alice.home(), "expired")
        assert mongo.letters.count_documents({"kind": "session_stolen"}) == 0
        assert mongo.audit.count_documents({"action": "refresh_token.reused"}) == 0
        (event,) = mongo.audit.find({"action": "session.outdated"})
        assert str(event["target"]) == alice.id
        assert event["details"]["session"] == claims_of(restored)["sid"]

    def test_it_is_put_on_record_once(self, alice: Person, restored: str, mongo: Database[dict[str, Any]]) -> None:
        for answer in race(*[lambda: alice.refresh(restored)] * 8):
            ended(answer, "expired")
        assert mongo.audit.count_documents({"action": "session.outdated"}) == 1

    def test_nobody_is_told_a_token_is_good_that_is_not(self, alice: Person, restored: str, app: Flask) -> None:
        with app.test_request_context():
            assert tokens.describe(restored) == {"active": False}

    def test_whoever_signs_in_goes_on(self, alice: Person, restored: str) -> None:
        ended(alice.refresh(restored), "expired")
        assert alice.login().refresh().status_code == 200
