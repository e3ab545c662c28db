"""R96, U10: what apps do is on record, or is not done."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from authsvc.events import catalogue
from authsvc.events.event import Recorded
from tests.conftest import Person
from tests.support.accounts import Database
from tests.support.oauth import AppClient, new_app


@pytest.fixture
def notes(app: Flask, client: FlaskClient) -> AppClient:
    """Return a registered app."""
    return new_app(app, client)


@contextmanager
def unrecorded(mongo: Database, action: str) -> Iterator[None]:
    """Let the database refuse records of an action."""
    mongo.audit.insert_one({"action": action, "stand-in": True})
    mongo.audit.create_index("action", unique=True, name="refusing", partialFilterExpression={"action": action})
    yield
    mongo.audit.drop_index("refusing")
    mongo.audit.delete_many({"stand-in": True})


class TestRecord:
    def test_every_action_says_who_and_which_app(self, notes: AppClient, alice: Person, mongo: Database):
        """R96"""
        code = notes.authorize(alice.tokens["accessToken"])
        notes.exchange(code)
        assert notes.exchange(code).error == "invalid_grant"
        records = {one["action"]: one for one in mongo.audit.find({"details.app": notes.id})}
        assert set(records) == {"app.created", "grant.given", "app.signed_in", "app.code_reused"}
        assert {str(records[name]["target"]) for name in ("grant.given", "app.signed_in", "app.code_reused")} == {
            alice.id
        }
        assert code.code not in repr(records)

    def test_nobody_is_signed_in_to_an_app_off_the_record(self, notes: AppClient, alice: Person, mongo: Database):
        """U10"""
        code = notes.authorize(alice.tokens["accessToken"])
        with unrecorded(mongo, "app.signed_in"):
            answer = notes.exchange(code)
        assert (answer.status, answer.error) == (503, "temporarily_unavailable")
        assert answer.headers["Retry-After"]
        assert mongo.sessions.count_documents({"app": notes.id}) == 0

    def test_what_fails_without_its_record_is_tried_here(self):
        """U10: administration of apps is tried in tests/api/test_apps.py."""
        must = {kind.name for kind in catalogue.every_kind() if kind.recorded is Recorded.ALWAYS}
        assert {name for name in must if name.startswith("app.")} >= {"app.created", "app.deleted", "app.signed_in"}

    def test_a_grant_is_one_for_each_user_and_app(self, notes: AppClient, alice: Person, mongo: Database):
        for _ in range(2):
            notes.sign_in(alice.tokens["accessToken"])
        (grant,) = mongo.grants.find()
        assert (grant["user"], grant["app"]) == (ObjectId(alice.id), notes.id)
        assert mongo.audit.count_documents({"action": "grant.given"}) == 1
