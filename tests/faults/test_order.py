"""What several workers make within one second is in the order in which it was made."""

from typing import Any

import pytest
from flask import Flask
from pymongo.database import Database as MongoDatabase

from tests.conftest import PASSWORD
from tests.support.accounts import EMAIL
from tests.support.letters import sent
from tests.support.service import Visitor

MANY = 12

pytestmark = pytest.mark.race
Database = MongoDatabase[dict[str, Any]]


def sid(visitor: Visitor) -> str:
    """Return the id of a new session, through whichever worker takes the connection."""
    access = visitor.login(EMAIL, PASSWORD).json()["accessToken"]
    listed = visitor.request("GET", "/auth/sessions", headers={"Authorization": f"Bearer {access}"}).json()["items"]
    (current,) = (one["id"] for one in listed if one["current"])
    return str(current)


def test_sessions_are_listed_newest_first(visitor: Visitor, served: Database) -> None:
    access = visitor.register(EMAIL, PASSWORD).json()["accessToken"]
    made = [sid(visitor) for _ in range(MANY)]
    listed = visitor.request("GET", "/auth/sessions", headers={"Authorization": f"Bearer {access}"}).json()["items"]
    assert [one["id"] for one in listed][:MANY] == made[::-1]


def test_letters_are_listed_newest_first(visitor: Visitor, app: Flask, served: Database) -> None:
    addresses = [f"{one}@example.com" for one in range(MANY)]
    for email in addresses:
        visitor.register(email, PASSWORD)
    assert [one["to"] for one in sent(app, "verify")][:MANY] == addresses[::-1]


def test_records_are_listed_in_order(visitor: Visitor, served: Database) -> None:
    for one in range(MANY):
        visitor.register(f"{one}@example.com", PASSWORD)
    times = [one["at"] for one in served.audit.find().sort("_id", 1)]
    assert times == sorted(times)
