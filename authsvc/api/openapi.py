"""The OpenAPI 3.1 document."""

from typing import Any

from flask import Flask, Response, current_app, jsonify
from flask_smorest import Blueprint as SmorestBlueprint

from authsvc import __version__
from authsvc.api.schema_plugin import SchemaPlugin
from authsvc.http import ids
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import public
from authsvc.http.ids import AppIdConverter, IdConverter
from authsvc.http.problems import Api
from authsvc.schemas.base import Truth, UtcDateTime, WholeNumber
from authsvc.schemas.paging import Limit, NextCursor

blp = Blueprint("openapi", __name__, stateless=True, description="This reference, for programs.")

_EXTENSION = "authsvc.api"
_BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
_ACCESS_TOKEN = {"type": "http", "scheme": "bearer", "bearerFormat": "personal access token, with a scope"}
_COOKIE = {"type": "apiKey", "in": "cookie", "name": "refresh_token"}


def init_app(app: Flask, blueprints: tuple[SmorestBlueprint, ...]) -> None:
    """Build the document from the blueprints, and register them with the application."""
    app.config.update(API_TITLE="authsvc", API_VERSION=__version__, OPENAPI_VERSION="3.1.0", OPENAPI_URL_PREFIX=None)
    api = Api(app, spec_kwargs={"marshmallow_plugin": SchemaPlugin(app.config)})
    api.register_converter(IdConverter, ids.describe)
    api.register_converter(AppIdConverter, ids.describe)
    api.register_field(UtcDateTime, "string", "date-time")
    api.register_field(Limit, "integer", None)
    api.register_field(Truth, "boolean", None)
    api.register_field(WholeNumber, "integer", None)
    api.register_field(NextCursor, "string", None)
    api.spec.components.security_scheme("bearer", _BEARER)
    api.spec.components.security_scheme("accessToken", _ACCESS_TOKEN)
    api.spec.components.security_scheme("refreshCookie", _COOKIE)
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    app.extensions[_EXTENSION] = api


@blp.get("/openapi.json")
@public
@blp.response(200, description="An OpenAPI 3.1 document")
def document() -> Response:
    """Return the OpenAPI document of this API."""
    response = jsonify(describe())
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


def describe() -> dict[str, Any]:
    """Return the document."""
    spec: dict[str, Any] = current_app.extensions[_EXTENSION].spec.to_dict()
    return {**spec, "servers": [{"url": current_app.config["PUBLIC_URL"]}]}
