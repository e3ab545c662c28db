"""Lists of accounts are read from a range of an index: the plan says so."""

from typing import Any

import pytest
from flask import Flask

from authsvc.models.users import User
from tests.support.accounts import Database, import_account


def plan_of(query: Any) -> list[str]:
    """Return the stages of the plan that the database has for a query, and the indexes it names."""
    found: list[str] = []

    def walk(stage: Any) -> None:
        if isinstance(stage, dict):
            found.extend(str(stage[name]) for name in ("stage", "indexName") if name in stage)
            for inner in stage.values():
                walk(inner)

    walk(query.explain()["queryPlanner"]["winningPlan"])
    return found


@pytest.fixture(autouse=True)
def some(app: Flask, clean: None, mongo: Database) -> None:
    """Start with accounts."""
    for number in range(50):
        import_account(mongo, email=f"p{number}@example.com", name=f"Person {number}")


@pytest.mark.needs("plans")
class TestPlan:
    @pytest.mark.parametrize(("field", "index"), [("email", "email_key"), ("name", "name_key")])
    @pytest.mark.parametrize("begins", ["p1", "PERSON 1", ".*"])
    def test_the_beginning_of_an_address_or_a_name_is_a_range_of_its_index(self, field: str, index: str, begins: str):
        """R90: never a pattern."""
        (asked,) = User.ranges(field, begins, {}, None)
        assert "$regex" not in str(asked._query)
        assert index in plan_of(asked)
        assert "COLLSCAN" not in plan_of(asked)

    def test_a_role_is_a_range_of_its_index(self):
        (asked,) = User.ranges("id", None, {"role": "admin"}, None)
        assert "role" in plan_of(asked)

    def test_disabled_ones_are_a_range_of_theirs(self):
        (asked,) = User.ranges("disabled_at", None, {}, None)
        assert "disabled" in plan_of(asked)

    def test_another_page_is_a_range_too(self):
        for field, index in (("email", "email_key"), ("name", "name_key")):
            (_, last) = User.search("p", role=None, disabled=None, after=None, limit=60)[10 if field == "email" else -1]
            same, later = User.ranges(last.field, "p", {}, last)
            assert last.field == "email" or index in plan_of(same)
            assert "COLLSCAN" not in plan_of(later)
