"""Input: one strict reader of JSON bodies and query strings, and one shape for their errors."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NoReturn
from urllib.parse import parse_qs

from flask import Request, current_app, request
from marshmallow import Schema, ValidationError
from marshmallow.exceptions import SCHEMA
from webargs import core
from webargs.flaskparser import FlaskParser
from werkzeug.http import parse_options_header

from authsvc.errors import BodyTooLarge, FieldError, MalformedJson, UnsupportedMediaType, ValidationFailed
from authsvc.security import strict_json

_MOST_ERRORS = 20
_LONGEST_NAME = 200
"""Characters of a name that the client chose, in an error that quotes it."""

_JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_LONGEST_MEDIA_TYPE = 256
_ONCE = "not_allowed: This may be given once."
_FOREIGN = "/"
"""Prefix of names that no schema knows, inside the program; no name of its own has a slash."""


class StrictParser(FlaskParser):
    """Reads JSON strictly by RFC 8259, and refuses members that a schema does not name.

    By itself, webargs answers 200 to duplicate keys, NaN and a cut chunked body, 500 to deep nesting (D5, D6, D14).
    """

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": None, "form": None}
    """None leaves it to the schema, which by default refuses unknown members."""

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Return the parsed body; `missing` if there is none, however that is framed, and the schema needs none."""
        optional = not requires_body(schema)
        body = read_body(req) if optional else None
        if body == b"":
            return core.missing
        _check_media_type(req, _JSON)
        return parse_json(read_body(req) if body is None else body)

    def load_form(self, req: Request, schema: Schema) -> dict[str, str]:
        """Return the parameters of a form (RFC 6749 appendix B); those of the schema may occur once."""
        _check_media_type(req, FORM)
        form = parse_qs(read_body(req).decode("latin-1"), keep_blank_values=True, errors="replace")
        repeated = {name: [_ONCE] for name in schema.fields if len(form.get(name, [])) > 1}
        if repeated:
            raise ValidationError(repeated)
        return {name: values[0] for name, values in form.items()}

    def load_querystring(self, req: Request, schema: Schema) -> dict[str, str]:
        """Return the query, in which each parameter may occur once."""
        repeated = {_FOREIGN + name: [_ONCE] for name in req.args if _times(req, name) > 1}
        if repeated:
            raise ValidationError(repeated)
        return req.args.to_dict()

    def pre_load(self, location_data: Any, *, schema: Schema, req: Request, location: str) -> Any:
        """Mark the names that no schema knows: marshmallow has a meaning for some, such as `_schema`.

        Only as many as are reported are passed on, since marshmallow copies all its errors for each one that it adds.
        """
        if not isinstance(location_data, dict):
            return location_data
        own = {field.data_key or name for name, field in schema.load_fields.items()}
        members = {name: value for name, value in location_data.items() if name in own}
        foreign = islice((name for name in location_data if name not in own), _MOST_ERRORS)
        return {**members, **{_FOREIGN + name: None for name in foreign}}

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        """Turn marshmallow's errors into a problem."""
        ((location, messages),) = error.messages_dict.items()  # as webargs has wrapped them
        errors = _field_errors(messages, in_query=location == "query")
        raise ValidationFailed(list(islice(errors, _MOST_ERRORS)))


def requires_body(schema: Schema) -> bool:
    """Tell whether a route with this schema requires a body."""
    one_of_several = not {"oneOf", "anyOf"}.isdisjoint(getattr(schema, "json_schema", {}))
    return one_of_several or any(field.required for field in schema.load_fields.values())


def read_body(req: Request) -> bytes:
    """Return the raw body. Raises BodyTooLarge beyond MAX_BODY_BYTES, however it is framed, and MalformedJson."""
    limit = current_app.config["MAX_BODY_BYTES"]
    announced = req.content_length
    if announced is None and "Transfer-Encoding" not in req.headers:
        return b""  # RFC 9112 section 6.3
    if announced is not None and announced > limit:
        raise BodyTooLarge
    try:
        # Not `req.stream`: Werkzeug cuts a chunked body at the limit without an error.
        body: bytes = req.environ["wsgi.input"].read(limit + 1 if announced is None else announced)
    except Exception as error:
        raise MalformedJson("The body's HTTP framing could not be read.", headers={"Connection": "close"}) from error
    if len(body) > limit:
        raise BodyTooLarge
    if announced is not None and len(body) < announced:
        raise MalformedJson("The body is shorter than its Content-Length.")
    return body


def parse_json(body: bytes) -> Any:
    """Return the value of a strict JSON text. Raises MalformedJson."""
    try:
        return strict_json.parse(body)
    except ValueError as error:
        raise MalformedJson from error


def refuse_query() -> None:
    """Refuse any query parameter, on a route that declares none. Raises ValidationFailed."""
    if request.query_string and request.args:
        names = [name[:_LONGEST_NAME] for name in islice(request.args, _MOST_ERRORS)]
        raise ValidationFailed([FieldError("unknown_field", "Unknown parameter.", parameter=name) for name in names])


def is_media_type(req: Request, expected: str) -> bool:
    """Tell whether a body is of a media type, as it is: not compressed, and in UTF-8."""
    coded = "Content-Encoding" in req.headers or req.headers.get("Transfer-Encoding", "chunked").lower() != "chunked"
    return not coded and _is_media_type(req.headers.get("Content-Type", ""), expected)


def _check_media_type(req: Request, expected: str) -> None:
    if not is_media_type(req, expected):
        raise UnsupportedMediaType


def _is_media_type(header: str, expected: str) -> bool:
    """Tell whether a Content-Type names a type (RFC 9110 section 8.3.1), with no parameter but a charset of UTF-8."""
    if len(header) > _LONGEST_MEDIA_TYPE or not header.isascii():
        return False
    media_type, parameters = parse_options_header(header)
    stated = [part.strip() for part in header.split(";")[1:] if part.strip()]
    charset = parameters.pop("charset", None)
    if media_type.lower() != expected or parameters or len(stated) != (charset is not None):
        return False
    # Werkzeug drops what it can't read, as in `charset=utf-8, text/plain`, so compare the whole part.
    return charset is None or (charset.lower() == "utf-8" and stated[0].rstrip('"').lower().endswith("utf-8"))


def _times(req: Request, name: str) -> int:
    return len(req.args.getlist(name))


def _field_errors(messages: Any, *, in_query: bool, path: tuple[str, ...] = ()) -> Iterator[FieldError]:
    """Yield marshmallow's messages, each with its location: `path` holds names as the client wrote them."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            here = path if name == SCHEMA else (*path, str(name).removeprefix(_FOREIGN)[:_LONGEST_NAME])
            yield from _field_errors(inner, in_query=in_query, path=here)
        return
    for message in messages:
        code, _, detail = message.partition(": ")
        if in_query:
            yield FieldError(code, detail, parameter="".join(path))
        else:
            yield FieldError(code, detail, pointer="".join(f"/{_escape(name)}" for name in path))


def _escape(name: str) -> str:
    """Return a reference token of a JSON pointer (RFC 6901 section 3)."""
    return name.replace("~", "~0").replace("/", "~1")
