"""States to start from: a database server, the application, people in it."""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import mongoengine
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo import DeleteMany, MongoClient
from pymongo.database import Database as MongoDatabase

import config
from authsvc import clock, lifecycle, logs
from authsvc.app import create_app
from authsvc.devdb import Database, quirks
from authsvc.models.ids import new_id
from authsvc.models.signing_keys import Ring
from authsvc.models.webhooks import EVERYTHING, SigningSecret, Webhook
from authsvc.services import signing_keys, throttles, webhook_table
from tests.support import alone, groups, rings, servers
from tests.support.invariants import left_indexes
from tests.support.leaks import stored_leaks
from tests.support.snapshots import CLIENT_BULK_WRITE, Snapshots

PASSWORD = "correct horse battery"
COLLECTIONS = (
    "users",
    "sessions",
    "access_tokens",
    "devices",
    "throttles",
    "audit",
    "links",
    "email_codes",
    "letters",
    "logout_notices",
    "passkeys",
    "challenges",
    "mfa_tickets",
    "federation_attempts",
    "locks",
    "apps",
    "authorizations",
    "grants",
    "sign_outs",
    "assertions",
    "daily_counts",
    "trials",
    "notices",
    "webhooks",
    "webhook_messages",
    "webhook_sequences",
    "webhook_deliveries",
)
COLLECTIONS_OF_KEYS = ("signing_keys", "id_signing_keys")
"""What stays from one test to the next."""

READY_SECONDS = 300.0 if "TEST_MONGODB_URI" in os.environ else 15.0
"""Limit of a start: some servers take a second and more for each index."""

MAIN_DATABASE = f"authsvc_test_{os.getpid()}"


@pytest.hookimpl(tryfirst=True)  # before pytest selects by markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests into rings, and into groups for the processes of pytest-xdist; skip what the server can't do."""
    servers.skip_what_is_lacking(items)
    rings.mark_slow(items)
    groups.arrange(items)


def pytest_configure(config: pytest.Config) -> None:
    """Let tests that are marked so run alone."""
    alone.register(config)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> groups.Scheduling:
    """Let each of these processes run whole groups."""
    return groups.Scheduling(config, log)


@pytest.fixture(scope="session")
def mongodb_uri() -> Iterator[str]:
    """Return the URI of the suite's database: on an embedded server, or on that of TEST_MONGODB_URI."""
    given = os.environ.get("TEST_MONGODB_URI")
    if given:
        yield urlsplit(given)._replace(path=f"/{MAIN_DATABASE}").geturl()
        with MongoClient(given) as client:
            client.drop_database(MAIN_DATABASE)
        return
    with Database(None) as database:
        yield database.uri_of(MAIN_DATABASE)


