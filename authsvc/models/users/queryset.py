"""The query set of accounts: no way of changing one goes past the password field (ASVS 11.4.2)."""

from typing import Any

from mongoengine.errors import InvalidQueryError
from mongoengine.queryset import QuerySet


class UserQuerySet(QuerySet):
    """Refuses the ways of writing a password that MongoEngine passes on without asking the field."""

    def update(self, *args: Any, **changes: Any) -> Any:
        """Update, `update_one` and `upsert_one` included. Raises InvalidQueryError."""
        return super().update(*args, **_forbid_unchecked(changes))

    def modify(self, **changes: Any) -> Any:
        """Change or delete one account, in one atomic step. Raises InvalidQueryError."""
        return super().modify(**_forbid_unchecked(changes))


def _forbid_unchecked(changes: dict[str, Any]) -> dict[str, Any]:
    if {"__raw__", "max__password", "min__password"} & changes.keys():
        raise InvalidQueryError("a password is changed by `set` only")
    return changes
