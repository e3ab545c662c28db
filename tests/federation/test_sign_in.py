"""Signing in with another provider: there and back, once, in one browser. O53, O61, R113."""

from datetime import timedelta
from typing import Any

import time_machine
from pymongo.database import Database as MongoDatabase

from authsvc import clock
from tests.conftest import Person, problem
from tests.support.factors import complete, with_totp
from tests.support.federation import Traveller
from tests.support.upstreams import Upstream

Database = MongoDatabase[dict[str, Any]]


class TestANewAccount:
    def test_somebody_new_is_signed_in_and_has_an_account(self, traveller: Traveller, mongo: Database):
        user = traveller.signed_in(traveller.arrive())
        assert (user["name"], user["email"], user["emailVerified"]) == ("Carol", "carol@example.com", True)
        (stored,) = mongo.users.find()
        assert "password" not in stored
        (session,) = mongo.sessions.find()
        assert session["methods"] == ["fed"]
        (identity,) = traveller.identities()
        assert (identity["provider"], identity["label"], identity["email"]) == ("work", "Work", "carol@example.com")

    def test_they_come_back_to_the_same_account(self, traveller: Traveller, elsewhere: Traveller, upstream: Upstream):
        first = traveller.signed_in(traveller.arrive())
        again = elsewhere.signed_in(elsewhere.arrive({"sub": "carol-1"}))
        assert first["id"] == again["id"]
        (identity,) = elsewhere.identities()
        assert identity["lastUsedAt"] is not None


class TestOneBrowserOnce:
    def test_o53_another_browser_gets_nothing_and_uses_nothing_up(self, traveller: Traveller, elsewhere: Traveller):
        brought = traveller.visit()
        problem(elsewhere.complete(brought), 410, "request_gone")
        assert traveller.complete(brought).status_code == 200

    def test_o53_it_works_once(self, traveller: Traveller, mongo: Database):
        brought = traveller.visit()
        assert traveller.complete(brought).status_code == 200
        problem(traveller.complete(brought), 410, "request_gone")
        assert mongo.sessions.count_documents({}) == 1

    def test_o53_it_waits_for_ten_minutes(self, traveller: Traveller):
        brought = traveller.visit()
        with time_machine.travel(clock.now() + timedelta(minutes=10, seconds=1)):
            problem(traveller.complete(brought), 410, "request_gone")

    def test_o61_a_second_factor_is_asked_for(self, traveller: Traveller, elsewhere: Traveller, mongo: Database):
        """Also if the account has no password, and where to go afterwards is said."""
        traveller.signed_in(traveller.arrive())
        codes = with_totp(traveller.person, mongo).recovery_codes
        answer = elsewhere.arrive(returnTo="/somewhere")
        assert answer.status_code == 202
        asked = answer.get_json()
        assert (asked["mfaRequired"], asked["returnTo"]) == (True, "/somewhere")
        assert asked["methods"] == ["totp", "recovery_code"]
        done = complete(elsewhere.client, asked["mfaToken"], recoveryCode=codes[0])
        elsewhere.signed_in(done)
        assert sorted(mongo.sessions.distinct("methods")) == ["fed", "mfa", "otp"]

    def test_r113_a_link_ends_with_the_session_that_began_it(
        self, traveller: Traveller, alice: Person, mongo: Database
    ):
        traveller.headers = alice.headers
        brought = traveller.visit(intent="link")
        alice.client.post("/auth/logout", headers=alice.headers)
        traveller.headers = {}
        problem(traveller.complete(brought), 401, "session_ended")
        assert mongo.users.count_documents({"linkedIdentities": {"$exists": True}}) == 0
