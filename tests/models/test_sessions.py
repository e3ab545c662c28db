"""Sessions as they are stored: how long those are kept that have ended."""

from typing import Any

from flask import Flask

from authsvc.models import readiness
from authsvc.services import links
from tests.conftest import Person
from tests.support.accounts import Database

MONTH = 30 * 86_400


class TestM8EndedSessions:
    def test_they_go_after_a_month_and_when_their_refresh_token_expires(self, app: Flask, mongo: Database) -> None:
        """Whichever is first; one that has not ended is none of this."""
        there = mongo.sessions.index_information()
        assert {name: one["expireAfterSeconds"] for name, one in there.items() if "expireAfterSeconds" in one} == {
            "expiry": 0,
            "ended": MONTH,
        }
        assert there["ended"]["sparse"]

    def test_the_time_at_which_one_ended_is_a_date(self, alice: Person, mongo: Database) -> None:
        """Nothing else is removed by a TTL index; one that lives has none."""
        live = alice.login()
        assert alice.client.delete("/auth/logout", headers=alice.headers).status_code == 204
        ended: list[dict[str, Any]] = list(mongo.sessions.find({"endedAt": {"$type": "date"}}))
        assert len(ended) == 1
        assert mongo.sessions.count_documents({"endedAt": {"$exists": False}}) == 1
        assert live.home().status_code == 200

    def test_an_undone_change_of_address_still_finds_them(self) -> None:
        """The link that takes one back is good for a week."""
        (kept,) = [
            index.options["expireAfterSeconds"] for index in readiness.declarations() if str(index) == "sessions.ended"
        ]
        assert kept > links.LIVES["revert"].total_seconds()
