"""The document: no way of writing stores a plain password, and atomic changes lose nothing. R14, D7, D8."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import bcrypt
import pytest
from bson.json_util import DEFAULT_JSON_OPTIONS
from flask import Flask
from mongoengine.errors import NotUniqueError, ValidationError

from authsvc import clock
from authsvc.errors import EmailTaken
from authsvc.errors.overtaken import Overtaken
from authsvc.models import readiness
from authsvc.models.users import Identity, User, key_of
from authsvc.security.passwords import PasswordHash
from tests.support.accounts import EMAIL, OLD, Database, import_account, node_hash, stored
from tests.support.races import race

PLAIN = "a plain secret phrase"
LIKE_A_HASH = node_hash(PLAIN)


@pytest.fixture(autouse=True)
def document(app: Flask, clean: None, mongo: Database) -> dict[str, Any]:
    """Start with one account, of Mongoose."""
    return import_account(mongo)


def new(password: Any) -> User:
    """Return an account that is not saved yet."""
    return User(name="New", email=EMAIL, password=password)


def loaded() -> User:
    """Return the account that is there."""
    return User.objects.get(email=OLD)


def by_attribute(password: Any, **options: Any) -> None:
    """Set the attribute of a loaded account and save it."""
    user = loaded()
    user.password = password
    user.save(**options)


def by_item(password: Any) -> None:
    """Set the item of a loaded account and save it."""
    user = loaded()
    user["password"] = password
    user.save()


HASHED: dict[str, Callable[[str], Any]] = {
    "save": lambda plain: new(plain).save(),
    "save unvalidated": lambda plain: new(plain).save(validate=False),
    "save forced": lambda plain: new(plain).save(force_insert=True),
    "create": lambda plain: User.objects.create(name="New", email=EMAIL, password=plain),
    "insert": lambda plain: new(plain).insert(),
    "attribute and save": by_attribute,
    "attribute and save unvalidated": lambda plain: by_attribute(plain, validate=False),
    "item and save": by_item,
}
OPERATORS = ["", "set__", "set_on_insert__", "max__", "min__", "push__", "add_to_set__", "inc__"]
WRITES: dict[str, Callable[..., Any]] = {
    "update": lambda **change: User.objects(email=OLD).update(**change),
    "update_one": lambda **change: User.objects(email=OLD).update_one(**change),
    "update with upsert": lambda **change: User.objects(email=EMAIL).update(**change, upsert=True),
    "upsert_one": lambda **change: User.objects(email=EMAIL).upsert_one(**change),
    "modify": lambda **change: User.objects(email=OLD).modify(**change),
    "modify with upsert": lambda **change: User.objects(email=EMAIL).modify(**change, upsert=True),
    "document's update": lambda **change: loaded().update(**change),
    "document's modify": lambda **change: loaded().modify(**change),
}


class TestNoPlainPasswordIsStored:
    """R16, and ASVS 11.4.2: each way of writing hashes it, or refuses it and stores nothing."""

    @pytest.mark.parametrize("plain", [PLAIN, LIKE_A_HASH, "x" * 100], ids=["plain", "like a hash", "long"])
    @pytest.mark.parametrize("way", HASHED)
    def test_a_way_that_runs_the_hook_stores_the_hash_of_it(self, mongo: Database, way: str, plain: str):
        HASHED[way](plain)
        (changed,) = (found for found in mongo.users.find() if found.get("passwordChangedAt"))
        assert changed["password"].startswith("$2b$04$")
        assert plain not in str(list(mongo.users.find()))
        if len(plain) < 73:
            assert bcrypt.checkpw(plain.encode(), changed["password"].encode())

    @pytest.mark.parametrize("plain", [PLAIN, LIKE_A_HASH], ids=["plain", "like a hash"])
    @pytest.mark.parametrize("operator", OPERATORS)
    @pytest.mark.parametrize("way", WRITES)
    def test_an_atomic_write_refuses_it(
        self, mongo: Database, document: dict[str, Any], way: str, operator: str, plain: str
    ):
        with pytest.raises(Exception, match="password") as refusal:
            WRITES[way](**{f"{operator}password": plain})
        assert plain not in str(refusal.value)
        assert list(mongo.users.find()) == [document]

    @pytest.mark.parametrize("way", WRITES)
    def test_a_raw_write_refuses_it(self, mongo: Database, document: dict[str, Any], way: str):
        with pytest.raises(Exception, match="password"):
            WRITES[way](__raw__={"$set": {"password": PLAIN}})
        assert list(mongo.users.find()) == [document]

    @pytest.mark.parametrize("plain", [PLAIN, LIKE_A_HASH], ids=["plain", "like a hash"])
    @pytest.mark.parametrize("load_bulk", [True, False])
    def test_a_bulk_insert_refuses_it(self, mongo: Database, document: dict[str, Any], plain: str, load_bulk: bool):
        with pytest.raises(ValidationError) as refusal:
            User.objects.insert([new(plain), User(name="B", email="b@example.com", password=plain)], load_bulk)
        assert plain not in str(refusal.value)
        assert list(mongo.users.find()) == [document]

    @pytest.mark.parametrize("value", [[PLAIN], {"a": PLAIN}, 5, True], ids=str)
    def test_what_is_no_string_is_refused(self, mongo: Database, document: dict[str, Any], value: Any):
        for options in ({}, {"validate": False}):
            with pytest.raises(ValidationError) as refusal:
                new(value).save(**options)
            assert PLAIN not in str(refusal.value)
        assert list(mongo.users.find()) == [document]

    def test_nothing_can_be_passed_off_as_a_hash(self):
        for text in (PLAIN, "", "$2b$10$short", LIKE_A_HASH + "\n", f" {LIKE_A_HASH}"):
            with pytest.raises(ValueError, match=r"^(?!.*phrase)"):
                PasswordHash(text)

    def test_a_document_built_from_elsewhere_is_no_way_around(self, mongo: Database):
        members = f'{{"name": "J", "email": "{EMAIL}", "password": "{PLAIN}"}}'
        User.from_json(members, json_options=DEFAULT_JSON_OPTIONS).save(force_insert=True)
        User.from_json(members.replace(EMAIL, "b@example.com"), True, json_options=DEFAULT_JSON_OPTIONS).save()
        User(name="C", email="c@example.com", password=PLAIN, _created=False).save(force_insert=True)
        assert PLAIN not in str(list(mongo.users.find()))

    def test_a_filter_by_a_plain_password_is_refused(self):
        with pytest.raises(ValidationError):
            User.objects(password=PLAIN).count()


class TestHashOnce:
    def test_saving_a_loaded_account_keeps_its_hash(self, mongo: Database, document: dict[str, Any]):
        user = loaded()
        user.name = "Older Hand"
        user.save()
        user.reload()
        user.save()
        assert stored(mongo, OLD) == {**document, "name": "Older Hand", "nameKey": "older hand"}

    def test_saving_a_new_account_twice_hashes_once(self, mongo: Database):
        user = new(PLAIN).save()
        first = stored(mongo)["password"]
        user.name = "Newer"
        user.save()
        assert stored(mongo)["password"] == first

    @pytest.mark.parametrize("query", [{}, {"only": ("password",)}, {"exclude": ("name",)}], ids=str)
    def test_a_stored_hash_is_known_as_one_however_it_is_loaded(self, query: dict[str, Any]):
        found = User.objects(email=OLD)
        for name, fields in query.items():
            found = getattr(found, name)(*fields)
        assert type(found.first().password) is PasswordHash


class TestReplacePassword:
    def test_of_eight_replacements_one_wins(self, mongo: Database, document: dict[str, Any]):
        """Compare-and-set: R16, F8"""
        old = loaded().password
        candidates = [PasswordHash(node_hash(f"candidate {n}")) for n in range(8)]
        done = race(*(lambda c=c: User.replace_password(document["_id"], old, c) for c in candidates))
        (winner,) = (user for user in done if user is not None)
        assert stored(mongo, OLD)["password"] == winner.password
        assert winner.password in candidates

    def test_a_changed_password_is_not_replaced(self, mongo: Database, document: dict[str, Any]):
        old = loaded().password
        User.replace_password(document["_id"], old, PasswordHash(node_hash("new")))
        now = stored(mongo, OLD)
        assert User.replace_password(document["_id"], old, PasswordHash(node_hash("upgrade"))) is None
        assert stored(mongo, OLD) == now

    def test_a_plain_one_is_refused_on_either_side(self, mongo: Database, document: dict[str, Any]):
        for old, replacement in ((loaded().password, PLAIN), (PLAIN, loaded().password)):
            with pytest.raises(ValidationError):
                User.replace_password(document["_id"], old, replacement)
        assert list(mongo.users.find()) == [document]


class TestAtomicChanges:
    @pytest.mark.parametrize("user_id", ["5e" * 12, "nope", "", "5f" * 13, '{"$ne": null}'])
    def test_nobody_is_changed_by_an_id_that_is_nobodys(self, mongo: Database, document: dict[str, Any], user_id: str):
        """D8: nothing is created either."""
        assert User.find(user_id) is User.rename(user_id, "X") is None
        assert list(mongo.users.find()) == [document]

    def test_a_stale_copy_does_not_undo_what_others_changed(self, mongo: Database, document: dict[str, Any]):
        """D8"""
        user_id = str(document["_id"])
        found = User.find(user_id)
        mongo.users.update_one({"_id": document["_id"]}, {"$set": {"role": "editor", "profile.theme": "dark"}})
        User.rename(user_id, "Renamed")
        User.disable(found)
        after = stored(mongo, OLD)
        assert after.pop("disabledAt")
        renamed = {"name": "Renamed", "nameKey": "renamed"}
        assert after == {**document, **renamed, "role": "editor", "profile": {"theme": "dark"}}

    def test_disabling_is_done_once(self, mongo: Database, document: dict[str, Any]):
        found = loaded()
        assert User.disable(found) is not None
        when = stored(mongo, OLD)["disabledAt"]
        assert User.disable(found) is None
        assert stored(mongo, OLD)["disabledAt"] == when


class TestIdentitiesOfAnAccount:
    """Which identities sign an account in is stored with it, so that they go in the write that removes the rest."""

    def test_of_two_removals_at_once_one_has_to_look_again(self, mongo: Database):
        """O62: whether it is the last way in is decided by what was read."""
        first, second = (Identity.of("google", "https://google.test", one) for one in ("1", "2"))
        for identity in (first, second):
            assert User.add_identity(loaded(), identity) is not None
        read = loaded()
        outcomes = race(*(lambda one=one: User.remove_identity(read, one.id) for one in (first, second)))
        assert [one is None for one in outcomes].count(False) == 1
        assert len(stored(mongo, OLD)["linkedIdentities"]) == 1

    def test_a_change_of_the_other_factors_comes_in_between(self):
        read = loaded()
        assert User.clear_factors(str(read.id)) is not None
        assert User.add_identity(read, Identity.of("google", "https://google.test", "1")) is None

    def test_r112_they_go_when_somebody_proves_the_address_elsewhere(self, mongo: Database):
        assert User.add_identity(loaded(), Identity.of("google", "https://google.test", "1")) is not None
        assert User.verify_email(loaded().id, OLD, keep=False) is not None
        assert "linkedIdentities" not in stored(mongo, OLD)

    @pytest.mark.parametrize("proved", [True, False], ids=["proved before", "proved by it"])
    def test_r112_a_reset_that_proves_the_address_removes_them(self, mongo: Database, proved: bool):
        if proved:
            mongo.users.update_one({}, {"$set": {"emailVerifiedAt": clock.now()}})
        assert User.add_identity(loaded(), Identity.of("google", "https://google.test", "1")) is not None
        assert User.reset_password(loaded(), PasswordHash(node_hash("another phrase"))) is not None
        assert ("linkedIdentities" in stored(mongo, OLD)) is proved

    def test_an_undo_removes_those_linked_since(self, mongo: Database):
        since = clock.now()
        for subject, seconds in (("old", -60), ("later", 60)):
            identity = Identity.of("google", "https://google.test", subject)
            identity.created_at = since + timedelta(seconds=seconds)
            assert User.add_identity(loaded(), identity) is not None
        mongo.users.update_one({}, {"$set": {"undoLinks": ["undo"]}})
        assert User.revert_email(loaded(), "former@example.com", "undo", since) is not None
        assert [one["subject"] for one in stored(mongo, "former@example.com")["linkedIdentities"]] == ["old"]

    def test_o58_one_identity_signs_in_to_one_account(self, mongo: Database):
        """R109"""
        mongo.users.insert_one({"email": "other@example.com", "emailKey": "other@example.com"})
        other = User.find_by_email("other@example.com")
        assert other is not None
        assert User.add_identity(other, Identity.of("google", "https://google.test", "1")) is not None
        with pytest.raises(Overtaken):
            User.add_identity(loaded(), Identity.of("google", "https://google.test", "1"))
        # The same subject of another issuer is somebody else (O59).
        assert User.add_identity(loaded(), Identity.of("google", "https://google.test/", "1")) is not None

    def test_the_last_one_leaves_nothing_behind(self, mongo: Database):
        for _ in range(2):
            user = User.add_identity(loaded(), Identity.of("google", "https://google.test", "1"))
            assert user is not None
            assert User.remove_identity(user, user.identities[0]) is not None
            assert "linkedIdentities" not in stored(mongo, OLD)

    def test_a_use_is_noted(self, mongo: Database):
        for subject in ("1", "2"):
            assert User.add_identity(loaded(), Identity.of("google", "https://google.test", subject)) is not None
        key = key_of("https://google.test", "2")
        User.note_identity_use(loaded().id, key, "new@example.com", clock.now())
        first, second = loaded().all_identities
        assert (first.email, first.last_used_at) == (None, None)
        assert second.email == "new@example.com"
        assert second.last_used_at is not None
        User.note_identity_use(loaded().id, key, None, clock.now())
        assert "email" not in stored(mongo, OLD)["linkedIdentities"][1]


class TestOneAddressOneAccount:
    def test_an_address_is_taken_in_any_case(self, mongo: Database):
        """R10, R14"""
        for email in (OLD, OLD.upper()):
            with pytest.raises(EmailTaken):
                User(name="Other", email=email, password=PLAIN).insert()
            with pytest.raises(NotUniqueError):
                User(name="Other", email=email, password=PLAIN).save()
        assert mongo.users.count_documents({}) == 1

    def test_the_index_of_mongoose_is_no_obstacle(self, mongo: Database):
        """F6: Mongoose left a unique index of its own on the address."""
        mongo.users.drop_indexes()
        mongo.users.create_index([("email", 1)], unique=True, background=True)
        try:
            readiness.ensure_indexes()
            assert readiness.missing_indexes() == []
            assert mongo.users.index_information()["email_1"]["background"], "it is still that of Mongoose"
            with pytest.raises(EmailTaken):
                User(name="Other", email=OLD.title(), password=PLAIN).insert()
        finally:
            mongo.users.drop_index("email_1")  # Mongoose itself, in another test, makes one without that word
            readiness.ensure_indexes()
