"""Input: one strict reader of JSON bodies and query strings, and one shape for what is wrong with them."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qs

from flask import Request, current_app, request
from marshmallow import RAISE, Schema, ValidationError
from webargs import core
from webargs.flaskparser import FlaskParser

from authsvc.errors import BodyTooLarge, FieldError, MalformedJson, UnsupportedMediaType, ValidationFailed

_MOST_ERRORS = 20
_MOST_POINTER = 200
_MAX_DEPTH = 64
_JSON = re.compile(r"application/json(?: *; *charset=utf-8)? *", re.IGNORECASE | re.ASCII)
_FORM = re.compile(r"application/x-www-form-urlencoded(?: *; *charset=utf-8)? *", re.IGNORECASE | re.ASCII)
_ONCE = "not_allowed: This may be given once."
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


class StrictParser(FlaskParser):
    """Reads JSON as RFC 8259 has it and nothing beside, and refuses what a schema does not name.

    As shipped, the parser answers 200 to duplicate keys, NaN and a cut chunked body, 500 to deep nesting (D5, D6, D14).
    """

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE, "form": None}

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Return the parsed body; `missing` where a route can do without one and none came."""
        optional = not any(field.required for field in schema.fields.values())
        if optional and not req.content_length and not req.headers.get("Transfer-Encoding"):
            return core.missing
        _check_media_type(req, _JSON)
        body = read_body(req)
        return core.missing if optional and not body else parse_json(body)

    def load_form(self, req: Request, schema: Schema) -> dict[str, str]:
        """Return the parameters of a form (RFC 6749 appendix B), of which those in the schema may stand once."""
        _check_media_type(req, _FORM)
        form = parse_qs(read_body(req).decode("latin-1"), keep_blank_values=True, errors="replace")
        repeated = {name: [_ONCE] for name in schema.fields if len(form.get(name, [])) > 1}
        if repeated:
            raise ValidationError({"form": repeated})
        return {name: values[0] for name, values in form.items()}

    def load_querystring(self, req: Request, schema: Schema) -> dict[str, str]:
        """Return the query, in which each parameter may stand once."""
        repeated = {name: [_ONCE] for name in req.args if _times(req, name) > 1}
        if repeated:
            raise ValidationError(repeated)
        return req.args.to_dict()

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        """Turn what marshmallow found into a problem."""
        raise ValidationFailed(list(_field_errors(error.messages))[:_MOST_ERRORS])


def read_body(req: Request) -> bytes:
    """Return the raw body. Raises BodyTooLarge beyond MAX_BODY_BYTES, however it is framed, and MalformedJson."""
    limit = current_app.config["MAX_BODY_BYTES"]
    announced = req.content_length
    if announced is not None and announced > limit:
        raise BodyTooLarge
    try:
        # Not `req.stream`: Werkzeug cuts a chunked body at the limit and calls it whole.
        body: bytes = req.environ["wsgi.input"].read(limit + 1 if announced is None else announced)
    except Exception as error:
        raise MalformedJson("The body could not be read as it was framed.", headers={"Connection": "close"}) from error
    if len(body) > limit:
        raise BodyTooLarge
    if announced is not None and len(body) < announced:
        raise MalformedJson("The body is shorter than its Content-Length.")
    return body


def parse_json(body: bytes) -> Any:
    """Return the value of a strict JSON text. Raises MalformedJson."""
    try:
        text = body.decode("utf-8")
        _check_depth(text)
        return json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except ValueError as error:
        raise MalformedJson from error


def refuse_query() -> None:
    """Refuse any query parameter, on a route that declares none. Raises ValidationFailed."""
    if request.args:
        names = list(request.args)[:_MOST_ERRORS]
        raise ValidationFailed([FieldError("unknown_field", "Unknown parameter.", parameter=name) for name in names])


def _check_media_type(req: Request, wanted: re.Pattern[str]) -> None:
    coded = "Content-Encoding" in req.headers or req.headers.get("Transfer-Encoding", "chunked").lower() != "chunked"
    if coded or not wanted.fullmatch(req.headers.get("Content-Type", "")):
        raise UnsupportedMediaType


def _check_depth(text: str) -> None:
    """Bound the nesting: how deep the parser can go differs between versions of Python."""
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > _MAX_DEPTH:
            raise ValueError("too deep")


def _times(req: Request, name: str) -> int:
    return len(req.args.getlist(name))


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("out of range")
    return number


def _field_errors(messages: Any, location: str = "json", path: str = "") -> Iterator[FieldError]:
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            if path == "" and name in ("json", "query", "form") and isinstance(inner, Mapping | list):
                yield from _field_errors(inner, name, "")
            else:
                yield from _field_errors(inner, location, path if name == "_schema" else f"{path}/{_escaped(name)}")
        return
    for message in messages:
        code, _, detail = message.partition(": ")
        if location == "query":
            yield FieldError(code, detail, parameter=path[1:])
        else:
            yield FieldError(code, detail, pointer=path[:_MOST_POINTER])


def _escaped(name: object) -> str:
    """Return a reference token of a JSON pointer (RFC 6901 section 3)."""
    return str(name).replace("~", "~0").replace("/", "~1")
