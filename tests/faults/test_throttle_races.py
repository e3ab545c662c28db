"""Throttles over the two workers of a real gunicorn: however many try at once, so many pass and no more."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache, partial
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from pymongo.database import Database as MongoDatabase

import config
from authsvc import clock
from authsvc.models.apps import AppKind, AuthMethod, GrantType
from tests.support.app_documents import LIMITS as OF_DOCUMENTS
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


def right_passwords(visitor: Visitor) -> Tries:
    """Return sign-ins with the right password."""
    visitor.register(EMAIL)
    return lambda _: visitor.login(EMAIL)


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


def access_tokens(visitor: Visitor, served: MongoDatabase[dict[str, Any]]) -> Tries:
    """Return access tokens made by somebody whose address is proved: each is told by letter."""
    token = visitor.register(EMAIL).json()["accessToken"]
    served.users.update_one({"email": EMAIL}, {"$currentDate": {"emailVerifiedAt": True}})
    headers = {"Authorization": f"Bearer {token}"}
    wanted = {"name": "a script", "scopes": ["account:read"]}
    return lambda _: visitor.request("POST", "/auth/access-tokens", json=wanted, headers=headers)


def names(visitor: Visitor, _: MongoDatabase[dict[str, Any]]) -> Tries:
    """Return changes of somebody's name."""
    token = visitor.register(EMAIL).json()["accessToken"]
    headers = {"Authorization": f"Bearer {token}"}
    return lambda number: visitor.request("PATCH", "/auth/me", json={"name": f"Number {number}"}, headers=headers)


def names_from_many_sessions(visitor: Visitor) -> Tries:
    """Return the same, a few from each of ten sessions."""
    visitor.register(EMAIL)
    tokens = [visitor.login(EMAIL).json()["accessToken"] for _ in range(10)]

    def rename(number: int) -> Any:
        headers = {"Authorization": f"Bearer {tokens[number % len(tokens)]}"}
        return visitor.request("PATCH", "/auth/me", json={"name": f"Number {number}"}, headers=headers)

    return rename


def letters(visitor: Visitor, *paths: str) -> Tries:
    """Return requests for a letter to one account."""
    visitor.register(EMAIL)
    return lambda number: visitor.request("POST", paths[number % len(paths)], json={"email": EMAIL})


def codes(visitor: Visitor, served: MongoDatabase[dict[str, Any]]) -> Tries:
    """Return wrong codes for one account, whose address is proved: of the first it is told by letter."""
    visitor.register(EMAIL)
    proved = {"$currentDate": {"emailVerifiedAt": True}, "$set": {"passkeys": [ObjectId()]}}
    served.users.update_one({}, proved)
    ticket = visitor.login(EMAIL).json()["mfaToken"]
    wrong = {"mfaToken": ticket, "code": "000000"}
    return lambda _: visitor.request("POST", "/auth/login/mfa", json=wrong)


def codes_from_letters(visitor: Visitor) -> Tries:
    """Return wrong codes for a challenge of one account."""
    visitor.register(EMAIL)
    asked = visitor.request("POST", "/auth/login/email", json={"email": EMAIL}).json()
    wrong = {"challengeId": asked["challengeId"], "code": "000000"}
    return lambda _: visitor.request("POST", "/auth/login/email/code", json=wrong)


def device_codes(visitor: Visitor, served: MongoDatabase[dict[str, Any]]) -> Tries:
    """Return questions of an app for codes of a device."""
    app = {
        "_id": "app_telly",
        "name": "Telly",
        "kind": AppKind.DEVICE.value,
        "authMethod": AuthMethod.NONE.value,
        "grantTypes": [GrantType.DEVICE_CODE.value],
        "scopes": ["openid"],
        "createdAt": clock.now(),
    }
    served.apps.replace_one({"_id": app["_id"]}, app, upsert=True)
    return lambda _: visitor.request("POST", "/oauth2/device", data={"client_id": app["_id"]})


def user_codes(visitor: Visitor) -> Tries:
    """Return wrong codes of devices that somebody types who is signed in."""
    token = visitor.register(EMAIL).json()["accessToken"]
    headers = {"Authorization": f"Bearer {token}"}
    return lambda _: visitor.request("POST", "/auth/devices/advance", json={"userCode": "BCDF-GHJK"}, headers=headers)


