"""The conditions of a query come in the order of what they leave to be read."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from authsvc.devdb import conditions
from authsvc.models.audit import AuditEvent
from authsvc.models.links import Link
from authsvc.models.sessions import Session

NOW = datetime.now(UTC)
SOMEBODY = ObjectId()


class TestOrder:
    @pytest.mark.parametrize(
        ("document", "query", "first"),
        [
            (Session, {"app": "app_x", "endedAt": None, "expiresAt": {"$gt": NOW}, "user": SOMEBODY}, "user"),
            (Session, {"app": None, "endedAt": None, "user": SOMEBODY}, "user"),
            (Session, {"app": "app_x", "endedAt": None}, "app"),
            (Session, {"endedAt": None, "parent": SOMEBODY, "scopes": {"$ne": "x"}}, "parent"),
            (Session, {"endedAt": None, "generation": 1, "_id": SOMEBODY}, "_id"),
            (Session, {"endedAt": None, "_id": {"$in": [SOMEBODY]}, "expiresAt": {"$gt": NOW}}, "_id"),
            (Session, {"_id": {"$lt": SOMEBODY}, "endedAt": None, "user": SOMEBODY}, "user"),
            (AuditEvent, {"at": {"$lt": NOW}, "evidence.collection": {"$gt": ""}}, "evidence.collection"),
            (AuditEvent, {"action": {"$in": ["x"]}, "at": {"$gt": NOW}, "target": SOMEBODY}, "target"),
            (Link, {"expiresAt": {"$gt": NOW}, "user": SOMEBODY, "digest": "x"}, "digest"),
        ],
    )
    def test_what_leaves_the_least_comes_first(self, document: Any, query: dict[str, Any], first: str) -> None:
        ordered = conditions.in_order(document, query)
        assert next(iter(ordered)) == first
        assert ordered == query
