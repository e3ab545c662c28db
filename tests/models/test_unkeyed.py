"""Accounts that Express or an earlier release stored are found in any case, and their addresses are taken. R10, R14."""

from collections.abc import Iterator
from typing import Any

import mongoengine
import pytest
from flask import Flask
from flask.testing import FlaskClient

from authsvc.errors import EmailTaken
from authsvc.models import readiness
from authsvc.models.users import User, keys, unkeyed
from authsvc.services import indexes
from tests.conftest import PASSWORD
from tests.support.accounts import OLD, Database, import_account, login, register, stored

ANY_CASE = {"locale": "en", "strength": 2}
CAPITALS = OLD.title()


def new(email: str = OLD) -> User:
    """Return an account that is not saved yet."""
    return User(name="New", email=email, password=PASSWORD)


def names(begins: str) -> list[str]:
    """Return the names of the accounts that a search finds."""
    return [user.name for user, _ in User.search(begins, role=None, disabled=None, after=None, limit=100)]


def keys_of(account: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that a stored account has."""
    return {name: account[name] for name in ("emailKey", "nameKey") if name in account}


@pytest.fixture(autouse=True)
def start(app: Flask, clean: None) -> Iterator[None]:
    """Start without accounts; afterwards no earlier release is expected."""
    yield
    keys.expect_accounts_without(expected=False)


class TestComplete:
    def test_each_is_found_in_any_case_and_keeps_what_it_has(self, mongo: Database):
        before = import_account(mongo, keyed=False, email=CAPITALS, name="Ångström", locale=["odd"])
        assert unkeyed.are_there()
        assert unkeyed.complete() == 0
        assert not unkeyed.are_there()
        assert stored(mongo, CAPITALS) == {**before, "emailKey": OLD, "nameKey": "ångström"}
        assert all(User.find_by_email(email).id == before["_id"] for email in (OLD, CAPITALS, OLD.upper()))
        assert names("ÅNG") == names("A\u030ang") == ["Ångström"]
        with pytest.raises(EmailTaken):
            new().insert()

    @pytest.mark.parametrize(
        "odd", [{"name": 7}, {"name": None}, {"name": {"$gt": ""}}, {"email": ["a", "b"]}, {"email": 7}]
    )
    def test_whatever_another_program_stored_it_is_done_once(self, mongo: Database, odd: dict[str, Any]):
        before = import_account(mongo, keyed=False, **odd)
        assert unkeyed.complete() == 0
        assert not unkeyed.are_there()
        (after,) = mongo.users.find()
        assert {**after, **before} == after
        assert keys_of(after) == keys.of_account(before)

    def test_more_than_a_batch(self, mongo: Database):
        mongo.users.insert_many({"email": f"P{number}@x.io", "name": str(number)} for number in range(2_100))
        assert unkeyed.complete() == 0
        assert mongo.users.count_documents({"nameKey": None}) == 0
        assert len(mongo.users.distinct("emailKey")) == 2_100

    def test_of_two_with_one_address_one_is_left_and_the_rest_goes_on(self, mongo: Database):
        for email in (OLD, CAPITALS, "c@x.io"):
            import_account(mongo, keyed=False, email=email)
        assert unkeyed.complete() == 1
        assert mongo.users.count_documents({"nameKey": None}) == 1
        assert User.find_by_email("c@x.io") is not None

    def test_a_twin_that_comes_later_stops_no_start_and_is_told_of(self, app: Flask, mongo: Database):
        first = import_account(mongo)
        twin = import_account(mongo, keyed=False, email=CAPITALS)
        indexes.watch()
        assert indexes.missing() == []
        indexes.make()  # what a machine does that starts beside this one, before it looks
        assert User.find_by_email(CAPITALS).id == first["_id"]
        told = app.test_cli_runner().invoke(args=["db", "check"]).output
        assert all(str(one["_id"]) in told for one in (first, twin))
        doctor = app.test_cli_runner().invoke(args=["doctor"]).output
        assert "another one has their address in another case: 1" in doctor
        assert "email_key" not in told
        mongo.users.delete_one({"_id": first["_id"]})
        assert indexes.missing() == ["users.email_key"]
        indexes.watch()
        assert User.find_by_email(OLD).id == twin["_id"]

    def test_twins_of_before_the_first_start_are_kept_from_nobody(self, mongo: Database):
        mongo.users.drop_index("email_key")
        one, other = (import_account(mongo, keyed=False, email=email) for email in (OLD, CAPITALS))
        for _ in range(2):
            with pytest.raises(readiness.IndexBlocked):
                indexes.make()
            assert indexes.missing() == ["users.email_key"]
        mongo.users.update_one({"_id": other["_id"]}, {"$set": {"email": "Moved@x.io"}})
        indexes.make()
        assert indexes.missing() == []
        assert User.find_by_email("moved@x.io").id == other["_id"]
        assert User.find_by_email(OLD).id == one["_id"]

    def test_once_one_of_the_two_has_another_address_both_are_found(self, mongo: Database):
        for email in (OLD, CAPITALS):
            import_account(mongo, keyed=False, email=email)
        assert unkeyed.complete() == 1
        (holder,) = mongo.users.find({"emailKey": OLD})
        mongo.users.update_one({"_id": holder["_id"]}, {"$set": {"email": "Moved@x.io"}})
        assert unkeyed.complete() == 0
        assert User.find_by_email("moved@x.io").id == holder["_id"]
        assert User.find_by_email(OLD).id != holder["_id"]

    def test_a_change_meanwhile_is_not_undone(self, mongo: Database):
        account = import_account(mongo, keyed=False)
        read = list(mongo.users.find())
        User.rename(str(account["_id"]), "Renamed")
        assert unkeyed._write(read) == 0
        after = stored(mongo, OLD)
        assert (after["name"], after["nameKey"]) == ("Renamed", "renamed")


@pytest.mark.needs("collation")
class TestBesideAnEarlierRelease:
    """A machine of the release before still serves, and stores accounts as it did: in canonical form, without keys."""

    @pytest.fixture(autouse=True)
    def former(self, mongo: Database) -> Iterator[None]:
        """Leave the indexes of that release, as it finds them."""
        mongo.users.create_index("email", name="email_any_case", unique=True, collation=ANY_CASE)
        mongo.users.create_index([("name", 1), ("_id", 1)], name="name_any_case", collation=ANY_CASE)
        indexes.watch()
        yield
        readiness.drop_former_indexes()

    def test_who_registers_there_signs_in_here_at_once(self, client: FlaskClient, mongo: Database):
        import_account(mongo, keyed=False)
        assert login(client, OLD.upper()).status_code == 200
        with pytest.raises(EmailTaken):
            new().insert()
        indexes.watch()
        assert keys_of(stored(mongo, OLD)) == {"emailKey": OLD, "nameKey": "old hand"}

    def test_an_address_changed_there_is_found_here_and_the_former_one_is_free(
        self, client: FlaskClient, mongo: Database
    ):
        moved = import_account(mongo)
        mongo.users.update_one({"_id": moved["_id"]}, {"$set": {"email": "moved@x.io"}})
        assert User.find_by_email(OLD) is None
        assert login(client, "moved@x.io").status_code == 200
        newcomer = new().insert()  # after a look, as every registration does
        assert User.find_by_email(OLD).id == newcomer.id
        assert User.find_by_email("moved@x.io").id == moved["_id"]
        assert stored(mongo, "moved@x.io")["emailKey"] == "moved@x.io"

    def test_an_address_that_is_free_there_can_be_registered_here(self, client: FlaskClient, mongo: Database):
        moved = import_account(mongo)
        mongo.users.update_one({"_id": moved["_id"]}, {"$set": {"email": "moved@x.io"}})
        assert register(client, email=OLD).status_code == 201
        assert User.find_by_email("moved@x.io").id == moved["_id"]

    @pytest.mark.parametrize("moves", [("a f", "b a", "f b"), ("e f", "d e", "c d", "b c", "a b")], ids=len)
    def test_those_who_have_each_others_addresses_are_found_after_the_upgrade(
        self, app: Flask, mongo: Database, moves: tuple[str, ...]
    ):
        owners = {name: import_account(mongo, email=f"{name}@x.io")["_id"] for name in "abcde"}
        for old, new in map(str.split, moves):
            owners[new] = owners.pop(old)
            mongo.users.update_one({"_id": owners[new]}, {"$set": {"email": f"{new}@x.io"}})
        assert app.test_cli_runner().invoke(args=["db", "ensure-indexes", "--drop-former"]).exit_code == 0
        indexes.watch()
        assert {name: User.find_by_email(f"{name}@x.io").id for name in owners} == owners

    @pytest.mark.parametrize("email", [OLD, "nobody@x.io"])
    def test_a_known_address_is_as_much_work_as_an_unknown_one(
        self, mongo: Database, monkeypatch: pytest.MonkeyPatch, email: str
    ):
        """R17"""
        import_account(mongo)
        decoded: list[Any] = []
        read = mongoengine.Document._from_son.__func__

        def note(cls: Any, son: Any, *rest: Any, **options: Any) -> Any:
            decoded.append(son)
            return read(cls, son, *rest, **options)

        monkeypatch.setattr(mongoengine.Document, "_from_son", classmethod(note))
        User.find_by_email(email)
        assert len(decoded) == 2

    def test_one_may_move_to_an_address_that_was_left_there(self, mongo: Database):
        left, mover = import_account(mongo), import_account(mongo, email="mover@x.io")
        mongo.users.update_one({"_id": left["_id"]}, {"$set": {"email": "left@x.io"}})
        user = User.change_email(User.find(str(mover["_id"])), OLD, [], keep=True)
        assert user is not None
        assert User.find_by_email(OLD).id == mover["_id"]
        assert User.find_by_email("left@x.io").id == left["_id"]

    def test_its_indexes_stay_until_they_are_dropped_with_what_it_left_behind(self, app: Flask, mongo: Database):
        renamed = import_account(mongo)
        mongo.users.update_one({"_id": renamed["_id"]}, {"$set": {"name": "Renamed there"}})
        run = app.test_cli_runner()
        assert run.invoke(args=["db", "ensure-indexes"]).output == "all indexes exist\n"
        said = run.invoke(args=["doctor"]).output
        assert "users.email_any_case" in said
        assert "looked up by an address or a name that they no longer have: 1" in said
        dropped = run.invoke(args=["db", "ensure-indexes", "--drop-former"])
        assert dropped.output == "dropped users.email_any_case\ndropped users.name_any_case\n"
        assert names("renamed") == ["Renamed there"]
        assert names("old") == ["Renamed there"], "by its address"
        assert "any_case" not in run.invoke(args=["doctor"]).output
        assert readiness.missing_indexes() == []
        indexes.watch()
        assert keys.are_of_all()
