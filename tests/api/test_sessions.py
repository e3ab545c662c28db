"""Sessions as their user sees and ends them (R29, R67, R88), and the cap on them."""

from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from pymongo.database import Database

from authsvc.errors import InvalidCredentials
from authsvc.methods.password import verify as verify_password
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.services import passwords, sessions
from authsvc.services.users import state
from tests.api.forging import claims_of
from tests.conftest import Person, problem


def listed(person: Person, query: str = "") -> dict[str, Any]:
    """Return a page of the person's sessions."""
    answer = person.client.get(f"/auth/sessions{query}", headers=person.headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


class TestList:
    def test_it_shows_each_and_which_is_this_one(self, alice: Person, bob: Person) -> None:
        second = alice.login()
        items = listed(second)["items"]
        assert [item["current"] for item in items] == [True, False]
        assert {item["id"] for item in items} == {
            claims_of(one.tokens["accessToken"])["sid"] for one in (alice, second)
        }
        assert set(items[0]) == {
            *("id", "app", "current", "createdAt", "lastUsedAt", "expiresAt", "ip", "userAgent", "methods"),
        }
        assert items[0]["createdAt"] < items[0]["expiresAt"]
        assert (items[0]["ip"], items[0]["methods"]) == ("127.0.0.1", ["pwd"])

    def test_pages_are_stable_while_sessions_come_and_go(self, alice: Person) -> None:
        for _ in range(6):
            alice.login()
        everything = [item["id"] for item in listed(alice)["items"]]
        page = listed(alice, "?limit=3")
        seen = [item["id"] for item in page["items"]]
        alice.login()
        while page["next"]:
            page = listed(alice, f"?limit=3&cursor={page['next']}")
            seen += [item["id"] for item in page["items"]]
        assert seen == everything

    @pytest.mark.parametrize(
        ("query", "parameter", "code"),
        [
            *((f"limit={value}", "limit", "not_allowed") for value in ("0", "101", "-1", "x", "", "1.5", "٣", "1e1")),
            *((f"cursor={value}", "cursor", "bad_format") for value in ("x", "AAAA", "eyJ9", "%00", "é")),
            *(("sort=password", "sort", "unknown_field"), ("limit=1&limit=2", "limit", "not_allowed")),
        ],
    )
    def test_a_bad_query_is_named(self, alice: Person, query: str, parameter: str, code: str) -> None:
        """R90"""
        answer = alice.client.get(f"/auth/sessions?{query}", headers=alice.headers)
        error = problem(answer, 422, "validation_failed")["errors"][0]
        assert (error["parameter"], error["code"]) == (parameter, code)


class TestEnd:
    def test_ending_one_session_leaves_the_others(self, alice: Person) -> None:
        second = alice.login()
        (other,) = (item["id"] for item in listed(alice)["items"] if not item["current"])
        assert alice.client.delete(f"/auth/sessions/{other}", headers=alice.headers).status_code == 204
        assert problem(second.home(), 401, "session_ended")["reason"] == "logout"
        assert alice.home().status_code == 200
        problem(alice.client.delete(f"/auth/sessions/{other}", headers=alice.headers), 404, "not_found")

    @pytest.mark.parametrize("session_id", ["nope", "f" * 24, "%7B%22$ne%22:null%7D", "..%2f", "%00", "0" * 4000])
    def test_an_id_that_is_none(self, alice: Person, session_id: str) -> None:
        """R88"""
        answer = alice.client.delete(f"/auth/sessions/{session_id}", headers=alice.headers)
        problem(answer, 404, "not_found")

    def test_another_user_has_none(self, alice: Person, bob: Person) -> None:
        """R67, R88"""
        theirs = claims_of(bob.tokens["accessToken"])["sid"]
        problem(alice.client.delete(f"/auth/sessions/{theirs}", headers=alice.headers), 404, "not_found")
        assert bob.home().status_code == 200

    def test_all_others(self, alice: Person, bob: Person) -> None:
        others = [alice.login(), alice.login()]
        assert alice.client.delete("/auth/sessions?scope=others", headers=alice.headers).status_code == 204
        for other in others:
            assert problem(other.home(), 401, "session_ended")["reason"] == "logout_others"
        assert alice.home().status_code == 200
        assert bob.home().status_code == 200

    def test_all(self, alice: Person, bob: Person) -> None:
        other = alice.login()
        assert alice.client.delete("/auth/sessions?scope=all", headers=alice.headers).status_code == 204
        for one in (alice, other):
            assert problem(one.home(), 401, "session_ended")["reason"] == "logout"
        assert bob.home().status_code == 200

    @pytest.mark.parametrize("query", ["", "?scope=", "?scope=mine", "?scope=ALL", "?scope=all&scope=others"])
    def test_the_scope_must_be_said(self, alice: Person, query: str) -> None:
        answer = alice.client.delete(f"/auth/sessions{query}", headers=alice.headers)
        assert problem(answer, 422, "validation_failed")["errors"][0]["parameter"] == "scope"
        assert alice.home().status_code == 200


class TestOpen:
    def test_each_sign_in_has_a_session_of_its_own(self, alice: Person) -> None:
        """R29"""
        pairs = [claims_of(alice.login().tokens["accessToken"]) for _ in range(3)]
        assert len({pair["sid"] for pair in pairs}) == len({pair["jti"] for pair in pairs}) == 3

    @pytest.mark.slow
    def test_the_oldest_of_more_than_a_hundred_ends(self, alice: Person) -> None:
        first = alice.login()
        for _ in range(98):
            alice.login()
        assert alice.home().status_code == 200
        alice.login()
        assert problem(alice.home(), 401, "session_ended")["reason"] == "replaced"
        assert first.home().status_code == 200

    @pytest.mark.parametrize(
        ("change", "reason"),
        [("disable", "account_disabled"), ("delete", "account_deleted"), ("password", "password_changed")],
    )
    def test_an_account_that_changes_meanwhile_gets_none(
        self, alice: Person, app: Flask, mongo: Database[dict[str, Any]], change: str, reason: str
    ) -> None:
        """R61, F8: between the check of the password and the opening of the session."""
        changes: dict[str, Callable[[User], object]] = {
            "disable": lambda user: state.disable(None, str(user.id)),
            "delete": lambda user: mongo.users.delete_one({"_id": user.id}),
            "password": lambda user: passwords.replace(user, "another good password"),
        }
        with app.app_context():
            verified = verify_password(User.find(alice.id), alice.password)
            assert verified is not None
            changes[change](verified)
            with pytest.raises(InvalidCredentials):
                sessions.open_session(sessions.new(verified, ["pwd"]), verified)
        newest = mongo.sessions.find_one({"user": ObjectId(alice.id)}, sort=[("_id", -1)])
        assert newest is not None
        assert newest["endReason"] == reason

    @pytest.mark.parametrize("changed", [{"role": "admin"}, {"email": "new@example.com"}])
    def test_role_and_address_that_change_meanwhile_count(
        self, alice: Person, app: Flask, mongo: Database[dict[str, Any]], changed: dict[str, str]
    ) -> None:
        """R52: whoever changes them finds no session yet."""
        with app.app_context():
            verified = User.find(alice.id)
            assert verified is not None
            mongo.users.update_one({"_id": verified.id}, {"$set": changed})
            opened = sessions.new(verified, ["pwd"])
            sessions.open_session(opened, verified)
        stored = mongo.sessions.find_one({"_id": opened.id})
        assert stored is not None
        assert changed.items() <= stored.items()
        assert {name: getattr(opened, name) for name in changed} == changed

    def test_a_newer_copy_is_not_undone(self, alice: Person, app: Flask, mongo: Database[dict[str, Any]]) -> None:
        """By a slower reader."""
        with app.app_context():
            session = Session.find(claims_of(alice.tokens["accessToken"])["sid"])
            assert session is not None
            Session.copy_email(alice.id, "newest@example.com")
            session.copy_account("user", "newer@example.com")
        assert [each["email"] for each in mongo.sessions.find()] == ["newest@example.com"]


class TestRemoval:
    def test_ended_and_expired_sessions_go_with_their_refresh_tokens(
        self, alice: Person, mongo: Database[dict[str, Any]]
    ) -> None:
        """R69: the TTL index removes at `exp`; no check relies on it."""
        index = mongo.sessions.index_information()["expiry"]
        assert (index["key"], index["expireAfterSeconds"]) == ([("expiresAt", 1)], 0)
        session = mongo.sessions.find_one({})
        assert session is not None
        exp = claims_of(alice.tokens["refreshToken"])["exp"]
        assert int(session["expiresAt"].timestamp()) == exp
