"""However many hashes one account or one network asks for, everybody else's wait for a few of them at most. U13."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask

from authsvc.security.hashing_pool import HashingPool
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import EMAIL, Database, counted_work, hashing, login, register, stored
from tests.support.letters import sent, token_in
from tests.support.passwords import change, forgot, reset
from tests.support.races import race

NEW = "a brand new passphrase"
MANY = 10
SLOTS = 2
ROUNDS = 8


@contextmanager
def longest_line(pool: HashingPool) -> Iterator[list[int]]:
    """Note how long the line of the pool is whenever somebody joins it."""
    seen, run = [0], pool.run

    def joined(job: Callable[[], Any]) -> Any:
        seen.append(pool._pending + 1)
        return run(job)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "run", joined)
        yield seen


def tokens(app: Flask, alice: Person, count: int) -> list[str]:
    """Return the secrets of so many links to reset Alice's password, each good."""
    for _ in range(count):
        assert forgot(alice.client).status_code == 202
    return [token_in(letter) for letter in sent(app, "reset", EMAIL)][-count:]


def resets_with_one_link(app: Flask, alice: Person) -> list[Callable[[], Any]]:
    (token,) = tokens(app, alice, 1)
    return [lambda: reset(app.test_client(), token)] * MANY


def resets_with_many_links(app: Flask, alice: Person) -> list[Callable[[], Any]]:
    return [lambda token=token: reset(app.test_client(), token) for token in tokens(app, alice, MANY)]


def changes(app: Flask, alice: Person) -> list[Callable[[], Any]]:
    return [lambda: change(Person(app.test_client(), EMAIL, PASSWORD, tokens=alice.tokens))] * MANY


def sign_ins(app: Flask, alice: Person) -> list[Callable[[], Any]]:
    """By the address and by a session, which are one account's."""
    signed_in = Person(app.test_client(), EMAIL, PASSWORD, tokens=alice.tokens)

    def prove() -> Any:
        return app.test_client().post("/auth/reauthenticate", json={"password": PASSWORD}, headers=signed_in.headers)

    return [prove, lambda: login(app.test_client())] * (MANY // 2)


def registrations(app: Flask, alice: Person) -> list[Callable[[], Any]]:
    return [
        lambda number=number: register(app.test_client(), email=f"new{number}@example.com") for number in range(MANY)
    ]


class TestU13OneAccountOrNetwork:
    @pytest.mark.parametrize(
        "asked",
        [resets_with_one_link, resets_with_many_links, changes, sign_ins, registrations],
        ids=lambda one: one.__name__,
    )
    def test_u13_has_no_more_in_line_than_there_are_places(
        self, app: Flask, alice: Person, asked: Callable[[Flask, Person], list[Callable[[], Any]]]
    ):
        calls = asked(app, alice)
        with hashing(ROUNDS, SLOTS) as pool, longest_line(pool) as seen:
            race(*calls)
        assert 1 <= max(seen) <= SLOTS

    def test_u13_nor_where_addresses_must_be_proved_first(self, app: Flask, alice: Person):
        app.config["EMAIL_VERIFICATION"] = "required"
        try:
            with hashing(ROUNDS, SLOTS) as pool, longest_line(pool) as seen:
                answers = race(*registrations(app, alice))
            assert {answer.status_code for answer in answers} == {202}
            assert 1 <= max(seen) <= SLOTS
        finally:
            app.config["EMAIL_VERIFICATION"] = "optional"

    @pytest.mark.parametrize("asked", [resets_with_one_link, resets_with_many_links], ids=lambda one: one.__name__)
    def test_u13_of_many_resets_one_counts_and_few_are_hashed_in_vain(
        self, app: Flask, alice: Person, asked: Callable[[Flask, Person], list[Callable[[], Any]]]
    ):
        calls = asked(app, alice)
        with hashing(ROUNDS, SLOTS), counted_work() as work:
            answers = race(*calls)
        assert sorted(answer.status_code for answer in answers) == [204] + [400] * (MANY - 1)
        assert work.rounds <= SLOTS * 2**ROUNDS
        assert login(alice.client, password=NEW).status_code == 200

    def test_u13_of_many_changes_one_counts(self, app: Flask, alice: Person):
        """Each is proved by the old password, and hashes a new one only if that still stands."""
        calls = changes(app, alice)
        with hashing(ROUNDS, SLOTS):
            assert login(alice.client).status_code == 200  # now its hash is one of this cost
            with counted_work() as work:
                answers = race(*calls)
        assert sorted(answer.status_code for answer in answers) == [204] + [403] * (MANY - 1)
        assert work.rounds <= (MANY + SLOTS) * 2**ROUNDS
        assert login(alice.client, password=NEW).status_code == 200

    def test_u13_no_address_takes_the_turn_of_an_account_or_a_network(self, app: Flask, alice: Person, mongo: Database):
        """Anybody may type anything as an address: an account's id, say, or the name of a network."""
        (token,) = tokens(app, alice, 1)
        with hashing(4, 1, max_wait=0) as pool, pool_held_by(pool, "address", alice.id, "127.0.0.1"):
            problem(login(app.test_client(), alice.id), 503, "hashing_busy")
            assert register(alice.client, email="new@example.com").status_code == 201
            assert reset(alice.client, token).status_code == 204
        assert stored(mongo)["password"]


@contextmanager
def pool_held_by(pool: HashingPool, kind: str, *names: str) -> Iterator[None]:
    """Take the turns of some names of a kind for a while."""
    turns = [pool.in_turn(f"{kind} {name}") for name in names]
    for turn in turns:
        turn.__enter__()
    yield
    for turn in turns:
        turn.__exit__(None, None, None)