def guesses_both_ways(visitor: Visitor, served: MongoDatabase[dict[str, Any]]) -> Tries:
    """Return guesses at one account by strangers, at the login and by the password grant in turns."""
    guess = wrong_passwords(visitor, False, served)
    form = {"grant_type": "password", "username": EMAIL, "password": "not the right phrase"}
    return lambda number: guess(number) if number % 2 else visitor.request("POST", "/oauth2/token", data=form)


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
    "login_codes": (202, lambda visitor, _: letters(visitor, "/auth/login/email")),
    "email_code_address": (403, lambda visitor, _: codes_from_letters(visitor)),
    "email_code_account": (403, lambda visitor, _: codes_from_letters(visitor)),
    "email_code_row": (403, lambda visitor, _: codes_from_letters(visitor)),
    "federation_address": (
        404,
        lambda visitor, _: lambda _: visitor.request("POST", "/auth/federation/nobody", json={"intent": "sign_in"}),
    ),
    "letter_address": (
        202,
        lambda visitor, _: (
            lambda n: visitor.request("POST", "/auth/password/forgot", json={"email": f"{n}@example.com"})
        ),
    ),
    "link_letters": (202, lambda visitor, _: letters(visitor, "/auth/password/forgot")),
    "notice_letters": (201, access_tokens),
    "asked_letters": (202, lambda visitor, _: letters(visitor, "/auth/password/forgot", "/auth/email/resend")),
    "change_account": (200, names),
    "change_total": (200, lambda visitor, _: names_from_many_sessions(visitor)),
    "link_address": (
        400,
        lambda visitor, _: lambda n: visitor.request("POST", "/auth/email/verify", json={"token": str(n)}),
    ),
    "reauthenticate_session": (403, lambda visitor, _: proofs(visitor)),
    "reauthenticate_account": (403, lambda visitor, _: proofs(visitor)),
    "login_row": (401, lambda visitor, served: wrong_passwords(visitor, False, served)),
    "password_right": (200, lambda visitor, _: right_passwords(visitor)),
    "mfa_account": (403, codes),
    "mfa_row": (403, codes),
    "alarm_account": (403, codes),
    "authorize_address": (400, lambda visitor, _: lambda _n: visitor.request("GET", "/oauth2/authorize")),
    "app_guesses": (
        401,
        lambda visitor, _: lambda _n: visitor.request("POST", "/oauth2/token", data={"client_id": "app_unknown"}),
    ),
    "device_codes": (200, device_codes),
    "user_code_account": (400, lambda visitor, _: user_codes(visitor)),
    "user_code_address": (400, lambda visitor, _: user_codes(visitor)),
    "challenge_address": (
        200,
        lambda visitor, _: lambda _n: visitor.request("POST", "/auth/login/passkey/options", json={}),
    ),
}

IN_SILENCE = {
    "forgot_account": ["reset"],
    "verify_account": ["verify"],
    "login_codes": ["sign_in"],
    "alarm_account": ["password_known"],
    "link_letters": ["reset"],
    "asked_letters": ["reset", "verify"],
    "notice_letters": ["access_token_made"],
}
"""Limits whose refusals look like the rest: counted by their letters."""


OUTER = (
    *("login_address", "register_address", "refresh_address", "letter_address", "reauthenticate_account"),
    *("mfa_account", "mfa_row", "change_account", "change_total", "email_code_address"),
)
"""Limits that others are inside of: who tries those has to stay clear of these."""


@pytest.fixture(scope="module")
def limited(app: Flask, settings: dict[str, str]) -> Iterator[Callable[[str], Service]]:
    """Return a way to have a running service in which a limit bites, and those that are outside of it do not."""
    with ExitStack() as running:

        @cache
        def start(*, outer: bool) -> Service:
            limits = {
                f"LIMIT_{name.upper()}": f"{MOST}/86400" if (name in OUTER) == outer else "100000/86400"
                for name in config.LIMITS
            }
            own = {"WEB_CONCURRENCY": 2, "RATE_LIMITS": "on", "PASSWORD_GRANT": "on"}
            return running.enter_context(Service(**{**settings, **own, **limits}))

        yield lambda name: start(outer=name in OUTER)


class TestLimit:
    def test_each_is_tried(self) -> None:
        assert {*ATTEMPTS, *OF_DOCUMENTS} == set(config.LIMITS)

    @pytest.mark.parametrize("name", ATTEMPTS)
    def test_of_fifty_at_once_exactly_so_many_pass(
        self, limited: Callable[[str], Service], served: MongoDatabase[dict[str, Any]], name: str
    ) -> None:
        """R22, R26: counted before any hash, over all workers."""
        passing, attempts = ATTEMPTS[name]
        service = limited(name)
        for _ in range(max(1, ROUNDS // 5)):
            answers = self.fifty(service, served, attempts)
            counted = Counter(answer.status_code for answer in answers)
            if name in IN_SILENCE:
                assert counted == {passing: MANY}, service.log()
                assert served.letters.count_documents({"kind": {"$in": IN_SILENCE[name]}, "to": EMAIL}) == MOST
            else:
                assert counted == {passing: MOST, 429: MANY - MOST}, service.log()
            assert MOST in served.throttles.distinct("count")

    def test_o52_of_fifty_guesses_here_and_there_as_many(
        self, limited: Callable[[str], Service], served: MongoDatabase[dict[str, Any]]
    ) -> None:
        """R26: half of them at the login, half by the password grant, which count together."""
        service = limited("login_account")
        for _ in range(max(1, ROUNDS // 5)):
            answers = self.fifty(service, served, guesses_both_ways)
            counted = Counter(answer.status_code for answer in answers)
            assert counted.pop(429) == MANY - MOST, service.log()
            assert set(counted) <= {400, 401}
            assert {answer.json()["error"] for answer in answers if answer.status_code == 400} <= {"invalid_grant"}

    def fifty(self, service: Service, served: MongoDatabase[dict[str, Any]], attempts: Prepare) -> list[Any]:
        """Return the answers to fifty attempts at once; once more where the machine was too slow for its deadlines."""
        for _ in range(4):
            for collection in ("users", "sessions", "devices", "throttles", "letters"):
                served[collection].delete_many({})
            attempt = attempts(Visitor(service.url), served)
            for collection in ("throttles", "letters"):
                served[collection].delete_many({})
            answers = race(*(partial(attempt, number) for number in range(MANY)))
            if 503 not in {answer.status_code for answer in answers}:
                break
        return answers
