"""Compare-and-set on the embedded database: one command, and atomic. Its cost is in `models/test_growth.py`."""

import pytest
from bson import ObjectId
from flask import Flask

from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.security.passwords import PasswordHash
from tests.support import growth
from tests.support.accounts import Database, node_hash
from tests.support.races import race


@pytest.mark.race
class TestU39M2:
    """What is returned is what this call wrote, and no two calls write the same."""

    @pytest.mark.slow
    def test_of_many_who_count_each_gets_a_number_of_its_own(self, app: Flask, clean: None, mongo: Database) -> None:
        (one,) = growth.sessions(1)
        mongo.sessions.insert_one(one)

        def count() -> list[int]:
            return [Session.objects(id=one["_id"]).modify(inc__generation=1, new=True).generation for _ in range(10)]

        told = [number for numbers in race(*[count] * 8) for number in numbers]
        assert sorted(told) == list(range(2, 82))

    def test_a_password_that_was_replaced_at_once_is_not_returned_for_another(self, app: Flask, clean: None) -> None:
        hashes = [PasswordHash(node_hash(letter)) for letter in "abcdefgh"]
        user = User(email="a@example.com", password=hashes[0]).insert()

        def replace(new: PasswordHash) -> bool:
            changed = User.objects(id=user.id).modify(set__password=new, new=True)
            return changed is not None and changed.password == new

        assert all(race(*[lambda new=new: all(replace(new) for _ in range(10)) for new in hashes]))

    def test_of_many_who_take_one_out_one_has_it(self, app: Flask, clean: None, mongo: Database) -> None:
        for _ in range(5):
            (one,) = growth.sessions(1)
            mongo.sessions.insert_one(one)
            taken = race(*[lambda key=one["_id"]: Session.objects(id=key).modify(remove=True)] * 8)
            assert [found.id for found in taken if found is not None] == [one["_id"]]

    def test_nobody_is_changed_in_place_of_another(self, app: Flask, clean: None) -> None:
        assert Session.objects(id=ObjectId()).modify(set__role="admin", new=True) is None
