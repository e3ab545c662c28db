"""A collection that the Express service left behind: it loads, signs in, and nothing of it is lost."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import bcrypt
import pytest
from flask.testing import FlaskClient

from authsvc.models.users import User
from authsvc.services import passwords
from authsvc.services.users import state
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import (
    EMAIL,
    OLD,
    UNKNOWN_FIELDS,
    Database,
    hashing,
    import_account,
    login,
    node_hash,
    register,
    stored,
)
from tests.support.races import ROUNDS, race

LONG = "correct horse battery staple " * 3


def signed_in(client: FlaskClient, email: str = OLD, password: str = PASSWORD) -> Person:
    """Return somebody of the old collection, signed in."""
    return Person(client, email, password).login()


def unhashed(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document without what an upgrade of its hash changes."""
    return {key: value for key, value in document.items() if key not in ("password", "passwordChangedAt")}


class TestSignIn:
    @pytest.mark.parametrize(
        ("password", "hash_"),
        [
            ("secret", node_hash("secret")),
            ("secret", node_hash("secret", 10)),
            (PASSWORD, node_hash(PASSWORD, 10, b"2a")),
            (PASSWORD, node_hash(PASSWORD, 4, b"2a")),
            (PASSWORD, node_hash(PASSWORD, 4, b"2y")),
            ("x", node_hash("x")),
            ("password", node_hash("password")),
            ("w" * 72, node_hash("w" * 72)),
            (LONG, node_hash(LONG)),
            ("é" * 50, node_hash("é" * 50, 4, b"2a")),
            ("x" + "é" * 50, node_hash("x" + "é" * 50)),
            ("🦊" * 256, node_hash("🦊" * 256)),
        ],
        ids=lambda value: value[:7],
    )
    def test_an_old_password_keeps_working(self, client: FlaskClient, mongo: Database, password: str, hash_: str):
        before = import_account(mongo, password=hash_)
        for _ in range(3):
            assert signed_in(client, password=password).home().status_code == 200
            problem(
                login(client, OLD, password + "?" if len(password) < 72 else "?" + password[1:]),
                401,
                "invalid_credentials",
            )
        assert unhashed(stored(mongo, OLD)) == unhashed(before)

    def test_a_password_that_node_cut_counts_to_its_end_from_the_first_sign_in_on(
        self, client: FlaskClient, mongo: Database
    ):
        """R3"""
        import_account(mongo, password=node_hash(LONG))
        assert login(client, OLD, LONG[:72] + " anything").status_code == 200, "as the old service did"
        import_account(mongo, email=EMAIL, password=node_hash(LONG))
        assert login(client, EMAIL, LONG).status_code == 200
        assert not bcrypt.checkpw(LONG.encode()[:72], stored(mongo)["password"].encode())
        for other in (LONG[:72], LONG[:72] + " anything", LONG[:-1]):
            problem(login(client, EMAIL, other), 401, "invalid_credentials")
        assert login(client, EMAIL, LONG).status_code == 200

    def test_a_password_of_72_bytes_counts_to_its_end_once_its_hash_is_ours(self, client: FlaskClient, mongo: Database):
        """R3"""
        import_account(mongo, password=node_hash("w" * 72))
        with hashing(5):
            assert login(client, OLD, "w" * 72).status_code == 200
            problem(login(client, OLD, "w" * 73), 401, "invalid_credentials")

    @pytest.mark.parametrize("kept", ["Old.Hand@Example.COM", "OLD.HAND@EXAMPLE.COM", OLD])
    def test_an_address_in_capitals_is_found_and_taken_in_any_case(
        self, client: FlaskClient, mongo: Database, kept: str
    ):
        """R10"""
        before = import_account(mongo, email=kept)
        for spelling in (kept, OLD, OLD.upper(), OLD.title()):
            assert signed_in(client, spelling).tokens["user"]["email"] == kept
            problem(register(client, email=spelling), 409, "email_taken")
        assert list(mongo.users.find()) == [before]

    @pytest.mark.parametrize("members", [{"without": "role"}, {"role": None}], ids=str)
    def test_who_has_no_role_is_a_user(self, client: FlaskClient, mongo: Database, members: dict[str, Any]):
        import_account(mongo, **members)
        person = signed_in(client)
        assert person.tokens["user"]["role"] == "user"
        assert person.refresh().status_code == 200

    def test_a_role_is_kept(self, client: FlaskClient, mongo: Database):
        import_account(mongo, role="admin")
        assert signed_in(client).tokens["user"]["role"] == "admin"

    @pytest.mark.parametrize("missing", ["name", "createdAt", "__v"])
    def test_a_document_with_a_field_less_signs_in(self, client: FlaskClient, mongo: Database, missing: str):
        import_account(mongo, without=missing)
        person = signed_in(client)
        assert client.get("/auth/me", headers=person.headers).status_code == 200
        assert client.patch("/auth/me", json={"name": "Named"}, headers=person.headers).get_json()["name"] == "Named"
        assert person.refresh().status_code == 200

    def test_the_times_are_those_of_the_collection(self, client: FlaskClient, mongo: Database):
        import_account(mongo)
        assert signed_in(client).tokens["user"]["createdAt"] == "2019-05-04T03:02:01.654Z"


def change_name(person: Person, mongo: Database) -> dict[str, Any]:
    """Change the name; return what that changes."""
    answer = person.client.patch("/auth/me", json={"name": "New Name"}, headers=person.headers)
    assert answer.status_code == 200
    return {"name": "New Name", "nameKey": "new name"}


