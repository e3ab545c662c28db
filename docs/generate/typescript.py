"""`sdk/js/src/api.d.ts`: the types of every route about accounts, from the OpenAPI document."""

import json
import re
from collections.abc import Iterable
from typing import Any

from flask import Flask

from authsvc.errors import all_problems
from authsvc.models.sessions import EndReason

METHODS = ("get", "post", "put", "patch", "delete")
SIMPLE = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
REFERENCE = re.compile(r"#/components/schemas/(\w+)")


def text(app: Flask) -> str:
    """Return the file."""
    document = app.extensions["authsvc.api"].spec.to_dict()
    schemas = document["components"]["schemas"]
    routes = {
        f"{method.upper()} {path}": operations[method]
        for path, operations in sorted(document["paths"].items())
        for method in METHODS
        if method in operations and path.startswith("/auth/")
    }
    parts = [f"  {json.dumps(name)}: {{ body: {body(one)}; answer: {answer(one)} }};" for name, one in routes.items()]
    used = names_in(schemas, "\n".join(json.dumps(one) for one in routes.values()))
    return "\n".join(
        [
            "// Written from the code by `make reference`: do not edit it.",
            f"export type ProblemCode = {union(json.dumps(code) for code in sorted(all_problems()))};",
            f"export type EndReason = {union(json.dumps(str(reason)) for reason in sorted(EndReason))};",
            *(f"export type {name} = {typed(schemas[name])};" for name in sorted(used)),
            "/** What each route takes and answers. */",
            "export interface Routes {",
            *parts,
            "}",
            "",
        ]
    )


def names_in(schemas: dict[str, Any], source: str) -> set[str]:
    """Return the names of the schemas that a text refers to, and that those refer to."""
    used: set[str] = set()
    waiting = REFERENCE.findall(source)
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting += REFERENCE.findall(json.dumps(schemas[name]))
    return used


def body(operation: dict[str, Any]) -> str:
    """Return the type of what a route takes."""
    content = operation.get("requestBody", {}).get("content", {})
    return typed(content["application/json"]["schema"]) if "application/json" in content else "undefined"


def answer(operation: dict[str, Any]) -> str:
    """Return the type of what a route answers if all is well: `{}` stands for no content."""
    fine = [one for status, one in sorted(operation["responses"].items()) if str(status).startswith("2")]
    types = [typed(one.get("content", {}).get("application/json", {}).get("schema")) for one in fine]
    return union(types)


def typed(schema: dict[str, Any] | None) -> str:
    """Return the type of a schema."""
    if schema is None:
        return "{}"
    kind = schema.get("type")
    if "$ref" in schema:
        found = str(schema["$ref"]).rpartition("/")[2]
    elif "enum" in schema:
        found = union(json.dumps(value) for value in schema["enum"])
    elif isinstance(kind, list):
        found = union(typed({**schema, "type": one}) for one in kind)
    elif kind == "array":
        found = f"({typed(schema.get('items', {}))})[]"
    elif kind == "object":
        found = of_object(schema)
    elif "anyOf" in schema or "oneOf" in schema:
        found = union(typed(one) for one in schema.get("anyOf") or schema["oneOf"])
    else:
        found = SIMPLE.get(str(kind), "unknown")
    return found


def of_object(schema: dict[str, Any]) -> str:
    """Return the type of an object."""
    properties = schema.get("properties")
    if not properties:
        return "{}" if schema.get("additionalProperties") is False else "Record<string, unknown>"
    required = schema.get("required", ())
    return "{ " + " ".join(f"{n}{'' if n in required else '?'}: {typed(p)};" for n, p in properties.items()) + " }"


def union(types: Iterable[str]) -> str:
    """Return a union of types, each once."""
    return " | ".join(dict.fromkeys(types)) or "never"
