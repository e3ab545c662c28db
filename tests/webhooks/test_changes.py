"""Webhooks: in which order a change is made, and what of it is on record."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from authsvc.errors import NotReady
from authsvc.errors.overtaken import Overtaken
from authsvc.models.webhooks import DisabledReason
from authsvc.services.retries import retried
from tests.conftest import Person
from tests.support.accounts import Database

SECRET_ADDRESS = "https://hear.example.net:8443/hooks/s3cret?key=s3cret"
HOST = "hear.example.net:8443"

Ask = Callable[..., Any]


@pytest.fixture
def ask(admin: Person) -> Ask:
    """Return a function that asks the API, as an administrator."""

    def ask(method: str, path: str = "", **body: Any) -> Any:
        path = f"/admin/webhooks{path}"
        answer = admin.client.open(path, method=method, json=body or None, headers=admin.headers)
        assert answer.status_code < 300, answer.text
        return answer.get_json(silent=True)

    return ask


@pytest.fixture
def path(ask: Ask) -> str:
    """Return the path of a webhook."""
    return f"/{ask('POST', url=SECRET_ADDRESS, events=['*'])['id']}"


def records(mongo: Database) -> list[tuple[str, dict[str, Any]]]:
    """Return what is on record about webhooks, without their ids."""
    found = mongo.audit.find({"action": {"$regex": "^webhook"}}).sort("_id")
    kept = [(one["action"].partition(".")[2], dict(one["details"])) for one in found]
    return [(name, {key: value for key, value in told.items() if key != "webhook"}) for name, told in kept]


class TestOrder:
    def test_it_is_disabled_before_it_has_another_address(self, ask: Ask, path: str, mongo: Database):
        """The new address is told nothing that waited for the old one."""
        ask("PATCH", path, url="https://other.example.net/", disabled=True)
        assert [name for name, _ in records(mongo)] == ["created", "disabled", "changed"]

    def test_and_enabled_after_that(self, ask: Ask, path: str, mongo: Database):
        ask("PATCH", path, disabled=True)
        shown = ask("PATCH", path, url="https://other.example.net/", disabled=False)
        assert (shown["url"], shown["disabledAt"]) == ("https://other.example.net/", None)
        assert [name for name, _ in records(mongo)] == ["created", "disabled", "changed", "enabled"]

    def test_a_change_that_others_overtake_again_and_again_says_nothing_of_an_account(self):
        """What is changed may be a webhook, an app or an account."""

        @retried
        def overtaken() -> None:
            raise Overtaken

        with pytest.raises(NotReady) as refused:
            overtaken()
        assert refused.value.detail == "Someone else is changing this. Try again."


class TestDescription:
    def test_what_it_may_be_disabled_for_is_described_and_so_is_that_it_is_not(self, client: FlaskClient):
        described = client.get("/openapi.json").get_json()["components"]["schemas"]
        reason, null = described["Webhook"]["properties"]["disabledReason"]["anyOf"]
        assert (set(reason["enum"]), null) == ({one.value for one in DisabledReason}, {"type": "null"})
        assert "enum" in described["WebhookDelivery"]["properties"]["state"]


class TestRecord:
    def test_r96_it_says_where_data_went_and_no_secret(self, ask: Ask, path: str, mongo: Database):
        ask("PATCH", path, description="other")
        ask("PATCH", path, url="https://other.example.net/s3cret")
        ask("DELETE", path)
        assert records(mongo) == [
            ("created", {"host": HOST}),
            ("changed", {"fields": ["description"]}),
            ("changed", {"fields": ["url"], "host": "other.example.net"}),
            ("deleted", {"host": "other.example.net"}),
        ]
        assert "s3cret" not in repr(list(mongo.audit.find()))
