"""What somebody allowed apps who was in the account before its owner: it is asked for again. R112."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.support.accounts import EMAIL, Database, login
from tests.support.email_codes import ask, challenge_of, follow, newest_code, type_code
from tests.support.federation import Traveller, someone
from tests.support.letters import newest
from tests.support.oauth import bearer, new_app

NEW = "something else entirely"
Proof = Callable[[Flask, Person, Traveller], Any]


def by_code(app: Flask, alice: Person, traveller: Traveller) -> Any:
    return type_code(alice.client, challenge_of(ask(alice.client)), newest_code(app))


def by_the_link_beside_it(app: Flask, alice: Person, traveller: Traveller) -> Any:
    ask(alice.client)
    return follow(alice.client, newest(app, "sign_in"), confirm=True)


def by_the_link_that_verifies(app: Flask, alice: Person, traveller: Traveller) -> Any:
    token = newest(app, "verify")
    assert alice.client.post("/auth/email/verify", json={"token": token}).status_code == 200
    return set_password(alice, token=token)


def by_reset(app: Flask, alice: Person, traveller: Traveller) -> Any:
    alice.client.post("/auth/password/forgot", json={"email": EMAIL})
    return set_password(alice, token=newest(app, "reset"))


def by_a_code_that_resets(app: Flask, alice: Person, traveller: Traveller) -> Any:
    asked = alice.client.post("/auth/password/forgot", json={"email": EMAIL, "challenge": True})
    return set_password(alice, challengeId=challenge_of(asked), code=newest_code(app, "reset"))


def by_a_provider(app: Flask, alice: Person, traveller: Traveller) -> Any:
    return traveller.arrive(someone("alice-at-work", EMAIL))


def set_password(alice: Person, **proof: str) -> Any:
    answer = alice.client.post("/auth/password/reset", json={**proof, "newPassword": NEW})
    assert answer.status_code in (200, 204), answer.text
    return login(alice.client, EMAIL, NEW)


PROOFS: list[Proof] = [
    *(by_code, by_the_link_beside_it, by_the_link_that_verifies),
    *(by_reset, by_a_code_that_resets, by_a_provider),
]


@pytest.mark.parametrize("prove", PROOFS, ids=lambda prove: prove.__name__)
def test_r112_an_app_that_a_squatter_allowed_asks_the_owner(
    app: Flask, alice: Person, traveller: Traveller, mongo: Database, prove: Proof
):
    """Or a page that the owner visits is given a code for their account at once, and nobody is asked."""
    notes = new_app(app, alice.client)
    notes.sign_in(alice.tokens["accessToken"])
    owner = prove(app, alice, traveller)
    assert owner.status_code == 200, owner.text
    request, cookie, _ = notes.begin()
    step = notes.advance(request, {**cookie, **bearer(owner.get_json()["accessToken"])})
    assert step.json["step"] == "consent", step.text
    assert mongo.grants.count_documents({}) == 0
