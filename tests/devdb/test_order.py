"""In which order the database is asked: what follows from it on the embedded one."""

from datetime import timedelta
from time import perf_counter

from bson import ObjectId

from authsvc import clock
from authsvc.models.sessions import Session
from tests.support.accounts import Database

OTHERS = 5000


class TestOrderOfConditions:
    def test_single_values_come_before_ranges(self, app):
        now = clock.now()
        asked = Session.objects(user=ObjectId(), ended_at=None, expires_at__gt=now, last_used_at__gt=now)
        assert set(list(asked._query)[:2]) == {"user", "endedAt"}

    def test_what_a_user_has_is_found_without_walking_through_what_all_have(self, app, mongo: Database):
        now, own = clock.now(), ObjectId()
        later = now + timedelta(days=1)
        others = [{"user": ObjectId(), "endedAt": None, "expiresAt": later, "lastUsedAt": now} for _ in range(OTHERS)]
        mongo.sessions.insert_many(others)
        begin = perf_counter()
        list(mongo.sessions.find({"lastUsedAt": now, "user": own}, hint="_id_"))
        walk = perf_counter() - begin
        begin = perf_counter()
        assert Session.live(str(own), now, timedelta(days=1), limit=100) == []
        assert perf_counter() - begin < walk / 2
