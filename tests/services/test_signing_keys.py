"""The key ring: made once, sealed, followed. R98, F25."""

import json
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from authsvc import clock, lifecycle
from authsvc.errors import NotFound
from authsvc.models.signing_keys import IdTokenKey, TokenKey
from authsvc.security import envelope, jwk
from authsvc.services import signing_keys
from tests.api.forging import claims_of, header_of, now, own_key, sign
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import counted_work
from tests.support.races import ROUNDS, eventually, race


class TestBrokenKey:
    """A key document that nobody can read, as somebody's hand or another version may leave."""

    @pytest.fixture
    def broken(self, app: Flask, own_ring: None, mongo: Database[dict[str, Any]]) -> int:
        """Return the number of such a key."""
        sealed = envelope.seal(b"no key", app.config["SECRET_KEY"], "signing key", "broken")
        mongo.signing_keys.insert_one({"_id": 99, "kid": "broken", "sealed": sealed, "createdAt": clock.now()})
        return 99

    def test_workers_go_on_and_follow_the_ring_once_it_is_gone(
        self,
        make_app: Callable[..., Flask],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        own_ring: None,
        request: pytest.FixtureRequest,
        mongo: Database[dict[str, Any]],
    ) -> None:
        monkeypatch.setattr(signing_keys, "REREAD_SECONDS", 0.05)
        worker = make_app()
        broken = request.getfixturevalue("broken")
        eventually(lambda: "key_ring.not_read" in capsys.readouterr().err)
        assert worker.test_client().get("/.well-known/jwks.json").status_code == 200
        mongo.signing_keys.delete_one({"_id": broken})
        with worker.app_context():
            before = signing_keys.snapshot()
            TokenKey.add(50, *sealed_pair(worker), clock.now() + timedelta(minutes=1))
            eventually(lambda: len(signing_keys.snapshot().keys) == len(before.keys) + 1)

    def test_a_service_that_starts_says_so_and_goes_on_trying(
        self, make_app: Callable[..., Flask], broken: int, mongo: Database[dict[str, Any]]
    ) -> None:
        starting = make_app(ready=False)
        client = starting.test_client()
        eventually(lambda: "log has the cause" in client.get("/readyz").text)
        mongo.signing_keys.delete_one({"_id": broken})
        eventually(lambda: client.get("/readyz").status_code == 200)


def sealed_pair(app: Flask) -> tuple[str, str]:
    """Return the id and the sealed text of a new key."""
    pair = jwk.generate()
    return pair.kid, envelope.seal(jwk.to_der(pair), app.config["SECRET_KEY"], "signing key", pair.kid)


class TestFirstStart:
    @pytest.mark.race
    def test_of_many_workers_one_makes_the_key_and_all_use_it(
        self, app: Flask, own_ring: None, mongo: Database[dict[str, Any]]
    ) -> None:
        def start() -> str:
            with app.app_context():
                return signing_keys.reload().signing.kid

        for _ in range(ROUNDS):
            mongo.signing_keys.delete_many({})
            assert len(set(race(*[start] * 16))) == 1
            assert mongo.signing_keys.count_documents({}) == 1

    def test_the_private_key_is_not_readable(self, app: Flask, mongo: Database[dict[str, Any]]) -> None:
        pair = own_key(app)
        stored = mongo.signing_keys.find_one({"kid": pair.kid})
        assert stored is not None
        assert jwk.to_der(pair).hex() not in str(stored).encode().hex()
        with pytest.raises(envelope.SealBroken):
            envelope.unseal(stored["sealed"], [secrets.token_urlsafe(48)], "signing key", pair.kid)


class TestRing:
    def test_a_key_made_elsewhere_verifies_at_once(self, alice: Person, app: Flask) -> None:
        """An unknown kid makes the ring be read again."""
        pair = jwk.generate()
        with app.app_context():
            sealed = envelope.seal(jwk.to_der(pair), app.config["SECRET_KEY"], "signing key", pair.kid)
        token = alice.tokens["accessToken"]
        foreign = sign({**header_of(token), "kid": pair.kid}, claims_of(token), pair.private)
        headers = {"Authorization": f"Bearer {foreign}"}
        problem(alice.client.get("/", headers=headers), 401, "token_invalid")
        assert TokenKey.add(99, pair.kid, sealed)
        with time_machine.travel(now() + 2, tick=True):
            assert alice.client.get("/", headers=headers).status_code == 200
        TokenKey.objects(serial=99).delete()
        with app.app_context():
            signing_keys.reload()
        problem(alice.client.get("/", headers=headers), 401, "token_invalid")
        assert alice.home().status_code == 200

    def test_an_unknown_key_id_costs_one_reading_a_second(self, alice: Person, app: Flask) -> None:
        """R38: no flood of readings, however many ask at once."""
        with app.app_context(), time_machine.travel(now() + 10, tick=False) as clock:
            signing_keys.reload()
            for _ in range(3):
                clock.shift(1)
                with counted_work() as work:
                    for number in range(20):
                        assert signing_keys.verifying_key(f"unknown {number}") is None
                assert work.commands == ["find signing_keys"]

    def test_what_is_no_text_is_not_looked_up(self, app: Flask) -> None:
        """R38"""
        with app.app_context(), time_machine.travel(now() + 20, tick=False), counted_work() as work:
            for kid in (None, 1, [], {"$ne": None}):
                assert signing_keys.verifying_key(kid) is None
        assert not work


