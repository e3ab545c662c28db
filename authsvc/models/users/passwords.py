"""How a password is stored: as a hash, whatever way of writing is taken (ASVS 11.4.2)."""

from typing import Any

from mongoengine.fields import StringField

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
