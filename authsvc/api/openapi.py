"""The OpenAPI 3.1 document, and the reference that people read."""

from typing import Any

from flask import Flask, Response, current_app, jsonify, render_template
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow.fields import Field

from authsvc import __version__
from authsvc.api import pages
from authsvc.api.documenting import Blueprint
from authsvc.api.guards import public
from authsvc.api.problems import Api
from authsvc.errors import all_problems
from authsvc.schemas.admin import Truth
from authsvc.schemas.base import UtcDateTime, WholeNumber
from authsvc.schemas.paging import Limit, NextCursor

blp = Blueprint("reference", __name__, stateless=True, description="This reference.")

_EXTENSION = "authsvc.api"
_BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
_ACCESS_TOKEN = {"type": "http", "scheme": "bearer", "bearerFormat": "personal access token, with a scope"}
_COOKIE = {"type": "apiKey", "in": "cookie", "name": "refresh_token"}


def init_app(app: Flask, blueprints: tuple[SmorestBlueprint, ...]) -> None:
    """Build the document from the blueprints, and register them with the application."""
    app.config.update(API_TITLE="authsvc", API_VERSION=__version__, OPENAPI_VERSION="3.1.0", OPENAPI_URL_PREFIX=None)
    api = Api(app)
    api.register_field(UtcDateTime, "string", "date-time")
    api.register_field(Limit, "integer", None)
    api.register_field(Truth, "boolean", None)
    api.register_field(WholeNumber, "integer", None)
    api.register_field(NextCursor, "string", None)
    api.ma_plugin.converter.add_attribute_function(_bounds)
    api.spec.components.security_scheme("bearer", _BEARER)
    api.spec.components.security_scheme("accessToken", _ACCESS_TOKEN)
    api.spec.components.security_scheme("refreshCookie", _COOKIE)
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    app.extensions[_EXTENSION] = api


def _bounds(_converter: object, field: Field[Any], **_: Any) -> dict[str, Any]:
    """Return what the schemas' own validators allow, in the words of JSON Schema."""
    found: dict[str, Any] = dict(getattr(field, "bounds", {}))
    for validator in field.validators:
        found.update(getattr(validator, "bounds", {}))
    return found


@blp.get("/openapi.json")
@public
@blp.response(200, description="An OpenAPI 3.1 document")
def document() -> Response:
    """Return this API's OpenAPI document."""
    response = jsonify(_document())
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@blp.get("/docs")
@public
@blp.response(200, description="A page")
def reference() -> Response:
    """Show the reference as a page."""
    spec = _document()
    return pages.respond(render_template("reference.html", spec=spec, problems=all_problems()))


def _document() -> dict[str, Any]:
    spec: dict[str, Any] = current_app.extensions[_EXTENSION].spec.to_dict()
    return {**spec, "servers": [{"url": current_app.config["PUBLIC_URL"]}]}