def refresh(person: Person, mongo: Database) -> dict[str, Any]:
    """Refresh; return what that changes."""
    assert person.refresh().status_code == 200
    return {}


def upgrade(person: Person, mongo: Database) -> dict[str, Any]:
    """Sign in where hashes are dearer; return what that changes."""
    with hashing(5):
        person.login()
    document = stored(mongo, OLD)
    assert document["password"].startswith("$2b$05$")
    return {"password": document["password"], "passwordChangedAt": document["passwordChangedAt"]}


def log_out(person: Person, mongo: Database) -> dict[str, Any]:
    """Sign out; return what that changes."""
    assert person.client.delete("/auth/logout", headers=person.headers).status_code == 204
    return {}


def disable(person: Person, mongo: Database) -> dict[str, Any]:
    """Disable the account; return what that changes."""
    with person.client.application.app_context():
        state.disable(None, person.id)
    return {"disabledAt": stored(mongo, OLD)["disabledAt"]}


class TestNothingIsDropped:
    @pytest.mark.parametrize("step", [change_name, refresh, upgrade, log_out, disable])
    def test_a_step_changes_what_it_says_and_no_more(
        self, client: FlaskClient, mongo: Database, step: Callable[[Person, Database], dict[str, Any]]
    ):
        before = import_account(mongo, **deepcopy(UNKNOWN_FIELDS))
        person = signed_in(client)
        changed = step(person, mongo)
        assert stored(mongo, OLD) == {**before, **changed}
        assert list(stored(mongo, OLD))[: len(before)] == list(before), "the order of the fields is kept, too"

    def test_saving_the_document_drops_nothing_either(self, client: FlaskClient, mongo: Database):
        before = import_account(mongo, **deepcopy(UNKNOWN_FIELDS))
        user = User.find_by_email(OLD)
        user.name = "Saved"
        user.save()
        assert stored(mongo, OLD) == {**before, "name": "Saved", "nameKey": "saved"}

    def test_steps_at_the_same_time_lose_nothing(self, client: FlaskClient, mongo: Database):
        before = import_account(mongo, **deepcopy(UNKNOWN_FIELDS))
        person = signed_in(client)
        app = client.application

        def alone(change: Callable[[Person], Any]) -> Callable[[], Any]:
            return lambda: change(Person(app.test_client(), OLD, PASSWORD, tokens=person.tokens))

        def outside() -> None:
            mongo.users.update_one({"_id": before["_id"]}, {"$set": {"profile.theme": "light"}, "$inc": {"__v": 1}})

        with hashing(5):
            race(
                alone(lambda who: change_name(who, mongo)),
                alone(Person.login),
                alone(Person.login),
                alone(Person.refresh),
                outside,
            )
        after = stored(mongo, OLD)
        assert after["password"].startswith("$2b$05$")
        profile = {**before["profile"], "theme": "light"}
        assert unhashed(after) == {
            **unhashed(before),
            "name": "New Name",
            "nameKey": "new name",
            "__v": 4,
            "profile": profile,
        }


class TestUpgrade:
    """R16: a cheaper hash is written anew at the next sign-in, and never over somebody else's change."""

    def test_a_cheaper_hash_is_upgraded_by_the_right_password_alone(self, alice: Person, mongo: Database):
        with hashing(6):
            problem(login(alice.client, password="not the right phrase"), 401, "invalid_credentials")
            assert stored(mongo)["password"].startswith("$2b$04$")
            assert login(alice.client).status_code == 200
            upgraded = stored(mongo)["password"]
            assert upgraded.startswith("$2b$06$")
            assert login(alice.client).status_code == 200
            assert stored(mongo)["password"] == upgraded
            assert alice.home().status_code == 200
        assert login(alice.client).status_code == 200
        assert stored(mongo)["password"] == upgraded, "a dearer hash is not made cheaper"

    @pytest.mark.race
    def test_eight_sign_ins_at_once_all_succeed_and_leave_one_hash(self, client: FlaskClient, mongo: Database):
        for _ in range(ROUNDS):
            mongo.users.delete_many({})
            import_account(mongo, email=EMAIL, password=node_hash(PASSWORD, 4, b"2a"))
            with hashing(5):
                answers = race(*[lambda: login(client.application.test_client())] * 8)
                assert [answer.status_code for answer in answers] == [200] * 8
                for answer in answers:
                    assert Person(client, EMAIL, PASSWORD, tokens=answer.get_json()).home().status_code == 200
                assert stored(mongo)["password"].startswith("$2b$05$")
                assert login(client).status_code == 200

    @pytest.mark.race
    def test_a_change_of_password_at_the_same_time_wins(self, client: FlaskClient, mongo: Database):
        """F8: neither the upgrade nor a sign-in in flight outlives it."""
        app = client.application
        new = "another good phrase"

        def change() -> None:
            with app.app_context():
                while not passwords.replace(User.find_by_email(EMAIL), new):
                    pass

        for _ in range(ROUNDS):
            mongo.users.delete_many({})
            import_account(mongo, email=EMAIL, password=node_hash(PASSWORD))
            with hashing(5):
                answers = race(*[lambda: login(app.test_client())] * 4, change)[:-1]
                assert {answer.status_code for answer in answers} <= {200, 401}
                problem(login(client), 401, "invalid_credentials")
                assert login(client, password=new).status_code == 200
            for answer in answers:
                if answer.status_code == 200:
                    left = Person(client, EMAIL, PASSWORD, tokens=answer.get_json())
                    assert problem(left.home(), 401, "session_ended")["reason"] == "password_changed"
