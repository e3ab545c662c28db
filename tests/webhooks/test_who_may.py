"""R87, for webhooks: who may see and change them, over every route."""

from datetime import timedelta
from typing import Any

import pytest

from authsvc import clock
from tests.conftest import Person, problem
from tests.support.accounts import Database
from tests.support.wire import WEBHOOK_ROUTES

NEW = {"url": "https://hear.example.net/", "events": ["*"]}
OTHERS = ("users:read", "users:write", "audit:read", "account:write", "apps:read", "apps:write")


def ask(who: Person, method: str, path: str, headers: dict[str, str] | None = None, **body: Any) -> Any:
    """Return the answer to a request with the person's token, or with other headers."""
    return who.client.open(path, method=method, json=body or None, headers=headers or who.headers)


def script(who: Person, *scopes: str) -> dict[str, str]:
    """Return the header that shows a new personal access token."""
    answer = ask(who, "POST", "/auth/access-tokens", name="script", scopes=list(scopes))
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.get_json()['token']}"}


@pytest.fixture
def made(admin: Person) -> dict[str, Any]:
    """Return a webhook."""
    answer = ask(admin, "POST", "/admin/webhooks", **NEW)
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json())


def body_of(method: str, path: str) -> dict[str, Any]:
    """Return a body that a route takes."""
    if path == "/admin/webhooks" and method == "POST":
        return NEW
    return {"description": "other"} if method == "PATCH" else {}


class TestWhoMay:
    @pytest.mark.parametrize(("method", "path", "fresh"), WEBHOOK_ROUTES)
    def test_r87_only_an_administrator_with_the_scope_may(
        self, alice: Person, admin: Person, made: dict[str, Any], mongo: Database, method: str, path: str, fresh: bool
    ):
        path = path.replace("{id}", made["id"], 1).replace("{id}", "a" * 24)
        before = list(mongo.webhooks.find())
        for headers, status, code in [
            ({"Authorization": "Bearer x.y.z"}, 401, "token_invalid"),
            (alice.headers, 403, "forbidden"),
            (script(alice, "webhooks:write"), 403, "forbidden"),
            (script(admin, *OTHERS), 403, "scope_missing"),
        ]:
            problem(ask(alice, method, path, headers, **body_of(method, path)), status, code)
        problem(alice.client.open(path, method=method), 401, "token_missing")
        assert list(mongo.webhooks.find()) == before
        assert mongo.webhook_deliveries.count_documents({}) == 0

    @pytest.mark.parametrize(("method", "path", "fresh"), WEBHOOK_ROUTES)
    def test_r87_what_hurts_takes_a_fresh_sign_in(
        self, admin: Person, made: dict[str, Any], mongo: Database, method: str, path: str, fresh: bool
    ):
        """Neither a script nor a session that was left open does it."""
        path = path.replace("{id}", made["id"], 1).replace("{id}", "a" * 24)
        by_script = script(admin, "webhooks:write")
        before = list(mongo.webhooks.find())
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=10)}})
        for headers in (by_script, admin.headers):
            answer = ask(admin, method, path, headers, **body_of(method, path))
            if fresh:
                problem(answer, 403, "fresh_login_required")
            else:
                assert answer.status_code in (200, 202) or answer.get_json()["code"] == "not_found", answer.text
        assert list(mongo.webhooks.find()) == before

    @pytest.mark.parametrize("webhook_id", ["nope", "f" * 24, "f" * 23, '{"$ne":null}', "%00", "..%2f", "%24ne"])
    def test_an_id_that_is_no_webhook_s(self, admin: Person, webhook_id: str):
        for method, path, _ in WEBHOOK_ROUTES:
            if "{id}" in path:
                there = path.replace("{id}", webhook_id, 1).replace("{id}", "a" * 24)
                assert ask(admin, method, there, **body_of(method, there)).status_code == 404
