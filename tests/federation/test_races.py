"""At once: one attempt, one link, one identity, the last way in, and a squatter against the owner. O53, O58, O62."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from pymongo.database import Database as MongoDatabase
from werkzeug.test import TestResponse

from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import login
from tests.support.factors import verified, with_passkey
from tests.support.federation import Traveller, someone
from tests.support.letters import newest
from tests.support.races import race, rounds
from tests.support.upstreams import Upstream

Database = MongoDatabase[dict[str, Any]]
pytestmark = pytest.mark.race
MANY = 16
MakeTraveller = Callable[[], Traveller]


def copies(traveller: Traveller, number: int = MANY) -> list[Traveller]:
    """Return as many tabs of one browser: each has its cookies."""
    tabs = []
    for _ in range(number):
        client = traveller.client.application.test_client(use_cookies=True)
        client._cookies = dict(traveller.client._cookies)
        tabs.append(Traveller(client, traveller.upstream, traveller.provider, dict(traveller.headers)))
    return tabs


def statuses(answers: list[TestResponse]) -> Counter[int]:
    """Return how often each status was answered."""
    return Counter(answer.status_code for answer in answers)


class TestOnce:
    @rounds
    def test_o53_sixteen_with_one_attempt_open_one_session(self, traveller: Traveller, mongo: Database, turn: int):
        brought = traveller.visit()
        answers = race(*(lambda tab=tab: tab.complete(brought) for tab in copies(traveller)))
        assert statuses(answers) == {200: 1, 410: MANY - 1}
        assert mongo.sessions.count_documents({}) == 1
        assert mongo.users.count_documents({}) == 1

    @rounds
    def test_sixteen_with_one_waiting_link_make_one(
        self, traveller: Traveller, alice: Person, mongo: Database, turn: int
    ):
        verified(mongo, alice)
        token = traveller.arrive(someone(email=alice.email)).get_json()["confirmLink"]["token"]
        traveller.headers = alice.headers
        answers = race(*(lambda tab=tab: tab.confirm(token) for tab in copies(traveller)))
        assert statuses(answers) == {200: 1, 410: MANY - 1}
        assert len(mongo.users.find_one()["linkedIdentities"]) == 1
        assert mongo.letters.count_documents({"kind": "identity_linked"}) == 1

    @rounds
    def test_one_person_in_eight_browsers_gets_one_account(
        self, new_traveller: MakeTraveller, mongo: Database, turn: int
    ):
        """O58"""
        browsers = [new_traveller() for _ in range(8)]
        trips = [(browser, browser.visit()) for browser in browsers]
        answers = race(*(lambda trip=trip: trip[0].complete(trip[1]) for trip in trips))
        assert statuses(answers) == {200: 8}
        assert len({answer.get_json()["user"]["id"] for answer in answers}) == 1
        (user,) = mongo.users.find()
        assert len(user["linkedIdentities"]) == 1
        assert mongo.audit.count_documents({"action": "account.registered"}) == 1

    @rounds
    def test_two_people_with_one_address_do_not_share_an_account(
        self, new_traveller: MakeTraveller, mongo: Database, turn: int
    ):
        """O58: the second one waits for a sign-in."""
        trips = [(browser, browser.visit(someone(sub))) for sub in ("1", "2") if (browser := new_traveller())]
        answers = race(*(lambda trip=trip: trip[0].complete(trip[1]) for trip in trips))
        assert statuses(answers) == {200: 1, 202: 1}
        (user,) = mongo.users.find()
        assert len(user["linkedIdentities"]) == 1

    @rounds
    def test_one_identity_is_linked_to_one_of_two_accounts(
        self, new_traveller: MakeTraveller, alice: Person, bob: Person, mongo: Database, turn: int
    ):
        """O58"""
        trips = []
        for person in (alice, bob):
            browser = new_traveller()
            browser.headers = person.headers
            trips.append((browser, browser.visit(intent="link")))
        answers = race(*(lambda trip=trip: trip[0].complete(trip[1]) for trip in trips))
        assert statuses(answers) == {200: 1, 409: 1}
        assert mongo.users.count_documents({"linkedIdentities": {"$exists": True}}) == 1

    @rounds
    def test_one_identity_is_linked_to_one_account_once(
        self, traveller: Traveller, alice: Person, mongo: Database, turn: int
    ):
        """The index sees no two of one document."""
        traveller.headers = alice.headers
        tabs = copies(traveller, 4)
        trips = [tab.visit(intent="link") for tab in tabs]
        answers = race(*(lambda tab=tab, trip=trip: tab.complete(trip) for tab, trip in zip(tabs, trips, strict=True)))
        assert statuses(answers) == {200: 4}
        assert len(mongo.users.find_one()["linkedIdentities"]) == 1


class TestLastWayIn:
    """O62: of two removals at once one has to look again."""

    @rounds
    def test_two_identities_at_once(self, traveller: Traveller, mongo: Database, turn: int):
        traveller.signed_in(traveller.arrive())
        assert traveller.arrive(someone("second"), intent="link").status_code == 200
        ids = [one["id"] for one in traveller.identities()]
        paths = [f"/auth/identities/{one}" for one in ids]
        tabs = copies(traveller, 2)
        answers = race(
            *(
                lambda tab=tab, path=path: tab.client.delete(path, headers=tab.headers)
                for tab, path in zip(tabs, paths, strict=True)
            )
        )
        assert statuses(answers) == {204: 1, 409: 1}
        assert len(mongo.users.find_one()["linkedIdentities"]) == 1

    @rounds
    def test_an_identity_and_a_passkey_at_once(self, traveller: Traveller, mongo: Database, turn: int):
        traveller.signed_in(traveller.arrive())
        with_passkey(traveller.person, mongo)
        (identity,) = traveller.identities()
        paths = [f"/auth/identities/{identity['id']}", f"/auth/passkeys/{mongo.passkeys.find_one()['_id']}"]
        tabs = copies(traveller, 2)
        answers = race(
            *(
                lambda tab=tab, path=path: tab.client.delete(path, headers=tab.headers)
                for tab, path in zip(tabs, paths, strict=True)
            )
        )
        assert statuses(answers) == {204: 1, 409: 1}
        user = mongo.users.find_one()
        assert bool(user.get("linkedIdentities")) != bool(user.get("passkeys"))


class TestSquatterAgainstOwner:
    """R112: whatever the squatter does at the same moment, nothing of theirs opens the account afterwards."""

    @rounds
    @pytest.mark.parametrize("deed", ["signs in", "links", "refreshes"])
    def test_while_the_owner_comes_from_a_provider(
        self, traveller: Traveller, elsewhere: Traveller, alice: Person, mongo: Database, deed: str, turn: int
    ):
        elsewhere.headers = alice.headers
        brought = elsewhere.visit(someone("squatter", "squatter@example.com"), intent="link")
        deeds: dict[str, Callable[[], TestResponse]] = {
            "signs in": lambda: login(elsewhere.client, alice.email, PASSWORD),
            "links": lambda: elsewhere.complete(brought),
            "refreshes": alice.refresh,
        }
        arrival = traveller.visit(someone("owner", alice.email))
        owner, squatter = race(lambda: traveller.complete(arrival), deeds[deed])
        traveller.signed_in(owner)
        assert owner.get_json()["user"]["id"] == alice.id
        assert len(traveller.identities()) == 1
        for token in {alice.tokens["accessToken"], (squatter.get_json() or {}).get("accessToken", "x")}:
            assert alice.client.get("/", headers={"Authorization": f"Bearer {token}"}).status_code == 401
        problem(login(elsewhere.client, alice.email, PASSWORD), 401, "invalid_credentials")
        assert mongo.sessions.count_documents({"endedAt": None}) == 1

    @rounds
    def test_while_the_owner_follows_a_letter(
        self, app: Flask, traveller: Traveller, elsewhere: Traveller, alice: Person, mongo: Database, turn: int
    ):
        traveller.headers = alice.headers
        assert traveller.arrive(someone("squatter", None), intent="link").status_code == 200
        traveller.headers = {}
        brought = traveller.visit(someone("squatter", None))
        token = newest(app, "verify", alice.email)
        proof, arrival = race(
            lambda: elsewhere.client.post("/auth/email/verify", json={"token": token}),
            lambda: traveller.complete(brought),
        )
        assert proof.status_code == 200
        assert arrival.status_code in (200, 202, 401)
        assert mongo.sessions.count_documents({"endedAt": None}) == 0
        assert "linkedIdentities" not in mongo.users.find_one()

    @rounds
    def test_two_owners_of_one_unproved_address(
        self, traveller: Traveller, elsewhere: Traveller, alice: Person, upstream: Upstream, mongo: Database, turn: int
    ):
        """Two identities with the same verified address: one proves it, the other waits for a sign-in to it.

        What the second one tries ends what was open, so the first may have to sign in again.
        """
        first = traveller.visit(someone("first", alice.email))
        second = elsewhere.visit(someone("second", alice.email))
        answers = race(lambda: traveller.complete(first), lambda: elsewhere.complete(second))
        assert statuses(answers) == {200: 1, 202: 1}
        (identity,) = mongo.users.find_one()["linkedIdentities"]
        assert mongo.sessions.count_documents({"endedAt": None}) <= 1
        assert elsewhere.signed_in(elsewhere.arrive(someone(identity["subject"], alice.email)))["id"] == alice.id
