"""Counters of attempts: several limits in one command, each as exact as by itself."""

from datetime import datetime, timedelta
from functools import partial

import pytest
from flask import Flask

from authsvc import clock
from authsvc.models.throttles import Allowance, Throttle
from tests.conftest import Person
from tests.support.accounts import Database, counted_work, throttled
from tests.support.races import race

MINUTE = timedelta(minutes=1)
MOST = 3


@pytest.fixture
def moment(app: Flask, clean: None) -> datetime:
    """Return the present moment, as the database keeps it."""
    now = clock.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def window(name: str, most: int = MOST) -> Allowance:
    """Return a limit of a minute."""
    return Allowance(name, most, MINUTE)


def row(name: str, most: int = MOST) -> Allowance:
    """Return a limit in a row."""
    return Allowance(name, most, MINUTE, in_row=True)


def counts(mongo: Database) -> dict[str, int]:
    """Return what is counted, by digest."""
    return {one["_id"]: one["count"] for one in mongo.throttles.find()}


def end_of(mongo: Database, name: str) -> datetime:
    """Return when a counter ends."""
    counter = mongo.throttles.find_one({"_id": name})
    assert counter is not None
    end: datetime = counter["endsAt"]
    return end


def attempt(limits: list[Allowance], now: datetime) -> bool:
    """Count an attempt under all of these, or under none; tell whether there was room."""
    done, read = 0, None
    while done < len(limits):
        if read is not None and any(one.digest in read and read[one.digest].is_full(one, now) for one in limits[done:]):
            Throttle.settle([one.digest for one in limits[:done]], [], now)
            return False
        done += Throttle.take(limits[done:], read, now)
        read = Throttle.read(one.digest for one in limits)
    return True


class TestTake:
    def test_four_limits_are_one_command(self, mongo: Database, moment: datetime):
        limits = [window("a"), window("b"), row("c"), window("d")]
        for turn in range(1, MOST + 1):
            read = Throttle.read(one.digest for one in limits)
            with counted_work() as work:
                assert Throttle.take(limits, read, moment) == 4
            assert work.commands == ["update throttles"]
            assert counts(mongo) == dict.fromkeys("abcd", turn)

    @pytest.mark.parametrize("is_read", [False, True])
    def test_the_first_without_room_is_named_and_those_after_it_stay(
        self, mongo: Database, moment: datetime, is_read: bool
    ):
        Throttle.take([window("b", 1)], None, moment)
        read = Throttle.read("abc") if is_read else None
        assert Throttle.take([window("a"), window("b", 1), window("c")], read, moment) == 1
        assert counts(mongo) == {"a": 1, "b": 1}

    @pytest.mark.parametrize("is_read", [False, True])
    @pytest.mark.parametrize("gone", [MINUTE, timedelta(hours=-2)], ids=["over", "the clock went back"])
    def test_a_window_that_is_over_begins_anew_in_the_same_command(
        self, mongo: Database, moment: datetime, is_read: bool, gone: timedelta
    ):
        for _ in range(MOST):
            assert Throttle.take([window("a")], None, moment) == 1
        assert Throttle.take([window("a")], None, moment) == 0
        read = Throttle.read("a") if is_read else None
        with counted_work() as work:
            assert Throttle.take([window("a")], read, moment + gone) == 1
        assert work.commands == ["update throttles"]
        assert counts(mongo) == {"a": 1}
        assert end_of(mongo, "a") == moment + gone + MINUTE

    def test_a_row_lasts_longer_with_each_attempt(self, mongo: Database, moment: datetime):
        for number in range(1, MOST + 1):
            assert Throttle.take([row("a")], Throttle.read("a"), moment) == 1
            assert end_of(mongo, "a") == moment + number * MINUTE
        assert Throttle.take([row("a")], Throttle.read("a"), moment) == 0

    def test_a_row_that_was_broken_since_it_was_read_is_read_again(self, mongo: Database, moment: datetime):
        """Else a single failure would be remembered for as long as the row that is forgotten."""
        for _ in range(2):
            Throttle.take([row("a")], Throttle.read("a"), moment)
        read = Throttle.read("a")
        Throttle.settle([], ["a"], moment)
        assert Throttle.take([row("a")], read, moment) == 0
        assert Throttle.take([row("a")], Throttle.read("a"), moment) == 1
        assert end_of(mongo, "a") == moment + MINUTE

    def test_of_many_at_once_as_many_as_there_is_room_for(self, app: Flask, mongo: Database, moment: datetime):
        """Over the end of a window too, which each of them may find over."""
        limits = [window("a", 5), window("b", 8)]
        for turn in range(3):
            results = race(*[partial(attempt, limits, moment + turn * 2 * MINUTE)] * 12)
            assert results.count(True) == 5
            assert counts(mongo) == {"a": 5, "b": 5}


class TestSettle:
    def test_it_gives_back_and_forgets_in_one_command(self, mongo: Database, moment: datetime):
        Throttle.take([window("a"), row("b"), row("c")], {}, moment)
        with counted_work() as work:
            Throttle.settle(["a"], ["b", "c", "never there"], moment)
        assert work.commands == ["update throttles"]
        assert counts(mongo) == {"a": 0, "b": 0, "c": 0}

    def test_nothing_is_less_than_nothing(self, mongo: Database, moment: datetime):
        Throttle.take([window("a")], None, moment)
        Throttle.settle(["a", "a"], [], moment)
        assert counts(mongo) == {"a": 0}


class TestFlood:
    def test_from_the_second_refusal_on_it_only_reads(self, app: Flask, alice: Person):
        """Refusals that write wait for each other at one document."""
        with throttled(app, refresh_session=1):
            token = alice.refresh().get_json()["refreshToken"]
            assert alice.refresh(token).status_code == 429
            with counted_work() as work:
                assert alice.refresh(token).status_code == 429
        assert work.commands == ["find throttles"]
