"""The base of all schemas: camelCase names, strict strings, coded messages, UTC times."""

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
    """A JSON object. Error messages have the form `code: sentence`, which `api.parsing` splits."""

    json_schema: dict[str, Any] = {}
    """The rules about several members at once, in terms of JSON Schema, for the OpenAPI document."""

    error_messages = {"unknown": UNKNOWN, "type": WRONG_OBJECT}

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Give the field its camelCase name."""
        field_obj.data_key = camel_case(field_obj.data_key or field_name)


class Text(fields.String):
    """A JSON string without NUL and lone surrogates, which can be neither stored nor hashed."""

    bounds: dict[str, Any] = {"pattern": "^[^\\u0000]*$"}
    """What a field allows, in terms of JSON Schema."""

    set_bounds: dict[str, str] = {}
    """Further such terms, and the settings that hold their values."""

    default_error_messages = {
        "required": REQUIRED,
        "null": "wrong_type: This must be a string.",
        "invalid": "wrong_type: This must be a string.",
        "invalid_utf8": "wrong_type: This must be a string.",
        "unstorable": "bad_format: This contains a character that can't be stored.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
            raise self.make_error("unstorable")
        return super()._deserialize(value, attr, data, **kwargs)


class TextList(fields.List[Any]):
    """A JSON list of `least` to `most` different strings."""

    default_error_messages = {
        "required": REQUIRED,
        "null": "wrong_type: This must be a list.",
        "invalid": "wrong_type: This must be a list.",
        "empty": "too_short: This needs at least one entry.",
        "too_many": "too_long: This may have at most {most} entries.",
        "repeated": "not_allowed: Each entry may appear only once.",
    }

    def __init__(self, inner: fields.Field[Any], *, most: int, least: int = 1, **kwargs: Any) -> None:
        super().__init__(inner, **kwargs)
        self.bounds = {"minItems": least, "maxItems": most, "uniqueItems": True}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        most = self.bounds["maxItems"]
        if isinstance(value, list) and len(value) > most:  # before each of them is validated
            raise self.make_error("too_many", most=most)
        entries: list[Any] = super()._deserialize(value, attr, data, **kwargs)
        if len(entries) < self.bounds["minItems"]:
            raise self.make_error("empty")
        if len(set(entries)) < len(entries):
            raise self.make_error("repeated")
        return entries


class WholeNumber(fields.Field[int]):
    """A whole number within bounds. `90.0` is one (JSON Schema 2020-12, section 4.2.3)."""

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
        number = int(value) if isinstance(value, float) and value.is_integer() else value
        if type(number) is not int:
            raise self.make_error("invalid")
        least, most = self.bounds["minimum"], self.bounds["maximum"]
        if not least <= number <= most:
            raise self.make_error("out_of_range", least=least, most=most)
        return number


class Truth(fields.Field[bool]):
    """A JSON boolean."""

    default_error_messages = {"null": "wrong_type: This must be true or false."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if type(value) is not bool:
            raise ValidationError("wrong_type: This must be true or false.")
        return value


class UtcDateTime(fields.Field[datetime]):
    """A time in RFC 3339 format, in UTC with milliseconds: `2026-11-23T12:00:00.000Z`."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def length(shortest: int, longest: int) -> Callable[[str], None]:
    """Return a validator for the length of a string in code points."""

    def check(value: str) -> None:
        if len(value) < shortest:
            noun = "character" if shortest == 1 else "characters"
            raise ValidationError(f"too_short: This needs at least {shortest} {noun}.")
        if len(value) > longest:
            raise ValidationError(f"too_long: This may have at most {longest} characters.")

    check.bounds = {"minLength": shortest, "maxLength": longest}  # type: ignore[attr-defined]
    return check


def one_of(*choices: str) -> Callable[[str], None]:
    """Return a validator that accepts only these strings."""

    def check(value: str) -> None:
        if value not in choices:
            raise ValidationError(f"not_allowed: This must be one of {', '.join(choices)}.")

    check.bounds = {"enum": list(choices)}  # type: ignore[attr-defined]
    return check
