"""Sessions and grants as they are stored: how long those are kept that have ended, and how large they become."""

from typing import Any

from bson import ObjectId
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from flask import Flask

from authsvc import clock
from authsvc.models import readiness
from authsvc.models.grants import Grant
from authsvc.models.sessions import Session
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


class TestSize:
    """A list to which nothing is added must not grow: on DocumentDB one did that was changed beside another field."""

    def test_a_session_that_is_proved_again_and_again(self, alice: Person, mongo: Database) -> None:
        session, passkey = str(mongo.sessions.find_one({})["_id"]), ObjectId()
        Session.refresh_proof(session, ["hwk", "mfa"], clock.now(), add=True, passkey=passkey, identity=passkey)
        proved, size = Session.find(session), size_in(mongo, "sessions")
        for _ in range(8):
            Session.refresh_proof(session, ["hwk", "mfa"], clock.now(), add=True, passkey=passkey, identity=passkey)
        assert size_in(mongo, "sessions") == size
        again = Session.find(session)
        assert proved is not None
        assert again is not None
        assert [again.methods, again.passkeys, again.identities] == [["pwd", "hwk", "mfa"], [passkey], [passkey]]
        assert again.auth_time > proved.auth_time

    def test_a_grant_that_is_given_again_and_again(self, app: Flask, mongo: Database) -> None:
        now = clock.now()
        grant = Grant(user=ObjectId(), app="app", scopes=["openid"], resources=["a"], created_at=now, last_used_at=now)
        assert grant.insert_if_first()
        size = size_in(mongo, "grants")
        for resources in (["a"], [], ["a"], [], ["a"]):
            grant.resources, grant.last_used_at = resources, clock.now()
            assert grant.add()
        assert size_in(mongo, "grants") == size
        grant.scopes = ["openid", "email"]
        assert grant.add()
        stored = mongo.grants.find_one({})
        assert (stored["scopes"], stored["resources"]) == (["openid", "email"], ["a"])


def size_in(mongo: Database, collection: str) -> int:
    """Return the bytes of the only document of a collection, as the server sends it."""
    raw: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
    answer = mongo.command({"find": collection, "filter": {}}, codec_options=raw)
    (document,) = answer["cursor"]["firstBatch"]
    return len(document.raw)