def seen(app: Flask) -> dict[str, Any]:
    """Return the states of the keys, as the command line lists them, by number."""
    listing = json.loads(app.test_cli_runner().invoke(args=["keys", "list", "--json"]).output)
    return {row["key"]: row for row in listing if row["ring"] == "tokens"}


@pytest.fixture
def ring(app: Flask, own_ring: None, mongo: Database[dict[str, Any]]) -> Iterator[Flask]:
    """Return the application with a ring of one new key, in its context."""
    mongo.signing_keys.delete_many({})
    with app.app_context():
        signing_keys.reload()
        yield app


class TestRotation:
    """R98, F25: a key is published, then signs, then verifies, then goes."""

    def test_the_life_of_a_key(self, ring: Flask, client: FlaskClient) -> None:
        lead, year = signing_keys.PUBLISH_LEAD.total_seconds(), ring.config["SESSION_MAX_TTL"]
        ada = Person(client, "ada@example.com", PASSWORD).register()
        first = header_of(ada.tokens["accessToken"])["kid"]
        second = signing_keys.rotate()
        assert [row["state"] for row in seen(ring).values()] == ["signs", "next"]
        assert second.signs_from - clock.now() > timedelta(seconds=signing_keys.CACHE_SECONDS)
        assert header_of(ada.login().tokens["accessToken"])["kid"] == first
        with time_machine.travel(now() + lead + 1, tick=True):
            assert [row["state"] for row in seen(ring).values()] == ["verifies", "signs"]
            fresh = ada.refresh().get_json()
            assert header_of(fresh["accessToken"])["kid"] == second.pair.kid == header_of(fresh["refreshToken"])["kid"]
            assert ada.home().status_code == 200
        with time_machine.travel(now() + lead + year - 60, tick=False):
            signing_keys.reload()
            assert signing_keys.verifying_key(first) is not None
        with time_machine.travel(now() + lead + year + 120, tick=False):
            signing_keys.reload()
            assert signing_keys.verifying_key(first) is None
            assert list(seen(ring)) == [2]
        assert len(TokenKey.all()) == 1

    def test_one_that_waits_is_not_overtaken(self, ring: Flask) -> None:
        """F25: an interrupted rotation can be run again."""
        first, second = signing_keys.rotate(), signing_keys.rotate()
        assert first == second
        assert len(seen(ring)) == 2

    @pytest.mark.race
    def test_of_many_who_rotate_at_once_one_makes_the_key(self, ring: Flask, mongo: Database[dict[str, Any]]) -> None:
        def rotate() -> str:
            with ring.app_context():
                return signing_keys.rotate().pair.kid

        mongo.audit.delete_many({})
        for turn in range(ROUNDS):
            with time_machine.travel(now() + 5 + 2000 * turn, tick=True):
                assert len(set(race(*[rotate] * 16))) == 1
                rotated = mongo.audit.count_documents({"action": "signing_key.rotated"})
                assert rotated == turn + 1, "U10: of keys that were never made there is no record"
            assert len(TokenKey.all()) == turn + 2

    def test_the_lead_is_never_shorter_than_workers_need(self, ring: Flask) -> None:
        key = signing_keys.rotate(timedelta(0))
        assert key.signs_from - clock.now() > timedelta(seconds=signing_keys.REREAD_SECONDS)

    def test_a_key_that_an_older_version_stored_signs(
        self, ring: Flask, mongo: Database[dict[str, Any]], alice: Person
    ) -> None:
        mongo.signing_keys.update_many({}, {"$unset": {"signsFrom": 1}})
        signing_keys.reload()
        assert alice.login().home().status_code == 200


