"""Requests from pages of other origins, and how they are answered."""

from typing import Any

from flask.testing import FlaskClient

from tests.conftest import problem

EXPOSED = {"X-Request-ID", "Retry-After", "RateLimit", "RateLimit-Policy", "WWW-Authenticate"}


def browser_headers(site: str | None, origin: str | None) -> dict[str, str]:
    """Return the headers that a browser adds; None leaves one out."""
    both = {"Sec-Fetch-Site": site, "Origin": origin}
    return {name: value for name, value in both.items() if value is not None}


def is_refused(answer: Any) -> bool:
    """Tell whether an answer refuses the origin, and check that it then sets no cookie."""
    if answer.status_code != 403:
        return False
    problem(answer, 403, "cross_origin_refused")
    assert "Set-Cookie" not in answer.headers
    return True


def permit(answer: Any, origin: str) -> None:
    """Assert that an answer lets pages of exactly this origin read it."""
    assert answer.headers.getlist("Access-Control-Allow-Origin") == [origin]
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert set(answer.headers["Access-Control-Expose-Headers"].split(", ")) == EXPOSED
    assert {"Origin"} <= set(answer.vary) <= {"Origin", "Accept-Language", "Accept", "Cookie"}  # titles and pages


def preflight(client: FlaskClient, path: str, origin: str, method: str, headers: str | None = None) -> Any:
    """Return the answer to a preflight."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Sec-Fetch-Site": "cross-site"}
    return client.options(path, headers={**asked, **({"Access-Control-Request-Headers": headers} if headers else {})})
