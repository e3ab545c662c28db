"""Ids that sort by time, to the millisecond."""

from datetime import UTC, datetime, timedelta

from bson import ObjectId

from authsvc.models.ids import id_at, new_id

SECOND = datetime(2026, 11, 30, 22, 58, 34, tzinfo=UTC)


class TestIds:
    def test_each_millisecond_is_its_own(self) -> None:
        """As a fraction of a second it would be a number that is a little less, half of the time."""
        for count in range(1_000):
            id_ = id_at(SECOND + timedelta(milliseconds=count))
            assert id_.generation_time == SECOND
            assert int.from_bytes(id_.binary[4:6], "big") == count

    def test_what_is_made_at_a_moment_is_not_from_before_it(self) -> None:
        moments = [SECOND + timedelta(milliseconds=count) for count in range(0, 2_000, 7)]
        made = [new_id(moment) for moment in moments]
        assert made == sorted(made)
        for moment, id_ in zip(moments, made, strict=True):
            assert id_at(moment) <= id_ < id_at(moment + timedelta(milliseconds=1))

    def test_the_lowest_of_a_moment(self) -> None:
        assert id_at(datetime(1970, 1, 1, tzinfo=UTC)) == ObjectId(bytes(12))
