"""Many accounts at once: what is inserted as it is was looked at before, whoever calls. ASVS 11.4.2."""

from typing import Any

import pytest
from bson import ObjectId
from flask import Flask

from authsvc.models.users import User, kinds
from authsvc.models.users.transfer import Inserted, NewAccount, NotStorable, insert_new
from authsvc.security.passwords import PasswordHash
from tests.support.accounts import EMAIL, Database, node_hash

PLAIN = "hunter2 is my password"
HASH = node_hash(PLAIN)


class TestNewAccount:
    @pytest.mark.parametrize(
        "password",
        [PLAIN, HASH, b"x", 5, [PasswordHash(HASH)], {"$gt": ""}],
        ids=["plain", "text of a hash", "bytes", "number", "list", "operator"],
    )
    def test_a_password_is_a_hash_that_was_recognised(self, password: Any):
        with pytest.raises(NotStorable, match="must be a hash") as refusal:
            NewAccount({"_id": ObjectId(), "email": EMAIL, "password": password})
        assert PLAIN not in str(refusal.value)

    @pytest.mark.parametrize("members", [{}, {"_id": "x"}, {"email": None}, {"email": {"$ne": None}}])
    def test_it_has_an_id_and_an_address(self, members: dict[str, Any]):
        with pytest.raises(NotStorable, match="missing"):
            NewAccount({**({"_id": ObjectId(), "email": EMAIL} if members else {}), **members})


def test_u29_each_field_of_an_account_has_a_kind():
    assert set(kinds.KINDS) == {field.db_field for field in User._fields.values()} - {"_id"}


class TestInsert:
    def test_who_is_there_is_told_by_position(self, app: Flask, clean: None, mongo: Database):
        documents = [{"_id": ObjectId(), "email": f"{name}@example.com"} for name in ("a", "b", "A", "c")]
        assert insert_new([NewAccount(one) for one in documents]) == Inserted(known={2})
        assert insert_new([NewAccount(one) for one in documents[1:]]) == Inserted(known={0, 1, 2})
        assert insert_new([]) == Inserted()
        assert mongo.users.count_documents({}) == 3
