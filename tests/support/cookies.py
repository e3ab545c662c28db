"""What the tests of the refresh cookie share."""

from collections.abc import Iterator
from typing import Any

from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.support.accounts import Database
from tests.support.wire import sign_in_by_cookie

NAME = "refresh_token"
SECURE_NAME = "__Secure-refresh_token"


def token_in(browser: FlaskClient) -> str | None:
    """Return the refresh token that a browser holds."""
    cookie = browser.get_cookie(NAME, path="/auth")
    return cookie.value if cookie else None


def refresh(client: FlaskClient, cookie: str | None = None, body: Any = None) -> Any:
    """Return the answer to a refresh that shows this cookie and this body."""
    headers = {} if cookie is None else {"Cookie": cookie}
    return client.post("/auth/refresh-token", json=body, headers=headers)


def live(mongo: Database) -> int:
    """Return how many sessions stand."""
    return mongo.sessions.count_documents({"endedAt": None})


def reasons(mongo: Database) -> list[str]:
    """Return why the ended sessions ended."""
    return sorted(found["endReason"] for found in mongo.sessions.find({"endedAt": {"$ne": None}}))


def parsed(answer: Any) -> tuple[str, str, dict[str, str | bool]]:
    """Return name, value and attributes of the only refresh cookie that an answer sets."""
    (line,) = (line for line in answer.headers.getlist("Set-Cookie") if "refresh_token=" in line)
    pair, *attributes = line.split("; ")
    name, _, value = pair.partition("=")
    return name, value, {key.lower(): said or True for key, _, said in (part.partition("=") for part in attributes)}


def check_attributes(attributes: dict[str, Any], *, secure: bool, max_age: int) -> None:
    """Assert that these are the attributes of our cookie and no others."""
    attributes.pop("expires", None)
    assert attributes == {
        "httponly": True,
        "samesite": "Strict",
        "path": "/auth",
        "max-age": str(max_age),
        **({"secure": True} if secure else {}),
    }


def journeys(client: FlaskClient) -> Iterator[Any]:
    """Yield the answers of every route that sets the cookie."""
    yield client.post(
        "/auth/register",
        json={"name": "A", "email": "a@example.com", "password": PASSWORD, "transport": "cookie"},
    )
    yield sign_in_by_cookie(client, "a@example.com", PASSWORD)
    yield client.post("/auth/refresh-token")
