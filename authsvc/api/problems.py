"""The one place that shapes errors: RFC 9457 problem documents for every way to fail."""

from collections.abc import Iterator
from typing import Any

import jwt
from flask import Flask, Response, g, json
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
from authsvc.models.unavailable import DATABASE_ERRORS

MEDIA_TYPE = "application/problem+json"
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
    """One wrong input."""

    pointer = fields.String(metadata={"description": "JSON pointer into the body (RFC 6901)"})
    parameter = fields.String(metadata={"description": "name of the query parameter, in place of `pointer`"})
    code = fields.String(required=True)
    detail = fields.String(required=True)


class ReasonSchema(Schema):
    """One thing that keeps the service from serving."""

    component = fields.String(required=True)
    detail = fields.String(required=True)


class ProblemSchema(Schema):
    """A problem document (RFC 9457); further members may come."""

    class Meta:
        unknown = EXCLUDE

    type = fields.String(required=True, metadata={"format": "uri-reference"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"enum": list(all_problems())})
    requestId = fields.String(required=True)  # noqa: N815 - the JSON name, as documented
    reason = fields.String(metadata={"description": "why a session ended"})
    reasons = fields.List(fields.Nested(ReasonSchema), metadata={"description": "of `not_ready`"})
    errors = fields.List(fields.Nested(FieldErrorSchema))


class Api(SmorestApi):
    """flask-smorest's API with its errors shaped here."""

    ERROR_SCHEMA = ProblemSchema

    def _register_pagination_header(self) -> None:
        """Keep flask-smorest's own way of paging out of the document."""

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Render what Flask, Werkzeug and webargs raise."""
        problem = _BY_STATUS.get(error.code or 500, InternalError)()
        kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
        problem.headers.update(kept)
        return render(problem)


def render(problem: Problem) -> Response:
    """Return the HTTP answer that tells of a problem."""
    g.problem = problem.code
    document: dict[str, Any] = {
        "type": f"/problems/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "requestId": origin.current().request_id,
        **problem.extra,
    }
    return Response(
        json.dumps(document, separators=(",", ":")) + "\n", problem.status, problem.headers, content_type=MEDIA_TYPE
    )


def init_app(app: Flask) -> None:
    """Register the handlers; to be called after the extensions have registered theirs."""
    app.register_error_handler(Problem, render)
    for kind in (*_family(JWTExtendedException), *_family(jwt.PyJWTError)):
        # The base alone is never used: the extension registers a handler for each of its classes.
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
