"""What clients see, and what is true afterwards, when the database fails (F1-F3, F6, F15, F16, F19)."""

import secrets
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase
from requests import Response

from authsvc.devdb import Database
from tests.conftest import PASSWORD
from tests.faults.conftest import through
from tests.support.accounts import import_account
from tests.support.fault_proxy import FaultProxy
from tests.support.faults import kill_while, reasons
from tests.support.invariants import faults_in
from tests.support.races import ROUNDS, eventually, race
from tests.support.service import Service, Visitor, uri_of

pytestmark = pytest.mark.race

STEP_LIMIT = 5.0
REQUEST_LIMIT = 10.0


def unavailable(answer: Response) -> None:
    """Assert that nothing was decided: 503 as a problem, with a time to come back."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] in ("database_unavailable", "not_ready")
    assert int(answer.headers["Retry-After"]) > 0


def timed(call: Callable[[], Response]) -> tuple[Response, float]:
    """Return an answer and the seconds it took."""
    begin = time.monotonic()
    return call(), time.monotonic() - begin


def calls(visitor: Visitor, email: str, tokens: dict[str, Any]) -> dict[str, Callable[[], Response]]:
    """Return one call of each kind that needs the database."""
    return {
        "register": lambda: visitor.register(f"{secrets.token_hex(6)}@example.com"),
        "login": lambda: visitor.login(email),
        "refresh": lambda: visitor.refresh(tokens["refreshToken"]),
        "home": lambda: visitor.home(tokens["accessToken"]),
        "logout": lambda: visitor.logout(tokens["accessToken"]),
    }


class TestDownAtStart:
    def test_it_waits_says_so_and_needs_no_restart(self, proxy: FaultProxy, settings: dict[str, str]) -> None:
        """F1: indexes are there before the first registration is taken."""
        name = f"authsvc_late_{secrets.token_hex(4)}"
        uri = through(proxy, {**settings, "MONGODB_URI": f"mongodb://127.0.0.1:1/{name}"})
        proxy.refuse()
        service = Service(**{**settings, "MONGODB_URI": uri}).start(ready=False)
        try:
            visitor = Visitor(service.url)
            eventually(lambda: visitor.request("GET", "/healthz").status_code == 200)
            answer, seconds = timed(lambda: visitor.request("GET", "/readyz"))
            assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
            assert answer.json()["reasons"][0]["component"] in ("database", "startup")
            assert seconds < STEP_LIMIT
            answer, seconds = timed(lambda: visitor.register("first@example.com"))
            unavailable(answer)
            assert seconds < STEP_LIMIT
            assert visitor.request("GET", "/problems/not_ready").status_code == 200
            proxy.heal()
            eventually(lambda: visitor.register("first@example.com").status_code == 201)
            with MongoClient[dict[str, Any]](settings["MONGODB_URI"]) as client:
                assert faults_in(client[name]) == []
                client.drop_database(name)
        finally:
            service.stop()


class TestUniqueIndex:
    """F6: without it nobody is served, for two accounts could get one address."""

    @pytest.fixture
    def unindexed(self, settings: dict[str, str]) -> Iterator[MongoDatabase[dict[str, Any]]]:
        """Return a database without an index, in which two accounts share an address."""
        with MongoClient[dict[str, Any]](settings["MONGODB_URI"]) as client:
            database = client[f"authsvc_unindexed_{secrets.token_hex(4)}"]
            import_account(database, email="A@x.io", keyed=False)
            import_account(database, email="a@x.io", keyed=False)
            yield database
            client.drop_database(database.name)

    def test_duplicates_are_named_and_once_they_are_gone_it_serves(
        self, unindexed: MongoDatabase[dict[str, Any]], settings: dict[str, str]
    ) -> None:
        uri = uri_of(settings, unindexed.name)
        service = Service(**{**settings, "MONGODB_URI": uri, "WEB_CONCURRENCY": 1})
        try:
            visitor = Visitor(service.start(ready=False).url)
            eventually(lambda: [one["component"] for one in reasons(visitor)] == ["indexes"])
            eventually(lambda: "Duplicates in users " in str(reasons(visitor)))  # "Building …" is said first
            unavailable(visitor.register("b@x.io"))
            unindexed.users.update_one({"email": "A@x.io"}, {"$set": {"email": "c@x.io"}})
            service.wait_ready()
            assert faults_in(unindexed) == []
            unindexed.users.drop_index("email_key")
            eventually(lambda: "users.email_key" in str(reasons(visitor)), 45)
            service.kill_tree()
            service.start(ready=False)
            eventually(lambda: visitor.request("GET", "/healthz").status_code == 200)
            eventually(lambda: visitor.register("first@x.io").status_code == 201)
            statuses = [
                answer.status_code
                for answer in race(
                    *[partial(visitor.register, "Ab@x.io")] * 10, *[partial(visitor.register, "aB@x.io")] * 10
                )
            ]
            assert sorted(set(statuses) - {503}) == [201, 409]
            assert statuses.count(201) == 1
            assert faults_in(unindexed) == []
        finally:
            service.stop()


class TestDiesWhileServing:
    @pytest.mark.parametrize("fault", ["refuse", "blackhole"])
    def test_every_route_answers_503_in_time_and_recovers(
        self, behind_proxy: Service, proxy: FaultProxy, email: str, fault: str
    ) -> None:
        """F2, F16, R68: never 500, never 401, never 200; afterwards twenty in a row are well."""
        visitor = Visitor(behind_proxy.url)
        tokens = visitor.register(email).json()
        getattr(proxy, fault)()
        tries = calls(visitor, email, tokens)
        for name, (answer, seconds) in zip(
            tries, race(*[partial(timed, call) for call in tries.values()]), strict=True
        ):
            unavailable(answer)
            assert seconds < STEP_LIMIT, name
        assert visitor.request("GET", "/healthz").status_code == 200
        ready, seconds = timed(lambda: visitor.request("GET", "/readyz"))
        assert ready.json()["reasons"][0]["component"] == "database"
        assert seconds < STEP_LIMIT
        proxy.heal()
        eventually(lambda: visitor.home(tokens["accessToken"]).status_code == 200)
        well = [visitor.home(tokens["accessToken"]) for _ in range(20)]
        assert [answer.status_code for answer in well] == [200] * 20, behind_proxy.log()
        assert visitor.refresh(tokens["refreshToken"]).status_code == 200

    def test_a_request_in_the_middle_is_503(self, behind_proxy: Service, proxy: FaultProxy, email: str) -> None:
        """F2: the connection dies before a request, or in the middle of a reply to it; the driver or the client tries
        again.
        """
        visitor = Visitor(behind_proxy.url)
        tokens = visitor.register(email).json()
        tries = calls(visitor, email, tokens)
        fine = {"home": {200}, "login": {200}, "refresh": {200}, "register": {201, 409}}
        for turn in range(max(4, ROUNDS // 2)):
            for name, expected in fine.items():
                proxy.cut_after_bytes(20) if turn % 2 else proxy.cut()
                answer, seconds = timed(tries[name])
                assert answer.status_code in {*expected, 503}, (name, answer.text)
                assert seconds < STEP_LIMIT, name
        proxy.heal()
        eventually(lambda: visitor.home(tokens["accessToken"]).status_code == 200)
        for name, expected in fine.items():
            assert tries[name]().status_code in expected, name
        assert visitor.login(email).status_code == 200


class TestSlow:
    @pytest.mark.parametrize("delay", [0.5, 2.0, 10.0])
    def test_every_request_ends_within_its_deadline(
        self, behind_proxy: Service, proxy: FaultProxy, email: str, delay: float
    ) -> None:
        """F15, C5: 200 or 503 within ten seconds, and well again at once."""
        visitor = Visitor(behind_proxy.url)
        tokens = visitor.register(email).json()
        proxy.delay(delay)
        tries = calls(visitor, email, tokens)
        for answer, seconds in race(*(partial(timed, tries[name]) for name in ("login", "home"))):
            assert answer.status_code in (200, 503), answer.text
            assert seconds < REQUEST_LIMIT
        proxy.heal()
        eventually(lambda: visitor.home(tokens["accessToken"]).status_code == 200)
        assert visitor.login(email).status_code == 200


class TestAnswerLostAfterCommit:
    """F3: the database did it, and nobody heard."""

    def test_a_registration_can_be_repeated(self, behind_proxy: Service, proxy: FaultProxy) -> None:
        """F24: once the account is there, the retry says that the address is taken, and the first password signs in."""
        visitor = Visitor(behind_proxy.url)
        for turn in range(ROUNDS):
            email = f"{secrets.token_hex(6)}@example.com"
            proxy.swallow_reply_to("insert", of="users")
            first = visitor.register(email)
            assert proxy.swallowed
            assert first.status_code in (201, 409, 503), first.text
            retried = visitor.register(email, f"{PASSWORD} {turn}")
            assert retried.status_code == 409
            assert visitor.login(email).status_code == 200
            assert visitor.login(email, f"{PASSWORD} {turn}").status_code == 401

    @pytest.mark.parametrize("collection", ["audit", "sessions"])
    def test_nothing_is_left_of_one_that_came_to_nothing(
        self, behind_proxy: Service, proxy: FaultProxy, served: MongoDatabase[dict[str, Any]], collection: str
    ) -> None:
        """F24: what comes before the account; then the address is free, and there is one account in the end."""
        visitor = Visitor(behind_proxy.url)
        email = f"{secrets.token_hex(6)}@example.com"
        proxy.swallow_reply_to("insert", of=collection)
        first = visitor.register(email)
        assert proxy.swallowed
        assert first.status_code in (201, 503), first.text
        assert visitor.register(email).status_code == (409 if first.status_code == 201 else 201)
        assert served.users.count_documents({"email": email}) == 1
        assert visitor.login(email).status_code == 200

    def test_a_refresh_can_be_repeated(
        self, behind_proxy: Service, proxy: FaultProxy, served: MongoDatabase[dict[str, Any]]
    ) -> None:
        """Within the grace time the old token gets the generation that stands, once."""
        visitor = Visitor(behind_proxy.url)
        for _ in range(ROUNDS):
            tokens = visitor.register(f"{secrets.token_hex(6)}@example.com").json()
            proxy.swallow_reply_to("findAndModify", of="sessions")
            first = visitor.refresh(tokens["refreshToken"])
            assert proxy.swallowed
            assert first.status_code in (200, 503), first.text
            again = visitor.refresh(tokens["refreshToken"])
            assert again.status_code == 200, again.text
            assert visitor.home(again.json()["accessToken"]).status_code == 200
            session = served.sessions.find_one({"user": served.users.find_one(sort=[("_id", -1)])["_id"]})
            assert session is not None
            assert session["generation"] == 2

    @pytest.mark.parametrize("behind_proxy", [{"WEB_CONCURRENCY": 1, "REFRESH_REUSE_GRACE": 0}], indirect=True)
    def test_a_refresh_can_not_be_repeated_without_a_grace_time(
        self, behind_proxy: Service, proxy: FaultProxy, served: MongoDatabase[dict[str, Any]]
    ) -> None:
        """Strict: what can't be told from theft counts as theft, and nobody is left with two tokens that work."""
        visitor = Visitor(behind_proxy.url)
        for _ in range(max(3, ROUNDS // 3)):
            tokens = visitor.register(f"{secrets.token_hex(6)}@example.com").json()
            proxy.swallow_reply_to("findAndModify", of="sessions")
            first = visitor.refresh(tokens["refreshToken"])
            assert proxy.swallowed
            assert first.status_code in (200, 401, 503), first.text
            assert visitor.refresh(tokens["refreshToken"]).json()["reason"] == "token_reuse"
            (session,) = served.sessions.find({"user": ObjectId(tokens["user"]["id"])})
            assert (session["generation"], session["endReason"]) == (2, "token_reuse")
            assert visitor.home(tokens["accessToken"]).status_code == 401

    def test_a_logout_that_was_not_heard_is_not_acknowledged(
        self, behind_proxy: Service, proxy: FaultProxy, email: str
    ) -> None:
        visitor = Visitor(behind_proxy.url)
        tokens = visitor.register(email).json()
        proxy.swallow_reply_to("findAndModify", of="sessions")
        assert visitor.logout(tokens["accessToken"]).status_code in (204, 503)
        assert visitor.home(tokens["accessToken"]).json()["reason"] == "logout"


class TestKilled:
    def test_nothing_acknowledged_is_lost(self, tmp_path: Path, settings: dict[str, str]) -> None:
        """F19, C1, C3: kill -9 of the database right after each acknowledgement."""
        database = Database(tmp_path / "mongodb")
        database.start()
        try:
            with Service(**{**settings, "MONGODB_URI": database.uri, "WEB_CONCURRENCY": 1}) as service:
                visitor = Visitor(service.url)
                for turn in range(max(3, ROUNDS // 3)):
                    email = f"{secrets.token_hex(6)}@example.com"
                    tokens = visitor.register(email).json()
                    password = PASSWORD
                    if turn % 3 == 1:
                        assert visitor.logout(tokens["accessToken"]).status_code == 204
                    if turn % 3 == 2:
                        password = f"{PASSWORD} {turn}"
                        assert change_password(visitor, tokens["accessToken"], password).status_code == 204
                    database.kill()
                    if turn == 0:  # it takes the service seconds to say so
                        unavailable(visitor.login(email))
                    database.start(database.port)
                    eventually(partial(signs_in, visitor, email, password))
                    assert visitor.home(tokens["accessToken"]).status_code == (401 if turn % 3 == 1 else 200)
                    assert signs_in(visitor, email, PASSWORD) == (password == PASSWORD)
                with MongoClient[dict[str, Any]](database.uri) as client:
                    assert faults_in(client.get_default_database()) == []
        finally:
            database.stop()


def change_password(visitor: Visitor, access_token: str, new: str) -> Response:
    """Change the password of the tests to another."""
    shown = {"Authorization": f"Bearer {access_token}"}
    body = {"currentPassword": PASSWORD, "newPassword": new}
    return visitor.request("POST", "/auth/me/password", json=body, headers=shown)


def signs_in(visitor: Visitor, email: str, password: str) -> bool:
    """Tell whether a password is right."""
    return visitor.login(email, password).status_code == 200


class TestKilledWorker:
    """F4: kill -9 of a worker at a random moment of a request; the service goes on."""

    @pytest.mark.parametrize("route", ["register", "login", "refresh"])
    def test_the_client_can_always_go_on(
        self, service_to_kill: Service, served: MongoDatabase[dict[str, Any]], route: str
    ) -> None:
        visitor = Visitor(service_to_kill.url)
        for turn in range(max(3, ROUNDS // 3)):
            email = f"{secrets.token_hex(6)}@example.com"
            tokens = visitor.register(email).json() if route != "register" else {}
            act = {
                "register": lambda email=email: visitor.register(email),
                "login": lambda email=email: visitor.login(email),
                "refresh": lambda tokens=tokens: visitor.refresh(tokens["refreshToken"]),
            }[route]
            kill_while(service_to_kill, act, 0.01 * (turn % 4))
            if route == "register" and visitor.register(email).status_code not in (201, 409):
                pytest.fail("neither there nor free")
            assert visitor.login(email).status_code == 200
            assert served.users.count_documents({"email": email}) == 1
            if route == "refresh":
                assert visitor.refresh(tokens["refreshToken"]).status_code == 200
