"""What all schemas share: camelCase names, strict strings, coded messages, UTC times."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema as MarshmallowSchema
from marshmallow import ValidationError, fields

REQUIRED = "required: This field is required."
UNKNOWN = "unknown_field: Unknown field."
WRONG_OBJECT = "wrong_type: This must be a JSON object."


def camel_case(name: str) -> str:
    """Return the JSON name of a Python name."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


class Schema(MarshmallowSchema):
    """A JSON object. Messages read `code: sentence`, for `api.problems` to take apart."""

    error_messages = {"unknown": UNKNOWN, "type": WRONG_OBJECT}

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Give the field its camelCase name."""
        field_obj.data_key = camel_case(field_obj.data_key or field_name)


class Text(fields.String):
    """A JSON string without NUL and lone surrogates, which no database and no hash can hold."""

    default_error_messages = {
        "required": REQUIRED,
        "null": "wrong_type: This must be a string.",
        "invalid": "wrong_type: This must be a string.",
        "invalid_utf8": "wrong_type: This must be a string.",
        "unstorable": "bad_format: This holds a character that can't be stored.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
            raise self.make_error("unstorable")
        return super()._deserialize(value, attr, data, **kwargs)


class TextList(fields.List[Any]):
    """A JSON list of strings: at least one, none of them twice."""

    default_error_messages = {
        "required": REQUIRED,
        "null": "wrong_type: This must be a list.",
        "invalid": "wrong_type: This must be a list.",
        "empty": "too_short: This needs at least one entry.",
        "repeated": "not_allowed: Each entry may stand once.",
    }
    bounds = {"minItems": 1, "uniqueItems": True}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        found: list[Any] = super()._deserialize(value, attr, data, **kwargs)
        if not found:
            raise self.make_error("empty")
        if len(set(found)) < len(found):
            raise self.make_error("repeated")
        return found


class WholeNumber(fields.Field[int]):
    """A JSON number without a fraction, between two bounds."""

    default_error_messages = {
        "required": REQUIRED,
        "null": "wrong_type: This must be a whole number.",
        "invalid": "wrong_type: This must be a whole number.",
        "out_of_range": "not_allowed: This must be a whole number from {least} to {most}.",
    }

    def __init__(self, least: int, most: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bounds = {"minimum": least, "maximum": most}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) is not int:
            raise self.make_error("invalid")
        least, most = self.bounds["minimum"], self.bounds["maximum"]
        if not least <= value <= most:
            raise self.make_error("out_of_range", least=least, most=most)
        return value


class UtcDateTime(fields.Field[datetime]):
    """A time as RFC 3339 in UTC with milliseconds, `2026-11-23T12:00:00.000Z`."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def length(shortest: int, longest: int) -> Callable[[str], None]:
    """Return a validator of a string's length in code points."""

    def check(value: str) -> None:
        if len(value) < shortest:
            raise ValidationError(f"too_short: This needs at least {shortest} characters.")
        if len(value) > longest:
            raise ValidationError(f"too_long: This may have at most {longest} characters.")

    check.bounds = {"minLength": shortest, "maxLength": longest}  # type: ignore[attr-defined]
    return check


def one_of(*choices: str) -> Callable[[str], None]:
    """Return a validator that takes these strings alone."""

    def check(value: str) -> None:
        if value not in choices:
            raise ValidationError(f"not_allowed: This must be one of {', '.join(choices)}.")

    check.bounds = {"enum": list(choices)}  # type: ignore[attr-defined]
    return check
