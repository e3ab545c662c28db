"""The client for browsers: one ES module and its TypeScript declarations, which any page may import."""

from pathlib import Path

from flask import Response, request
from flask_cors import cross_origin

from authsvc.api.documenting import Blueprint
from authsvc.api.guards import public

blp = Blueprint("client", __name__, stateless=True, description="The client for browsers.")

_FOLDER = Path(__file__).parent / "static"
_MODULE = (_FOLDER / "authsvc.js").read_bytes()
_TYPES = (_FOLDER / "authsvc.d.ts").read_bytes()

# Modules are fetched with CORS, and these tell nobody's secret. By the decorator: the allow-list would add itself.
_for_any_page = cross_origin(origins="*", send_wildcard=True, automatic_options=False)


@blp.get("/authsvc.js")
@public
@blp.response(200, description="A JavaScript module")
@_for_any_page
def module() -> Response:
    """Return the client for browsers, an ES module."""
    return _file(_MODULE, "text/javascript; charset=utf-8")


@blp.get("/authsvc.d.ts")
@public
@blp.response(200, description="TypeScript declarations")
@_for_any_page
def types() -> Response:
    """Return the TypeScript declarations of the client."""
    return _file(_TYPES, "text/plain; charset=utf-8")


def _file(content: bytes, content_type: str) -> Response:
    headers = {"Cache-Control": "public, max-age=300", "Cross-Origin-Resource-Policy": "cross-origin"}
    response = Response(content, headers=headers, content_type=content_type)
    response.add_etag()
    response.make_conditional(request)
    return response
