"""Lists: requesting a page, and its cursor."""

import base64
import re
from typing import Any

from marshmallow import ValidationError, fields

from authsvc.schemas.base import Schema, Text

_MOST = 100


class Limit(fields.Field[int]):
    """How many items a page has: 1 to 100, as decimal digits."""

    bounds = {"minimum": 1, "maximum": _MOST}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        text = str(value)
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MOST)) and 1 <= int(text) <= _MOST):
            raise ValidationError(f"not_allowed: This must be a whole number from 1 to {_MOST}.")
        return int(text)


class Cursor(Text):
    """Where a page starts: the `next` of the previous page, opaque to the client."""

    shape = re.compile(r"[0-9a-f]{24}", re.ASCII)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            decoded = base64.b64decode(value, altchars=b"-_", validate=True).decode()
        except ValueError:
            decoded = ""
        if not self.shape.fullmatch(decoded):
            raise ValidationError("bad_format: This is not a cursor from a list.")
        return decoded


class PagingSchema(Schema):
    """The query of every list."""

    limit = Limit(load_default=50)
    cursor = Cursor(load_default=None)


class NextCursor(fields.Field[str]):
    """The opaque form of the id that a page ended with, or null if it was the last page."""

    def _serialize(self, value: str | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else base64.urlsafe_b64encode(value.encode()).decode()


class PageSchema(Schema):
    """A page of a list. A subclass says what its `items` are; `next` is null on the last page."""

    items = fields.List(fields.Raw(), required=True)
    next = NextCursor(required=True, allow_none=True)
