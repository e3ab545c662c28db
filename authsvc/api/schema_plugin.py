"""The constraints of the marshmallow schemas as JSON Schema, for the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_instance
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow.fields import Field


class _Converter(OpenAPIConverter):
    config: Mapping[str, Any]

    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        """Describe a schema, with its rules for several members at once."""
        rules = getattr(resolve_schema_instance(schema), "json_schema", {})
        return {**super().schema2jsonschema(schema), **rules}  # type: ignore[no-untyped-call]

    def field2property(self, field: Field[Any]) -> dict[str, Any]:
        """Describe a field: its `bounds`, those of its validators, and `set_bounds`, which settings decide."""
        schema = {**super().field2property(field), **getattr(field, "bounds", {})}
        for validator in field.validators:
            schema.update(getattr(validator, "bounds", {}))
        schema.update({word: self.config[name] for word, name in getattr(field, "set_bounds", {}).items()})
        if "enum" in schema and field.required and field.allow_none:  # null is none of the values
            return {"anyOf": [{**schema, "type": "string"}, {"type": "null"}]}
        return schema


class SchemaPlugin(MarshmallowPlugin):
    """Describes schemas by their fields and rules."""

    Converter = _Converter
    converter: _Converter

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self._config = config

    def init_spec(self, spec: APISpec) -> None:
        """Prepare for a document."""
        super().init_spec(spec)
        self.converter.config = self._config
