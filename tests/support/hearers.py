"""A program that webhooks tell, with a server of its own; it verifies each message with the library for it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bson import ObjectId
from flask import Flask
from standardwebhooks import Webhook

from authsvc.clients.connector import Connector
from authsvc.models.evidence import Evidence
from authsvc.services import webhook_deliveries, webhook_messages
from tests.conftest import Person
from tests.support.outside import Server


def parsed(request: bytes) -> tuple[dict[str, str], bytes]:
    """Return the headers of a request, by their names in lower case, and its body."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}, body


class Hearer:
    """A webhook of an administrator, and the server that it tells."""

    def __init__(self, app: Flask, admin: Person, server: Server, events: list[str], path: str = "/hear") -> None:
        self.app, self.admin, self.server = app, admin, server
        body = {"url": server.url(path), "events": events, "description": "a test"}
        answer = admin.client.post("/admin/webhooks", json=body, headers=admin.headers)
        assert answer.status_code == 201, answer.text
        self.made = answer.get_json()
        self.secrets = [self.made["secret"]]

    @property
    def path(self) -> str:
        """Return where it is in the API."""
        return f"/admin/webhooks/{self.made['id']}"

    def ask(self, method: str, path: str = "", **options: Any) -> Any:
        """Ask the API about it, as its administrator."""
        return self.admin.client.open(self.path + path, method=method, headers=self.admin.headers, **options)

    def show(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return dict(self.ask("GET").get_json())

    def deliveries(self) -> list[dict[str, Any]]:
        """Return its deliveries, newest first."""
        return list(self.ask("GET", "/deliveries").get_json()["items"])

    def deliver(self, *, seconds: float = 3) -> int:
        """Give what happened to the webhooks, and tell those, as the workers do; return how many tries there were."""
        return deliver(self.app, seconds=seconds)

    def heard(self) -> list[dict[str, Any]]:
        """Return what it was told, verified."""
        return [self.verified(request) for request in self.server.requests]

    def verified(self, request: bytes) -> dict[str, Any]:
        """Return a message, after the library has verified it with each of the secrets."""
        headers, body = parsed(request)
        for secret in self.secrets:
            Webhook(secret).verify(body, headers)
        return dict(json.loads(body))


def deliver(app: Flask, *, seconds: float = 3) -> int:
    """Give what happened to the webhooks, and tell those; return how many tries there were."""
    with app.app_context():
        while webhook_messages.give_next():
            pass
        count = 0
        while webhook_deliveries.deliver(Connector(local=True, seconds=seconds)):
            count += 1
        return count


def rename(person: Person, *names: str) -> None:
    """Change a person's name, once or several times."""
    for name in names:
        assert person.client.patch("/auth/me", json={"name": name}, headers=person.headers).status_code == 200


def sequences(hearer: Hearer) -> list[int]:
    """Return the numbers of all messages that came."""
    return [one["data"]["sequence"] for one in hearer.heard()]


def retry(hearer: Hearer, delivery: dict[str, Any]) -> None:
    """Try a delivery again, at a time at which its administrator is no longer signed in."""
    with hearer.app.app_context():
        webhook_deliveries.retry(None, hearer.made["id"], delivery["id"])


@contextmanager
def telling(kind: str, person: Person) -> Iterator[None]:
    """Tell webhooks of what is done inside, as a change does."""
    account = ObjectId(person.id)
    evidence = Evidence(collection="users", key=account, fields=["_id"])
    with webhook_messages.tell_on_success(
        kind, account=account, actor=None, details={}, keeps_account=False, evidence=lambda: evidence
    ):
        yield
