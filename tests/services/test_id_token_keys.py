"""The second ring, whose keys sign ID tokens: made once, sealed, rotated apart from the first. O42, R98."""

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.errors import NotFound
from authsvc.events.catalogue import SigningKeyRetired, SigningKeyRotated
from authsvc.models.signing_keys import COLLECTIONS, RINGS, IdTokenKey, Ring
from authsvc.security import envelope
from authsvc.security.jwk import Algorithm
from authsvc.services import id_tokens, lost_secrets, signing_keys
from authsvc.subscribers import changes
from tests.api.forging import header_of, now, own_key
from tests.conftest import Person
from tests.support.accounts import Database, counted_work
from tests.support.commands import flask
from tests.support.oauth import new_app
from tests.support.races import ROUNDS, eventually, race
from tests.support.service import Service, Visitor

JWKS = "/.well-known/jwks.json"
BOTH = pytest.mark.parametrize("ring", list(Ring))


@pytest.fixture
def ids(app: Flask, own_ring: None, mongo: Database) -> Iterator[Flask]:
    """Return the application with a ring of one new key of ID tokens, in its context."""
    mongo.id_signing_keys.delete_many({})
    with app.app_context():
        signing_keys.reload(Ring.IDS)
        yield app


def kids(client: FlaskClient) -> list[str]:
    """Return the ids of the published RSA keys."""
    return [key["kid"] for key in client.get(JWKS).get_json()["keys"] if key["kty"] == "RSA"]


def kid_of_id_token(app: Flask, client: FlaskClient, person: Person) -> str:
    """Return the id of the key that signs an ID token now."""
    return str(header_of(new_app(app, client).sign_in(person.tokens["accessToken"])["id_token"])["kid"])


