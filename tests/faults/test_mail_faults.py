"""Letters and links over the two workers of a real gunicorn: races (F9), and a mail server that is away (F21)."""

import os
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import pytest
from flask import Flask
from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase

from tests.support.letters import newest, sent
from tests.support.mail_server import MailServer
from tests.support.races import ROUNDS, eventually, race
from tests.support.service import Service, Visitor, uri_of

THREADS = 16
OWN_DATABASE = f"authsvc_test_mail_{os.getpid()}"


def address() -> str:
    return f"{secrets.token_hex(6)}@example.com"


def post(visitor: Visitor, path: str, tokens: dict[str, Any] | None = None, **body: str) -> Any:
    headers = {} if tokens is None else {"Authorization": f"Bearer {tokens['accessToken']}"}
    return visitor.request("POST", path, json=body, headers=headers)


@contextmanager
def showing(served: MongoDatabase[dict[str, Any]]) -> Iterator[None]:
    """Print the outbox where something fails."""
    try:
        yield
    except AssertionError:
        for letter in served.letters.find({}, {"sealed": 0}):
            print(letter)
        raise


@pytest.mark.race
class TestOneWinner:
    """F9: of sixteen who use a link at once one does."""

    def race(self, visitor: Visitor, path: str, token: str, bodies: list[dict[str, str]]) -> list[Any]:
        answers = race(*(partial(post, visitor, path, token=token, **body) for body in bodies))
        counted = Counter(answer.status_code // 100 for answer in answers)
        assert counted == {2: 1, 4: THREADS - 1}, [answer.text for answer in answers]
        return answers

    def test_reset(self, app: Flask, visitor: Visitor, served: MongoDatabase[dict[str, Any]]) -> None:
        """R78: the password is that of the one who won."""
        for _ in range(max(1, ROUNDS // 5)):
            email = address()
            visitor.register(email)
            post(visitor, "/auth/password/forgot", email=email)
            phrases = [f"passphrase of number {number}" for number in range(THREADS)]
            bodies = [{"newPassword": phrase} for phrase in phrases]
            answers = self.race(visitor, "/auth/password/reset", newest(app, "reset", email), bodies)
            (won,) = [phrase for phrase, answer in zip(phrases, answers, strict=True) if answer.status_code == 204]
            assert visitor.login(email, won).status_code == 200
            assert len(sent(app, "password_changed", email)) == 1

    def test_verify(self, app: Flask, visitor: Visitor, served: MongoDatabase[dict[str, Any]]) -> None:
        for _ in range(max(1, ROUNDS // 5)):
            email = address()
            visitor.register(email)
            self.race(visitor, "/auth/email/verify", newest(app, "verify", email), [{}] * THREADS)
            assert served.audit.count_documents({"action": "email.verified"}) == 1
            served.audit.delete_many({})

    def test_change_and_take_back(self, app: Flask, visitor: Visitor, served: MongoDatabase[dict[str, Any]]) -> None:
        for _ in range(max(1, ROUNDS // 5)):
            old, new = address(), address()
            tokens = visitor.register(old).json()
            post(visitor, "/auth/me/email", tokens, email=new)
            self.race(visitor, "/auth/email/verify", newest(app, "change", new), [{}] * THREADS)
            assert served.users.find_one({"email": new}) is not None
            assert len(sent(app, "email_changed", old)) == 1
            assert served.links.count_documents({"purpose": "revert", "email": old}) == 1
            self.race(visitor, "/auth/email/revert", newest(app, "email_changed", old), [{}] * THREADS)
            assert served.users.find_one({"email": old}) is not None
            assert len(sent(app, "email_restored", old)) == 1
            body = {"token": newest(app, "email_restored", old), "newPassword": "a brand new passphrase"}
            assert post(visitor, "/auth/password/reset", **body).status_code == 204

    def test_of_many_requests_each_link_is_good_until_one_is_used(
        self, app: Flask, visitor: Visitor, served: MongoDatabase[dict[str, Any]]
    ) -> None:
        email = address()
        visitor.register(email)
        race(*[partial(post, visitor, "/auth/password/forgot", email=email)] * THREADS)
        assert served.links.count_documents({"purpose": "reset"}) == THREADS
        body = {"token": newest(app, "reset", email), "newPassword": "a brand new passphrase"}
        assert post(visitor, "/auth/password/reset", **body).status_code == 204
        assert served.links.count_documents({"purpose": "reset"}) == 0


@pytest.mark.race
class TestDeletion:
    def test_a_refresh_and_a_sign_in_do_not_outlive_the_account(
        self, visitor: Visitor, served: MongoDatabase[dict[str, Any]]
    ) -> None:
        """F8: it does not come back either."""
        for _ in range(ROUNDS):
            email = address()
            tokens = visitor.register(email).json()
            headers = {"Authorization": f"Bearer {tokens['accessToken']}"}
            answers = race(
                partial(visitor.request, "DELETE", "/auth/me", headers=headers),
                partial(visitor.refresh, tokens["refreshToken"]),
                partial(visitor.login, email),
                partial(visitor.request, "PATCH", "/auth/me", headers=headers, json={"name": "Nobody"}),
            )
            assert answers[0].status_code == 204
            for answer in answers[1:3]:
                if answer.status_code == 200:
                    assert visitor.home(answer.json()["accessToken"]).status_code == 401
            assert served.users.count_documents({"email": email}) == 0


class TestMailServerAway:
    """F21."""

    @pytest.fixture
    def server(self) -> Iterator[MailServer]:
        server = MailServer()
        yield server
        server.stop()

    @pytest.fixture
    def own_database(self, settings: dict[str, str]) -> Iterator[MongoDatabase[dict[str, Any]]]:
        """Return a database of which no other service takes letters."""
        with MongoClient(uri_of(settings, OWN_DATABASE), tz_aware=True) as client:
            yield client.get_default_database()
            client.drop_database(client.get_default_database().name)

    @pytest.fixture
    def running(
        self, server: MailServer, settings: dict[str, str], own_database: MongoDatabase[dict[str, Any]]
    ) -> Iterator[Service]:
        own = {"MONGODB_URI": uri_of(settings, OWN_DATABASE), "MAIL_URL": server.url, "WEB_CONCURRENCY": 2}
        with Service(**{**settings, **own}) as service:
            yield service

    @pytest.fixture
    def mailing(self, running: Service) -> Visitor:
        return Visitor(running.url)

    def test_every_letter_arrives_afterwards(
        self, server: MailServer, mailing: Visitor, own_database: MongoDatabase[dict[str, Any]]
    ) -> None:
        people = [address() for _ in range(8)]
        for email in people:
            assert mailing.register(email).status_code == 201
            assert post(mailing, "/auth/password/forgot", email=email).status_code == 202
        server.start()
        with showing(own_database):
            eventually(lambda: all(len(server.to(email)) >= 2 for email in people), 60)
        assert Counter(letter["To"] for letter in server.letters) == dict.fromkeys(people, 2)

    @pytest.mark.parametrize("behaviour", ["hang", "drop", "busy"])
    def test_everything_answers_as_fast(self, server: MailServer, mailing: Visitor, behaviour: str) -> None:
        server.start()
        fine = median(self.times(mailing))
        eventually(lambda: len(server.letters) >= 20)
        server.behaviour = behaviour
        assert median(self.times(mailing)) < 5 * fine + 0.05

    def times(self, visitor: Visitor) -> list[float]:
        taken = []
        for _ in range(10):
            begun = perf_counter()
            email = address()
            assert visitor.register(email).status_code == 201
            assert post(visitor, "/auth/password/forgot", email=email).status_code == 202
            taken.append(perf_counter() - begun)
        return taken

    def test_a_letter_that_was_held_by_a_killed_worker_arrives(
        self, server: MailServer, running: Service, own_database: MongoDatabase[dict[str, Any]]
    ) -> None:
        """The workers die with a letter in hand; others deliver it once its lease is over."""
        server.start()
        server.behaviour = "hang"
        email = address()
        Visitor(running.url).register(email)
        eventually(lambda: (own_database.letters.find_one({"to": email}) or {}).get("attempts") == 1)
        for worker in running.workers():
            worker.kill()
        server.behaviour = "take"
        own_database.letters.update_one({"to": email}, {"$currentDate": {"dueAt": True}})
        with showing(own_database):
            eventually(lambda: len(server.to(email)) >= 1)
        assert own_database.letters.find_one({"to": email})["attempts"] >= 2
