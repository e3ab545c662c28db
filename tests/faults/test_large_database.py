"""What a session costs does not depend on how many others there are (U39)."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from statistics import median
from time import perf_counter
from typing import Any

import pytest
from pymongo import MongoClient
from requests import Response

from authsvc.devdb import Database
from tests.support import growth
from tests.support.races import race
from tests.support.service import Service, Visitor

FEW, MANY = 1_000, 100_000
CALLS = 30
MOST = 1.5
NOISE = 0.010
"""What may be between two medians on a busy machine; to walk through so many sessions takes half a second."""

pytestmark = pytest.mark.timeout(600)


def fill(uri: str, count: int) -> None:
    """Put the sessions of others into a database, then make its indexes: that is faster than the other way round."""
    with MongoClient[dict[str, Any]](uri) as client:
        sessions = client.get_default_database().sessions
        names = ("_id", "user", "generation", "lastUsedAt", "expiresAt")
        sessions.insert_many({name: one[name] for name in names} for one in growth.sessions(count))
    growth.index(uri)


@pytest.fixture(scope="module")
def pair(settings: dict[str, str]) -> Iterator[tuple[Service, Service]]:
    """Return two services of one worker, with a thousand sessions of others and with a hundred thousand."""
    with ExitStack() as stack:
        server = stack.enter_context(Database(None))
        made = []
        for name, count in (("few", FEW), ("many", MANY)):
            uri = server.uri_of(name)
            fill(uri, count)
            made.append(stack.enter_context(Service(**{**settings, "MONGODB_URI": uri, "WEB_CONCURRENCY": 1})))
        yield made[0], made[1]


def timed(call: Callable[[], Response]) -> tuple[Response, float]:
    """Return an answer, and the seconds it took."""
    begin = perf_counter()
    answer = call()
    return answer, perf_counter() - begin


def round_of(visitor: Visitor, tokens: dict[str, Any]) -> tuple[float, float]:
    """Refresh and log out once; return how long each took."""
    refreshed, refresh = timed(lambda: visitor.refresh(tokens["refreshToken"]))
    assert refreshed.status_code == 200, refreshed.text
    ended, logout = timed(lambda: visitor.logout(refreshed.json()["accessToken"]))
    assert ended.status_code == 204, ended.text
    return refresh, logout


@pytest.mark.alone
class TestU39Sessions:
    def test_refresh_and_logout_cost_the_same_among_a_hundred_thousand(self, pair: tuple[Service, Service]) -> None:
        visitors = [Visitor(service.url, keep_alive=True) for service in pair]
        for visitor in visitors:
            assert visitor.register("a@example.com").status_code == 201
        taken: list[list[tuple[float, float]]] = [[], []]
        for _ in range(CALLS):
            for visitor, times in zip(visitors, taken, strict=True):
                times.append(round_of(visitor, visitor.login("a@example.com").json()))
        for few, many in zip(*(zip(*times, strict=True) for times in taken), strict=True):
            assert median(many) <= MOST * median(few) + NOISE

    def test_of_eight_refreshes_at_once_all_are_answered(self, pair: tuple[Service, Service]) -> None:
        visitor = Visitor(pair[1].url)
        visitor.register("b@example.com")
        signed_in = [visitor.login("b@example.com") for _ in range(8)]
        assert [answer.text for answer in signed_in if answer.status_code != 200] == []
        tokens = [answer.json()["refreshToken"] for answer in signed_in]
        answers = race(*[lambda token=token: visitor.refresh(token) for token in tokens])
        assert [answer.status_code for answer in answers] == [200] * 8
