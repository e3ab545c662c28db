"""The examples in the reference: each event that webhooks are told of, in the form in which it comes."""

import json
import re
from pathlib import Path
from typing import Any

import docs.generate
from authsvc.services.webhook_kinds import heard_names
from authsvc.services.webhook_messages import TEST
from tests.conftest import Person
from tests.support.hearers import Hearer

PAGE = Path(docs.generate.__file__).parents[1] / "reference/webhooks.md"


def examples() -> dict[str, dict[str, Any]]:
    """Return the examples of the page, by the name of the event."""
    blocks = re.findall(r"## `([\w.]+)`\n\n[^\n]+\n\n```json\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return {name: json.loads(block) for name, block in blocks}


class TestExamples:
    def test_each_event_has_one(self):
        assert list(examples()) == [*heard_names(), TEST]
        assert {name: one["type"] for name, one in examples().items()} == {name: name for name in examples()}

    def test_a_message_has_the_members_of_its_example(self, hearer: Hearer, alice: Person, admin: Person):
        admin.client.patch(f"/admin/users/{alice.id}", json={"role": "admin"}, headers=admin.headers)
        admin.client.post("/admin/apps", json={"name": "S", "kind": "service"}, headers=admin.headers)
        hearer.deliver()
        alice.login()
        hearer.deliver()
        alice.client.delete("/auth/me", headers=alice.headers)
        hearer.ask("POST", "/test")
        hearer.deliver()
        kinds = {message["type"]: message for message in hearer.heard()}
        for name in ("role.changed", "account.deleted", "app.created", TEST):
            message, example = kinds[name], examples()[name]
            assert set(message) == set(example)
            assert set(message["data"]) == set(example["data"])
            for member in ("account", "details"):
                assert set(message["data"][member] or []) == set(example["data"][member] or []), (name, member)
            assert {key: value is None for key, value in message["data"].items()} == {
                key: value is None for key, value in example["data"].items()
            }
        for name, message in kinds.items():
            assert set(message["data"]["details"]) <= set(examples()[name]["data"]["details"]), name
