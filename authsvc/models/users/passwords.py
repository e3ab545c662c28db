"""How a password is stored: as a hash, whatever way of writing is taken (ASVS 11.4.2)."""

from typing import Any

from mongoengine.errors import InvalidQueryError
from mongoengine.fields import StringField

from authsvc.models.base import Queries
from authsvc.security.passwords import PasswordHash


class PasswordField(StringField):
    """Holds a `PasswordHash`; every way of writing any other string is refused (ASVS 11.4.2)."""

    def validate(self, value: Any, clean: bool = True) -> None:
        """Refuse what is not a hash, without quoting it."""
        if not isinstance(value, PasswordHash):
            self.error("a password is stored as a hash")

    def to_mongo(self, value: Any) -> str:
        """Return the text to store."""
        self.validate(value)
        return str(value)

    def prepare_query_value(self, op: str | None, value: Any) -> str | None:
        """Return the text to filter by or to set: `modify`, `update` and upsert come through here."""
        return None if value is None else self.to_mongo(value)


class Accounts(Queries):
    """Refuses the ways of writing a password that MongoEngine passes on without asking the field."""

    def update(self, *args: Any, **changes: Any) -> Any:
        """Update, `update_one` and `upsert_one` included. Raises InvalidQueryError."""
        return super().update(*args, **_seen(changes))

    def modify(self, *args: Any, new: bool = False, **changes: Any) -> Any:
        """Update one and return it as it was or, for `new`, as it is then; None where there is none.

        That takes two steps, since the embedded database reads all documents for a `findAndModify`: what is returned
        may have been changed again meanwhile. Raises InvalidQueryError.
        """
        if not new:
            return super().modify(*args, **_seen(changes))
        if not self.update_one(**changes):
            return None
        return self._document.objects(id=self._query["_id"]).first()


def _seen(changes: dict[str, Any]) -> dict[str, Any]:
    unasked = {"__raw__", "max__password", "min__password"} & changes.keys()
    if unasked:
        raise InvalidQueryError("a password is changed by `set` alone")
    return changes