class TestRetirement:
    """R98: a key that has leaked is refused at once, and never is there none that signs."""

    def test_the_key_that_signs_is_relieved_first(self, ring: Flask, client: FlaskClient) -> None:
        ada = Person(client, "ada@example.com", PASSWORD).register()
        with pytest.raises(ValueError, match="signs"):
            signing_keys.retire(1)
        takes_over = signing_keys.relieve(1)
        assert takes_over is not None
        assert takes_over - clock.now() < timedelta(seconds=10)
        assert signing_keys.relieve(1) == takes_over
        with time_machine.travel(now() + 9, tick=True):
            assert signing_keys.relieve(1) is None
            newer = ada.login()
            signing_keys.retire(1)
            problem(ada.home(), 401, "token_invalid")
            problem(ada.refresh(), 401, "token_invalid")
            assert newer.home().status_code == 200
            assert newer.refresh().status_code == 200
        assert list(seen(ring)) == [2]

    def test_a_next_key_that_waits_takes_over_at_once(self, ring: Flask) -> None:
        waiting = signing_keys.rotate()
        takes_over = signing_keys.relieve(1)
        assert takes_over is not None
        assert takes_over < waiting.signs_from
        assert [row["state"] for row in seen(ring).values()] == ["signs", "next"]

    def test_the_next_key_just_goes(self, ring: Flask) -> None:
        signing_keys.rotate()
        assert signing_keys.relieve(2) is None
        signing_keys.retire(2)
        assert [row["state"] for row in seen(ring).values()] == ["signs"]

    def test_of_three_the_oldest_goes(self, ring: Flask) -> None:
        for turn in range(2):
            with time_machine.travel(now() + 5 + 2000 * turn, tick=True):
                signing_keys.rotate()
        with time_machine.travel(now() + 4000, tick=True):
            assert signing_keys.relieve(1) is None
            signing_keys.retire(1)
            assert [row["state"] for row in seen(ring).values()] == ["verifies", "signs"]

    @pytest.mark.parametrize("serial", [0, 2, -1, 10**12])
    def test_one_that_is_not_there(self, ring: Flask, serial: int) -> None:
        for act in (signing_keys.relieve, signing_keys.retire):
            with pytest.raises(NotFound):
                act(serial)

    def test_retiring_forgets_what_was_verified(self, ring: Flask, client: FlaskClient) -> None:
        """A signature that was found good under a key is not good without it."""
        ada = Person(client, "ada@example.com", PASSWORD).register()
        assert [ada.home().status_code for _ in range(3)] == [200] * 3
        signing_keys.relieve(1)
        with time_machine.travel(now() + 9, tick=True):
            assert ada.home().status_code == 200
            signing_keys.retire(1)
            problem(ada.home(), 401, "token_invalid")


class TestSecret:
    def test_a_fallback_opens_what_the_former_secret_sealed(
        self, alice: Person, make_app: Callable[..., Flask], settings: dict[str, str]
    ) -> None:
        changed = make_app(SECRET_KEY=secrets.token_urlsafe(48), SECRET_KEY_FALLBACKS=settings["SECRET_KEY"])
        assert changed.test_client().get("/", headers=alice.headers).status_code == 200

    def test_resealing_makes_the_fallback_needless(
        self, alice: Person, make_app: Callable[..., Flask], settings: dict[str, str], own_ring: None
    ) -> None:
        """The path that the documentation describes, and it can be run again."""
        secret = secrets.token_urlsafe(48)
        changed = make_app(SECRET_KEY=secret, SECRET_KEY_FALLBACKS=settings["SECRET_KEY"])
        for count in (len(TokenKey.all()) + len(IdTokenKey.all()), 0):
            said = changed.test_cli_runner().invoke(args=["keys", "reseal"]).output
            assert f"\n{count} signing keys were encrypted again" in "\n" + said
        without = make_app(SECRET_KEY=secret)
        assert without.test_client().get("/", headers=alice.headers).status_code == 200

    def test_without_the_former_secret_it_is_not_ready_and_says_what_to_do(
        self, app: Flask, make_app: Callable[..., Flask]
    ) -> None:
        changed = make_app(SECRET_KEY=secrets.token_urlsafe(48), ready=False)
        eventually(lambda: "SECRET_KEY_FALLBACKS" in changed.test_client().get("/readyz").text)
        failed = changed.test_cli_runner().invoke(args=["keys", "list"])
        assert failed.exit_code == 1
        assert "SECRET_KEY_FALLBACKS" in failed.output
        lifecycle.of(changed).stop.set()
