"""The query set of accounts: no change of one goes past the password field (ASVS 11.4.2), or leaves a key behind."""

from typing import Any

from mongoengine.errors import InvalidQueryError
from mongoengine.queryset import QuerySet

from authsvc.models.users import keys


class UserQuerySet(QuerySet):
    """Refuses passwords that MongoEngine would pass on without asking their field, and changes keys with the rest."""

    def update(self, *args: Any, **changes: Any) -> Any:
        """Update, `update_one` and `upsert_one` included. Raises InvalidQueryError."""
        return super().update(*args, **keys.with_keys(_forbid_unchecked(changes)))

    def modify(self, **changes: Any) -> Any:
        """Change or delete one account, in one atomic step. Raises InvalidQueryError."""
        return super().modify(**keys.with_keys(_forbid_unchecked(changes)))


def _forbid_unchecked(changes: dict[str, Any]) -> dict[str, Any]:
    if {"__raw__", "max__password", "min__password"} & changes.keys():
        raise InvalidQueryError("a password is changed by `set` only")
    return changes