class TestFirstStart:
    @pytest.mark.slow
    @pytest.mark.race
    def test_o42_of_two_processes_one_makes_the_key(
        self, own_ring: None, settings: dict[str, str], mongo: Database
    ) -> None:
        """Each is a process of its own, with no lock between them but the database."""

        def listed() -> list[dict[str, Any]]:
            done = flask(settings, "keys", "list", "--json")
            assert done.returncode == 0, done.stderr
            return [row for row in json.loads(done.stdout) if row["ring"] == "ids"]

        listed()  # what both are forked from lasts as long as the thread that begins it
        for _ in range(ROUNDS):
            mongo.id_signing_keys.delete_many({})
            first, second = race(listed, listed)
            assert first == second
            assert [row["alg"] for row in first] == ["RS256", "ES256"]
            assert mongo.id_signing_keys.count_documents({}) == 1

    @pytest.mark.slow
    def test_o42_two_workers_publish_the_same_keys_from_the_first_answer_on(
        self, app: Flask, own_ring: None, settings: dict[str, str], mongo: Database
    ) -> None:
        """No answer lacks the RSA key: caches would keep that for ten minutes."""
        for _ in range(ROUNDS):
            mongo.id_signing_keys.delete_many({})
            with Service(**{**settings, "WEB_CONCURRENCY": "2"}) as service:  # it is ready, and asked at once
                (only,) = set(race(*[lambda url=service.url: Visitor(url).request("GET", JWKS).text] * 16))
            assert [key["alg"] for key in json.loads(only)["keys"] if key["kty"] == "RSA"] == ["RS256"]
            assert mongo.id_signing_keys.count_documents({}) == 1

    def test_o42_nobody_waits_for_an_rsa_key_until_they_need_it(
        self, ids: Flask, make_app: Callable[..., Flask], mongo: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, finish, generate = threading.Event(), threading.Event(), rsa.generate_private_key

        def slow(**options: Any) -> rsa.RSAPrivateKey:
            begun.set()
            assert finish.wait(15)
            return generate(**options)

        monkeypatch.setattr(rsa, "generate_private_key", slow)
        mongo.id_signing_keys.delete_many({})
        with ThreadPoolExecutor() as pool:
            try:
                starting = make_app()  # which is ready
                assert begun.wait(15)
                assert starting.test_client().get("/readyz").status_code == 200
                assert mongo.id_signing_keys.count_documents({}) == 0
                asked = pool.submit(starting.test_client().get, JWKS)
            finally:
                finish.set()
            assert "RSA" in asked.result().text

    def test_o42_the_keys_of_a_running_installation_stay_as_they_are(
        self, ids: Flask, make_app: Callable[..., Flask], mongo: Database, alice: Person
    ) -> None:
        before = list(mongo.signing_keys.find())
        mongo.id_signing_keys.drop()
        upgraded = make_app()
        eventually(lambda: mongo.id_signing_keys.count_documents({}) == 1)
        assert list(mongo.signing_keys.find()) == before
        assert upgraded.test_client().get("/", headers=alice.headers).status_code == 200


class TestRotation:
    def test_o42_the_rings_rotate_apart(self, ids: Flask, client: FlaskClient, alice: Person) -> None:
        lead, year = signing_keys.PUBLISH_LEAD.total_seconds(), ids.config["SESSION_MAX_TTL"]
        tokens, old, tag = own_key(ids).kid, kid_of_id_token(ids, client, alice), client.get(JWKS).headers["ETag"]
        old_token = new_app(ids, client).sign_in(alice.tokens["accessToken"])["id_token"]
        second = signing_keys.rotate(ring=Ring.IDS)
        assert second.serial == 2
        assert kids(client) == [old, second.pair.kid]
        assert client.get(JWKS).headers["ETag"] != tag
        assert kid_of_id_token(ids, client, alice) == old, "it is published, and does not sign yet"
        with time_machine.travel(now() + lead + 1, tick=True):
            again = alice.login()
            assert kid_of_id_token(ids, client, again) == second.pair.kid
            assert header_of(again.tokens["accessToken"])["kid"] == own_key(ids).kid == tokens
            assert kids(client) == [old, second.pair.kid]
        with time_machine.travel(now() + lead + ids.config["ACCESS_TOKEN_TTL"] + 62, tick=False):
            signing_keys.reload(Ring.IDS)
            assert kids(client) == [second.pair.kid], "the last ID token that the former one signed has expired"
            assert id_tokens.read_even_expired(old_token) is not None, "it is a hint for as long as sessions last"
        with time_machine.travel(now() + lead + year + 120, tick=False):
            signing_keys.reload(Ring.IDS)
            assert id_tokens.read_even_expired(old_token) is None
        assert [key.serial for key in IdTokenKey.all()] == [2]
        assert own_key(ids).kid == tokens

    def test_o42_a_rotation_of_tokens_leaves_id_tokens_alone(self, ids: Flask, mongo: Database) -> None:
        before = list(mongo.id_signing_keys.find())
        signing_keys.rotate()
        assert list(mongo.id_signing_keys.find()) == before

    @pytest.mark.race
    def test_o42_of_many_who_rotate_at_once_one_makes_the_key(self, ids: Flask, mongo: Database) -> None:
        def rotate() -> str:
            with ids.app_context():
                return signing_keys.rotate(ring=Ring.IDS).pair.kid

        mongo.audit.delete_many({})
        for turn in range(ROUNDS):
            with time_machine.travel(now() + 5 + 2000 * turn, tick=True):
                assert len(set(race(*[rotate] * 8))) == 1
            assert len(IdTokenKey.all()) == turn + 2
        rings = [event["details"]["ring"] for event in mongo.audit.find({"action": "signing_key.rotated"})]
        assert rings == ["ids"] * ROUNDS

    def test_o42_both_pairs_of_a_key_are_replaced_at_once(self, ids: Flask) -> None:
        signing_keys.rotate(ring=Ring.IDS)
        with time_machine.travel(now() + signing_keys.PUBLISH_LEAD.total_seconds() + 1, tick=False):
            old, new = signing_keys.reload(Ring.IDS).keys
            assert not {pair.kid for pair in old.pairs} & {pair.kid for pair in new.pairs}
            for algorithm in Algorithm:
                assert signing_keys.snapshot(Ring.IDS).signing_by(algorithm) in new.pairs

    def test_r98_a_key_that_has_leaked_is_refused_and_nobody_is_signed_out(
        self, ids: Flask, client: FlaskClient, alice: Person
    ) -> None:
        old_token = new_app(ids, client).sign_in(alice.tokens["accessToken"])["id_token"]
        with pytest.raises(ValueError, match="signs"):
            signing_keys.retire(1, Ring.IDS)
        assert signing_keys.relieve(1, Ring.IDS) is not None
        with time_machine.travel(now() + 9, tick=True):
            signing_keys.retire(1, Ring.IDS)
            assert id_tokens.read_even_expired(old_token) is None
            assert len(kids(client)) == 1
            assert alice.home().status_code == 200
            fresh = new_app(ids, client).sign_in(alice.tokens["accessToken"])["id_token"]
            assert id_tokens.read_even_expired(fresh) is not None
        for act in (signing_keys.relieve, signing_keys.retire):
            with pytest.raises(NotFound):
                act(1, Ring.IDS)

    def test_r38_an_unknown_key_id_costs_one_reading_a_second(self, ids: Flask) -> None:
        with time_machine.travel(now() + 10, tick=False) as time:
            signing_keys.reload(Ring.IDS)
            for _ in range(3):
                time.shift(1)
                with counted_work() as work:
                    for number in range(20):
                        assert signing_keys.verifying_pair(f"unknown {number}", Ring.IDS) is None
                assert work.commands == ["find id_signing_keys"]

    @BOTH
    @pytest.mark.parametrize("kind", [SigningKeyRotated, SigningKeyRetired])
    def test_what_a_crash_interrupts_is_looked_up_in_the_ring_that_it_was_about(
        self, ids: Flask, ring: Ring, kind: type[SigningKeyRotated]
    ) -> None:
        serial = RINGS[ring].all()[-1].serial
        before = changes.evidence(kind(key=serial + 1, kid="k", ring=ring))
        assert before is not None
        assert before.collection == COLLECTIONS[ring] == RINGS[ring]._get_collection_name()
        assert not before.shows_a_change()
        RINGS[ring].add(serial + 1, "k", "sealed", clock.now() + timedelta(days=1))
        try:
            assert before.shows_a_change()
        finally:
            RINGS[ring].remove(serial + 1)


class TestSecret:
    """The secret that seals both rings: exchanged, and lost (U11)."""

    @BOTH
    def test_o42_a_seal_of_one_ring_does_not_open_in_the_other(self, ids: Flask, mongo: Database, ring: Ring) -> None:
        other = COLLECTIONS[Ring.IDS if ring == Ring.TOKENS else Ring.TOKENS]
        planted = {**mongo[COLLECTIONS[ring]].find_one(), "_id": 77}
        mongo[other].insert_one(planted)
        try:
            with pytest.raises(envelope.SealBroken):
                signing_keys.reload(Ring(ring := Ring.IDS if ring == Ring.TOKENS else Ring.TOKENS))
        finally:
            mongo[other].delete_one({"_id": 77})

    def test_r95_the_private_keys_are_not_readable(self, ids: Flask, mongo: Database) -> None:
        (stored,) = mongo.id_signing_keys.find()
        with pytest.raises(envelope.SealBroken):
            envelope.unseal(stored["sealed"], [secrets.token_urlsafe(48)], "ID token signing key", stored["kid"])
        assert set(stored) == {"_id", "kid", "sealed", "createdAt"}

    def test_u11_a_fallback_opens_both_until_they_are_resealed(
        self, ids: Flask, make_app: Callable[..., Flask], settings: dict[str, str], mongo: Database, alice: Person
    ) -> None:
        secret = secrets.token_urlsafe(48)
        published = ids.test_client().get(JWKS).data
        changed = make_app(SECRET_KEY=secret, SECRET_KEY_FALLBACKS=settings["SECRET_KEY"])
        assert changed.test_client().get(JWKS).data == published
        with changed.app_context():
            keys = sum(len(RINGS[ring].all()) for ring in Ring)
            assert signing_keys.sealed_with_a_fallback() == keys
            assert signing_keys.reseal() == keys
            assert signing_keys.sealed_with_a_fallback() == 0
            assert signing_keys.reseal() == 0
        without = make_app(SECRET_KEY=secret)
        assert without.test_client().get(JWKS).data == published

    @BOTH
    def test_u11_if_one_ring_can_not_be_opened_it_is_not_ready_and_says_what_to_do(
        self, ids: Flask, make_app: Callable[..., Flask], mongo: Database, ring: Ring
    ) -> None:
        kept = self.lose(ids, mongo, ring)
        starting = make_app(ready=False).test_client()
        eventually(lambda: "flask keys reset" in starting.get("/readyz").text)
        doctor = ids.test_cli_runner().invoke(args=["doctor"]).output
        assert "does not open the signing keys" in doctor
        mongo[COLLECTIONS[ring]].replace_one({"_id": kept["_id"]}, kept)
        eventually(lambda: starting.get("/readyz").status_code == 200)

    @BOTH
    def test_u11_a_reset_begins_the_ring_that_is_lost_and_no_other(
        self, ids: Flask, make_app: Callable[..., Flask], mongo: Database, ring: Ring
    ) -> None:
        (other,) = set(Ring) - {ring}
        self.lose(ids, mongo, ring)
        before = list(mongo[COLLECTIONS[other]].find())
        lost = [key.serial for key in RINGS[ring].all()]
        starting = make_app(ready=False)
        assert signing_keys.lost(ring) == lost
        assert signing_keys.lost(other) == []
        assert lost_secrets.examine().keys == len(lost)
        done = starting.test_cli_runner().invoke(args=["keys", "reset", "--yes"])
        assert done.exit_code == 0, done.output
        assert list(mongo[COLLECTIONS[other]].find()) == before
        assert [key.serial for key in RINGS[ring].all()] == [lost[-1] + 1]
        eventually(lambda: starting.test_client().get("/readyz").status_code == 200)

    def lose(self, app: Flask, mongo: Database, ring: Ring) -> dict[str, Any]:
        """Seal a ring's only key with a secret that nobody knows; return the document as it was."""
        stored = list(mongo[COLLECTIONS[ring]].find().sort("_id"))
        kept = dict(stored[-1])
        mongo[COLLECTIONS[ring]].delete_many({"_id": {"$ne": kept["_id"]}})
        sealed = envelope.seal(b"x", secrets.token_urlsafe(48), "?", kept["kid"])
        mongo[COLLECTIONS[ring]].update_one({"_id": kept["_id"]}, {"$set": {"sealed": sealed}})
        return kept


def test_o42_the_set_tells_apart_what_is_for_what(ids: Flask, client: FlaskClient, alice: Person) -> None:
    """RFC 7517 section 4: `alg`, `use` and a `kid` that nothing else has."""
    keys = client.get(JWKS).get_json()["keys"]
    assert len({key["kid"] for key in keys}) == len(keys)
    assert {key["use"] for key in keys} == {"sig"}
    made = jwt.PyJWKSet.from_dict({"keys": keys})
    token = new_app(ids, client).sign_in(alice.tokens["accessToken"])
    for text, algorithm in ((token["id_token"], "RS256"), (token["access_token"], "ES256")):
        key = made[header_of(text)["kid"]]
        assert key.algorithm_name == algorithm
        assert jwt.decode(text, key, algorithms=[algorithm], options={"verify_aud": False})["sub"] == alice.id