@pytest.fixture(scope="session")
def settings(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment that tests run the service in: cheap hashes, a database of their own."""
    return {
        "APP_ENV": "testing",
        "MONGODB_URI": mongodb_uri,
        "SECRET_KEY": secrets.token_urlsafe(48),
        "PUBLIC_URL": "http://localhost:8000",
        "CORS_ORIGINS": "https://app.example.com",
        "BCRYPT_ROUNDS": "4",
        "HASHING_MAX_WAIT": "60",  # on a busy machine too nobody is refused; tests of the refusal ask for it
        "WEB_CONCURRENCY": "1",
        "MAIL_URL": f"file:{tmp_path_factory.mktemp('mail')}",
        "RATE_LIMITS": "off",  # tests of throttles turn them on
    }


@pytest.fixture(scope="session")
def make_lasting_app(settings: dict[str, str]) -> Iterator[Callable[..., Flask]]:
    """Return a maker of ready applications that work to the end of the suite; keyword arguments are settings."""
    made: list[Flask] = []
    quirks.install()

    def make(*, ready: bool = True, **overrides: object) -> Flask:
        environ = {**settings, **{name: str(value) for name, value in overrides.items()}}
        app = create_app(config.from_environment(environ))
        made.append(app)
        if ready:
            wait_until_ready(app)
        return app

    yield make
    for app in made:
        lifecycle.of(app).stop.set()
    mongoengine.disconnect()


def wait_until_ready(app: Flask, seconds: float = READY_SECONDS) -> None:
    """Wait until the application serves."""
    end = time.monotonic() + seconds
    while app.test_client().get("/readyz").status_code != 200:
        assert time.monotonic() < end, app.test_client().get("/readyz").json
        time.sleep(0.05)


@pytest.fixture
def make_app(make_lasting_app: Callable[..., Flask]) -> Iterator[Callable[..., Flask]]:
    """Return a maker of ready applications; after the test they do nothing more in the background.

    One with other lifetimes than those of the rest would go on deleting their keys. The log is again as all others
    have it: the application that was made last says how it is written.
    """
    made: list[Flask] = []

    def make(**overrides: Any) -> Flask:
        made.append(make_lasting_app(**overrides))
        return made[-1]

    yield make
    for app in made:
        lifecycle.of(app).stop.set()
    logs.configure("INFO", as_json=True)


@pytest.fixture(scope="session")
def app(make_lasting_app: Callable[..., Flask]) -> Flask:
    """Return the application, ready."""
    return make_lasting_app()


@pytest.fixture(scope="session")
def mongo(settings: dict[str, str]) -> Iterator[MongoDatabase[dict[str, Any]]]:
    """Return the database as the driver sees it: what judges the outcome.

    In the end it holds no secret (R60, R95), and its indexes are those that authsvc makes: no test has left another.
    """
    with MongoClient(settings["MONGODB_URI"], tz_aware=True) as client:
        database = client.get_default_database()
        yield database
        assert stored_leaks(database) == []
        assert left_indexes(database) == []


def wipe(mongo: MongoDatabase[dict[str, Any]]) -> None:
    """Remove accounts and everything that belongs to them."""
    if mongo.client.admin.command("hello")["maxWireVersion"] >= CLIENT_BULK_WRITE:
        mongo.client.bulk_write([DeleteMany({}, namespace=f"{mongo.name}.{name}") for name in COLLECTIONS])
        return
    for name in COLLECTIONS:
        mongo[name].delete_many({})


@pytest.fixture
def clean(app: Flask, mongo: MongoDatabase[dict[str, Any]]) -> None:
    """Start without accounts, sessions and access tokens; what the test before put on record held no secret (R95)."""
    leaked = stored_leaks(mongo, "audit", "throttles")
    wipe(mongo)
    throttles._full_until.clear()  # of counters that are gone now
    webhook_table.forget()
    assert leaked == []


@pytest.fixture(params=["", EVERYTHING], ids=["", "heard"])
def heard(request: pytest.FixtureRequest, clean: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run a test twice: with no webhook, and with one that hears everything, which must not tell known from unknown.

    Which webhooks there are is read some times a second, whatever happens: here once, before the test.
    """
    if request.param:
        secret = SigningSecret(id=new_id(), sealed="-", created_at=clock.now())
        one = Webhook(id=new_id(), url="https://hear.example.com/", events=[EVERYTHING], secrets=[secret])
        one.created_at = clock.now()
        one.insert()
        webhook_table.forget()
        monkeypatch.setattr(webhook_table, "LEASE", 3600.0)
        assert webhook_table.listening(EVERYTHING)
    yield
    webhook_table.forget()


@pytest.fixture
def own_ring(app: Flask, mongo: MongoDatabase[dict[str, Any]]) -> Iterator[None]:
    """Let a test do to the signing keys of both rings what it likes: those there were are put back."""
    with app.app_context():
        signing_keys.reload(Ring.IDS)
    kept = {name: list(mongo[name].find()) for name in COLLECTIONS_OF_KEYS}
    yield
    for name, keys in kept.items():
        for key in keys:  # before the others go: who finds the ring empty makes a first key
            mongo[name].replace_one({"_id": key["_id"]}, key, upsert=True)
        mongo[name].delete_many({"_id": {"$nin": [key["_id"] for key in keys]}})
    with app.app_context():
        for ring in Ring:
            signing_keys.reload(ring)


@pytest.fixture
def client(app: Flask, clean: None) -> FlaskClient:
    """Return an HTTP client of the application."""
    return app.test_client(use_cookies=False)


@pytest.fixture
def browser_client(app: Flask, clean: None) -> FlaskClient:
    """Return an HTTP client that keeps cookies, as a browser does."""
    return app.test_client(use_cookies=True)


@dataclass
class Person:
    """Somebody with an account, signed in."""

    client: FlaskClient
    email: str
    password: str
    name: str = "Somebody"
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """Return the header that shows the access token."""
        return {"Authorization": f"Bearer {self.tokens['accessToken']}"}

    @property
    def id(self) -> str:
        """Return the account's id."""
        return str(self.tokens["user"]["id"])

    def register(self) -> "Person":
        """Create the account."""
        answer = self.client.post(
            "/auth/register", json={"name": self.name, "email": self.email, "password": self.password}
        )
        assert answer.status_code == 201, answer.text
        self.tokens = answer.get_json()
        return self

    def login(self) -> "Person":
        """Sign in once more; return the same person with the other session's tokens."""
        answer = self.client.post("/auth/login", json={"email": self.email, "password": self.password})
        assert answer.status_code == 200, answer.text
        return Person(self.client, self.email, self.password, self.name, answer.get_json())

    def refresh(self, token: str | None = None) -> Any:
        """Return the answer to a refresh with this token, or the person's own."""
        return self.client.post("/auth/refresh-token", json={"refreshToken": token or self.tokens["refreshToken"]})

    def home(self) -> Any:
        """Return the answer of the protected route."""
        return self.client.get("/", headers=self.headers)


@pytest.fixture(scope="session")
def snapshots(mongo: MongoDatabase[dict[str, Any]]) -> Snapshots:
    """Return what has just been registered."""
    return Snapshots(mongo, sorted({*COLLECTIONS} - {"daily_counts", "notices"}))  # no account owns those


@pytest.fixture
def alice(client: FlaskClient, snapshots: Snapshots) -> Person:
    """Return Alice, registered and signed in."""
    person = Person(client, "alice@example.com", PASSWORD, "Alice")
    person.tokens = snapshots.tokens("alice", lambda: person.register().tokens)
    return person


@pytest.fixture
def bob(client: FlaskClient, snapshots: Snapshots) -> Person:
    """Return Bob, registered and signed in."""
    person = Person(client, "bob@example.com", PASSWORD, "Bob")
    person.tokens = snapshots.tokens("bob", lambda: person.register().tokens)
    return person


@pytest.fixture
def admin(bob: Person, mongo: MongoDatabase[dict[str, Any]]) -> Person:
    """Return Bob, who is an administrator."""
    mongo.users.update_one({"email": bob.email}, {"$set": {"role": "admin"}})
    return bob.login()


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Assert that an answer is this problem (RFC 9457), quoting nothing of the machinery; return it."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    document = answer.get_json()
    assert (document["code"], document["status"], document["type"]) == (code, status, f"/problems/{code}")
    assert document["title"]
    assert document["detail"]
    assert document["requestId"] == answer.headers["X-Request-ID"]
    for leak in ("Traceback", "mongoengine", "pymongo", "werkzeug", "site-packages", "E11000"):
        assert leak not in answer.text
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    return dict(document)
