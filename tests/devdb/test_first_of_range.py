"""The first documents of a range on the embedded database: those that they should be, and found without all others."""

import random
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import pytest
from flask import Flask

from authsvc import clock
from authsvc.models.letters import Letter
from tests.support.accounts import Database

MOMENT = datetime(2026, 11, 30, tzinfo=UTC)
MANY = 5000
CONDITIONS: list[dict[str, Any]] = [
    {"due": {"$gt": 0}},
    {"due": {"$gt": 17, "$lte": 60}},
    {"due": {"$gte": 17, "$lt": 18}},
    {"due": {"$lt": 0}},
    {"due": {"$gt": 3}, "to": {"$nin": ["a", "b"]}},
    {"to": "d", "due": {"$gte": 1}},
    {"due": {"$lte": 99}, "_id": {"$gte": 650}},
    {"due": {"$gt": 0}, "$or": [{"to": "c"}, {"_id": 5}]},
    {"due": {"$lte": 99}, "to": "nobody"},
]


@pytest.fixture
def numbers(mongo: Database) -> Any:
    """Return a collection of seven hundred numbers from 0 to 99, by which there is an index, each many times."""
    chance = random.Random(7)
    numbers = mongo.numbers
    numbers.insert_many([{"_id": one, "due": chance.randrange(100), "to": chance.choice("abcd")} for one in range(700)])
    numbers.create_index("due")
    yield numbers
    numbers.drop()


class TestFirstOfRange:
    @pytest.mark.parametrize("condition", CONDITIONS, ids=str)
    @pytest.mark.parametrize(("skip", "limit"), [(0, 1), (3, 40), (600, 3)])
    @pytest.mark.parametrize("direction", [1, -1])
    def test_they_are_those_of_all_that_come_first(
        self, numbers: Any, condition: dict[str, Any], skip: int, limit: int, direction: int
    ) -> None:
        matching = list(numbers.find(condition))
        expected = sorted((one["due"] for one in matching), reverse=direction < 0)[skip : skip + limit]
        found = list(numbers.find(condition).sort("due", direction).skip(skip).limit(limit))
        assert [one["due"] for one in found] == expected
        assert len({one["_id"] for one in found}) == len(found)
        assert {one["_id"] for one in found} <= {one["_id"] for one in matching}

    @pytest.mark.parametrize("condition", CONDITIONS, ids=str)
    def test_the_first_is_the_one_that_is_changed(self, numbers: Any, condition: dict[str, Any]) -> None:
        expected = sorted(one["due"] for one in numbers.find(condition))[:40]
        change = {"$unset": {"due": 1}}
        taken = [numbers.find_one_and_update(condition, change, sort=[("due", 1)]) for _ in expected]
        assert [one["due"] for one in taken] == expected

    def test_lists_are_sorted_by_their_least(self, numbers: Any) -> None:
        numbers.insert_many([{"_id": 9000, "due": [200, 1000]}, {"_id": 9001, "due": [150, 300]}])
        found = numbers.find({"due": {"$gt": 99}}).sort("due", 1).limit(1)
        assert [one["_id"] for one in found] == [9001]

    def test_to_lease_one_of_many_letters_does_not_read_them_all(self, app: Flask, mongo: Database) -> None:
        past = clock.now() - timedelta(hours=1)
        common = {"kind": "verify", "createdAt": past, "attempts": 0}
        due = [{**common, "to": f"{one}@example.com", "dueAt": past + timedelta(seconds=one)} for one in range(MANY)]
        mongo.letters.insert_many(due)
        begin = perf_counter()
        assert len(list(mongo.letters.find({"kind": "verify"}, hint="_id_"))) == MANY
        walk = perf_counter() - begin
        begin = perf_counter()
        leased = [Letter.lease(clock.now(), timedelta(hours=1), ["0@example.com"]) for _ in range(10)]
        assert perf_counter() - begin < walk
        assert [one.to for one in leased if one is not None] == [f"{one}@example.com" for one in range(1, 11)]
