"""What the tests of accounts share: people at the door, accounts as Mongoose left them, and hashing at another cost."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import bcrypt
import pytest
from bson import Decimal128, Int64, ObjectId
from flask import Flask
from flask.testing import FlaskClient
from mongoengine import signals
from pymongo import monitoring
from pymongo.database import Database as MongoDatabase

from authsvc.models.users import keys
from authsvc.security import passwords
from authsvc.security.hashing_pool import HashingPool
from authsvc.security.passwords import Hasher
from tests.conftest import PASSWORD

T = TypeVar("T")
DAY = 86_400
Database = MongoDatabase[dict[str, Any]]

EMAIL = "alice@example.com"
OLD = "old.hand@example.com"
UNKNOWN_FIELDS = {
    "avatar": "https://cdn.example.com/a.png",
    "resetToken": None,
    "loginCount": Int64(7),
    "balance": Decimal128("12.50"),
    "blob": b"\x00\x01",
    "tags": ["a", {"deep": [1, {"deeper": None}]}, []],
    "profile": {"theme": "dark", "name": "not the name", "address": {"city": "York", "__v": 1}},
    "refreshTokens": [{"token": "abc", "_id": ObjectId()}],
    "updatedAt": None,
    "mfa": {"enabled": False},
    "dotted.key": {"$odd": 1},
}
"""What an account of another program may hold besides: kept as it is."""
BAD_HASHES = [
    "$2b$10$" + "z" * 53,
    "$2b$03$" + "." * 53,
    "$2b$00$" + "." * 53,
    "$2b$32$" + "." * 53,
    "$2b$99$" + "." * 53,
    "$2b$10$short",
    "$2b$10$" + "." * 53 + "\n",
    "$argon2d$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG",
    PASSWORD,
    "",
]
WRONG_TYPES = [None, True, 0, 1.5, [], ["a"], {}, {"$ne": None}, {"$gt": ""}]
USER_MEMBERS = {"id", "name", "email", "emailVerified", "role", "locale", "mfaEnabled", "createdAt"}


def register(client: FlaskClient, **members: Any) -> Any:
    """Return the answer to a registration that is good but for the members given."""
    body = {"name": "Somebody", "email": "somebody@example.com", "password": PASSWORD, **members}
    return client.post("/auth/register", json=body)


def login(client: FlaskClient, email: Any = EMAIL, password: Any = PASSWORD) -> Any:
    """Return the answer to a sign-in."""
    return client.post("/auth/login", json={"email": email, "password": password})


def told(answer: Any) -> set[tuple[str, str]]:
    """Return the (pointer, code) pairs of a validation problem."""
    return {(error["pointer"], error["code"]) for error in answer.get_json()["errors"]}


def node_hash(password: str, rounds: int = 4, prefix: bytes = b"2b") -> str:
    """Return the hash that Node's bcrypt makes: it cuts at 72 bytes."""
    return (
        bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(rounds, b"2b")).decode().replace("2b", prefix.decode(), 1)
    )


def import_account(mongo: Database, *, without: str = "", keyed: bool = True, **members: Any) -> dict[str, Any]:
    """Insert an account as Mongoose wrote it (hash of cost 4), with and without the members named; return it.

    Unless `keyed` is false it has its keys already, as authsvc writes them when it starts.
    """
    document = {
        "_id": ObjectId(),
        "name": "Old Hand",
        "email": OLD,
        "password": node_hash(PASSWORD),
        "role": "user",
        "createdAt": datetime(2019, 5, 4, 3, 2, 1, 654_000, tzinfo=UTC),
        "__v": 3,
        **members,
    }
    document.pop(without, None)
    if keyed:
        document |= keys.of_account(document)
    mongo.users.insert_one(document)
    return document


def stored(mongo: Database, email: str = EMAIL) -> dict[str, Any]:
    """Return the only document with this address."""
    (document,) = mongo.users.find({"email": email})
    return document


@contextmanager
def hashing(rounds: int = 4, size: int = 2, max_wait: float = 60) -> Iterator[HashingPool]:
    """Hash at this cost, in a pool of this size, for a while; yields the pool."""
    before, pool = passwords.hasher(), HashingPool(size, max_wait)
    passwords.use(Hasher(rounds, pool))
    try:
        yield pool
    finally:
        passwords.use(before)


@contextmanager
def throttled(app: Flask, **limits: int) -> Iterator[None]:
    """Throttle for a while: these limits to so many attempts a day, the others to what nobody reaches."""
    before = {name: app.config[name] for name in ("RATE_LIMITS", "LIMITS")}
    unlimited = dict.fromkeys(before["LIMITS"], (999_999, DAY))
    chosen = {name: (most, DAY) for name, most in limits.items()}
    app.config.update(RATE_LIMITS=True, LIMITS={**unlimited, **chosen})
    try:
        yield
    finally:
        app.config.update(before)


@contextmanager
def occupied(pool: HashingPool) -> Iterator[None]:
    """Keep every place of a pool taken for a while."""
    begun, done = threading.Semaphore(0), threading.Event()

    def job() -> None:
        begun.release()
        done.wait(30)

    with ThreadPoolExecutor(pool.size) as threads:
        jobs = [threads.submit(pool.run, job) for _ in range(pool.size)]
        for _ in jobs:
            assert begun.acquire(timeout=10)
        try:
            yield
        finally:
            done.set()
        for one in jobs:
            one.result(10)


@dataclass
class Work:
    """What was done in a thread: rounds of bcrypt, and commands to the database."""

    rounds: int = 0
    commands: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.rounds or self.commands)


class _Commands(monitoring.CommandListener):
    """Notes the commands of every client made from now on, for whoever counts in the thread that sends them."""

    counting = threading.local()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        work, command = (
            getattr(self.counting, "work", None),
            f"{event.command_name} {event.command[event.command_name]}",
        )
        if work is not None and command != "find webhooks":  # which is read a few times a second, whatever is asked
            work.commands.append(command)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


monitoring.register(_Commands())


@contextmanager
def counted_work() -> Iterator[Work]:
    """Count the work that this thread does, bcrypt's by the rounds of its cost (2^cost)."""
    work, hashpw, checkpw = Work(), bcrypt.hashpw, bcrypt.checkpw

    def counted(function: Callable[[bytes, bytes], T]) -> Callable[[bytes, bytes], T]:
        def call(password: bytes, salt: bytes) -> T:
            work.rounds += 2 ** int(salt[4:6])
            return function(password, salt)

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bcrypt, "hashpw", counted(hashpw))
        patch.setattr(bcrypt, "checkpw", counted(checkpw))
        patch.setattr(_Commands.counting, "work", work, raising=False)
        yield work


@contextmanager
def counted_documents() -> Iterator[Counter[str]]:
    """Count the documents that this thread makes, of what was read or to be written, by their class."""
    made: Counter[str] = Counter()
    here = threading.get_ident()

    def note(sender: type, **_: Any) -> None:
        if threading.get_ident() == here:
            made[sender.__name__] += 1

    with signals.post_init.connected_to(note):
        yield made
