"""Throttles over the two workers of a real gunicorn: however many try at once, so many pass and no more."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from pymongo.database import Database as MongoDatabase

import config
from tests.support.races import ROUNDS, race
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.race

MANY = 50
MOST = 7
EMAIL = "alice@example.com"

Tries = Callable[[int], Any]


def wrong_passwords(visitor: Visitor, known: bool, served: MongoDatabase[dict[str, Any]]) -> Tries:
    """Return guesses at one account, from where its user is known or not."""
    visitor.register(EMAIL)
    if not known:
        served.devices.delete_many({})
    return lambda _: visitor.login(EMAIL, "not the right phrase")


def refreshes(visitor: Visitor) -> Tries:
    """Return refreshes by one token, which its grace time allows."""
    token = visitor.register(EMAIL).json()["refreshToken"]
    return lambda _: visitor.refresh(token)


def proofs(visitor: Visitor) -> Tries:
    """Return wrong passwords of somebody signed in."""
    token = visitor.register(EMAIL).json()["accessToken"]
    headers = {"Authorization": f"Bearer {token}"}
    wrong = {"password": "not the right phrase"}
    return lambda _: visitor.request("POST", "/auth/reauthenticate", json=wrong, headers=headers)


def letters(visitor: Visitor, path: str) -> Tries:
    """Return requests for a letter to one account."""
    visitor.register(EMAIL)
    return lambda _: visitor.request("POST", path, json={"email": EMAIL})


def codes(visitor: Visitor, served: MongoDatabase[dict[str, Any]]) -> Tries:
    """Return wrong codes for one account."""
    visitor.register(EMAIL)
    served.users.update_one({}, {"$set": {"passkeys": [ObjectId()]}})
    ticket = visitor.login(EMAIL).json()["mfaToken"]
    wrong = {"mfaToken": ticket, "code": "000000"}
    return lambda _: visitor.request("POST", "/auth/login/mfa", json=wrong)


Prepare = Callable[[Visitor, MongoDatabase[dict[str, Any]]], Tries]
ATTEMPTS: dict[str, tuple[int, Prepare]] = {
    "login_address": (401, lambda visitor, _: lambda n: visitor.login(f"{n}@example.com", "not the right phrase")),
    "login_account": (401, lambda visitor, served: wrong_passwords(visitor, False, served)),
    "login_device": (401, lambda visitor, served: wrong_passwords(visitor, True, served)),
    "register_address": (201, lambda visitor, _: lambda n: visitor.register(f"{n}@example.com")),
    "refresh_address": (200, lambda visitor, _: refreshes(visitor)),
    "refresh_session": (200, lambda visitor, _: refreshes(visitor)),
    "forgot_account": (202, lambda visitor, _: letters(visitor, "/auth/password/forgot")),
    "verify_account": (202, lambda visitor, _: letters(visitor, "/auth/email/resend")),
    "letter_address": (
        202,
        lambda visitor, _: (
            lambda n: visitor.request("POST", "/auth/password/forgot", json={"email": f"{n}@example.com"})
        ),
    ),
    "link_address": (
        400,
        lambda visitor, _: lambda n: visitor.request("POST", "/auth/email/verify", json={"token": str(n)}),
    ),
    "reauthenticate_session": (403, lambda visitor, _: proofs(visitor)),
    "reauthenticate_account": (403, lambda visitor, _: proofs(visitor)),
    "mfa_account": (403, codes),
    "challenge_address": (
        200,
        lambda visitor, _: lambda _n: visitor.request("POST", "/auth/login/passkey/options", json={}),
    ),
}

IN_SILENCE = {"forgot_account": "reset", "verify_account": "verify"}
"""Limits whose refusals look like the rest: counted by their letters."""


OUTER = ("login_address", "register_address", "refresh_address", "letter_address", "reauthenticate_account")
"""Limits that others are inside of: who tries those has to stay clear of these."""


@pytest.fixture(scope="module")
def limited(request: pytest.FixtureRequest, app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service in which the outer limits bite, or the inner ones."""
    limits = {
        f"LIMIT_{name.upper()}": f"{MOST}/86400" if (name in OUTER) == (request.param == "outer") else "100000/86400"
        for name in config.LIMITS
    }
    with Service(**{**settings, "WEB_CONCURRENCY": 2, "RATE_LIMITS": "on", **limits}) as running:
        yield running


CASES = sorted((("outer" if name in OUTER else "inner"), name) for name in ATTEMPTS)


class TestLimit:
    def test_each_is_tried(self) -> None:
        assert set(ATTEMPTS) == set(config.LIMITS)

    @pytest.mark.parametrize(("limited", "name"), CASES, indirect=["limited"])
    def test_of_fifty_at_once_exactly_so_many_pass(
        self, limited: Service, served: MongoDatabase[dict[str, Any]], name: str
    ) -> None:
        """R22, R26: counted before any hash, over all workers."""
        passing, attempts = ATTEMPTS[name]
        for _ in range(max(1, ROUNDS // 5)):
            answers = self.fifty(limited, served, attempts)
            counted = Counter(answer.status_code for answer in answers)
            if name in IN_SILENCE:
                assert counted == {passing: MANY}, limited.log()
                assert served.letters.count_documents({"kind": IN_SILENCE[name], "to": EMAIL}) == MOST
            else:
                assert counted == {passing: MOST, 429: MANY - MOST}, limited.log()
            assert MOST in served.throttles.distinct("count")

    def fifty(self, limited: Service, served: MongoDatabase[dict[str, Any]], attempts: Prepare) -> list[Any]:
        """Return the answers to fifty attempts at once; once more where the machine was too slow for its deadlines."""
        for _ in range(4):
            for collection in ("users", "sessions", "devices", "throttles", "letters"):
                served[collection].delete_many({})
            attempt = attempts(Visitor(limited.url), served)
            for collection in ("throttles", "letters"):
                served[collection].delete_many({})
            answers = race(*(partial(attempt, number) for number in range(MANY)))
            if 503 not in {answer.status_code for answer in answers}:
                break
        return answers
