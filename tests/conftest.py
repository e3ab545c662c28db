"""States to start from: a database server, the application, people in it."""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import mongoengine
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase

import config
from authsvc.app import create_app
from authsvc.embedded import Database
from authsvc.services import signing_keys
from tests.support.leaks import stored_leaks

PASSWORD = "correct horse battery"
COLLECTIONS = (
    "users",
    "sessions",
    "access_tokens",
    "devices",
    "throttles",
    "audit",
    "links",
    "letters",
    "passkeys",
    "challenges",
    "mfa_tickets",
    "locks",
)
MAIN_DATABASE = f"authsvc_test_{os.getpid()}"


@pytest.fixture(scope="session")
def mongodb_uri() -> Iterator[str]:
    """Return the URI of the suite's database: on an embedded server, or on that of TEST_MONGODB_URI."""
    given = os.environ.get("TEST_MONGODB_URI")
    if given:
        yield f"{given.rstrip('/')}/{MAIN_DATABASE}"
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
        "WEB_CONCURRENCY": "1",
        "MAIL_URL": f"file:{tmp_path_factory.mktemp('mail')}",
        "RATE_LIMITS": "off",  # tests of throttles turn them on
    }


@pytest.fixture(scope="session")
def make_lasting_app(settings: dict[str, str]) -> Iterator[Callable[..., Flask]]:
    """Return a maker of ready applications that work to the end of the suite; keyword arguments are settings."""
    made: list[Flask] = []

    def make(*, ready: bool = True, **overrides: object) -> Flask:
        environ = {**settings, **{name: str(value) for name, value in overrides.items()}}
        app = create_app(config.from_environment(environ))
        made.append(app)
        if ready:
            wait_until_ready(app)
        return app

    yield make
    for app in made:
        app.extensions["authsvc.stop"].set()
    mongoengine.disconnect()


def wait_until_ready(app: Flask, seconds: float = 15) -> None:
    """Wait until the application serves."""
    end = time.monotonic() + seconds
    while app.test_client().get("/readyz").status_code != 200:
        assert time.monotonic() < end, app.test_client().get("/readyz").json
        time.sleep(0.05)


@pytest.fixture
def make_app(make_lasting_app: Callable[..., Flask]) -> Iterator[Callable[..., Flask]]:
    """Return a maker of ready applications; after the test they do nothing more in the background.

    One with other lifetimes than those of the rest would go on deleting their keys.
    """
    made: list[Flask] = []

    def make(**overrides: Any) -> Flask:
        made.append(make_lasting_app(**overrides))
        return made[-1]

    yield make
    for app in made:
        app.extensions["authsvc.stop"].set()


@pytest.fixture(scope="session")
def app(make_lasting_app: Callable[..., Flask]) -> Flask:
    """Return the application, ready."""
    return make_lasting_app()


@pytest.fixture(scope="session")
def mongo(settings: dict[str, str]) -> Iterator[MongoDatabase[dict[str, Any]]]:
    """Return the database as the driver sees it: what judges the outcome. In the end it holds no secret (R60, R95)."""
    with MongoClient(settings["MONGODB_URI"], tz_aware=True) as client:
        database = client.get_default_database()
        yield database
        assert stored_leaks(database) == []


def wipe(mongo: MongoDatabase[dict[str, Any]]) -> None:
    """Remove accounts and all that belongs to them."""
    for name in COLLECTIONS:
        mongo[name].delete_many({})


@pytest.fixture
def clean(app: Flask, mongo: MongoDatabase[dict[str, Any]]) -> None:
    """Start without accounts, sessions and access tokens; what the test before put on record held no secret (R95)."""
    leaked = stored_leaks(mongo, "audit", "throttles")
    wipe(mongo)
    assert leaked == []


@pytest.fixture
def own_ring(app: Flask, mongo: MongoDatabase[dict[str, Any]]) -> Iterator[None]:
    """Let a test do to the signing keys what it likes: those there were are put back."""
    kept = list(mongo.signing_keys.find())
    yield
    for key in kept:  # before the others go: who finds the ring empty makes a first key
        mongo.signing_keys.replace_one({"_id": key["_id"]}, key, upsert=True)
    mongo.signing_keys.delete_many({"_id": {"$nin": [key["_id"] for key in kept]}})
    with app.app_context():
        signing_keys.reload()


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


@pytest.fixture
def alice(client: FlaskClient) -> Person:
    """Return Alice, registered and signed in."""
    return Person(client, "alice@example.com", PASSWORD, "Alice").register()


@pytest.fixture
def bob(client: FlaskClient) -> Person:
    """Return Bob, registered and signed in."""
    return Person(client, "bob@example.com", PASSWORD, "Bob").register()


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
