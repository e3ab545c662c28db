"""The only place that shapes errors: an RFC 9457 problem document for every failure."""

from collections.abc import Callable, Iterator
from typing import Any

import jwt
from flask import Flask, Response, current_app, g, json, request
from flask_jwt_extended.exceptions import JWTExtendedException, NoAuthorizationError
from flask_smorest import Api as SmorestApi
from marshmallow import EXCLUDE, Schema, fields
from werkzeug.exceptions import HTTPException

from authsvc import logs, metrics, origin
from authsvc.errors import (
    BodyTooLarge,
    DatabaseUnavailable,
    InternalError,
    MalformedJson,
    MethodNotAllowed,
    NotFound,
    Problem,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
    UnsupportedMediaType,
    all_problems,
)
from authsvc.http import language, pages
from authsvc.models.driver_errors import DATABASE_ERRORS

MEDIA_TYPE = "application/problem+json"
Dialect = Callable[[Problem], Response]

_EXTENSION = "authsvc.dialects"
_log = logs.get(__name__)

_BY_STATUS: dict[int, type[Problem]] = {
    400: MalformedJson,
    404: NotFound,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    415: UnsupportedMediaType,
}
_TOKEN_ERRORS: dict[type[Exception], type[Problem]] = {
    NoAuthorizationError: TokenMissing,
    jwt.ExpiredSignatureError: TokenExpired,
}


class FieldErrorSchema(Schema):
    """One mistake in the input."""

    pointer = fields.String(metadata={"description": "JSON pointer into the body (RFC 6901)"})
    parameter = fields.String(metadata={"description": "name of the query parameter, instead of `pointer`"})
    code = fields.String(required=True)
    detail = fields.String(required=True)


class ReasonSchema(Schema):
    """One reason why the service is not ready."""

    component = fields.String(required=True)
    detail = fields.String(required=True)


class ProblemSchema(Schema):
    """A problem document (RFC 9457). Further members may be added."""

    class Meta:
        unknown = EXCLUDE

    type = fields.String(required=True, metadata={"format": "uri-reference"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"enum": list(all_problems())})
    requestId = fields.String(required=True)  # noqa: N815 - the JSON name, as documented
    reason = fields.String(
        metadata={"description": "why the session ended, or why the operator does not allow the account"}
    )
    reasons = fields.List(fields.Nested(ReasonSchema), metadata={"description": "why the service is not ready"})
    errors = fields.List(fields.Nested(FieldErrorSchema))


class Api(SmorestApi):
    """flask-smorest's API, with errors in our shape."""

    ERROR_SCHEMA = ProblemSchema

    def _register_pagination_header(self) -> None:
        """Keep flask-smorest's own way of paging out of the document."""

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Render what Flask, Werkzeug and webargs raise."""
        problem = _BY_STATUS.get(error.code or 500, InternalError)()
        problem.headers.update({name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")})
        return render(problem)


def render(problem: Problem) -> Response:
    """Return the HTTP answer for a problem: in our shape, or as the standard has it whose path this is."""
    dialects: dict[str, Dialect] = current_app.extensions[_EXTENSION]
    speak = next((speak for prefix, speak in dialects.items() if request.path.startswith(prefix)), _document)
    return speak(problem)


def _document(problem: Problem) -> Response:
    g.problem = problem.code
    if problem.status == NotFound.status:
        return _nothing_here(problem)
    return _as_json(problem)


def _nothing_here(problem: Problem) -> Response:
    """Return a page for somebody who opens an address at which there is nothing, and the document for programs."""
    opens = request.method in ("GET", "HEAD") and pages.preferred()
    response = pages.not_found() if opens else _as_json(problem)
    response.vary.add("Accept")
    return response


def _as_json(problem: Problem) -> Response:
    document: dict[str, Any] = {
        "type": f"/problems/{problem.code}",
        "title": language.translated(problem.title),
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "requestId": origin.current().request_id,
        **problem.extra,
    }
    text = json.dumps(document, separators=(",", ":")) + "\n"
    response = Response(text, problem.status, problem.headers, content_type=MEDIA_TYPE)
    response.vary.add("Accept-Language")
    return response


def init_app(app: Flask, dialects: dict[str, Dialect]) -> None:
    """Register the handlers, after the extensions have registered theirs.

    `dialects` are other shapes of errors, by the beginning of the paths that have them.
    """
    app.extensions[_EXTENSION] = dialects
    app.register_error_handler(Problem, render)
    for kind in (*_family(JWTExtendedException), *_family(jwt.PyJWTError)):
        # Registering the base class is not enough: the extension registers a handler for each of its classes.
        app.register_error_handler(kind, _token_refused)
    for kind in DATABASE_ERRORS:
        app.register_error_handler(kind, _database_failed)


def _token_refused(error: Exception) -> Response:
    return render(_TOKEN_ERRORS.get(type(error), TokenInvalid)())


def _database_failed(error: Exception) -> Response:
    metrics.DATABASE_ERRORS.inc()
    _log.error("database.failed", cause=logs.where(error))
    return render(DatabaseUnavailable())


def _family(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for child in root.__subclasses__():
        yield from _family(child)
