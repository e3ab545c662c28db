"""Ids in paths: 24 hexadecimal digits, or the id of an app; a path with anything else does not exist."""

from typing import Any

from werkzeug.routing import BaseConverter

from authsvc.security import app_documents


class IdConverter(BaseConverter):
    """Matches only an id, so that a word in its place (`/auth/passkeys/options`) is another resource."""

    regex = "[0-9a-fA-F]{24}"


class AppIdConverter(BaseConverter):
    """Matches only what may be the id of an app, or stand for one: a path has only one spelling (`targets`)."""

    regex = "(?:[0-9A-Za-z_]{1,64}|url_[0-9A-Za-z_-]{1,700})"

    def to_python(self, value: str) -> str:
        """Return the id."""
        return app_documents.id_of(value)


def describe(converter: IdConverter | AppIdConverter) -> dict[str, Any]:
    """Return the JSON Schema of an id."""
    return {"type": "string", "pattern": f"^{converter.regex}$"}
