"""The caller's own account: GET and PATCH /auth/me. R1, R9, R15, D8."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from authsvc.services.users import state
from tests.conftest import Person, problem
from tests.support.accounts import USER_MEMBERS, WRONG_TYPES, Database, login, stored, told
from tests.support.races import ROUNDS, race


def me(person: Person) -> Any:
    """Return the answer to a look at one's own account."""
    return person.client.get("/auth/me", headers=person.headers)


def rename(person: Person, **members: Any) -> Any:
    """Return the answer to a change of one's own account."""
    return person.client.patch("/auth/me", json=members, headers=person.headers)


class TestShow:
    def test_the_account_is_the_one_that_signed_in(self, alice: Person, bob: Person):
        for person in (alice, bob):
            answer = me(person)
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.get_json() == person.tokens["user"]
            assert set(answer.get_json()) == USER_MEMBERS

    def test_the_role_is_what_the_database_says(self, alice: Person, mongo: Database):
        mongo.users.update_one({"email": alice.email}, {"$set": {"role": "admin"}})
        assert me(alice).get_json()["role"] == "admin"

    def test_a_stranger_sees_nothing(self, client: FlaskClient):
        problem(client.get("/auth/me"), 401, "token_missing")

    @pytest.mark.parametrize("query", ["id=1", "email[$ne]=1", "user=bob"])
    def test_a_query_is_refused(self, alice: Person, query: str):
        """D7"""
        answer = alice.client.get(f"/auth/me?{query}", headers=alice.headers)
        problem(answer, 422, "validation_failed")


class TestChange:
    @pytest.mark.parametrize("name", ["B", "Ælfgifu of York", "x" * 100, "张伟", "<script>alert(1)</script>"])
    def test_the_name_is_changed_and_nothing_else(self, alice: Person, bob: Person, mongo: Database, name: str):
        before = stored(mongo)
        answer = rename(alice, name=name)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.get_json() == {**alice.tokens["user"], "name": name} == me(alice).get_json()
        assert stored(mongo) == {**before, "name": name, "nameKey": name.casefold()}
        assert me(bob).get_json()["name"] == "Bob"
        assert alice.login()

    @pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\nb", "a\0b", "\x1b[2J", "\u2028"], ids=ascii)
    def test_a_bad_name_is_refused(self, alice: Person, mongo: Database, name: str):
        before = stored(mongo)
        problem(rename(alice, name=name), 422, "validation_failed")
        assert stored(mongo) == before

    @pytest.mark.parametrize("value", WRONG_TYPES, ids=str)
    def test_a_wrong_type_is_refused(self, alice: Person, value: Any):
        """R9, D7"""
        answer = rename(alice, name=value)
        problem(answer, 422, "validation_failed")
        assert told(answer) == {("/name", "wrong_type")}

    def test_the_name_is_required(self, alice: Person):
        answer = rename(alice)
        problem(answer, 422, "validation_failed")
        assert told(answer) == {("/name", "required")}

    @pytest.mark.parametrize(
        "member",
        ["role", "email", "password", "id", "_id", "emailVerified", "disabledAt", "$set", "set__role", "__raw__"],
    )
    def test_nothing_but_the_name_can_be_changed(self, alice: Person, mongo: Database, member: str):
        """R1: promoting oneself, for one."""
        before = stored(mongo)
        answer = rename(alice, name="Alice", **{member: "admin"})
        problem(answer, 422, "validation_failed")
        assert told(answer) == {(f"/{member}", "unknown_field")}
        assert stored(mongo) == before

    def test_a_stranger_changes_nothing(self, alice: Person, mongo: Database):
        problem(alice.client.patch("/auth/me", json={"name": "Mallory"}), 401, "token_missing")
        assert stored(mongo)["name"] == "Alice"

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_another_method_is_refused(self, alice: Person, method: str):
        answer = alice.client.open("/auth/me", method=method, json={"name": "A"}, headers=alice.headers)
        problem(answer, 405, "method_not_allowed")
        assert {"GET", "PATCH"} <= set(answer.headers["Allow"].split(", "))


class TestGone:
    def test_a_deleted_account_is_not_brought_back(self, alice: Person, mongo: Database):
        """D8, F8"""
        mongo.users.delete_one({"email": alice.email})
        for answer in (me(alice), rename(alice, name="Lazarus")):
            assert problem(answer, 401, "session_ended")["reason"] == "account_deleted"
        assert mongo.users.count_documents({}) == 0
        problem(login(alice.client), 401, "invalid_credentials")

    @pytest.mark.race
    def test_a_change_racing_the_deletion_does_not_bring_it_back(self, alice: Person, mongo: Database):
        """D8, F8"""
        document = stored(mongo)
        for _ in range(ROUNDS):
            jobs = [lambda n=n: rename(alice_again(alice), name=f"Alice {n}").status_code for n in range(4)]
            statuses = race(*jobs, lambda: mongo.users.delete_one({"_id": document["_id"]}).deleted_count)
            assert set(statuses) <= {200, 401, 1}
            assert mongo.users.count_documents({}) == 0
            mongo.users.insert_one(document)

    def test_a_disabled_account_is_signed_out(self, alice: Person, bob: Person, mongo: Database):
        with alice.client.application.app_context():
            state.disable(None, alice.id)
        for answer in (me(alice), rename(alice, name="A")):
            assert problem(answer, 401, "session_ended")["reason"] == "account_disabled"
        assert stored(mongo)["name"] == "Alice"
        assert me(bob).status_code == 200


def alice_again(alice: Person) -> Person:
    """Return Alice at a client of her own, to be used in a thread."""
    return Person(alice.client.application.test_client(), alice.email, alice.password, tokens=alice.tokens)
